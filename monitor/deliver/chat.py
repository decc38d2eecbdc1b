"""Chat: a brief in, a short text for a chat out (pure).

* Words from a feed mean nothing to a chat: what would mention people, make a link or mark text up
  in one of them (Slack, Teams, Telegram, Discord, ...) is written with a lookalike.
* A text fits into what the service takes, counted in octets, and says how much it leaves out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_OCTETS: Final = 3500  # a message on a phone, not a page
TITLE_CHARS: Final = 200  # of a headline
WARNINGS: Final = 3

# Read alike, and mean nothing: no mention, no code, no emphasis, no link of another name.
_LOOKALIKES: Final = str.maketrans(
    {
        "@": "＠",
        "<": "‹",
        ">": "›",
        "`": "ˋ",
        "*": "∗",
        "_": "＿",
        "~": "∼",
        "[": "［",
        "]": "］",
        "|": "¦",
        "#": "＃",
        "\\": "＼",
        "&": "＆",
    }
)
_TAG: Final = re.compile(r"^\[(\w+)\] ")  # before our subjects: brackets are mark-up in chats
_SAFE_IN_LINK: Final = "/:?=&%+,;.-"


def inert(text: str) -> str:
    """Return *text* on one line, without anything that a chat would act upon."""
    return one_line(text).translate(_LOOKALIKES).replace("://", ":\u2009//")


def safe_link(url: str) -> str:
    """Return *url* with what could end or mark it up in a chat percent-encoded."""
    parts = urlsplit(url)
    try:
        host = parts.netloc.encode("idna").decode()
    except UnicodeError:
        host = parts.netloc
    rest = url[len(f"{parts.scheme}://{parts.netloc}") :]
    return f"{parts.scheme}://{quote(host, safe=':.-')}{quote(rest, safe=_SAFE_IN_LINK)}"


def title_of(brief: Mapping[str, Any]) -> str:
    """Return the first line: what the subject of the mail says."""
    return inert(_TAG.sub(r"\1: ", brief["data"]["subject"]))


def text_of(brief: Mapping[str, Any], *, most_octets: int) -> str:
    """Return the text below `title_of`, of at most *most_octets*, or `MOST_OCTETS` if less.

    It holds whole stories only, as many as fit, and then how many more there are.
    """
    data = brief["data"]
    room = min(most_octets, MOST_OCTETS)
    stories, warnings = list(data["stories"]), list(data["warnings"])
    blocks = [f"! {_cut(inert(said))}" for said in warnings[:WARNINGS]]
    if len(warnings) > WARNINGS:
        blocks.append(f"! and {counted(len(warnings) - WARNINGS, 'more warning')}")
    if not stories:
        blocks.append("Nothing new.")
    blocks += [_story(number, story) for number, story in enumerate(stories, 1)]
    return _fitted(blocks, len(stories), room)


def _fitted(blocks: list[str], stories: int, room: int) -> str:
    whole = "\n\n".join(blocks)
    shown = len(blocks)
    before = len(blocks) - stories
    while len(whole.encode()) > room and shown > 0:
        shown -= 1
        left = stories - max(0, shown - before)
        more = f"... and {left} more, in the mail and in the database" if left else "..."
        whole = "\n\n".join([*blocks[:shown], more])
    return whole.encode()[:room].decode(errors="ignore")


def _story(number: int, story: Mapping[str, Any]) -> str:
    facts: Iterable[str | None] = (
        story["company"]["name"],
        story["topic"]["name"],
        story["stage"] and story["stage"]["name"],
        story["regulator"] and story["regulator"]["name"],
        story["amount"],
    )
    more = len({it["publisher"] for it in story["sources"]} - {story["publisher"]})
    origin = inert(story["publisher"]) + (f" and {more} more" if more else "")
    lines = [
        f"{number}. " + " - ".join(inert(fact) for fact in facts if fact),
        _cut(inert(story["title"])),
        origin,
    ]
    if story["url"]:
        lines.append(safe_link(story["url"]))
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= TITLE_CHARS else text[: TITLE_CHARS - 1] + "…"
