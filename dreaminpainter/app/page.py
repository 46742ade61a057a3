"""The page: where everything stands, and what a click sets going."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from dreaminpainter.app import views
from dreaminpainter.app.answers import Answers, new_seed, told
from dreaminpainter.app.editors import paint_editor
from dreaminpainter.app.examples import Example
from dreaminpainter.app.jobs import MOST_STEPS
from dreaminpainter.app.records import forget

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "pipeline"}
"""All that fills stands in one queue."""
BESIDE: dict[str, Any] = {"concurrency_limit": 1, "show_progress": "hidden", "api_visibility": "private"}
"""What takes memory but no pipeline stands in a queue of its own."""
AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""What needs neither is answered at once."""
WHEN_DRAWN = """
async () => {
    while (document.querySelectorAll("#scene canvas, #reference canvas").length < 2)
        await new Promise((done) => setTimeout(done, 100));
    await new Promise((done) => setTimeout(done, 500));
}
"""
"""Waits for the editors: paint that is there before a canvas is ready is lost, or drawn beside the picture."""
HEAD = """
# DreamInpainter
Paint over a part of a scene, show a subject, say what it does there. The hole is filled with *that* subject doing what
the *text* says, and every other pixel stays as it is.
"""


@dataclass
class Asked:
    """The components that a fill is asked with, and the two that start and end it."""

    scene: gr.ImageEditor
    reference: gr.ImageEditor
    settings: list[Any]
    fill: gr.Button
    stop: gr.Button


def build_page(answers: Answers, examples: list[Example]) -> gr.Blocks:
    """The page for a studio.

    Args:
        answers: what happens on each click.
        examples: what may be tried; the first one is there when the page opens.
    """
    page = gr.Blocks(title="DreamInpainter", analytics_enabled=False, delete_cache=(3600, 86400))
    with page:
        gr.Markdown(HEAD, elem_classes="di-head")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                gallery = _gallery_of(examples) if examples else None
                asked = _question(answers)
            with gr.Column(scale=6, min_width=320):
                _result(answers, asked)
        _api(answers, asked)
        if gallery is not None:
            _try_examples(page, examples, gallery, asked)
    return page


def _gallery_of(examples: list[Example]) -> gr.Gallery:
    gr.Markdown("**Examples** to try: a scene with its hole, and the subject in the corner.")
    return gr.Gallery(
        [(example.thumbnail(), None) for example in examples],
        show_label=False,
        columns=len(examples),
        allow_preview=False,
        object_fit="cover",
        height="auto",
        buttons=[],
        interactive=False,
        format="png",
        elem_id="examples",
    )


def _try_examples(page: gr.Blocks, examples: list[Example], gallery: gr.Gallery, asked: Asked) -> None:
    def show(number: int) -> tuple[Any, Any, str]:
        return *examples[number].editors(), examples[number].prompt

    def choose(event: gr.SelectData) -> tuple[Any, Any, str]:
        return show(int(event.index))

    shown = [asked.scene, asked.reference, asked.settings[0]]
    gallery.select(choose, None, shown, **AT_ONCE)
    page.load(lambda: show(0), None, shown, js=WHEN_DRAWN, **AT_ONCE)


def _question(answers: Answers) -> Asked:
    gr.Markdown("### 1 · Scene\nPaint over what is to be filled.", elem_classes="di-title")
    scene = paint_editor(400, (), "scene")
    box = gr.Button("Make the paint a box", size="sm", elem_id="box")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=240):
            gr.Markdown("### 2 · Subject\nCrop it or paint over it, unless it is cut out.", elem_classes="di-title")
            reference = paint_editor(280, ("crop",), "reference")
        with gr.Column(min_width=240):
            gr.Markdown("### 3 · Prompt\nWhat the whole picture shows.", elem_classes="di-title")
            prompt = gr.Textbox(show_label=False, container=False, lines=7, max_lines=7, elem_id="prompt")
            with gr.Row():
                fill = gr.Button("Fill the hole", variant="primary", scale=3, min_width=140, elem_id="fill")
                stop = gr.Button("Stop", scale=1, min_width=80, elem_id="stop")
    settings = [prompt, *_settings(answers)]
    box.click(told(answers.box), scene, scene, **BESIDE)
    return Asked(scene, reference, settings, fill, stop)


def _settings(answers: Answers) -> list[Any]:
    studio = answers.studio
    made_for = studio.made_for
    tokens = f"Tokens for the subject, of {studio.tokens}; trained with {studio.trained_k}."
    reference = "1 is the paper's." if made_for.reference_dropout else "This model was not trained for it."
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        with gr.Row():
            k = gr.Slider(1, studio.tokens, studio.trained_k, step=1, label="K", info=tokens)
            steps = gr.Slider(
                1, MOST_STEPS, made_for.num_inference_steps, step=1, label="Steps", info="More is slower and finer."
            )
        with gr.Row():
            guidance = gr.Slider(
                1, 20, made_for.guidance_scale, step=0.1, label="Guidance", info="How strongly the text counts."
            )
            reference_scale = gr.Slider(
                0,
                4,
                made_for.reference_scale,
                step=0.1,
                label="Reference scale",
                info=reference,
                interactive=bool(made_for.reference_dropout),
            )
        with gr.Row(equal_height=True):
            seed = gr.Number(
                0, label="Seed", precision=0, minimum=0, info="The same one gives the same picture.", elem_id="seed"
            )
            another = gr.Button("Another seed", min_width=140)
    another.click(new_seed, None, seed, **AT_ONCE)
    return [k, guidance, reference_scale, steps, seed]


def _result(answers: Answers, asked: Asked) -> None:
    gr.Markdown("### Result\nDrag the handle: before on its left, after on its right.", elem_classes="di-title")
    result = gr.ImageSlider(
        show_label=False,
        type="pil",
        format="png",
        interactive=False,
        buttons=["fullscreen"],
        height=620,
        max_height=620,
        elem_id="result",
    )
    status = gr.HTML(views.IDLE, elem_id="status")
    with gr.Tabs():
        with gr.Tab("Explained"), gr.Row():
            tokens = gr.Image(
                label="Chosen tokens, in their order",
                type="pil",
                format="png",
                interactive=False,
                buttons=[],
                height=300,
                min_width=240,
                elem_id="tokens",
            )
            with gr.Column(min_width=240):
                gr.Markdown(
                    "**What the hole looked at.** Halfway through, the layers that read the subject divided their "
                    "attention between its tokens and the words."
                )
                shares = gr.HTML(elem_id="shares")
        with gr.Tab("Over K"):
            gr.Markdown(
                "The same hole and seed with K from few to many, as in the paper's Fig. 7: "
                + ", ".join(str(k) for k in answers.studio.ladder)
                + "."
            )
            compare = gr.Button("Compare", size="md", elem_id="compare")
            strip = gr.Gallery(
                show_label=False,
                columns=3,
                fit_columns=False,
                height="auto",
                buttons=[],
                interactive=False,
                format="png",
                elem_id="strip",
            )
        with gr.Tab("History"):
            shelf = gr.Gallery(
                show_label=False,
                columns=4,
                fit_columns=False,
                height="auto",
                allow_preview=False,
                buttons=[],
                interactive=False,
                format="png",
                elem_id="history",
            )
            with gr.Row():
                picture = gr.DownloadButton("Download picture (PNG)", interactive=False, size="md", elem_id="png")
                told_settings = gr.DownloadButton(
                    "Download settings (JSON)", interactive=False, size="md", elem_id="json"
                )
    history = gr.State([], time_to_live=86400, delete_callback=forget)
    filling = asked.fill.click(
        told(answers.fill, (gr.skip(), views.FAILED, *(gr.skip(),) * 6)),
        [asked.scene, asked.reference, history, *asked.settings],
        [result, status, tokens, shares, history, shelf, picture, told_settings],
        show_progress="minimal",
        show_progress_on=status,
        api_name="fill_on_page",  # so that the endpoint for programs can be called /fill
        api_visibility="private",
        **ONE_AT_A_TIME,
    )
    comparing = compare.click(
        told(answers.strip, (views.FAILED, gr.skip())),
        [asked.scene, asked.reference, *asked.settings],
        [status, strip],
        show_progress="minimal",
        show_progress_on=status,
        api_visibility="private",
        **ONE_AT_A_TIME,
    )
    # Told afterwards, since news that were on their way may still come in.
    stopping = asked.stop.click(None, cancels=[filling, comparing])
    stopping.then(lambda: views.STOPPED, None, status, **AT_ONCE)
    shelf.select(answers.choose, history, [picture, told_settings], **AT_ONCE)


def _api(answers: Answers, asked: Asked) -> None:
    """An endpoint for programs, which send files as they are."""
    with gr.Row(visible=False):
        names = ("image", "mask_image", "reference_image", "reference_mask")
        *pictures, mask = [gr.File(label=name, type="filepath") for name in names]
        filled, settings = gr.File(label="filled"), gr.JSON(label="settings")
        gr.Button().click(
            told(answers.call),
            [*pictures, *asked.settings, mask],
            [filled, settings],
            api_name="fill",
            **ONE_AT_A_TIME,
        )
