"""What is wrong with this data, before an hour of training finds out.

Example:
    >>> from dreaminpainter.data.datamodule import InpaintingDataModule
    >>> from dreaminpainter.data.sources import CrittersSource
    >>> train, validation = (CrittersSource(size=32, count=4, split=name) for name in ("train", "validation"))
    >>> data = InpaintingDataModule(
    ...     {"drawn": train}, {"drawn": validation}, height=32, width=32, reference_size=32, batch_size=2
    ... )
    >>> report_on(examine(data, num_workers=0), ["critters"]).verdict
    'Nothing is wrong with this data.'
"""

from dreaminpainter.data.doctor.examination import Examination, examine
from dreaminpainter.data.doctor.findings import Finding
from dreaminpainter.data.doctor.page import page
from dreaminpainter.data.doctor.report import Report, report_on
from dreaminpainter.data.doctor.sheet import contact_sheet

__all__ = ["Examination", "Finding", "Report", "contact_sheet", "examine", "page", "report_on"]
