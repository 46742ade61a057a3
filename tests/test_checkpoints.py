import pytest
import torch
from tiny import loader, quiet_trainer, tiny_backbone, tiny_batch, tiny_model, train_a_step

from dreaminpainter.backbones import TinyBackbone
from dreaminpainter.checkpoints import load_pipeline, read_checkpoint, untrained_pipeline
from dreaminpainter.errors import InputError, MissingFileError, SettingError
from dreaminpainter.features import UNetFeatures
from dreaminpainter.filling import fill_batch
from dreaminpainter.injection import DecoupledKeyValues
from dreaminpainter.input_forms import NineChannel
from dreaminpainter.patch_autoencoder import PatchAutoencoder
from dreaminpainter.selection import CosineDistance, RandomTokens, VariedSelection
from dreaminpainter.warm_start import warm_start

VARIANTS = [
    {},
    {"input_form": NineChannel(), "selector": CosineDistance(k=5)},
    {"extractor": UNetFeatures(weights="frozen"), "injection": DecoupledKeyValues(scale=0.5)},
    {"selector": VariedSelection([CosineDistance(k=5), RandomTokens()], ks=[1, 2])},
]


def trained(folder, **settings):
    """A model that a Trainer trained for one step, and the checkpoint that it wrote."""
    model = tiny_model(**settings)
    trainer = quiet_trainer(max_steps=1)
    trainer.fit(model, loader(tiny_batch()))
    path = folder / "last.ckpt"
    trainer.save_checkpoint(path)
    return model.eval(), str(path)


@pytest.mark.parametrize("settings", VARIANTS, ids=["default", "nine", "frozen-decoupled", "varied"])
def test_a_checkpoint_fills_as_the_model_that_wrote_it(settings, tmp_path):
    model, path = trained(tmp_path, **settings)
    pipeline = load_pipeline(path)
    batch = tiny_batch()
    expected = model.fill(batch, num_inference_steps=2)
    torch.testing.assert_close(fill_batch(pipeline, batch, num_inference_steps=2).images, expected, rtol=0, atol=1e-5)
    assert not torch.equal(fill_batch(tiny_model(**settings).pipeline(), batch, num_inference_steps=2).images, expected)


def test_an_exported_folder_fills_as_the_model_that_wrote_it(tmp_path):
    model, _ = trained(tmp_path)
    model.pipeline().save_pretrained(tmp_path / "exported")
    filled = fill_batch(load_pipeline(str(tmp_path / "exported")), tiny_batch(), num_inference_steps=2).images
    torch.testing.assert_close(filled, model.fill(tiny_batch(), num_inference_steps=2), rtol=0, atol=1e-5)


def averaged(path: str) -> tuple[str, torch.Tensor]:
    """Adds the state of a moving average to a checkpoint: one tensor's name, and its averaged value."""
    checkpoint = torch.load(path, weights_only=True)
    name = "network.adapter.projector.0.weight"
    value = checkpoint["state_dict"][name] + 1
    checkpoint["callbacks"]["ema"] = {"weights": {name: value.double()}}
    torch.save(checkpoint, path)
    return name, value


def test_averaged_weights_are_sampled_from_where_there_are_any(tmp_path):
    model, path = trained(tmp_path)
    _, value = averaged(path)
    network = load_pipeline(path).network
    assert torch.equal(network.adapter.projector[0].weight, value)
    assert network.adapter.projector[0].weight.dtype == torch.float32
    assert torch.equal(network.adapter.projector[0].bias, model.network.adapter.projector[0].bias)


@pytest.mark.parametrize("settings", VARIANTS, ids=["default", "nine", "frozen-decoupled", "varied"])
@pytest.mark.parametrize("kind", ["checkpoint", "folder"])
def test_a_warm_start_takes_all_weights_and_no_setting(settings, kind, tmp_path):
    model, path = trained(tmp_path, **settings)
    if kind == "folder":
        path = str(tmp_path / "exported")
        model.pipeline().save_pretrained(path)
    own = settings | {"selector": CosineDistance(k=3), "learning_rates": {"adapter": 1e-2}}
    again = tiny_model(seed=1, **own, init_from=path)
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert again.network.selector.k == 3 and again.learning_rates == {"adapter": 1e-2}
    assert not any(value.requires_grad for value in again.network.unet.parameters())


def test_a_warm_start_takes_averaged_weights(tmp_path):
    _, path = trained(tmp_path)
    name, value = averaged(path)
    assert torch.equal(tiny_model(seed=1, init_from=path).state_dict()[name], value)


def test_weights_that_do_not_fit_are_named(tmp_path):
    _, path = trained(tmp_path)
    with pytest.raises(
        SettingError, match=r"network\.unet\.conv_in\.weight \(32 x 97 x 3 x 3 here, 32 x 49 x 3 x 3 there\)"
    ):
        warm_start(tiny_model(input_form=NineChannel()), path)
    with pytest.raises(SettingError, match=r"none here, .* there\)"):
        warm_start(tiny_model(backbone=tiny_backbone(text_layers=0)), path)


def test_another_injection_starts_anew_from_the_same_weights(tmp_path, caplog):
    model, path = trained(tmp_path)
    other = tiny_model(injection=DecoupledKeyValues(), seed=1)
    fresh = {name: value.clone() for name, value in other.state_dict().items() if "injector" in name}
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        warm_start(other, path)
    assert "injector.keys" in caplog.text
    for name, value in other.state_dict().items():
        assert torch.equal(value, fresh[name] if name in fresh else model.state_dict()[name]), name


@pytest.mark.parametrize("kind", ["checkpoint", "folder"])
def test_a_frozen_encoder_that_is_new_is_a_copy_of_the_unet_that_is_read(kind, tmp_path):
    model, path = trained(tmp_path)
    if kind == "folder":
        path = str(tmp_path / "exported")
        model.pipeline().save_pretrained(path)
    other = tiny_model(extractor=UNetFeatures(weights="frozen"), seed=1, init_from=path)
    encoder = other.network.adapter.reference_encoder.state_dict()
    trained_unet = model.network.unet.state_dict()
    assert encoder and all(torch.equal(value, trained_unet[name]) for name, value in encoder.items())


def test_an_untrained_model_sees_through_the_trained_ones_autoencoder(tmp_path):
    PatchAutoencoder.fitted(torch.rand(4, 3, 32, 32) * 2 - 1, 4, 48).save_pretrained(tmp_path / "vae")
    backbone = TinyBackbone(channels=[32, 64], autoencoder=str(tmp_path / "vae"), text_width=32, text_layers=1)
    model, path = trained(tmp_path, backbone=backbone)
    untrained = untrained_pipeline(read_checkpoint(path))
    assert torch.equal(untrained.vae.components, model.vae.components) and untrained.vae.components.any()
    assert not torch.equal(untrained.unet.conv_in.weight, model.network.unet.conv_in.weight)


def test_adapters_from_before_they_kept_their_sampling_are_sampled_as_the_paper_does(tmp_path):
    _, path = trained(tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    for name in ("num_inference_steps", "guidance_scale"):
        del checkpoint["model"]["adapter"][name]
    torch.save(checkpoint, path)
    config = load_pipeline(path).adapter.config
    assert (config.num_inference_steps, config.guidance_scale) == (50, 7.5)


def test_a_misfit_changes_nothing(tmp_path):
    _, path = trained(tmp_path)
    model = tiny_model(seed=1, input_form=NineChannel())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(SettingError):
        warm_start(model, path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_checkpoint_tells_what_model_it_holds_in_plain_values(tmp_path):
    _, path = trained(tmp_path, extractor=UNetFeatures(weights="frozen"))
    described = read_checkpoint(path)["model"]
    assert described["parts"]["vae"] == {"class": "SpaceToDepth", "factor": 4, "scaling_factor": 1.6}
    assert described["adapter"]["selector"]["init_args"]["k"] == 24
    assert described["adapter"]["reference_unet"]["in_channels"] == 49


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "cannot be read"),
        (b"a text", "cannot be read"),
        (b"PK\x03\x04 a damaged archive", "cannot be read"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(content, complaint, tmp_path):
    path = tmp_path / "some.ckpt"
    path.write_bytes(content)
    for load in (load_pipeline, lambda path: tiny_model(init_from=path)):
        with pytest.raises(InputError, match=rf"some\.ckpt {complaint}"):
            load(str(path))


@pytest.mark.parametrize("content", [{"state_dict": {}}, torch.zeros(3)])
def test_another_programs_checkpoint_is_named(content, tmp_path):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"other\.ckpt is no checkpoint of a DreamInpainter"):
        load_pipeline(str(tmp_path / "other.ckpt"))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"no checkpoint .*gone\.ckpt.*last\.ckpt"):
        load_pipeline(str(tmp_path / "gone.ckpt"))
    with pytest.raises(MissingFileError, match=r"no model_index\.json"):
        load_pipeline(str(tmp_path))


def test_training_goes_on_from_a_warm_start(tmp_path):
    _, path = trained(tmp_path)
    assert train_a_step(tiny_model(seed=1, init_from=path)).isfinite()
