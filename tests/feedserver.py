"""A small real HTTP server on loopback, for tests: every path answers what its script says.

    with FeedServer() as server:
        server.put("/feed.xml", answer(b"<rss/>", ETag='"1"'), answer(status=304))
        ... server.url("/feed.xml") ...
        assert server.requests[0].headers["user-agent"] == "..."

* An answer is a series of steps: bytes are sent as they are, a number is a pause in seconds.
  So a script can drip, cut itself short, or be no HTTP at all. `answer()` makes a proper one.
* A path with several answers gives one after another; the last one stays. A function of the
  request may stand in for an answer.
* One connection serves one request. Pauses end at once when the server is closed.
* Standard library only; nothing of the project is used.
"""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

Step = bytes | float
Script = Iterable[Step] | Callable[["Request"], Iterable[Step]]


@dataclass(frozen=True)
class Request:
    """What a client asked; *headers* has lower-case names."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer(body=b"", status=200, **headers):
    """Return the steps of one complete answer; a header `content_type` is sent as Content-Type.

    A header with the value None is left out, Content-Length too.
    """
    lines = {"content-length": str(len(body)), "connection": "close"}
    lines |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return [head.encode("latin-1") + b"\r\n" + body]


def conditional(body, *, etag=None, last_modified=None, content_type="application/rss+xml"):
    """Return a script that answers 304 to whom has *body* already, as a polite server does."""

    def script(request):
        asked = request.headers
        same = (
            asked.get("if-none-match") == etag
            if "if-none-match" in asked
            else last_modified and asked.get("if-modified-since") == last_modified
        )
        validators = {"etag": etag, "last_modified": last_modified}
        if same:
            return answer(status=304, content_length=None, **validators)
        return answer(body, content_type=content_type, **validators)

    return script


class FeedServer:
    """The server; starts when entered, stops when left. *requests* has all it was asked.

    With *tls*, an `ssl.SSLContext` that holds a certificate, it speaks https.
    """

    def __init__(self, host="127.0.0.1", *, tls=None):
        self.requests = []
        self._scripts = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = socketserver.ThreadingTCPServer(
            (host, 0), self._handler(), bind_and_activate=False
        )
        self._server.request_queue_size = 128
        self._server.daemon_threads = False
        self._server.server_bind()
        self._server.server_activate()
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="feedserver"
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self):
        return self._server.server_address[1]

    def url(self, path="/", host="127.0.0.1"):
        """Return the address of *path*, under another name or literal address if wanted."""
        return f"{self._scheme}://{host}:{self.port}{path}"

    def put(self, path, *scripts):
        """Let *path* answer with each of *scripts* in turn, and with the last one from then on."""
        with self._lock:
            self._scripts[path] = list(scripts)

    def asked(self, path):
        """Return the requests for *path*, in order."""
        return [request for request in self.requests if request.path == path]

    def _next(self, request):
        with self._lock:
            self.requests.append(request)
            scripts = self._scripts.get(request.path) or [answer(b"not here", 404)]
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return script(request) if callable(script) else script

    def _handler(self):
        server = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self):
                # A client that leaves early is what many tests are about.
                with contextlib.suppress(ConnectionError, TimeoutError, ValueError):
                    self._serve(server._next(self._read()))

            def finish(self):
                with contextlib.suppress(ConnectionError):
                    super().finish()

            def _read(self):
                method, path, _ = self.rfile.readline(8192).decode("latin-1").split(" ")
                headers = {}
                while line := self.rfile.readline(8192).decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                return Request(method, path, headers, body)

            def _serve(self, steps):
                for step in steps:
                    if server._closing.is_set():
                        return
                    if isinstance(step, bytes):
                        self.wfile.write(step)
                    else:
                        server._closing.wait(step)

        return Handler
