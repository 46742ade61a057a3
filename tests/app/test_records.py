import json
from pathlib import Path

import numpy as np
from PIL import Image

from dreaminpainter.app.records import KEPT, Recorder, forget, with_newest
from dreaminpainter.app.studio import Fill


def fill_of(job) -> Fill:
    return Fill(job, job.scene, job.subject, 0.25, ("a note",))


def test_a_record_holds_the_picture_and_all_that_made_it(job, tmp_path) -> None:
    record = Recorder(tmp_path, "critters").keep(fill_of(job))
    assert np.array_equal(Image.open(record.picture), job.scene)
    told = json.loads(Path(record.settings).read_text())
    assert told["checkpoint"] == "critters"
    assert told["notes"] == ["a note"]
    assert told["attention"] == {"reference": 0.25, "text": 0.75}
    assert {name: told[name] for name in job.settings.as_dict()} == job.settings.as_dict()
    assert "seed 3" in record.caption


def test_old_records_are_deleted_and_so_are_those_of_who_left(job, tmp_path) -> None:
    recorder, history = Recorder(tmp_path, "critters"), []
    for _ in range(KEPT + 2):
        history = with_newest(history, recorder.keep(fill_of(job)))
    assert len(history) == KEPT == len(list(tmp_path.iterdir()))
    assert all(Path(record.picture).is_file() for record in history)
    forget(history)
    assert list(tmp_path.iterdir()) == []
