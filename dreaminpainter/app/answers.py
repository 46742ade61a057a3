"""What the page does when it is asked: the work of the studio, told to Gradio's components."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import gradio as gr
from PIL import Image

from dreaminpainter.app import views
from dreaminpainter.app.inputs import Editor, boxed, from_editors, from_files
from dreaminpainter.app.jobs import Job, Settings
from dreaminpainter.app.records import Record, Recorder, forget, with_newest
from dreaminpainter.app.studio import Step, Studio
from dreaminpainter.errors import DreamInpainterError

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

SHOWN = 768
"""Sides of what is shown in pixels: small pictures are enlarged to it. Downloads keep their own size."""


def told(answer: Callable[P, Iterator[T]], after_error: T | None = None) -> Callable[P, Iterator[T]]:
    """An answer whose errors the page tells; those that are not the asker's are logged with their trace.

    Args:
        answer: a generator function.
        after_error: what the page shows from then on; as it is where left out.
    """

    @wraps(answer)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        try:
            yield from answer(*args, **kwargs)
            return
        except DreamInpainterError as error:
            message = str(error)
        except Exception:
            logger.exception("An answer of the page failed.")
            message = "Something went wrong on the server; its log has the details. The page still works."
        if after_error is not None:
            yield after_error
        raise gr.Error(message, print_exception=False)

    return guarded


class Answers:
    """What happens on each click, and on each call of the API.

    Args:
        studio: what fills.
        recorder: what keeps the fills.
    """

    def __init__(self, studio: Studio, recorder: Recorder) -> None:
        self.studio = studio
        self.recorder = recorder

    def fill(
        self, scene: Editor | None, reference: Editor | None, history: list[Record], *settings: Any
    ) -> Iterator[tuple[Any, ...]]:
        """Result, status, tokens, shares, history, its gallery and its two downloads, again and again."""
        job = Job(**vars(from_editors(scene, reference)), settings=Settings.asked(*settings))
        with self._shown() as shown:
            before = shown(job.scene)
            unchanged = (gr.skip(),) * 6
            yield (before, before), views.WAITING, *unchanged
            for news in self.studio.fill(job):
                if isinstance(news, Step):
                    after = gr.skip() if news.picture is None else (before, shown(news.picture))
                    yield after, views.progress("Filling the hole", news.done, news.steps), *unchanged
                    continue
                history = with_newest(history, self.recorder.keep(news))
                yield (
                    (before, shown(news.picture)),
                    views.finished("Filled.", news.notes),
                    shown(news.tokens),
                    views.shares(news.reference_share),
                    history,
                    *self.shelf(history),
                )

    def strip(
        self, scene: Editor | None, reference: Editor | None, *settings: Any
    ) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
        """Status and gallery of the same hole filled with more and more tokens (as the paper's Fig. 7)."""
        job = Job(**vars(from_editors(scene, reference)), settings=Settings.asked(*settings))
        count = len(self.studio.ladder)
        done: list[tuple[str, str]] = []
        with self._shown() as shown:
            yield views.WAITING, done
            for k, news in self.studio.strip(job):
                if isinstance(news, Step):
                    made = len(done) * news.steps + news.done
                    yield views.progress(f"Filling with K = {k}", made, count * news.steps), done
                    continue
                done = [*done, (shown(news.picture), self.caption(k))]
                yield views.finished("Compared.", news.notes) if len(done) == count else gr.skip(), done

    def caption(self, k: int) -> str:
        """What is told of a number of tokens."""
        if k == self.studio.tokens:
            return f"all {k}"
        return f"K = {k}, as trained" if k == self.studio.trained_k else f"K = {k}"

    def call(
        self,
        image: str,
        mask_image: str,
        reference_image: str,
        prompt: str,
        k: float,
        guidance_scale: float,
        reference_scale: float,
        num_inference_steps: float,
        seed: float,
        reference_mask: str | None = None,
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """The API: the filled picture's file and its settings; before it is done, how far it is."""
        pictures = from_files(image, mask_image, reference_image, reference_mask)
        settings = Settings.asked(prompt, k, guidance_scale, reference_scale, num_inference_steps, seed)
        job = Job(**vars(pictures), settings=settings)
        for news in self.studio.fill(job):
            if isinstance(news, Step):
                yield None, {"step": news.done, "steps": news.steps}
            else:
                record = self.recorder.keep(news)
                try:  # Gradio has copied the file when it comes back; nobody asks for this one again.
                    yield record.picture, self.recorder.settings(news)
                finally:
                    forget([record])

    @contextmanager
    def _shown(self) -> Iterator[Callable[[Image.Image], str]]:
        """Writes pictures for the eye into files, which are there while the context lasts.

        Gradio copies files once. Of pictures that it is given itself it would write the same file at each news, while a
        browser may be reading it.
        """
        with TemporaryDirectory(dir=self.recorder.folder) as folder:

            def write(picture: Image.Image) -> str:
                path = Path(folder) / f"{uuid4().hex}.png"
                for_the_eye(picture).save(path)
                return str(path)

            yield write

    def box(self, scene: Editor | None) -> Iterator[Editor]:
        """The scene with its paint grown into a box."""
        yield boxed(scene)

    def shelf(self, history: list[Record], chosen: int = 0) -> tuple[Any, ...]:
        """The history's gallery, and the downloads of the chosen record."""
        record = history[chosen]
        return (
            gr.Gallery([(record.picture, record.caption) for record in history], selected_index=chosen),
            gr.DownloadButton(value=record.picture, interactive=True),
            gr.DownloadButton(value=record.settings, interactive=True),
        )

    def choose(self, history: list[Record], event: gr.SelectData) -> tuple[Any, Any]:
        """The downloads of the record that was clicked."""
        _, picture, settings = self.shelf(history, int(event.index))
        return picture, settings


def new_seed() -> int:
    """Another seed, of few digits so that it can be read out."""
    return SystemRandom().randrange(100_000)


def for_the_eye(picture: Image.Image) -> Image.Image:
    """A copy for the eye, its longer side `SHOWN` pixels."""
    factor = SHOWN / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS)
