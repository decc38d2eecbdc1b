"""Serving the site from a thread of its own, beside the line or alone.

* The port is taken before anything else, so that one in use stops the start with a sentence.
* A stop takes seconds: no new connection, two seconds for what is under way, then it is cut.
* No more is served at once than the machine can bear: what comes on top is told to come later.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitor import logs
from monitor.config.web import split_listen
from monitor.errors import ConfigError, Mistake
from monitor.links import INSTALL
from monitor.signals import heeding_signals
from monitor.store import users
from monitor.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import uvicorn
    from starlette.applications import Starlette

    from monitor.app import App

GRACE_S = 2  # for answers that are under way at a stop
AT_ONCE = 100  # connections; the next one is answered 503
BACKLOG = 128

log = logs.get_logger()


def serve_alone(app: App, listen: str) -> int:
    """Serve the site at *listen* until SIGTERM or SIGINT; return the exit code.

    Raises ConfigError or StoreError if it cannot start.
    """
    stop = threading.Event()
    with heeding_signals(stop):
        app.prepare()
        with serving(app, listen, stop):
            stop.wait()
    return 0


@contextmanager
def serving(app: App, listen: str, stop: threading.Event) -> Iterator[tuple[str, int]]:
    """Serve the site of *app* at *listen*; give host and port.

    It ends with the context, and begins to end with *stop*, while others still finish.

    The database is at the schema we need. Raises ConfigError if it cannot start.
    """
    web = app.config.web
    try:
        with reading(app.store) as connection:
            web.require_closed(listen, users=users.any_users(connection))
    except ValueError as error:
        raise ConfigError(Mistake("", "web", str(error))) from None
    local = web.is_local(listen)

    def build() -> Starlette:
        from monitor.web.site import build_site

        return build_site(app, local=local)

    with _answering("web", listen, stop, build) as (host, port):
        log.info("pages served", host=host, port=port, local=local)
        yield host, port


@contextmanager
def serving_metrics(app: App, listen: str, stop: threading.Event) -> Iterator[tuple[str, int]]:
    """Serve the metrics of *app* alone at *listen*, to whoever can reach it; as `serving`."""

    def build() -> Starlette:
        from monitor.web.metrics import build_metrics_site

        return build_metrics_site(app)

    with _answering("metrics", listen, stop, build) as (host, port):
        log.info("metrics served", host=host, port=port)
        yield host, port


@contextmanager
def _answering(
    key: str, listen: str, stop: threading.Event, build: Callable[[], Starlette]
) -> Iterator[tuple[str, int]]:
    """Serve what *build* gives, as the setting *key* wants it."""
    try:
        from uvicorn import Config, Server

        site = build()
    except ImportError as error:
        missing = f"needs {error.name}: {INSTALL}"
        raise ConfigError(Mistake("", key, missing)) from None
    settings = Config(
        site,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=GRACE_S,
    )
    # A page that fails is told by the shield; one that is cut at a stop is no failure.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = Server(settings)
    listening = _listen(key, listen)
    host, port = listening.getsockname()[:2]
    thread = threading.Thread(target=server.run, args=([listening],), name=key, daemon=True)
    ending = threading.Thread(target=_end, args=(server, stop), name=f"{key}-end", daemon=True)
    thread.start()
    ending.start()
    try:
        yield host, port
    finally:
        stop.set()
        ending.join()
        thread.join(2 * GRACE_S)
        listening.close()


def _end(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True


def _listen(key: str, listen: str) -> socket.socket:
    host, port = split_listen(listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot(key, listen, error) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot(key, listen, error) from None
    return listening


def _cannot(key: str, listen: str, error: OSError) -> ConfigError:
    return ConfigError(Mistake("", f"{key}.listen", f"cannot listen at {listen}: {error.strerror}"))
