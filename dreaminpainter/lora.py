"""Low-rank additions to the UNet's weights (LoRA), through peft: a few trained matrices beside what stays frozen.

Source: Hu et al. 2021 (arXiv 2106.09685); an alternative to training all weights, and not the paper's.
"""

from diffusers import UNet2DConditionModel
from torch import Tensor

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
"""The projections of every attention layer, as diffusers calls them."""

_NAME = "default"
"""peft's name for the one that a UNet has."""


class LoRA(Component):
    """Adds a product B A of low rank to the weights of some layers; with B zero, so that nothing changes to begin with.

    It counts fully: how strong it becomes is learned, and `learning_rates` says how fast.

    Args:
        rank: of what is added, 1 and above; 4 to 64 are usual.
        targets: ends of the names of the layers; by default the projections of every attention layer.

    Example:
        >>> from dreaminpainter.unet import SubjectUNet
        >>> unet = SubjectUNet(block_out_channels=(32, 64), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=8)
        >>> LoRA(rank=4, targets=["to_q"]).attach(unet)
        >>> sum(parameter.numel() for name, parameter in unet.named_parameters() if is_lora(name))
        6144
        >>> merge(unet)
        >>> has_lora(unet)
        False
    """

    def __init__(self, rank: int = 16, targets: list[str] | None = None) -> None:
        if rank < 1:
            raise SettingError(f"The rank of a LoRA is {rank}. Set it to 1 or more.")
        self.rank = rank
        self.targets = list(ATTENTION) if targets is None else targets

    def attach(self, unet: UNet2DConditionModel) -> None:
        """Puts the low-rank matrices beside the weights of `unet`, in place.

        Raises:
            SettingError: the UNet has no layer of such a name.
        """
        from peft import LoraConfig  # here, so that an exported folder needs no peft

        missing = [end for end in self.targets if not any(_ends(name, end) for name, _ in unet.named_modules())]
        if missing or not self.targets:
            raise SettingError(
                f"The UNet has no layer whose name ends in {missing[0] if missing else 'nothing'}. Set the targets of "
                f"the LoRA to ends of layers' names, such as {', '.join(ATTENTION)}."
            )
        unet.add_adapter(LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=self.targets), _NAME)


def merge(unet: UNet2DConditionModel) -> None:
    """Adds the low-rank matrices to the weights, in place; afterwards the UNet has its stock layers again."""
    unet.fuse_lora()
    unet.unload_lora()


def has_lora(unet: UNet2DConditionModel) -> bool:
    """Whether there are low-rank matrices beside the weights of `unet`."""
    return any(is_lora(name) for name, _ in unet.named_parameters())


def is_lora(name: str) -> bool:
    """Whether a parameter of that name is one of the low-rank matrices."""
    return ".lora_" in name


def plain_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network with LoRA under the names that diffusers writes into files.

    Example:
        >>> list(plain_names({"to_q.base_layer.weight": 1, "to_q.lora_A.default.weight": 2}))
        ['to_q.weight', 'to_q.lora_A.weight']
    """
    return {plain_name(name): value for name, value in weights.items()}


def plain_name(name: str) -> str:
    """One of `plain_names`."""
    return name.replace(f".{_NAME}.", ".") if is_lora(name) else name.replace(".base_layer.", ".")


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")
