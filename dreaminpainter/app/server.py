"""The server behind the page: this machine alone unless told otherwise, and nothing is asked of others."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from dreaminpainter.app.answers import Answers
from dreaminpainter.app.examples import examples_for
from dreaminpainter.app.page import build_page
from dreaminpainter.app.records import Recorder
from dreaminpainter.app.studio import Studio
from dreaminpainter.errors import SettingError
from dreaminpainter.pipeline import DreamInpainterPipeline

LARGEST_UPLOAD = "64mb"
"""Of one file; a photograph of 48 megapixels has about 20 MB as JPEG."""
WAITING = 20
"""Jobs that may wait; who comes then is told that it is full."""
SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
STYLE = Path(__file__).with_name("page.css")


class Server:
    """A page that is being served, until the context ends.

    Args:
        pipeline: what fills.
        model: what downloads name as the checkpoint.
        host: the address to listen on.
        port: the port there.

    Raises:
        SettingError: host and port cannot be had.
    """

    def __init__(self, pipeline: DreamInpainterPipeline, model: str, host: str, port: int) -> None:
        self._folder = TemporaryDirectory(prefix="dreaminpainter-")
        self.studio = Studio(pipeline)
        self.page = build_page(Answers(self.studio, Recorder(Path(self._folder.name), model)), examples_for(pipeline))
        self.page.queue(max_size=WAITING)
        # Not everything in Gradio asks the page whether it may call home.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        try:
            _, self.url, _ = self.page.launch(
                server_name=host,
                server_port=port,
                max_file_size=LARGEST_UPLOAD,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                run_history=False,
                enable_monitoring=False,
                footer_links=["api", "settings"],
                theme=_theme(),
                css_paths=STYLE,
            )
        except OSError as error:
            self._folder.cleanup()
            raise SettingError(
                f"host={host} and port={port} cannot be listened on: {error}. Give another port, such as {port + 1}."
            ) from error

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *exception: object) -> None:
        self.page.close(verbose=False)
        self._folder.cleanup()

    def wait(self) -> None:
        """Returns when the server was stopped, as by Ctrl-C."""
        self.page.block_thread()


def _theme() -> gr.themes.Base:
    theme = gr.themes.Default(
        primary_hue="pink", neutral_hue="slate", font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")
    )
    # Gradio's own is hard to read on white.
    theme.set(
        body_text_color_subdued="*neutral_500",
        block_info_text_color="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color_dark="*neutral_400",
    )
    return theme
