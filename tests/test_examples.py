"""Somebody else's package, as it lies in `examples/`, without a line changed in this one."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import TINY, fitted, instantiated

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.errors import SettingError
from dreaminpainter.types import TokenFeatures

FOLDER = Path(__file__).parents[1] / "examples" / "novel_components"
CONFIG = ["--config", str(FOLDER / "config.yaml"), "--model.selector.init_args.k", "5"]


@pytest.fixture(autouse=True, scope="module")
def on_the_path() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield


def test_its_classes_are_named_in_yaml_and_train(tmp_path) -> None:
    checkpoint = fitted(tmp_path, "--trainer.logger", "false", *CONFIG)
    selector = checkpoint["model"]["adapter"]["selector"]
    assert selector == {"class_path": "novel_components.selectors.FarthestPoints", "init_args": {"k": 5}}
    pipeline = load_pipeline(str(tmp_path / "checkpoints" / "last.ckpt"))
    assert type(pipeline.network.selector).__name__ == "FarthestPoints"
    assert pipeline.network.selector.k == 5


def test_its_schedule_decides_the_plan_at_the_step_that_it_names() -> None:
    more = ["--model.regularizer.init_args.probability.init_args.after", "1.0"]
    made = instantiated(*TINY, *CONFIG, *more)
    batch = next(iter(made.data.val_dataloader()))
    assert set(made.model.regularizer(batch, 999).objective) == {"main"}
    assert set(made.model.regularizer(batch, 1000).objective) == {"regularization"}


@given(seed=st.integers(0, 999), count=st.integers(1, 12), class_token=st.booleans(), data=st.data())
def test_each_chosen_token_is_the_one_most_unlike_those_before(seed, count, class_token, data) -> None:
    from novel_components import FarthestPoints

    k = data.draw(st.integers(1, count))
    tokens = torch.randn(1, count + class_token, 3, generator=torch.Generator().manual_seed(seed))
    selection = FarthestPoints(k)(TokenFeatures(tokens, (1, count), has_class_token=class_token))
    chosen = selection.indices[0].tolist()
    assert len(set(chosen)) == k
    spatial = range(int(class_token), count + class_token)
    assert set(chosen) <= set(spatial)
    unit = torch.nn.functional.normalize(tokens[0], dim=1)
    for place in range(1, k):
        nearest = {one: max(float(unit[one] @ unit[other]) for other in chosen[:place]) for one in spatial}
        assert nearest[chosen[place]] <= min(nearest.values()) + 1e-5


def test_equal_tokens_are_not_chosen_twice_and_k_is_checked() -> None:
    from novel_components import FarthestPoints

    features = TokenFeatures(torch.ones(2, 6, 3), (2, 3))
    assert FarthestPoints(4)(features).indices.sort().values.tolist() == [[0, 1, 2, 3]] * 2
    with pytest.raises(SettingError, match="Set k to 6 or less"):
        FarthestPoints(7)(features)


@given(seed=st.integers(0, 999), count=st.integers(2, 12), data=st.data())
def test_other_similarities_rank_by_what_each_token_receives(seed, count, data) -> None:
    from novel_components import DotProduct, EuclideanDistance, MostTypical, OthersOnly, Tempered

    k = data.draw(st.integers(1, count))
    tokens = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def received(similarity) -> list[float]:
        rows = [[similarity(one, other) for other in tokens] for one in tokens]
        shares = [[torch.exp(value) / sum(map(torch.exp, row)) for value in row] for row in rows]
        return [float(sum(row[place] for row in shares)) for place in range(count)]

    oracles = {
        DotProduct: (received(lambda one, other: one @ other / 2), False),
        EuclideanDistance: (received(lambda one, other: -(one - other).norm() / 2), False),
        MostTypical: (received(lambda one, other: torch.cosine_similarity(one, other, dim=0)), True),
        Tempered: (received(lambda one, other: torch.cosine_similarity(one, other, dim=0) / 0.1), False),
        OthersOnly: (received(_similar_to_another), False),
    }
    for selector, (scores, highest_first) in oracles.items():
        selection = selector(k)(TokenFeatures(tokens.float()[None], (1, count)))
        assert selection.scores[0].tolist() == pytest.approx(scores, abs=1e-4)
        ranked = sorted(scores, reverse=highest_first)[:k]
        assert [scores[place] for place in selection.indices[0].tolist()] == pytest.approx(ranked, abs=1e-4)


def _similar_to_another(one, other) -> torch.Tensor:
    return torch.tensor(-torch.inf) if torch.equal(one, other) else torch.cosine_similarity(one, other, dim=0)


def test_sums_of_rows_rank_nothing() -> None:
    from novel_components import RowSums

    features = TokenFeatures(torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(0)), (4, 5))
    assert RowSums(5)(features).scores.flatten().tolist() == pytest.approx([1.0] * 60, abs=1e-5)
