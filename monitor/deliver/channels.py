"""Chat services by Apprise: Slack, Teams, Telegram, DingTalk, Feishu, WeCom and a hundred others.

* Apprise returns False where others raise; what it said of the reason is in its log, which becomes
  the error here. Nothing of the channel's address, which is a password, is in it.
* Its timeouts are for each read. Here one deadline holds for the whole hand-over: what is not done
  by then is left behind in a thread of its own, and until that has ended, its channel gets nothing
  more. So there is at most one such thread for a channel.
* A service says no more than yes or no, so a no is tried again until it is given up.
"""

from __future__ import annotations

import logging
import re
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from monitor.deliver.chat import text_of, title_of
from monitor.errors import ConfigError, MailDeferred, MailUnsure, Mistake
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from monitor.model import Mail

SAID_CHARS: Final = 300  # of Apprise's words in an error
_SECRET_CHARS: Final = 6  # a part of an address that is at least so long may be a secret
_NAME: Final = "Regulatory Monitor"


class AppriseChannel:
    """Hands briefs to one chat. A channel: see `monitor.deliver.ways`.

    Raises ConfigError if Apprise is absent or does not know *url*; *name* is the channel's.
    """

    def __init__(self, name: str, url: str, timeout: timedelta) -> None:
        self._timeout = timeout
        self._secrets = sorted(
            {part for part in re.split(r"[/?&=:@#,]+", url) if len(part) >= _SECRET_CHARS},
            key=len,
            reverse=True,
        )
        self._apprise, self._service = _open(name, url)
        self._left: Thread | None = None
        self._lock = Lock()

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Return once the service has taken it; *before_last* is called before it is asked.

        Raises MailDeferred with Apprise's reason, or MailUnsure at the deadline.
        """
        title, text = self._words(mail)
        with self._lock:
            if self._left is not None and self._left.is_alive():
                raise MailDeferred("an earlier hand-over to this channel has not ended yet")
            before_last(f"{title}\n\n{text}".encode(), None)
            outcome: list[Any] = []
            thread = Thread(
                target=self._notify, args=(title, text, outcome), name="channel", daemon=True
            )
            self._left = thread
            thread.start()
        thread.join(self._timeout.total_seconds())
        if not outcome:
            raise MailUnsure(f"no end within {self._timeout.total_seconds():g} s: it may be there")
        if isinstance(outcome[0], Exception):
            raise MailDeferred(self._masked(f"{type(outcome[0]).__name__}: {outcome[0]}"))
        if not outcome[0]:
            said = "; ".join(entry.message for entry in outcome[0].logs())
            raise MailDeferred(self._masked(said or "the service did not take it"))

    def close(self) -> None:
        """Do nothing: a hand-over ends by itself, and its thread holds up no process."""

    def _words(self, mail: Mail) -> tuple[str, str]:
        if mail.head is not None:
            title, _, text = mail.head.decode().partition("\n\n")
            return title, text
        title = title_of(mail.brief or {})
        most = self._service.body_maxlen - len(title.encode()) - 2
        return title, text_of(mail.brief or {}, most_octets=max(most, 20))

    def _notify(self, title: str, text: str, outcome: list[Any]) -> None:
        try:
            outcome.append(
                self._apprise.notify(
                    body=text, title=title, body_format="text", log_level=logging.WARNING
                )
            )
        except Exception as error:  # noqa: BLE001 - it is said by whoever waits for it
            outcome.append(error)

    def _masked(self, said: str) -> str:
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return one_line(said)[:SAID_CHARS]


def _open(name: str, url: str) -> tuple[Any, Any]:
    try:
        import apprise
    except ImportError:
        what = "needs the extra channels: pip install 'regulatory-monitor[channels]'"
        raise ConfigError(Mistake("", f"channels.{name}.apprise", what)) from None
    asset = apprise.AppriseAsset(
        app_id=_NAME,
        app_desc=_NAME,
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        storage_mode="memory",
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        what = "is no address that Apprise knows; https://appriseit.com lists them"
        raise ConfigError(Mistake("", f"channels.{name}.apprise", what))
    opened = apprise.Apprise(asset=asset)
    opened.add(service)
    return opened, service
