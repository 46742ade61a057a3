"""How many instances each source has, and what is said where it has none or leaves some out.

Example:
    >>> from dreaminpainter.data.sources import CrittersSource
    >>> sizes_of({"drawn": CrittersSource(count=8)})
    {'drawn': 8}
"""

from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from dreaminpainter.data.sources.base import SegmentationSource, damage_report, reasons
from dreaminpainter.data.splitting import Side
from dreaminpainter.errors import SettingError


def sizes_of(sources: dict[str, SegmentationSource]) -> dict[str, int]:
    """How many instances each source has.

    A source of few pictures may have none that is held out for validation, as long as another one has some.

    Raises:
        SettingError: a source has none; it says why, and what to set.
    """
    sizes = {name: len(source) for name, source in sources.items()}
    for name in (name for name, size in sizes.items() if not size):
        source = sources[name]
        if not (isinstance(source, Side) and len(source.source)):
            left_out = reasons(source.left_out) or "nothing"
            raise SettingError(f"The source {name!r} has no instances (left out: {left_out}). Mend its settings.")
        if source.side == "train":
            raise SettingError(
                f"No picture of {name!r} is left to train on: its {len(source.source)} objects are held out for "
                f"validation, or left out with their references ({reasons(source.left_out) or 'none'}). Lower "
                f"data.validation_share, which is {source.division.share}, or name sources as data.validation."
            )
        if not any(sizes.values()):
            raise SettingError(
                f"No picture of {', '.join(map(repr, sources))} is held out for validation. Raise "
                f"data.validation_share, which is {source.division.share}, or name sources as data.validation."
            )
        rank_zero_info(f"{name}: no picture is held out for validation. Raise data.validation_share if it should.")
    return sizes


def tell_what_is_left_out(name: str, source: SegmentationSource) -> None:
    """Says how many objects of a source are left out for which reason, and warns of what is broken."""
    left_out = source.left_out
    if left_out:
        rank_zero_info(f"{name}: {len(source)} objects; left out: {reasons(left_out)}")
    damages = [one.damage for one in left_out if one.damage]
    if damages:
        rank_zero_warn(f"{name}: {len(damages)} objects are broken and left out:\n{damage_report(damages)}")
