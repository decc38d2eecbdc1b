"""Resolve: names to addresses, each look-up in a thread of its own.

In the loop's own pool of threads, a few names whose servers are silent would hold up every other
look-up, and the end of the process: a look-up cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class Resolver(AbstractResolver):
    """Looks names up for aiohttp."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of *host*; raise OSError if there are none."""
        found: Future[list[Any]] = Future()
        Thread(target=_look_up, args=(found, host, port, family), daemon=True).start()
        return [
            ResolveResult(
                hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=0
            )
            for kind, _, proto, _, address in await asyncio.wrap_future(found)
        ]

    async def close(self) -> None:
        """Nothing is held between look-ups."""


def _look_up(found: Future[list[Any]], host: str, port: int, family: socket.AddressFamily) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        kind = socket.SOCK_STREAM
        found.set_result(socket.getaddrinfo(host, port, family, kind, flags=socket.AI_ADDRCONFIG))
    except (OSError, UnicodeError) as error:
        found.set_exception(socket.gaierror(str(error)))
