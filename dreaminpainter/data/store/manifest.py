"""What prepared data says of itself: where it came from, what was kept, what was left out and why.

Example:
    >>> from dreaminpainter.data.sources import LeftOut
    >>> manifest = Manifest("f00", {"class_path": "CocoSource"}, "/data/coco", embedded=False)
    >>> manifest.counted(kept=9, left_out=[LeftOut("7", "too small")]).left_out
    {'too small': 1}
"""

import json
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dreaminpainter.atomic import whole
from dreaminpainter.data.sources.base import LeftOut, reasons
from dreaminpainter.data.store.schema import VERSION
from dreaminpainter.errors import InputError

FILE = "manifest.json"
LEFT_OUT = "left_out.parquet"


@dataclass(frozen=True)
class Manifest:
    """What stands in `manifest.json`.

    Args:
        fingerprint: of the source's instances, by kind and ids.
        source: the source and its settings, the filter included, as `class_path` and `init_args`.
        pictures: the folder that the paths of pictures start from; None where none is referred to.
        embedded: whether the pictures' files lie in the rows.
        version: of the columns.
        kept: how many objects there are.
        left_out: how many were left out, by reason; `left_out.parquet` has them one by one.
        damaged: how many of these because something is broken.
        examples: of what is broken, a few.
    """

    fingerprint: str
    source: dict[str, Any]
    pictures: str | None
    embedded: bool
    version: int = VERSION
    kept: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    examples: list[str] = field(default_factory=list)

    def counted(self, kept: int, left_out: Sequence[LeftOut]) -> "Manifest":
        """The same with its counts."""
        damages = [one.damage for one in left_out if one.damage]
        return replace(self, kept=kept, left_out=reasons(left_out), damaged=len(damages), examples=damages[:20])

    def settings(self, incidental: Container[str] = (), objects: bool = True) -> dict[str, Any]:
        """What has to be the same for prepared data to be that of a source.

        Args:
            incidental: arguments of the source that may differ.
            objects: whether the same objects have to be there.
        """
        arguments = self.source.get("init_args", {}).items()
        source = self.source | {"init_args": {name: value for name, value in arguments if name not in incidental}}
        fingerprint = {"fingerprint": self.fingerprint} if objects else {}
        return {"source": source, "embedded": self.embedded, "version": self.version, **fingerprint}

    def write(self, path: Path) -> None:
        """Writes it whole or not at all."""
        told = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        with whole(path) as beside:
            # The name of a folder need not be UTF-8; what stands in for its bytes is then written as JSON's escapes.
            beside.write_text(told, encoding="utf-8", errors="backslashreplace")

    @staticmethod
    def read(path: Path) -> "Manifest":
        """The manifest of that file.

        Raises:
            InputError: it cannot be read, or is of another version.
        """
        try:
            manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{path} cannot be read as the manifest of prepared data: {error}. Prepare the data again."
            ) from error
        if manifest.version != VERSION:
            raise InputError(
                f"{path} is of version {manifest.version}; this dreaminpainter reads version {VERSION}. Prepare the "
                "data again into another folder."
            )
        return manifest
