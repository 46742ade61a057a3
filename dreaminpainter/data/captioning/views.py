"""What is still to be captioned, and the pictures of it: the whole ones, and the crops around the objects."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor
from torch.utils.data import Dataset

from dreaminpainter.data.captioning.base import Captioner
from dreaminpainter.data.sources.base import Instance, SegmentationSource
from dreaminpainter.data.store.captions import KINDS, Kind, StoredCaptions
from dreaminpainter.errors import InputError, MissingFileError
from dreaminpainter.randomness import sample_key

MARGIN = 0.1
"""What a crop shows around the object's box on each side, as a share of the box's longer side (our choice)."""


@dataclass
class Task:
    """What is to be captioned of one instance.

    Args:
        index: of the instance.
        ids: whom a caption of each kind is for. That of the picture may be for several instances, where they share the
            picture; that of the object is for this one, if it has none.
    """

    index: int
    ids: dict[Kind, list[str]] = field(default_factory=lambda: {of: [] for of in KINDS})


@dataclass
class View:
    """The instance of a task; None where it cannot be read, and then `damage` tells why."""

    task: Task
    instance: Instance | None
    damage: str = ""


def open_tasks(source: SegmentationSource, captioner: Captioner, captions: StoredCaptions) -> list[Task]:
    """What this captioner has not captioned yet, in the order of the source.

    Where the captions follow from the pictures alone, instances of one picture share its caption.

    Args:
        source: the instances.
        captioner: whose captions they shall be.
        captions: those that there are.
    """
    done = {of: captions.ids(of, captioner.signed) for of in KINDS}
    contents: Iterable[object] = source.contents() if captioner.pictures_alone else range(len(source))
    tasks: list[Task] = []
    first_of: dict[object, Task] = {}
    for index, content in enumerate(contents):
        id, task = source.id_of(index), Task(index)
        if id not in done["picture"]:
            first_of.setdefault(content, task).ids["picture"].append(id)
        if id not in done["object"]:
            task.ids["object"].append(id)
        if any(task.ids.values()):
            tasks.append(task)
    return tasks


class ViewBatch:
    """Views that are worked on together.

    No list and no dataclass: Lightning would look into those for tensors to move and to convert, masks included.

    Args:
        views: of the batch.
    """

    def __init__(self, views: list[View]) -> None:
        self.views = views


class Views(Dataset[View]):
    """Reads what tasks need; what cannot be read is said and not raised.

    Args:
        source: the instances.
        tasks: what to read of it.
    """

    def __init__(self, source: SegmentationSource, tasks: list[Task]) -> None:
        self.source = source
        self.tasks = tasks

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, place: int) -> View:
        task = self.tasks[place]
        try:
            instance = self.source[task.index]
        except (InputError, MissingFileError) as error:
            return View(task, None, str(error))
        instance.key = sample_key(0, instance.source, instance.id)
        return View(task, instance)


def crop(instance: Instance) -> Tensor:
    """(3, H, W) uint8: the object's box and a margin around it, clipped to the picture."""
    left, top, right, bottom = instance.box
    margin = MARGIN * max(right - left, bottom - top)
    height, width = instance.image.shape[1:]
    columns = slice(max(0, math.floor(left - margin)), min(width, math.ceil(right + margin)))
    rows = slice(max(0, math.floor(top - margin)), min(height, math.ceil(bottom + margin)))
    return instance.image[:, rows, columns]
