"""A real HTTP server for tests of what is sent: chats and webhooks.

    with Receiver(Reply(503, {"Retry-After": "120"}), Reply(204)) as receiver:
        ...                       # the first request is answered 503, all later ones 204
        [first, second] = receiver.taken

A reply can also cut the line once the request was read (`drop`), or not come until the test lets
it (`receiver.release`), or come byte by byte (`drip`).
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    drop: bool = False
    hold: bool = False
    drip: float | None = None


@dataclass
class Taken:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    def __init__(self, *replies, tls=None):
        self.replies, self.taken = list(replies) or [Reply()], []
        self.release, self._lock = threading.Event(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._lock:
                    receiver.taken.append(Taken(self.path, headers, body))
                    at = min(len(receiver.taken), len(receiver.replies)) - 1
                    reply = receiver.replies[at]
                if reply.hold:
                    receiver.release.wait(30)
                if reply.drop or reply.hold:
                    self.close_connection = True
                    return
                with suppress(OSError):
                    self._answer(reply)

            def _answer(self, reply):
                if reply.drip is not None:
                    while not receiver.release.wait(reply.drip):
                        self.wfile.write(b"H")
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_):
                pass

        return Handler
