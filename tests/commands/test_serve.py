"""The command around the page; the page itself is tested in tests/app."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from dreaminpainter.cli import main
from dreaminpainter.commands import serve

# What a shell starts in the background ignores interrupts, and so would whatever these tests start.
INTERRUPTED = """
import signal, sys
from dreaminpainter.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""
SMALL = str(Path(__file__).parents[1] / "models" / "critters_small")


def test_without_gradio_the_command_names_what_to_install(monkeypatch, capsys) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    assert main(["serve"]) == 2
    assert 'pip install "dreaminpainter[app]"' in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_with_the_fix(capsys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--checkpoint", SMALL, "--port", str(port), "--device", "cpu"]) == 2
    message = capsys.readouterr().err
    assert f"port={port}" in message and f"such as {port + 1}" in message


def test_it_serves_this_machine_alone_until_it_is_interrupted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--checkpoint", SMALL, "--port", str(port), "--device", "cpu"]
    command = subprocess.Popen([sys.executable, "-c", INTERRUPTED, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert command.stdout is not None
        assert f"http://127.0.0.1:{port}" in command.stdout.readline()
        with urlopen(f"http://127.0.0.1:{port}/") as page:
            assert "DreamInpainter" in page.read().decode()
        if sys.platform == "linux":  # where the whole of 127.* is this machine
            with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
                pass
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=120) == 0
    finally:
        command.kill()
