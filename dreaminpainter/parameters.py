"""Which parts of the model train, and how fast."""

from typing import Any

from torch import nn

from dreaminpainter.errors import SettingError


def trainable_parts(module: Any) -> dict[str, list[nn.Parameter]]:
    """The parameters of each part that can be trained, by the part's name."""
    network = module.network
    return {
        "unet": list(network.unet.parameters()),
        "cross_attention": [value for name, value in network.unet.named_parameters() if ".attn2." in name],
        "adapter": [
            value for name, value in network.adapter.named_parameters() if not name.startswith("reference_encoder.")
        ],
        "text_encoder": list(module.text_encoder.parameters()),
    }


def select_trained(module: Any, learning_rates: dict[str, float]) -> None:
    """Freezes everything but the parts that `learning_rates` names.

    Raises:
        SettingError: a name that is no part, or two that overlap.
    """
    known = trainable_parts(module)
    for name in learning_rates:
        if name not in known:
            raise SettingError(f"learning_rates names {name!r}, which is no part. The parts are: {', '.join(known)}.")
    if {"unet", "cross_attention"} <= learning_rates.keys():
        raise SettingError("learning_rates names both unet and its part cross_attention. Keep one of them.")
    module.requires_grad_(False)
    for name in learning_rates:
        for parameter in known[name]:
            parameter.requires_grad_(True)


def parameter_groups(module: Any, learning_rates: dict[str, float]) -> list[dict[str, Any]]:
    """One optimizer group a trained part, with its learning rate and its name for the logs."""
    known = trainable_parts(module)
    return [{"params": known[name], "lr": rate, "name": name} for name, rate in learning_rates.items()]
