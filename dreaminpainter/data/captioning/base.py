"""What every captioner is."""

from abc import ABC, abstractmethod
from inspect import Parameter, signature
from typing import ClassVar

from torch import Tensor, nn

from dreaminpainter.components import Component
from dreaminpainter.data.sources.base import Instance


class Captioner(Component, nn.Module, ABC):
    """Describes pictures in words."""

    pictures_alone: ClassVar[bool] = False
    """Whether a caption follows from the picture alone; then all objects of a picture share its caption."""

    @abstractmethod
    def forward(self, images: list[Tensor], instances: list[Instance]) -> list[str]:
        """One caption for each of B pictures.

        Args:
            images: (3, H, W) uint8 each, the pictures to describe; they may be crops of the instances' own.
            instances: what is known of each picture, the sample's key included.

        Raises:
            InputError: a picture cannot be captioned in this way.
        """

    def load(self) -> None:
        """Reads the networks, where there are any. Called ahead of long work; else they are read when first used."""

    @property
    def signed(self) -> str:
        """What its captions are signed with: `Caption.by`.

        The class's name and the arguments that are not at their defaults, so that other settings sign otherwise.

        Example:
            >>> from dreaminpainter.data.captioning import ClassNameCaptioner
            >>> ClassNameCaptioner().signed, ClassNameCaptioner("one {class_name}").signed
            ('ClassNameCaptioner', "ClassNameCaptioner template='one {class_name}'")
        """
        return " ".join((type(self).__name__, *self._changed()))

    def _changed(self) -> list[str]:
        """`name=value` of the arguments that are not at their defaults and change the captions."""
        parameters = signature(type(self)).parameters.values()
        kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        values = [(one.name, getattr(self, one.name), one.default) for one in parameters if one.kind in kinds]
        return [f"{name}={_text(value)}" for name, value, default in values if value != default]


def _text(value: object) -> str:
    """Of captioners within a captioner, what they sign with."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    return f"({value.signed})" if isinstance(value, Captioner) else repr(value)
