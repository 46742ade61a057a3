"""Training that starts from weights that were trained before."""

from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from dreaminpainter.checkpoints import OF_TRAINING, weights_of
from dreaminpainter.errors import SettingError


def warm_start(module: nn.Module, path: str) -> None:
    """Gives `module` the weights of a checkpoint or exported folder; its settings stay its own.

    What the adapter of the one has and that of the other has not, as after a change of injection or extractor, starts
    anew, and is named.

    Args:
        module: the LightningModule to be trained.
        path: as for `checkpoints.load_pipeline`.

    Raises:
        MissingFileError: there are no such weights.
        InputError: the file is no checkpoint of this package.
        SettingError: the weights do not fit the module's other networks.
    """
    weights, own = weights_of(path), module.state_dict()
    held = {name.split(".")[0] for name in own}  # encoders may not be loaded
    weights = {name: value for name, value in weights.items() if name.split(".")[0] in held}
    # A frozen reference encoder is a copy of the UNet as it starts, so here of the one that is read.
    copied = {name: name.replace("adapter.reference_encoder", "unet") for name in own if ".reference_encoder." in name}
    weights = {name: weights[source] for name, source in copied.items() if source in weights} | weights
    misfits = {
        name: f"{name} ({_shape(own.get(name))} here, {_shape(weights.get(name))} there)"
        for name in sorted(own.keys() | weights.keys())
        if not name.startswith(OF_TRAINING) and _shape(own.get(name)) != _shape(weights.get(name))
    }
    fatal = [text for name, text in misfits.items() if not name.startswith("network.adapter.")]
    if fatal:
        raise SettingError(
            f"init_from={path} does not fit this model: {len(fatal)} tensors differ, the first {fatal[0]}. Choose the "
            "backbone and input form that it was trained with."
        )
    if misfits:
        rank_zero_info(f"init_from={path}: of the adapter, {', '.join(misfits.values())} start anew.")
    module.load_state_dict(own | {name: value for name, value in weights.items() if name not in misfits})


def _shape(tensor: Tensor | None) -> str:
    return "none" if tensor is None else " x ".join(map(str, tensor.shape))
