"""What figures have to share before they may stand in one table."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dreaminpainter.atomic import whole
from dreaminpainter.components import Spec, describe
from dreaminpainter.errors import SettingError
from dreaminpainter.evaluation.cases import CaseSet
from dreaminpainter.evaluation.metrics import SampleMetric, SetMetric
from dreaminpainter.evaluation.reliance import Reliance

FILE = "settings.json"


@dataclass(frozen=True)
class Protocol:
    """How an evaluation measures. Crop rule, resolution and encoder decide figures as much as methods do.

    Args:
        cases: checksum of the cases with their pictures.
        count: how many cases.
        seeds: fills of each.
        metrics: the metrics with all their settings, crop rules among them.
        encoders: checksum of each encoder's weights.
    """

    cases: str
    count: int
    seeds: int
    metrics: list[Spec]
    encoders: dict[str, str]

    @classmethod
    def of(
        cls,
        cases: CaseSet,
        seeds: int,
        metrics: list[SampleMetric],
        quality: list[SetMetric],
        reliance: Reliance | None = None,
    ) -> "Protocol":
        """The protocol of an evaluation; loads the encoders."""
        encoders = [encoder for metric in metrics for encoder in metric.encoders()]
        encoders += [metric.encoder for metric in quality]
        return cls(
            cases.checksum,
            len(cases),
            seeds,
            [describe(metric) for metric in (*metrics, *quality, *([reliance] if reliance else []))],
            {json.dumps(describe(encoder)): encoder.checksum for encoder in encoders},
        )

    @classmethod
    def read(cls, folder: Path) -> "Protocol | None":
        """The protocol of an evaluation's folder; None where there is none."""
        path = folder / FILE
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def write(self, folder: Path) -> None:
        """Writes it, whole or not at all."""
        with whole(folder / FILE) as beside:
            beside.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    def refuse_others(self, other: "Protocol", where: str) -> None:
        """Refuses figures that were measured otherwise.

        Raises:
            SettingError: they were; the message tells what differs.
        """
        mine, theirs = asdict(self), asdict(other)
        different = [name for name in mine if mine[name] != theirs[name]]
        if different:
            told = "; ".join(f"{name}: {_short(mine[name])} here, {_short(theirs[name])} there" for name in different)
            raise SettingError(
                f"{where} was measured with other settings ({told}), so its figures do not compare with these. Give "
                "another output folder, or the settings in its settings.json."
            )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
