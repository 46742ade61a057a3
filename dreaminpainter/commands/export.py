"""`export`: a trained model as a folder to give away."""

from dreaminpainter.commands.calling import call


def export(
    checkpoint: str,
    output: str,
    half: bool = False,
    figures: str | None = None,
    license: str | None = None,
    push_to_hub: str | None = None,
) -> None:
    """Writes a trained model into a folder that loads anywhere: weights in safetensors, code, and a model card.

      dreaminpainter export runs/mine/checkpoints/last.ckpt my-inpainter --license apache-2.0
      dreaminpainter inpaint --checkpoint my-inpainter --image …

    Where this package is not installed, diffusers loads it from the folder alone:

      DiffusionPipeline.from_pretrained("my-inpainter", trust_remote_code=True)

    UNet, autoencoder and text encoder can be loaded one by one with the stock classes, as far as they are of such.

    Args:
        checkpoint: a training checkpoint (RUN/checkpoints/last.ckpt), whose averaged weights are taken, the folder of a
            saved pipeline, or "critters", the model that comes with the package.
        output: the folder to write; new, empty, or an earlier export, which is replaced.
        half: store the weights in half precision: half the size, and fills that differ a little.
        figures: a Markdown file of what was measured of the model, for its card.
        license: the licence of the weights as the hub spells it, such as apache-2.0, for the card.
        push_to_hub: "owner/name" of a model on the Hugging Face hub to upload the folder to. Log in with
            `hf auth login`, or set HF_TOKEN.
    """
    from dreaminpainter.commands.noise import silence_loading
    from dreaminpainter.exporting import export as write
    from dreaminpainter.hub import publish

    silence_loading()
    print(f"reading: {checkpoint}")
    folder = write(checkpoint, output, half, figures, license)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size / 1e3:12,.1f} kB  {path.relative_to(folder)}")
    print(f"exported: {output}")
    if push_to_hub is not None:
        print(f"uploading to {push_to_hub}")
        print(f"uploaded: {publish(folder, push_to_hub)}")


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments."""
    call(export, name, arguments, as_positional=True)
