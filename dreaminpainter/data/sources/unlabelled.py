"""Pictures that nobody has outlined anything in.

Example:
    >>> from dreaminpainter.data.segmenting import UniversalSegmenter
    >>> source = UnlabelledSource("pictures", UniversalSegmenter())  # reads nothing yet
    >>> source.name
    'unlabelled'
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dreaminpainter.cutout import boxes_of
from dreaminpainter.data.segmenting.base import Segmenter
from dreaminpainter.data.sources.base import Instance, LeftOut, PictureFile, SegmentationSource, content_hash
from dreaminpainter.data.sources.files import read_picture, required
from dreaminpainter.data.sources.filter import ObjectFilter
from dreaminpainter.data.sources.listing import Listing, listed
from dreaminpainter.data.sources.picture_folder import captions_in, pictures_in
from dreaminpainter.data.sources.segmented import SegmentedPicture, SegmentedPictures, kept_of
from dreaminpainter.errors import InputError, SettingError
from dreaminpainter.pictures import EncodedPicture, open_scene, open_stored, to_tensor

_LAYOUT = "Name a folder of pictures"
_FOLDER = "segmented"

_Outcome = SegmentedPicture | LeftOut


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture that is to be segmented: its file, its content's hash, and (3, H, W) uint8, upright."""

    data: bytes
    content: str
    image: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[2], self.image.shape[1]


@dataclass(frozen=True)
class _Place:
    """Where an instance is: object `number` of a picture, whose `file` is relative to the root."""

    file: str
    picture: SegmentedPicture
    number: int

    @property
    def id(self) -> str:
        return f"{self.file}#{self.number}"


class UnlabelledSource(SegmentationSource):
    """The objects that a segmenter finds in a folder of pictures.

    All pictures of the folder and the folders within it are read, upright:

        root/holiday/beach.jpg
        root/holiday/beach.txt       captions of the picture, one a line; may be absent
        root/cat.png

    What the length is depends on what is found, so the first question segments all of the pictures, each once, with a
    progress bar. On a CPU, a network of 47 million parameters needs some seconds a picture. While preparing, and with
    `cache`, what was found is kept, and a run that was killed goes on where it was.

    An object's id is its picture's path and its place by score: `holiday/beach.jpg#0` is the surest. Pictures in which
    nothing is found are left out as "no object", those that cannot be read as "unreadable".

    Args:
        root: the folder.
        segmenter: who finds the objects.
        keep: which objects are wanted; an `ObjectFilter` with its defaults where left out.
        batch_size: how many pictures are given to the segmenter at once; more is faster on an accelerator where many
            pictures have the same size, but sums may then be rounded otherwise.
        cache: a folder for what was found, a small file a picture; None for `segmented` within the prepared data while
            preparing, and to segment anew each time on the fly. Delete it where the weights behind a segmenter's name
            have changed.
        device: where the segmenter runs, such as cpu or cuda:1; None for an accelerator where there is one.

    Raises:
        SettingError: the batch size is below 1.
    """

    name = "unlabelled"
    keep: ObjectFilter
    incidental = frozenset({"batch_size", "cache", "device"})

    def __init__(
        self,
        root: str,
        segmenter: Segmenter,
        keep: ObjectFilter | None = None,
        batch_size: int = 1,
        cache: str | None = None,
        device: str | None = None,
    ) -> None:
        if batch_size < 1:
            raise SettingError(f"UnlabelledSource: batch_size is {batch_size}; give 1 or more.")
        self.root = root
        self.segmenter = segmenter
        self.keep = keep or ObjectFilter()
        self.batch_size = batch_size
        self.cache = cache
        self.device = device
        self._kept_in = None if cache is None else Path(cache)

    def __len__(self) -> int:
        return len(self._index.objects)

    def __getitem__(self, index: int) -> Instance:
        """The instance at `index`.

        Raises:
            InputError: the picture or its captions cannot be read, or the picture has another size than before.
            MissingFileError: the picture is not there any more.
        """
        place = self._index.objects[index]
        path = Path(self.root) / place.file
        mask = place.picture.mask(place.number)
        left, top, right, bottom = boxes_of(mask[None])[0].tolist()
        return Instance(
            image=read_picture(path, _LAYOUT, (place.picture.width, place.picture.height), upright=True),
            mask=mask,
            class_name=place.picture.objects[place.number].class_name,
            box=(left, top, right, bottom),
            captions=captions_in(path.with_suffix(".txt")),
            source=self.name,
            id=place.id,
        )

    def id_of(self, index: int) -> str:
        return self._index.objects[index].id

    def content_of(self, index: int) -> str:
        return self._index.objects[index].picture.content

    def reference_content_of(self, index: int) -> None:
        """Subjects are cut out of their own pictures."""

    def picture_of(self, index: int) -> PictureFile:
        return PictureFile(Path(self.root) / self._index.objects[index].file, upright=True)

    def prepare_in(self, folder: Path) -> None:
        self._kept_in = self._kept_in or folder / _FOLDER

    @property
    def left_out(self) -> list[LeftOut]:
        """Besides what the filter leaves out: "no object" and "unreadable", a picture each."""
        return self._index.left_out

    # Copies that go to other processes take it with them, so that nothing is segmented there.
    @cached_property
    def _index(self) -> Listing[_Place]:
        root = required(Path(self.root), _LAYOUT)
        files = pictures_in(root)
        if self.keep.categories is not None:
            self.keep.check_categories(self.segmenter.class_names(), type(self.segmenter).__name__)
        self.segmenter.to(self.device or torch.accelerator.current_accelerator(check_available=True) or "cpu")
        try:
            return listed(self._found(root, files), root)
        finally:
            # Training needs the memory, and copies in other processes need no network.
            self.segmenter.release()
            self.segmenter.to("cpu")

    def _found(self, root: Path, files: list[str]) -> Iterator[_Place | LeftOut]:
        for file, outcome in tqdm(self._outcomes(root, files), "segmenting", len(files), unit=" pictures"):
            if isinstance(outcome, LeftOut):
                yield outcome
                continue
            if not outcome.objects:
                yield LeftOut(file, "no object")
            for number, found in enumerate(outcome.objects):
                place = _Place(file, outcome, number)
                unwanted = self.keep.reason(found.area, found.class_name)
                yield LeftOut(place.id, unwanted) if unwanted else place

    def _outcomes(self, root: Path, files: list[str]) -> Iterator[tuple[str, _Outcome]]:
        """What becomes of each picture, in the order of the files."""
        before = None if self._kept_in is None else SegmentedPictures(self._kept_in, self.segmenter)
        for start in range(0, len(files), self.batch_size):
            batch = files[start : start + self.batch_size]
            outcomes: dict[str, _Outcome] = {}
            opened: dict[str, _Picture] = {}
            for file in batch:
                outcome = _read(root / file, file, before)
                if isinstance(outcome, _Picture):
                    opened[file] = outcome
                else:
                    outcomes[file] = outcome
            segments = self.segmenter([picture.image for picture in opened.values()]) if opened else []
            for (file, picture), found in zip(opened.items(), segments, strict=True):
                outcomes[file] = segmented = kept_of(picture.size, picture.content, found)
                if before is not None:
                    before.put(picture.data, segmented)
            yield from ((file, outcomes[file]) for file in batch)


def _read(path: Path, file: str, before: SegmentedPictures | None) -> _Picture | _Outcome:
    """What was found in a picture before, the picture where nothing is known of it, or why it is left out."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return LeftOut(file, "unreadable", str(error))
    known = None if before is None else before.get(data)
    if known is not None:
        return known
    try:
        encoded = EncodedPicture(data, str(path))
        content = content_hash(to_tensor(open_stored(encoded, [])))
        return _Picture(data, content, to_tensor(open_scene(encoded, [])))
    except InputError as error:
        return LeftOut(file, "unreadable", str(error))
