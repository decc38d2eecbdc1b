"""How long grouping takes: python benchmarks/stories.py [HITS] (10,000 by default).

Hits of six companies and three topics over a month, five wordings of each happening; hits of one
company, topic and day that have nothing in common; and as many wordings of one happening. Times
are of the processor, so that other work on the machine does not show.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from random import Random

from monitor.model import HitToGroup
from monitor.stories.group import group

START = datetime(2031, 1, 1, tzinfo=UTC)
RANDOM = Random(1)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["".join(RANDOM.choices(LETTERS, k=RANDOM.randint(3, 9))) for _ in range(5000)]


def reworded(title: list[str], changes: int) -> str:
    """Return *title* with so many words changed."""
    words = list(title)
    for _ in range(changes):
        words[RANDOM.randrange(len(words))] = RANDOM.choice(WORDS)
    return " ".join(words)


def happenings(hits: int) -> list[HitToGroup]:
    """Return five wordings of each of many happenings."""
    made: list[HitToGroup] = []
    while len(made) < hits:
        about = f"company{RANDOM.randrange(6)}", RANDOM.choice(["antitrust", "ipo", "listing"])
        stage = RANDOM.choice([None, "fine", "probe", "plan", "filing"])
        at = START + timedelta(minutes=RANDOM.randrange(43_200))
        title = RANDOM.choices(WORDS, k=9)
        for _ in range(5):
            told = at + timedelta(minutes=RANDOM.randrange(900))
            made.append(HitToGroup(len(made), *about, stage, reworded(title, 1), told))
    return made


def of_one_day(hits: int, title: list[str] | None, stage: str | None) -> list[HitToGroup]:
    """Return hits of one company, topic and day: wordings of *title*, or unlike ones."""
    return [
        HitToGroup(
            *(at, "company", "antitrust", stage),
            reworded(title or RANDOM.choices(WORDS, k=9), 3 if title else 0),
            START + timedelta(minutes=at % 600),
        )
        for at in range(hits)
    ]


def main() -> None:
    """Print the time of each kind."""
    hits = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    title = RANDOM.choices(WORDS, k=12)
    for name, given in (
        ("happenings", happenings(hits)),
        ("unlike hits", of_one_day(hits * 2 // 5, None, None)),
        ("unlike fines", of_one_day(hits * 2 // 5, None, "fine")),
        ("wordings of one", of_one_day(hits * 2 // 5, title, "fine")),
    ):
        began = time.process_time()
        stories = len(group(given, ()).new)
        took = time.process_time() - began
        print(f"{name:16} {len(given):6} hits  {stories:6} stories  {took:6.2f} s")


if __name__ == "__main__":
    main()
