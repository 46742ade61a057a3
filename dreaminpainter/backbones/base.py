"""What every backbone does: its UNet widened to the input form, its noise schedule as asked."""

from abc import ABC, abstractmethod
from typing import Any, Literal

from diffusers import DDPMScheduler

from dreaminpainter.components import Component
from dreaminpainter.errors import SettingError
from dreaminpainter.input_forms import InputForm
from dreaminpainter.parts import Parts, autoencoder_class, autoencoder_name
from dreaminpainter.unet import adopt, widen

PredictionType = Literal["epsilon", "v_prediction", "sample"]


class Backbone(Component, ABC):
    """Builds the networks.

    Args:
        prediction_type: what the UNet predicts; None keeps what the source's scheduler says.
        zero_terminal_snr: rescale the noise schedule so that its last step is pure noise (Lin et al. 2023); not with
            epsilon.
    """

    def __init__(self, prediction_type: PredictionType | None = None, zero_terminal_snr: bool = False) -> None:
        self.prediction_type = prediction_type
        self.zero_terminal_snr = zero_terminal_snr

    @abstractmethod
    def parts(self) -> Parts:
        """The networks as their source has them."""

    def complete(self) -> "Backbone":
        """The same with all of its networks, to fill with; this one itself where it has them."""
        return self

    def build(self, form: InputForm) -> Parts:
        """The networks, their UNet widened to the channels of `form` and their noise schedule as set.

        Raises:
            SettingError: settings that contradict each other or the source.
            MissingFileError: the source is neither a folder nor reachable.
        """
        parts = self.parts()
        adopt(parts.unet)
        autoencoder_class(autoencoder_name(parts.vae))
        found, latent = parts.unet.config.in_channels, parts.unet.config.out_channels
        wanted = form.channels(latent)
        if wanted not in (latent + 1, 2 * latent + 1):
            raise SettingError(
                f"{type(form).__name__} gives {wanted} channels from {latent} of the latents. A reference can be "
                f"read where that is {latent + 1} (with a mask) or {2 * latent + 1} (with mask and scene)."
            )
        if found not in (latent, wanted):
            raise SettingError(
                f"The backbone's UNet takes {found} channels and {type(form).__name__} gives {wanted}. It was trained "
                "with another input form: set model.input_form to that one, or take a backbone that is not made for "
                "inpainting."
            )
        widen(parts.unet, wanted)
        parts.scheduler = self._noise_schedule(parts.scheduler.config)
        return parts

    def _noise_schedule(self, config: Any) -> DDPMScheduler:
        prediction = self.prediction_type or config.prediction_type
        if not self.zero_terminal_snr:
            return DDPMScheduler.from_config(config, prediction_type=prediction)
        if prediction == "epsilon":
            raise SettingError(
                "zero_terminal_snr=true leaves nothing to predict noise from at the last step. Set "
                "prediction_type: v_prediction with it."
            )
        return DDPMScheduler.from_config(
            config, prediction_type=prediction, rescale_betas_zero_snr=True, timestep_spacing="trailing"
        )
