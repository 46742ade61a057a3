"""A hub on the loopback that serves a folder, and stops half-way through large files until it is told to go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

COMMIT = "0" * 40


class StallingHub(ThreadingHTTPServer):
    """Answers what huggingface_hub asks for of one model, whatever its name is.

    Args:
        folder: what the model consists of.
        stalls: ends of the names of files that are sent up to their half only.
    """

    daemon_threads = True

    def __init__(self, folder: Path, stalls: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder, self.stalls = folder, stalls
        self.going_on = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def files(self) -> list[dict[str, object]]:
        return [
            {"path": str(path.relative_to(self.folder)), "size": path.stat().st_size, "type": "file", "oid": COMMIT}
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        ]


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StallingHub

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if "/tree/" in self.path:
            self._send(200, json.dumps(self.server.files()).encode(), {"Content-Type": "application/json"})
        elif "/resolve/" in self.path:
            self._file(self.path.split("/resolve/")[1].split("/", 1)[1], body)
        else:
            model = {"id": "somebody/mine", "sha": COMMIT, "siblings": [], "tags": []}
            self._send(200, json.dumps(model).encode(), {"Content-Type": "application/json"})

    def _file(self, name: str, body: bool) -> None:
        path = self.server.folder / name
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = path.read_bytes()
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        headers = {
            "ETag": f'"{blake2b(name.encode(), digest_size=20).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        half = body and name.endswith(self.server.stalls) and not self.server.going_on.is_set()
        until = len(content) // 2 if half else len(content)
        self._send(206 if first else 200, content[first:until] if body else b"", headers, len(content) - first)
        if half:
            self.server.going_on.wait(60)  # says nothing more, as a hub that hangs
            self.close_connection = True

    def _send(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content) if length is None else length)}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextmanager
def stalling_hub(folder: Path, stalls: str) -> Iterator[StallingHub]:
    """Such a hub while the block runs."""
    hub = StallingHub(folder, stalls)
    thread = Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.going_on.set()
        hub.shutdown()
        thread.join()
        hub.server_close()
