"""Batches by index: which instances, in which pass over their source, made into samples."""

from dataclasses import dataclass, field

from torch.utils.data import Dataset

from dreaminpainter.data.samples import SampleMaker
from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.types import Batch


@dataclass(frozen=True)
class Pick:
    """One instance in one pass over its source."""

    source: str
    index: int
    epoch: int
    """The passes over the source that came before, over the whole training: the source's own epoch. It goes into the
    sample's key, so an instance that comes again makes another sample, in the same epoch of the training too."""
    step: int = field(default=0, compare=False)
    """The optimizer step that it is for; what changes over the training goes by it."""


class InpaintingDataset(Dataset[Batch]):
    """Makes whole batches, so that a drawn source can draw a batch at once.

    Args:
        sources: by the name that samplers pick them with.
        maker: makes samples of instances.
    """

    def __init__(self, sources: dict[str, SegmentationSource], maker: SampleMaker) -> None:
        self.sources = sources
        self.maker = maker

    def __getitem__(self, picks: Pick | list[Pick]) -> Batch:
        """A batch of these; of one alone, a batch of one."""
        return self.__getitems__(picks if isinstance(picks, list) else [picks])

    def __getitems__(self, picks: list[Pick]) -> Batch:
        """A batch of `picks`, in their order. torch's DataLoader calls this for all of a batch at once."""
        names, epochs = [pick.source for pick in picks], [pick.epoch for pick in picks]
        return self.maker(self._load(picks), names, epochs, step=picks[0].step)

    def _load(self, picks: list[Pick]) -> list[Instance]:
        loaded: dict[int, Instance] = {}
        for name in dict.fromkeys(pick.source for pick in picks):
            places = [place for place, pick in enumerate(picks) if pick.source == name]
            instances = self.sources[name].load([picks[place].index for place in places])
            loaded.update(zip(places, instances, strict=True))
        return [loaded[place] for place in range(len(picks))]
