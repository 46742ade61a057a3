"""Fits the autoencoder of the model in the box."""

from benchmarks.drawings import TrueDrawings
from dreaminpainter.patch_autoencoder import PatchAutoencoder

FOLDER = "dreaminpainter/pretrained/critters/vae"


def autoencoder(
    output: str = FOLDER, size: int = 128, drawings: int = 512, factor: int = 4, latent_channels: int = 24
) -> None:
    """Fits the autoencoder to drawn scenes, writes it, and says how close its pictures come.

    Args:
        output: folder to write, in diffusers' layout.
        size: side of a scene in pixels.
        drawings: scenes of training identities to fit it to.
        factor: side of a square in pixels.
        latent_channels: components to keep.
    """
    train, test = (TrueDrawings(size, split, 1, drawings, "autoencoder")[0].images for split in ("train", "test"))
    codec = PatchAutoencoder.fitted(train, factor, latent_channels)
    error = (codec.decode(codec.encode(test).latents).sample.clamp(-1, 1) - test).square().mean((1, 2, 3)) / 4
    psnr = -10 * error.log10()
    print(f"{latent_channels} components: {psnr.mean():.1f} dB on {drawings} scenes of held-out identities")
    codec.save_pretrained(output)
