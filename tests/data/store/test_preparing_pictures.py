"""Every kind of picture file that people have, as scene, mask and reference of an object that is prepared."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from picture_files import FILES
from PIL import Image

from dreaminpainter.data.sources import FolderSource
from dreaminpainter.data.store import PreparedSource, prepare
from dreaminpainter.errors import InputError
from dreaminpainter.picture_modes import PICTURE_MODES, Role

ROLES: dict[Role, str] = {"scene": "", "mask": "_mask", "reference": "_reference"}


def folder(root: Path, role: Role) -> list[Path]:
    """An object for each file, all else of which is sound; the files."""
    root.mkdir()
    paths = []
    for number, (key, make) in enumerate(FILES):
        size = (4, 6) if key == "turned" else (6, 4)
        Image.new("RGB", size, (number, 9, 9)).save(root / f"{number:02}.png")
        Image.new("L", size, 255).save(root / f"{number:02}_mask.png")
        paths.append(root / f"{number:02}{ROLES[role]}.png")
        paths[-1].write_bytes(make())
    return paths


@pytest.mark.parametrize("role", ROLES)
def test_what_the_table_refuses_is_counted_and_named_and_the_rest_goes_on(role: Role, tmp_path: Path) -> None:
    files = folder(tmp_path / "pictures", role)
    refused = {
        path: treatment.how
        for path, (key, _) in zip(files, FILES, strict=True)
        if (treatment := getattr(PICTURE_MODES[key], role)).verdict == "refused"
    }
    source = FolderSource(str(tmp_path / "pictures"))
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught:
        prepare(source, out, num_workers=0)
    assert re.search(rf"^{len(refused)} of {len(files)} objects are broken.*0\.05.*\(max_damaged\)", str(caught.value))

    manifest = prepare(source, out, num_workers=0, max_damaged=0.6)
    assert (manifest.kept, manifest.damaged) == (len(files) - len(refused), len(refused))
    assert manifest.left_out == {"unreadable": len(refused)}
    left_out = pq.read_table(out / "left_out.parquet").to_pylist()
    assert {one["id"] for one in left_out} == {path.name[:2] for path in refused}
    for one, (path, how) in zip(left_out, refused.items(), strict=True):
        assert str(path) in one["damage"] and how in one["damage"]
    assert manifest.examples == [one["damage"] for one in left_out][:20]

    indices = {source.id_of(index): index for index in range(len(source))}
    for instance in PreparedSource(str(out)):
        own = source[indices[instance.id]]
        for name in ("image", "mask", "reference_image", "reference_mask", "detail_mask"):
            there, here = getattr(instance, name), getattr(own, name)
            assert (there is None and here is None) or torch.equal(there, here), (instance.id, name)


def test_the_pictures_that_most_often_break_are_among_them() -> None:
    starts = {make()[:4] for key, make in FILES if PICTURE_MODES[key].scene.verdict == "refused"}
    assert {b"", b"\xff\xd8\xff\xe0", b"GIF8"} <= starts, "of no bytes, a truncated JPEG, an animated GIF"
    assert dict(FILES)["large"]()[:4] == b"\x89PNG", "a decompression bomb"
