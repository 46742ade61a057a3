import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from dreaminpainter.data.datamodule import InpaintingDataModule
from dreaminpainter.data.masking import ExactMask, MaskGenerator
from dreaminpainter.data.sources import CocoSource, CrittersSource
from dreaminpainter.errors import MissingFileError, SettingError


def critters(count: int = 10, **settings: Any) -> CrittersSource:
    return CrittersSource(size=32, reference_size=32, count=count, supersample=1, **settings)


def module(**settings: Any) -> InpaintingDataModule:
    defaults: dict[str, Any] = {
        "train": {"drawn": critters()},
        "validation": {"drawn": critters(6, split="validation")},
        "height": 32,
        "width": 32,
        "reference_size": 32,
        "batch_size": 4,
        "num_workers": 0,
    }
    return InpaintingDataModule(**(defaults | settings))


def ids(loader: Any) -> list[str]:
    return [name for batch in loader for name in batch.id]


def test_making_it_reads_nothing() -> None:
    missing = CocoSource("no/such/folder")
    data = module(train={"coco": missing}, validation={"coco": missing})
    for ask in (data.train_dataloader, data.val_dataloader, data.test_dataloader, data.predict_dataloader):
        with pytest.raises(MissingFileError, match="no/such/folder"):
            ask()


def test_a_batch_tells_what_is_known_of_its_subjects() -> None:
    data = module(train={"drawn": critters()})
    for batch in data.train_dataloader():
        drawn = [critters()[int(name.rpartition("-")[2])] for name in batch.id]
        assert batch.attributes == [instance.attributes for instance in drawn]


def test_training_fills_its_last_batch_from_the_next_round_and_evaluation_does_not() -> None:
    data = module()
    loader = data.train_dataloader()
    first = list(loader)
    assert [len(batch) for batch in first] == [4, 4, 4]
    loader.sampler.set_epoch(1)
    twenty = ids([*first, *loader])[:20]
    assert len(set(twenty[:10])) == len(set(twenty[10:])) == 10, "the second epoch goes on where the first ended"
    assert [len(batch) for batch in data.val_dataloader()] == [4, 2]


def test_a_share_is_held_out_for_validation_where_none_is_given() -> None:
    data = module(train={"drawn": critters(60)}, validation=None, validation_share=0.25)
    trained, validated = set(ids(data.train_dataloader())), set(ids(data.val_dataloader()))
    assert trained and validated and not trained & validated
    assert trained | validated <= {f"train-0-{number}" for number in range(60)}
    assert len(data.train["drawn"]) + len(data.validation["drawn"]) == 60


class StepMask(MaskGenerator):
    """A hole of as many columns as steps."""

    def forward(self, object_mask: torch.Tensor, key: torch.Tensor, step: int = 0) -> torch.Tensor:
        hole = torch.zeros_like(object_mask)
        hole[..., : step + 1] = 1
        return hole


@pytest.mark.parametrize("workers", [0, 2])
def test_masks_know_the_optimizer_step_that_they_are_for(workers: int, tmp_path: Path) -> None:
    data = module(train={"drawn": critters(24)}, batch_size=3, num_workers=workers, mask=StepMask())
    data.trainer = Trainer(accumulate_grad_batches=2, logger=False, accelerator="cpu", default_root_dir=tmp_path)
    loader = data.train_dataloader()
    seen = []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        seen += [int(batch.mask[0, 0, 0].sum()) - 1 for batch in loader]
    assert seen == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]


def test_test_and_predict_take_the_validation_samples_where_no_others_are_given() -> None:
    assert ids(module().test_dataloader()) == ids(module().predict_dataloader()) == ids(module().val_dataloader())
    own = module(test={"drawn": critters(3, split="test")})
    assert ids(own.test_dataloader()) == ids(own.predict_dataloader()) == ["test-0-0", "test-0-1", "test-0-2"]


def test_validation_samples_limit_validation_and_test_and_spread() -> None:
    data = module(validation_samples=3)
    assert ids(data.val_dataloader()) == ["validation-0-0", "validation-0-2", "validation-0-4"]
    assert len(ids(data.test_dataloader())) == 3


def test_weights_decide_the_shares_and_the_epoch_has_the_length_that_was_set() -> None:
    sources = {"many": critters(100), "few": critters(4, seed=1)}
    data = module(train=sources, weights={"few": 1.0, "many": 3.0}, samples_per_epoch=16)
    names = [name for batch in data.train_dataloader() for name in batch.source]
    assert (names.count("few"), names.count("many")) == (4, 12)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_object_that_comes_often_makes_another_sample_each_time(workers: int) -> None:
    sources = {"many": critters(20), "few": critters(2, seed=1)}
    data = module(train=sources, weights={"few": 1.0, "many": 1.0}, samples_per_epoch=16, num_workers=workers)
    loader, seen = data.train_dataloader(), []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        seen += [sample for batch in loader for sample in zip(batch.source, batch.id, batch.key.tolist(), strict=True)]
    assert sum(source == "few" for source, _, _ in seen) == 16
    assert len(set(seen)) == len(seen) == 32


def test_settings_reach_the_samples() -> None:
    data = module(height=32, width=64, reference_size=48, mask=ExactMask(), seed=5)
    batch, other = next(iter(data.val_dataloader())), next(iter(module().val_dataloader()))
    assert batch.image.shape[2:] == (32, 64)
    assert batch.reference.pixels.shape[2:] == (48, 48)
    assert batch.key.tolist() == other.key.tolist(), "validation samples do not depend on the run's seed"
    trained, other = next(iter(data.train_dataloader())), next(iter(module().train_dataloader()))
    assert not set(trained.key.tolist()) & set(other.key.tolist())


def test_an_epoch_too_short_for_a_batch_is_refused_with_both_numbers() -> None:
    with pytest.raises(
        SettingError, match=r"10 samples a process and data.batch_size is 11: it is shorter than a batch\. Lower"
    ):
        module(batch_size=11).train_dataloader()


@pytest.mark.parametrize(
    ("name", "value", "least"), [("num_workers", -1, 0), ("samples_per_epoch", 0, 1), ("validation_samples", 0, 1)]
)
def test_numbers_out_of_range_are_refused(name, value, least) -> None:
    with pytest.raises(SettingError, match=f"data.{name} is {value}. Set it to {least} or more"):
        module(**{name: value})


def test_a_source_without_instances_is_named_with_what_it_left_out(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    annotations = {
        "images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 90}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]]}],
    }
    (tmp_path / "annotations" / "instances_mine.json").write_text(json.dumps(annotations))
    with pytest.raises(SettingError, match=r"source 'mine' has no instances \(left out: {'too small': 1}\)"):
        module(train={"mine": CocoSource(str(tmp_path), "mine")}).train_dataloader()


def test_what_is_broken_in_a_source_is_reported_as_training_starts(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    whole = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 40, 0, 40, 40, 0, 40]]}
    annotations = {
        "images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 90}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [whole, whole | {"id": 2, "image_id": 7}],
    }
    (tmp_path / "annotations" / "instances_mine.json").write_text(json.dumps(annotations))
    data = module(train={"mine": CocoSource(str(tmp_path), "mine")}, batch_size=1)
    with pytest.warns(UserWarning, match="mine: 1 objects are broken(.|\\n)*annotation 2 is of picture 7"):
        data.train_dataloader()


def test_the_manifest_tells_data_apart_by_settings_and_size() -> None:
    hashes = [
        module(train=train).manifest_hash()
        for train in (
            {"drawn": critters()},
            {"drawn": critters()},
            {"drawn": critters(11)},
            {"drawn": critters(seed=1)},
            {"other": critters()},
            {"drawn": critters(), "more": critters()},
        )
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 5


@pytest.mark.parametrize("workers", [0, 1])
def test_every_epoch_of_a_trainer_draws_anew(workers: int, tmp_path: Path) -> None:
    class Listening(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.heard: dict[int, list[tuple[str, int]]] = {}

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.heard.setdefault(self.current_epoch, []).extend(zip(batch.id, batch.key.tolist(), strict=True))
            return self.weight.sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    listening = Listening()
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        default_root_dir=tmp_path,
    )
    trainer.fit(listening, datamodule=module(batch_size=5, num_workers=workers))
    heard = listening.heard
    assert [sorted(name for name, _ in heard[epoch]) for epoch in range(3)] == [
        sorted(f"train-0-{n}" for n in range(10))
    ] * 3
    assert len({tuple(name for name, _ in heard[epoch]) for epoch in range(3)}) == 3
    assert len({key for epoch in range(3) for _, key in heard[epoch]}) == 30
