"""Objects by transformers' networks for universal segmentation: Mask2Former, OneFormer, MaskFormer."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F
import transformers  # names of its networks are imported as they are used, which is quicker to start with
from torch import Tensor, nn

from dreaminpainter.data.segmenting.base import Segment, Segmenter
from dreaminpainter.errors import MissingFileError, SettingError
from dreaminpainter.hub import UNREACHABLE

_FAMILIES = ("mask2former", "maskformer", "oneformer")


class UniversalSegmenter(Segmenter):
    """Objects by any checkpoint of Mask2Former (Cheng et al. 2022), OneFormer (Jain et al. 2023) or MaskFormer.

    The networks answer with queries: each has a mask and a probability for every class. A query is one object, of its
    likeliest class; its score is that probability times the mean probability of the mask's pixels, as in Mask2Former's
    code. Masks are brought to the picture's size before they are cut at a probability of 0.5, so outlines stay smooth;
    transformers' own post-processing cuts them at 384 x 384 pixels.

    Checkpoints for instances (`...-coco-instance`) find objects alone. Those for panoptic segmentation also find
    grass, sky and the like; only OneFormer's tell which classes these are, and then they are left out. With others,
    name the classes that are wanted in the source's filter. OneFormer is asked for instances.

    Args:
        model: name on the hub, or a folder that transformers wrote; weights are read from safetensors alone.
        threshold: least score of an object, 0 to 1.
        dtype: what the network computes in.

    Raises:
        SettingError: the threshold is not within 0 to 1.
    """

    def __init__(
        self,
        model: str = "facebook/mask2former-swin-tiny-coco-instance",
        threshold: float = 0.5,
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        super().__init__(threshold)
        self.model = model
        self.dtype = dtype

    def class_names(self) -> list[str]:
        names = self._config.id2label
        return [names[label] for label in sorted(names) if self._is_thing(label)]

    def read(self) -> nn.Module:
        network: nn.Module = self._from_pretrained(
            transformers.AutoModelForUniversalSegmentation,
            config=self._config,
            dtype=getattr(torch, self.dtype),
            use_safetensors=True,
        )
        return network

    def segment(self, network: nn.Module, images: Tensor) -> list[list[Segment]]:
        task = {"task_inputs": ["instance"] * len(images)} if self._config.model_type == "oneformer" else {}
        inputs = self._processor(
            images=list(images),
            input_data_format="channels_first",  # a picture three pixels wide would be taken for channels last
            return_tensors="pt",
            **task,
        )
        inputs = {name: value.to(images.device) for name, value in inputs.items()}
        pixels = inputs.pop("pixel_values").to(getattr(torch, self.dtype))
        answers = network(pixel_values=pixels, **inputs)
        size = (images.shape[2], images.shape[3])
        pairs = zip(answers.class_queries_logits.float(), answers.masks_queries_logits.float(), strict=True)
        return [list(self._objects(classes_QC, masks_Qhw, size)) for classes_QC, masks_Qhw in pairs]

    def _objects(self, classes_QC: Tensor, masks_Qhw: Tensor, size: tuple[int, int]) -> Iterator[Segment]:
        # The last class stands for "no object".
        best_Q, label_Q = classes_QC.softmax(dim=1)[:, :-1].max(dim=1)
        for query in (best_Q >= self.threshold).nonzero().flatten().tolist():
            # One at a time: all queries of a large photograph would fill gigabytes.
            logits_HW = F.interpolate(masks_Qhw[None, None, query], size, mode="bilinear", align_corners=False)[0, 0]
            mask_HW = logits_HW > 0
            score = float(best_Q[query] * logits_HW.sigmoid()[mask_HW].mean()) if mask_HW.any() else 0.0
            label = int(label_Q[query])
            if score >= self.threshold and self._is_thing(label):
                yield Segment(mask_HW[None].cpu(), self._config.id2label[label], score)

    @cached_property
    def _config(self) -> Any:
        config = self._from_pretrained(transformers.AutoConfig)
        if config.model_type not in _FAMILIES:
            raise SettingError(
                f"UniversalSegmenter: {self.model!r} is a {config.model_type}; give a checkpoint of one of "
                f"{', '.join(_FAMILIES)}, such as facebook/mask2former-swin-tiny-coco-instance."
            )
        return config

    @cached_property
    def _processor(self) -> Any:
        return self._from_pretrained(transformers.AutoProcessor)

    def _from_pretrained(self, kind: Any, **arguments: Any) -> Any:
        try:
            return kind.from_pretrained(self.model, **arguments)
        except UNREACHABLE as error:
            raise MissingFileError(
                f"The segmenter {self.model!r} is neither a folder with config, processor and safetensors that "
                "transformers wrote, nor reachable on the hub. Give the folder's path, or download it where there is "
                f"a network and set HF_HOME to its cache. ({error})"
            ) from error

    def _is_thing(self, label: int) -> bool:
        """Whether a class is one of things that can be counted; all are, where the checkpoint does not tell."""
        metadata = getattr(getattr(self._processor, "image_processor", None), "metadata", None)
        return metadata is None or label in metadata["thing_ids"]
