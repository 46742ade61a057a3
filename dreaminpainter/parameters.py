"""Which parts of the model train, and how fast."""

from typing import Any

from torch import nn

from dreaminpainter.errors import SettingError

_OF_UNET = ("cross_attention", "conv_in", "lora")
"""Parts that can train beside each other, and not beside the whole UNet."""


def trainable_parts(module: Any) -> dict[str, list[nn.Parameter]]:
    """The parameters of each part that can be trained, by the part's name."""
    unet = {name: value for name, value in module.network.unet.named_parameters() if ".lora_" not in name}
    return {
        "unet": list(unet.values()),
        "cross_attention": [value for name, value in unet.items() if ".attn2." in name],
        "conv_in": [value for name, value in unet.items() if name.startswith("conv_in.")],
        "lora": [value for name, value in module.network.unet.named_parameters() if ".lora_" in name],
        "adapter": [
            value
            for name, value in module.network.adapter.named_parameters()
            if not name.startswith("reference_encoder.")
        ],
        "text_encoder": list(module.text_encoder.parameters()),
        "supervision": [] if module.supervision is None else list(module.supervision.parameters()),
    }


def select_trained(module: Any, learning_rates: dict[str, float]) -> None:
    """Freezes everything but the parts that `learning_rates` names.

    Raises:
        SettingError: a name that is no part, a part that is not there, two that overlap, or a LoRA without a rate.
    """
    known = trainable_parts(module)
    for name in learning_rates:
        if name not in known:
            raise SettingError(f"learning_rates names {name!r}, which is no part. The parts are: {', '.join(known)}.")
    for name in _OF_UNET:
        if {"unet", name} <= learning_rates.keys():
            raise SettingError(f"learning_rates names both unet and its part {name}. Keep one of them.")
    for name in learning_rates:
        if not known[name]:
            raise SettingError(
                f"learning_rates has a rate for {name}, of which there is nothing. Leave it out; or set model.lora or "
                "model.supervision where it is one of these, and take a backbone that loads the text encoder where it "
                "is that."
            )
    if known["lora"] and "lora" not in learning_rates:
        raise SettingError(
            "There is a LoRA that would not train. Give learning_rates a rate for lora, or set model.lora to null."
        )
    if known["supervision"] and "supervision" not in learning_rates:
        raise SettingError(
            "The classifiers of the supervision would not train. Give learning_rates a rate for supervision, or set "
            "model.supervision to null."
        )
    module.requires_grad_(False)
    for name in learning_rates:
        for parameter in known[name]:
            parameter.requires_grad_(True)


def parameter_groups(module: Any, learning_rates: dict[str, float]) -> list[dict[str, Any]]:
    """One optimizer group a trained part, with its learning rate and its name for the logs."""
    known = trainable_parts(module)
    return [{"params": known[name], "lr": rate, "name": name} for name, rate in learning_rates.items()]
