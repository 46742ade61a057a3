"""What a caller's own function sees and changes after each step, as in diffusers' pipelines."""

from collections.abc import Callable, Sequence
from typing import Any

from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from torch import Tensor

from dreaminpainter.errors import InputError, SettingError

STEP_TENSORS = ("latents", "prompt_embeds", "negative_prompt_embeds")
"""What a function may ask for: of each fill its latents and the states of its two texts."""

StepFunction = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


class StepCallback:
    """A caller's function between two steps.

    Args:
        function: called with the pipeline, the step's number, its timestep and the tensors that it asks for; None
            where the caller has none.
        names: of these tensors; diffusers' own callbacks tell them themselves.

    Raises:
        SettingError: there is no tensor of such a name.
    """

    def __init__(self, function: StepFunction | None, names: Sequence[str]) -> None:
        self.function = function
        self.names = names
        if isinstance(function, PipelineCallback | MultiPipelineCallbacks):
            self.names = function.tensor_inputs
        unknown = sorted(set(self.names) - set(STEP_TENSORS))
        if unknown:
            raise SettingError(
                f"callback_on_step_end_tensor_inputs names {', '.join(unknown)}; there are {', '.join(STEP_TENSORS)}."
            )

    def __call__(self, pipeline: Any, step: int, timestep: Tensor, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors, those that the function returned in place of what they were.

        Raises:
            InputError: a returned tensor has another shape.
        """
        if self.function is None:
            return tensors
        returned = self.function(pipeline, step, timestep, {name: tensors[name] for name in self.names})
        return {name: _in_place_of(tensor, returned.get(name, tensor), name) for name, tensor in tensors.items()}


def _in_place_of(before: Tensor, after: Tensor, name: str) -> Tensor:
    if after.shape == before.shape:
        return after
    # Diffusers' own callbacks keep the last row alone, which stands for all where all were alike.
    if after.shape == before[:1].shape and (before == before[:1]).all():
        return after.expand_as(before)
    raise InputError(
        f"The callback returned {name} of shape {tuple(after.shape)}, and {tuple(before.shape)} is needed, a row each."
    )
