from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from dreaminpainter.app.studio import PREVIEWS, Fill, Step, Studio
from dreaminpainter.errors import InputError


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


def filled(studio: Studio, job) -> Fill:
    *steps, fill = studio.fill(job)
    assert all(isinstance(step, Step) for step in steps)
    assert isinstance(fill, Fill)
    return fill


def test_every_step_is_told_and_the_fill_is_the_pipelines(studio, pipeline, job) -> None:
    *steps, fill = studio.fill(job)
    assert [(step.done, step.steps) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    expected = pipeline(
        job.settings.prompt,
        job.scene,
        job.hole,
        job.subject,
        job.subject_mask,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    assert np.array_equal(pixels(fill.picture), pixels(expected))
    assert fill.tokens.size == (512, 512)
    assert 0 < fill.reference_share < 1
    outside = pixels(job.hole) == 0
    shown = pixels(steps[-1].picture)
    assert np.array_equal(shown[outside], pixels(job.scene)[outside])
    # The last step's picture is the result, but for the filter that enlarges it.
    assert np.abs(shown.astype(float) - pixels(expected)).mean() < 4


def test_a_long_fill_is_not_shown_at_each_step(studio, job) -> None:
    *steps, _ = studio.fill(replace(job, settings=replace(job.settings, num_inference_steps=3 * PREVIEWS)))
    assert len(steps) == 3 * PREVIEWS
    assert sum(step.picture is not None for step in steps) == PREVIEWS


def test_a_fill_that_is_closed_stops_computing(studio, job) -> None:
    calls = []
    hook = studio.pipeline.network.register_forward_hook(lambda *_: calls.append(1))
    try:
        news = studio.fill(replace(job, settings=replace(job.settings, num_inference_steps=100)))
        next(news)
        news.close()
        made = len(calls)
        assert made < 100
        # Closing waits until the work has ended, and the next one finds the pipeline free and whole.
        filled(studio, job)
        assert len(calls) == made + 4 + 1, "four steps and the look at the middle one"
    finally:
        hook.remove()


def test_an_error_comes_to_the_asker_and_the_next_fill_works(studio, job) -> None:
    with pytest.raises(InputError, match="Shorten it"):
        list(studio.fill(replace(job, settings=replace(job.settings, prompt="critter " * 99))))
    filled(studio, job)


def test_two_who_ask_at_once_get_what_each_would_get_alone(studio, job) -> None:
    jobs = [replace(job, settings=replace(job.settings, seed=seed, num_inference_steps=5 + seed)) for seed in (0, 1)]
    alone = [filled(studio, one) for one in jobs]
    found: dict[int, Fill] = {}
    threads = [
        Thread(target=lambda one=one, number=number: found.setdefault(number, filled(studio, one)))
        for number, one in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, fill in enumerate(alone):
        assert np.array_equal(pixels(found[number].picture), pixels(fill.picture))
        assert found[number].reference_share == fill.reference_share


def test_the_strip_fills_for_each_number_of_tokens(studio, job) -> None:
    assert studio.tokens == 256
    assert studio.ladder == [1, 4, 8, 16, 24, 48]
    fills = {k: news for k, news in studio.strip(job) if isinstance(news, Fill)}
    assert list(fills) == studio.ladder
    assert all(fill.job.settings.k == k for k, fill in fills.items())
    assert fills[1].reference_share < fills[48].reference_share
    alone = filled(studio, replace(job, settings=replace(job.settings, k=8)))
    assert np.array_equal(pixels(fills[8].picture), pixels(alone.picture))


@pytest.mark.parametrize(
    ("tokens", "trained", "expected"), [(16, 6, [1, 4, 6, 8, 16]), (1024, 24, [1, 4, 8, 16, 24, 48])]
)
def test_the_strip_has_the_trained_k_and_no_more_than_there_are(studio, monkeypatch, tokens, trained, expected) -> None:
    monkeypatch.setattr(studio, "tokens", tokens)
    monkeypatch.setattr(studio, "trained_k", trained)
    assert studio.ladder == expected


def test_the_scenes_alpha_stays_but_for_the_hole(studio, job) -> None:
    fill = filled(studio, replace(job, alpha=Image.new("L", job.scene.size, 100)))
    alpha, hole = pixels(fill.picture.getchannel("A")), pixels(job.hole) > 0
    assert (alpha[hole] == 255).all() and (alpha[~hole] == 100).all()


def test_words_that_the_model_never_learned_are_named(studio, job) -> None:
    fill = filled(studio, replace(job, notes=("converted",), settings=replace(job.settings, prompt="a critter zooms")))
    assert fill.notes[0] == "converted"
    assert "zooms" in fill.notes[1]
