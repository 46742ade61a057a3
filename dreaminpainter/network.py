"""The trained network: the middle of the paper's Fig. 2, shared by training and sampling."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from dreaminpainter.adapter import SubjectAdapter
from dreaminpainter.attention import AttentionRecord, KeptContext, SubjectContext
from dreaminpainter.components import make
from dreaminpainter.features import FeatureExtractor
from dreaminpainter.injection import plain_processors
from dreaminpainter.input_forms import InputForm
from dreaminpainter.selection import TokenSelector, gather
from dreaminpainter.types import Reference, Selection, TokenFeatures
from dreaminpainter.unet import SubjectUNet


@dataclass
class Subject:
    """What was read of a reference.

    Args:
        features: all N tokens.
        selection: which K were chosen.
        tokens: (B, K, D), the chosen ones, projected to the text's width.
    """

    features: TokenFeatures
    selection: Selection
    tokens: Tensor


class SubjectInpainter(nn.Module):
    """UNet and adapter, with the extractor and selector that the adapter names.

    Args:
        unet: the inpainting UNet.
        adapter: what the method adds to it.
        extractor: as the adapter's config describes it.
        selector: as the adapter's config describes it.
    """

    def __init__(
        self, unet: SubjectUNet, adapter: SubjectAdapter, extractor: FeatureExtractor, selector: TokenSelector
    ) -> None:
        super().__init__()
        self.unet = unet
        self.adapter = adapter
        self.extractor = extractor
        self.select_by(selector)
        self.input_form = make(adapter.config.input_form, InputForm)
        if adapter.reference_encoder is not None:
            adapter.reference_encoder.set_attn_processor(plain_processors(adapter.reference_encoder))

    @classmethod
    def of(cls, unet: SubjectUNet, adapter: SubjectAdapter) -> Self:
        """The network that a saved adapter and its UNet make, in evaluation mode, as diffusers loads its own."""
        adapter.injector.attach(unet)
        extractor = make(adapter.config.extractor, FeatureExtractor)
        return cls(unet, adapter, extractor, make(adapter.config.selector, TokenSelector)).eval()

    def select_by(self, selector: TokenSelector) -> None:
        """Chooses tokens by `selector` from now on; the adapter's config keeps the one that was trained."""
        self.selector = selector
        self.extractor.record_attentions = selector.needs_attentions

    def read(self, reference: Reference, keys: Tensor | None = None, k: int | None = None) -> Subject:
        """Features, selection and projection of the reference (eq. 2-4): all that a sampling needs of it, once.

        Args:
            reference: with `latents` and `text_states` filled in.
            keys: (B,) the samples' keys, for selectors that draw.
            k: how many tokens to choose instead of the selector's own K.
        """
        self.unet.forget()  # what an interrupted call left
        features = self.extractor(self._in_own_precision(reference), self.adapter.reference_encoder or self.unet)
        selector = self.selector if k is None else self.selector.with_k(k)
        selection = selector(features, keys)
        chosen = gather(features.tokens, selection.indices).to(self.unet.dtype)
        return Subject(features, selection, self.adapter(chosen))

    def inject(self, tokens: Tensor, dropped: Tensor | None = None) -> SubjectContext:
        """What every attention layer reads of the subject.

        Args:
            tokens: (R, K, D) from `Subject.tokens`, one row a sample to be denoised.
            dropped: (R,) bool, rows that shall see no subject: their tokens are zero.
        """
        if dropped is not None:
            tokens = torch.where(dropped[:, None, None], 0.0, tokens)
        context: SubjectContext = self.adapter.injector(tokens)
        return context

    def forward(
        self,
        model_input: Tensor,
        timesteps: Tensor,
        text_states: Tensor,
        subject: SubjectContext,
        record: AttentionRecord | None = None,
        kept: KeptContext | None = None,
    ) -> Tensor:
        """The UNet's prediction, (R, C, h, w).

        Args:
            model_input: (R, in_channels, h, w), from `input_form.compose`.
            timesteps: (R,) or a single one.
            text_states: (R, T, D).
            subject: from `inject`.
            record: filled with the attention of this pass, where it is to be looked at.
            kept: what stays from one step to the next, where text and subject are those of the last call with it.
        """
        wanted = {"subject": subject, "record": record, "kept": kept}
        extras = {name: value for name, value in wanted.items() if value is not None}
        model_input, text_states = model_input.to(self.unet.dtype), text_states.to(self.unet.dtype)
        prediction: Tensor = self.unet(model_input, timesteps, text_states, cross_attention_kwargs=extras).sample
        return prediction

    def _in_own_precision(self, reference: Reference) -> Reference:
        """Latents and text states in the UNet's dtype; whoever encoded them may work in another."""
        latents, text_states = (
            None if value is None else value.to(self.unet.dtype) for value in (reference.latents, reference.text_states)
        )
        return replace(reference, latents=latents, text_states=text_states)
