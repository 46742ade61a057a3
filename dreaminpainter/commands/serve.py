"""`serve`: the web page, on which a hole is painted by hand."""

from importlib.util import find_spec

from dreaminpainter.commands.calling import call
from dreaminpainter.errors import DreamInpainterError
from dreaminpainter.pretrained import CRITTERS


def serve(host: str = "127.0.0.1", port: int = 7860, checkpoint: str = CRITTERS, device: str = "auto") -> None:
    """Opens a web page on which a hole is painted, filled, compared and downloaded; Ctrl-C ends it.

    The page loads nothing from elsewhere, and nothing of what is uploaded leaves this machine. Programs call it by
    gradio_client: the endpoint is /fill, and the page's foot says how.

    Args:
        host: the address to listen on; 0.0.0.0 lets others in the network use the page, without a password.
        port: the port there.
        checkpoint: a training checkpoint (RUN/checkpoints/last.ckpt), or the small last.lora.safetensors beside it, the
            folder of a saved pipeline, or "critters", the model of drawn creatures that comes with the package.
        device: "cpu", "cuda", "mps", or "auto" for the fastest there is.

    Raises:
        DreamInpainterError: Gradio is not installed.
        SettingError: the port is taken, or there is no such device.
    """
    if find_spec("gradio") is None:
        raise DreamInpainterError('The page needs Gradio: pip install "dreaminpainter[app]"')
    from dreaminpainter.app.server import Server
    from dreaminpainter.checkpoints import load_pipeline
    from dreaminpainter.commands.devices import chosen_device
    from dreaminpainter.commands.noise import silence_loading

    silence_loading()
    with Server(load_pipeline(checkpoint).to(chosen_device(device)), checkpoint, host, port) as server:
        print(f"serving {checkpoint} on {server.url} until Ctrl-C", flush=True)
        server.wait()


def run(name: str, arguments: list[str]) -> None:
    """Runs the command with the given arguments."""
    call(serve, name, arguments)
