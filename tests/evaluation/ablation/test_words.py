"""The sentences of a study say what its numbers say, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreaminpainter.evaluation.ablation.report import table_lines, write_study
from dreaminpainter.evaluation.ablation.results import Combination, Results
from dreaminpainter.evaluation.ablation.words import paragraph
from dreaminpainter.evaluation.rows import Row

NUMBER = r"-?[\d.]+"
SENTENCE = re.compile(
    rf"Text is highest for k = (?P<high>\d+) \((?P<highest>{NUMBER}) \[(?P<high_low>{NUMBER}), {NUMBER}\]\) and lowest "
    rf"for k = (?P<low>\d+) \((?P<lowest>{NUMBER}) \[{NUMBER}, (?P<low_high>{NUMBER})\]\), a difference of "
    rf"(?P<difference>{NUMBER}) \[(?P<from>{NUMBER}), (?P<to>{NUMBER})\], (?P<effect>[^;]+); (?P<verdict>no more|more) "
    r"than chance explains, and the two ranges (?P<overlap>overlap|do not overlap)\."
)

ALONE = "Each combination has one seed: what another training would give is in no interval."


def row(case: int, seed: int, **figures: float) -> Row:
    return Row("ours", f"c{case}", seed, "edit", "s", "a prompt", "x.png", 0.0, figures)


def study(values: torch.Tensor) -> Results:
    """(combinations, training seeds, cases, fills) of one figure."""
    combinations = []
    for k, of_seeds in enumerate(values.tolist()):
        rows = {
            seed: [row(case, fill, text=value) for case, fills in enumerate(cases) for fill, value in enumerate(fills)]
            for seed, cases in enumerate(of_seeds)
        }
        combinations.append(Combination({"k": str(k)}, rows))
    return Results("Which k?", ["k"], ["text"], combinations, [f"c{case}" for case in range(values.shape[2])])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), count=st.integers(2, 4), seeds=st.integers(1, 3), gap=st.sampled_from([0.0, 0.1, 3.0])
)
def test_the_sentence_follows_from_the_numbers(seed, count, seeds, gap) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(count, seeds, 12, 2, generator=generator) + gap * torch.arange(count)[:, None, None, None]
    found = SENTENCE.fullmatch(paragraph(study(values)).removeprefix(f"{ALONE} " if seeds == 1 else ""))
    assert found is not None
    means = values.double().mean((1, 2, 3))
    assert int(found["high"]) == int(means.argmax()) and int(found["low"]) == int(means.argmin())
    assert float(found["highest"]) == pytest.approx(float(means.max()), abs=6e-4)
    assert float(found["lowest"]) == pytest.approx(float(means.min()), abs=6e-4)
    assert float(found["difference"]) == pytest.approx(float(means.max() - means.min()), abs=6e-4)
    assert float(found["from"]) <= float(found["difference"]) <= float(found["to"])
    if float(found["from"]) != 0:  # rounded to zero it could be on either side
        assert (found["verdict"] == "more") == (float(found["from"]) > 0)
    overlaps = float(found["high_low"]) <= float(found["low_high"])
    assert (found["overlap"] == "overlap") == overlaps
    differences = (values[means.argmax()] - values[means.argmin()]).double().mean((0, 2))
    effect = float(differences.mean() / differences.std())
    assert float(re.findall(r"-?[\d.]+", found["effect"])[0]) == pytest.approx(effect, abs=6e-3)
    word = "negligible" if effect < 0.2 else "small" if effect < 0.5 else "medium" if effect < 0.8 else "large"
    assert f"({word})" in found["effect"]


def test_a_difference_in_every_training_seed_is_told_from_the_luck_of_one() -> None:
    """Two cases in which one value is better by as much on average: always, and in one training of three."""
    always = torch.zeros(2, 3, 20, 1)
    always[1] = 0.3
    once = torch.zeros(2, 3, 20, 1)
    once[1, 0] = 0.9
    assert "; more than chance explains" in paragraph(study(always))
    assert "; no more than chance explains" in paragraph(study(once))


def test_of_many_that_are_alike_some_two_look_different_and_that_is_allowed_for() -> None:
    """Ten combinations of pure noise: were each pair taken for the only one, most studies would find something."""
    found = [
        paragraph(study(torch.randn(10, 1, 30, 1, generator=torch.Generator().manual_seed(seed)))) for seed in range(20)
    ]
    assert sum("; more than chance explains" in text for text in found) <= 3


def test_of_three_trainings_that_differ_by_luck_alone_few_studies_find_something() -> None:
    """Luck that all cases of a training share; drawn anew, three seeds would never leave the range of the three."""
    found = []
    for seed in range(40):
        luck = torch.randn(2, 3, 1, 1, generator=torch.Generator().manual_seed(seed))
        found.append(paragraph(study(luck.expand(2, 3, 12, 1))))
    assert sum("; more than chance explains" in text for text in found) <= 5


def test_three_trainings_tell_a_difference_that_is_large_beside_their_luck() -> None:
    luck = 0.05 * torch.randn(4, 3, 20, 1, generator=torch.Generator().manual_seed(0))
    luck[3] += 1
    assert "; more than chance explains" in paragraph(study(luck))


def test_figures_that_no_cell_has_are_named() -> None:
    results = replace(study(torch.rand(2, 2, 4, 1)), missing=["CLIP-I", "FID"])
    assert paragraph(results).endswith("No cell has a figure of the name CLIP-I, FID.")


def test_one_seed_is_told_of_where_something_was_trained() -> None:
    results = study(torch.rand(2, 1, 4, 1))
    assert paragraph(results).startswith(ALONE)
    assert ALONE not in paragraph(replace(results, trained=False))
    assert ALONE not in paragraph(study(torch.rand(2, 2, 4, 1)))


def test_with_one_combination_nothing_is_compared(tmp_path: Path) -> None:
    results = study(torch.rand(1, 1, 4, 1))
    assert paragraph(results) == "There is one combination only, so nothing is compared."
    report = write_study(results, tmp_path).read_text()
    assert report.startswith("# Which k?") and "![k](k.png)" in report
    assert (tmp_path / "k.png").stat().st_size > 1000


def test_table_csv_and_json_tell_the_same_figures(tmp_path: Path) -> None:
    import csv
    import json

    results = study(torch.rand(3, 2, 5, 2, generator=torch.Generator().manual_seed(0)))
    write_study(results, tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = json.loads((tmp_path / "results.json").read_text())
    for line, of_csv, of_json in zip(table_lines(results)[2:], rows, told["combinations"], strict=True):
        cell = of_json["figures"]["text"]
        assert float(of_csv["text"]) == cell["mean"] and float(of_csv["text low"]) == cell["low"]
        assert f"{cell['mean']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]" in line
        assert of_csv["k"] == of_json["labels"]["k"]
