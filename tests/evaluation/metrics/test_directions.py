"""Every figure moves the right way where it is known which way that is."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from fills import Shifted, Strangers, drawn_problems, filled
from PIL import Image, ImageChops

from dreaminpainter.evaluation.cases import Problem
from dreaminpainter.evaluation.encoders import ProbeEncoder
from dreaminpainter.evaluation.methods import Collage, MeanColour, Method, RealPicture
from dreaminpainter.evaluation.metrics import (
    FID,
    KID,
    Attributes,
    Background,
    Crop,
    Diversity,
    Identity,
    OutlineCopy,
    SampleMetric,
    Seam,
)
from dreaminpainter.evaluation.samples import Sample

Mean = Callable[[SampleMetric, str, str], float]


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    return drawn_problems(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def samples(problems: list[Problem]) -> dict[str, list[Sample]]:
    methods: dict[str, Method] = {
        "real": RealPicture(),
        "collage": Collage(),
        "strangers": Strangers(problems),
        "floor": MeanColour(),
        "shifted": Shifted(),
    }
    return {name: filled(method, problems) for name, method in methods.items()}


@pytest.fixture(scope="module")
def mean(samples: dict[str, list[Sample]]) -> Mean:
    def of(metric: SampleMetric, column: str, name: str) -> float:
        metric.reset()
        # Outlines take long, and one fill of each case tells enough of them.
        metric.update(samples[name][:8] if isinstance(metric, OutlineCopy) else samples[name])
        return float(metric.compute()[column])

    return of


def test_a_collage_has_the_most_identity_no_diversity_and_copies_outlines(mean: Mean) -> None:
    identity, copy = Identity(ProbeEncoder()), OutlineCopy(resolution=40)
    others = ("real", "strangers", "floor")
    assert mean(identity, "probes-I", "collage") > max(mean(identity, "probes-I", name) for name in others)
    assert mean(Diversity(), "diversity", "collage") == 0
    assert mean(copy, "outline copy", "collage") > 0.2 + max(mean(copy, "outline copy", name) for name in others)


def test_what_never_sees_the_reference_is_the_reverse(mean: Mean) -> None:
    assert mean(Diversity(), "diversity", "strangers") > 10
    assert abs(mean(OutlineCopy(resolution=40), "outline copy", "strangers")) < 0.15
    attributes = Attributes()
    assert mean(attributes, "reference", "strangers") < 0.5 < 0.8 < mean(attributes, "reference", "collage")


def test_the_real_picture_is_right_in_reference_and_text_and_a_collage_in_the_reference_alone(mean: Mean) -> None:
    attributes = Attributes()
    assert mean(attributes, "reference", "real") > 0.9
    assert mean(attributes, "text", "real") > 0.9
    assert mean(attributes, "both", "real") > 0.8
    assert mean(attributes, "text", "collage") < 0.5
    assert mean(attributes, "both", "collage") < 0.3
    assert mean(attributes, "copied", "real") < 0.1
    assert mean(attributes, "copied", "collage") > 0.6


def test_the_real_picture_is_best_as_a_picture(mean: Mean, samples: dict[str, list[Sample]]) -> None:
    crop, encoder = Crop(), ProbeEncoder()

    def features(name: str) -> torch.Tensor:
        return encoder.features([crop.of(one.fill, one.mask) for one in samples[name]])

    for metric in (FID(encoder), KID(encoder)):
        found = {name: metric.distance(features(name), features("real")) for name in ("real", "collage", "floor")}
        assert found["real"] < found["collage"]
        assert found["real"] < found["floor"]
        assert found["real"] < 1e-2
    seams = {name: abs(mean(Seam(), "seam", name)) for name in ("real", "collage", "floor")}
    assert seams["real"] < min(seams["collage"], seams["floor"])


def test_a_background_that_moved_or_faded_is_seen(mean: Mean, problems: list[Problem]) -> None:
    for name in ("real", "collage", "floor"):
        assert mean(Background(), "background max", name) == 0
        assert mean(Background(), "background PSNR", name) == 100
    assert mean(Background(), "background max", "shifted") > 50
    assert mean(Background(), "background PSNR", "shifted") < 30
    assert mean(Background(), "background SSIM", "shifted") < 0.95
    one = problems[0]
    faded = ImageChops.subtract(one.scene, Image.new("RGB", one.scene.size, (1, 1, 1)))
    found = Background().score([Sample.of(one, faded, 0, problems[1])])[0]
    assert found[0] == 1
    assert found[1] < 60


def test_where_no_other_subject_is_outlines_have_no_figure(problems: list[Problem]) -> None:
    (fill,) = Collage().fill(problems[:1], 0)
    assert OutlineCopy().score([Sample.of(problems[0], fill, 0, problems[0])]).isnan().all()


def test_attributes_that_are_not_known_have_no_figure(samples: dict[str, list[Sample]]) -> None:
    one = samples["real"][0]
    unknown = replace(one, case=replace(one.case, attributes={}))
    assert Attributes().score([unknown]).isnan().all()
    edit = replace(one, case=replace(one.case, kind="edit"))
    metric = Attributes()
    place = [column.name for column in metric.columns].index("both")
    assert metric.score([edit]).isnan().nonzero()[:, 1].tolist() == [place]
    alike = replace(one, case=replace(one.case, shown=dict(one.case.attributes)))
    unknown = metric.score([alike])[0].isnan()
    assert unknown[[column.name for column in metric.columns].index("copied")]
