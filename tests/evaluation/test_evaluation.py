"""An evaluation is the same whether it runs through or in pieces, in one process or two, and tells others apart."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from evaluations import evaluation, figures, pictures
from fills import Noise
from gloo import on_two
from PIL import Image

from dreaminpainter.errors import InputError
from dreaminpainter.evaluation.cases import CaseSet, open_problem
from dreaminpainter.evaluation.methods import Collage, Method, Ours, OursWithoutText
from dreaminpainter.evaluation.metrics import FID, KID, Crop
from dreaminpainter.evaluation.reliance import Reliance
from dreaminpainter.evaluation.rows import Row
from dreaminpainter.evaluation.samples import Sample
from dreaminpainter.evaluation.writing import write_report
from dreaminpainter.processes import Processes
from dreaminpainter.selection import RandomTokens

SMALL = str(Path(__file__).parents[1] / "models" / "critters_small")


def ours() -> Ours:
    return Ours(SMALL, num_inference_steps=2)


class KilledError(BaseException):
    """Stands for a kill: nothing in the package catches it."""


def killed_after(method: Method, calls: int, monkeypatch: pytest.MonkeyPatch) -> Method:
    """The method, whose `fill` raises after so many calls."""
    left = [calls]
    original = method.fill

    def fill(problems: list, seed: int) -> list:
        if not left[0]:
            raise KilledError
        left[0] -= 1
        return original(problems, seed)

    monkeypatch.setattr(method, "fill", fill)
    return method


def test_every_case_is_filled_once_for_each_seed(cases: CaseSet, through: tuple[Path, list[Row]]) -> None:
    folder, rows = through
    names = [case.id for case in cases.cases]
    told = [(row.method, row.case, row.seed) for row in rows]
    assert told == [("noise", name, seed) for name in names for seed in range(2)] + [("collage", n, 0) for n in names]
    assert pictures(folder).keys() == {row.picture for row in rows}
    by_id = {case.id: case for case in cases.cases}
    for row in rows:
        case = by_id[row.case]
        assert (row.kind, row.subject, row.prompt) == (case.kind, case.subject, case.prompt)
    assert all("diversity" in row.figures for row in rows if row.method == "noise")
    assert not any("diversity" in row.figures for row in rows if row.method == "collage")


@pytest.mark.parametrize("calls", [3, 4, 5, 7])
def test_killed_and_gone_on_it_is_what_it_would_have_been(
    calls: int, cases: CaseSet, through: tuple[Path, list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the first fills that are measured (three before tell the cost), in between, and in the last batch."""
    methods = {"noise": killed_after(Noise(), calls, monkeypatch), "collage": Collage()}
    with pytest.raises(KilledError):
        evaluation(tmp_path, cases, methods=methods).run()
    done = pictures(tmp_path)
    rows = evaluation(tmp_path, cases).run()
    assert figures(rows) == figures(through[1])
    assert pictures(tmp_path) == pictures(through[0])
    assert done.items() <= pictures(tmp_path).items()


def test_the_model_itself_goes_on_bit_by_bit(cases: CaseSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = CaseSet(cases.file, cases.cases[:3])
    through = evaluation(tmp_path / "through", cases, methods={"ours": ours()}).run()
    with pytest.raises(KilledError):
        evaluation(tmp_path / "killed", cases, methods={"ours": killed_after(ours(), 5, monkeypatch)}).run()
    assert len(evaluation(tmp_path / "killed", cases, methods={"ours": ours()}).rows()) == 4
    rows = evaluation(tmp_path / "killed", cases, methods={"ours": ours()}).run()
    assert figures(rows) == figures(through)
    assert pictures(tmp_path / "killed") == pictures(tmp_path / "through")


def test_what_is_done_is_not_done_again(cases: CaseSet, through: tuple[Path, list[Row]], tmp_path: Path) -> None:
    shutil.copytree(through[0], tmp_path, dirs_exist_ok=True)

    class Never(Noise):
        def fill(self, problems: list, seed: int) -> list:
            raise AssertionError

    Never.__module__, Never.__qualname__ = Noise.__module__, Noise.__qualname__
    assert evaluation(tmp_path, cases, methods={"noise": Never(), "collage": Collage()}).run() == through[1]


@pytest.mark.parametrize("kept", [0.3, 0.9, None])
def test_a_torn_last_line_is_survived(
    kept: float | None, cases: CaseSet, through: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    """Torn early, late, and within a character that takes several bytes."""
    shutil.copytree(through[0], tmp_path, dirs_exist_ok=True)
    path = tmp_path / "noise" / "rows-0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    half_a_letter = '{"method": "noise", "prompt": "caf\u00e9'.encode()[:-1]
    torn = half_a_letter if kept is None else lines[-1][: int(len(lines[-1]) * kept)]
    path.write_bytes(b"".join(lines[:-1]) + torn)
    assert len(evaluation(tmp_path, cases).rows()) == len(through[1]) - 1
    assert figures(evaluation(tmp_path, cases).run()) == figures(through[1])
    assert path.read_bytes().startswith(b"".join(lines[:-1]) + torn + b"\n"), "the next line begins on its own"


def test_prompts_of_any_characters_are_kept(cases: CaseSet, tmp_path: Path) -> None:
    prompt = "a cat\u2028naps, caf\u00e9\x85\x1e\u732b"
    odd = CaseSet(cases.file, [replace(cases.cases[0], prompt=prompt)])
    assert [row.prompt for row in evaluation(tmp_path, odd, methods={"collage": Collage()}).run()] == [prompt]


def test_a_method_can_be_added_later(cases: CaseSet, through: tuple[Path, list[Row]], tmp_path: Path) -> None:
    shutil.copytree(through[0], tmp_path, dirs_exist_ok=True)
    methods = {"noise": Noise(), "collage": Collage(), "quiet": Noise(10)}
    rows = evaluation(tmp_path, cases, methods=methods).run()
    assert rows[: len(through[1])] == through[1]
    assert {row.method for row in rows[len(through[1]) :]} == {"quiet"}


def test_what_a_killed_process_was_writing_is_deleted(cases: CaseSet, tmp_path: Path) -> None:
    (tmp_path / "noise" / "fills").mkdir(parents=True)
    for place in ("cost.json", "fills/c1-0.png"):
        leftover = tmp_path / "noise" / f"{place}.elsewhere.7.tmp"
        leftover.touch()
        os.utime(leftover, (0, 0))
    evaluation(tmp_path, cases).run()
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_a_model_leans_on_is_measured_where_it_has_both_inputs(cases: CaseSet, tmp_path: Path) -> None:
    kept = CaseSet(cases.file, cases.cases[:2])
    methods = {"ours": ours(), "mute": OursWithoutText(SMALL, num_inference_steps=1)}
    rows = evaluation(tmp_path, kept, methods=methods, reliance=Reliance([500]), seeds=1).run()
    assert {row.method for row in rows if "text dropped" in row.figures} == {"ours"}
    few = Ours(SMALL, num_inference_steps=1, k=1)
    other = evaluation(tmp_path / "few", kept, methods={"ours": few}, reliance=Reliance([500]), seeds=1).run()
    assert other[0].figures["reference dropped"] != rows[0].figures["reference dropped"]


def test_tokens_are_chosen_otherwise_than_trained_where_that_is_asked_for(cases: CaseSet) -> None:
    problems = [open_problem(cases, case) for case in cases.cases[:2]]
    trained, by_lot = Ours(SMALL, num_inference_steps=1), Ours(SMALL, num_inference_steps=1, selector=RandomTokens(k=3))
    assert trained.fill(problems, 0) != by_lot.fill(problems, 0)
    assert by_lot.fill(problems, 0) == by_lot.fill(problems, 0)
    # Each case draws its own lot, from its id alone.
    assert by_lot.fill(problems[:1], 0) == by_lot.fill(problems, 0)[:1]


def test_two_processes_give_the_table_of_one(cases: CaseSet, through: tuple[Path, list[Row]], tmp_path: Path) -> None:
    def work(rank: int) -> int:
        return len(evaluation(tmp_path / "two", cases).run(Processes(rank, 2)))

    assert on_two(work, tmp_path / "meeting") == [len(through[1])] * 2
    assert len(list((tmp_path / "two" / "noise").glob("rows-*.jsonl"))) == 2
    again = evaluation(tmp_path / "two", cases)
    rows = again.run()
    assert figures(rows) == figures(through[1])
    assert pictures(tmp_path / "two") == pictures(through[0])
    one = write_report(evaluation(through[0], cases), through[1], "noise")
    two = write_report(again, rows, "noise")
    assert two.tables == one.tables


def test_work_is_shared_whole() -> None:
    work = list(range(7))
    shares = [Processes(rank, 3).share(work) for rank in range(3)]
    assert sorted(one for share in shares for one in share) == work
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_what_a_fill_costs_is_kept(through: tuple[Path, list[Row]]) -> None:
    cost = json.loads((through[0] / "noise" / "cost.json").read_text())
    assert cost["seconds"] > 0
    assert (cost["flops"], cost["peak_memory"], cost["device"]) == (0, None, "cpu")


def test_fills_taken_together_are_opened_a_few_at_a_time(cases: CaseSet, tmp_path: Path) -> None:
    """By FID and KID of one encoder, which embeds each picture once, and never opens a reference."""
    quality = [FID(), KID()]
    kept = CaseSet(Path(shutil.copytree(cases.folder, tmp_path / "cases")) / "cases.jsonl", cases.cases)
    measured = evaluation(tmp_path / "out", kept, quality=quality)
    measured.run()
    for case in kept.cases:
        (kept.folder / case.reference).unlink()
    found = measured.qualities()
    assert {name: list(own) for name, own in found.items()} == {
        name: ["FID (probes)", "KID (probes)"] for name in ("noise", "collage")
    }
    crop, encoder = Crop(), quality[0].encoder
    opened = [open_problem(cases, case) for case in cases.cases]

    def features(fills: list[Image.Image]) -> torch.Tensor:
        seen = [Sample.of(one, fill, 0, one) for one, fill in zip(opened, fills, strict=True)]
        return encoder.features([crop.of(one.fill, one.mask) for one in seen])

    expected = quality[0].distance(features(Collage().fill(opened, 0)), features([one.truth for one in opened]))
    assert found["collage"]["FID (probes)"].mean == pytest.approx(expected, rel=1e-3)
    shutil.copy(kept.folder / kept.cases[1].truth, kept.folder / kept.cases[0].truth)
    with pytest.raises(InputError, match=kept.cases[0].id):
        measured.qualities()
