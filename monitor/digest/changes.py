"""Changes: what became of what a reader was told before.

* A story that is a later step of a proceeding: which step it was at, and which it is at now.
* A story that was told at once, by an alert: when, and what came since. It is not news either.
* More articles of a story told before, by their publishers. They are not news.
* An article that was reported and has another title now, or is no hit any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.digest.edition import Change
from monitor.digest.entries import language, link
from monitor.text.counted import counted
from monitor.text.html import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.digest.dates import ReaderCalendar
    from monitor.digest.edition import Entry
    from monitor.digest.material import Material
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.model import Alerted, Alteration, Story

MOST = 15  # lines of each kind
PUBLISHERS = 5  # named in one line


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes that are *shown*, and how many *more* there are."""

    shown: tuple[Change, ...]
    more: int


def changed(made_of: Material, when: ReaderCalendar) -> Changes:
    """Return what changed, gravest kind first."""
    names = made_of.names
    moved = [it for entry in made_of.entries for it in _moved(entry)]
    further = {due.story_id: due for due in made_of.follows}
    alerted = [_alerted(it, made_of, further, when) for it in made_of.alerted[:MOST]]
    said = {it.story_id for it in made_of.alerted[:MOST]}
    later = [due for due in made_of.follows if due.story_id not in said]
    follows = [
        _followed(due, story, names)
        for due in later[:MOST]
        if (story := made_of.stories.get(due.story_id)) is not None
    ]
    altered = [_altered(it, names, when) for it in made_of.alterations[:MOST]]
    more = len(later) - len(follows) + len(made_of.alterations) - len(altered)
    more += len(made_of.alerted) - len(alerted) + max(0, len(moved) - MOST)
    return Changes((*moved[:MOST], *alerted, *follows, *altered), more)


def _moved(entry: Entry) -> Iterator[Change]:
    former = next((it for it in reversed(entry.steps) if it.stage != entry.stage), None)
    if former is not None and entry.stage is not None and entry.steps[-1].stage != entry.stage:
        yield Change(
            kind="stage",
            company=entry.company,
            topic=entry.topic,
            what=f"{former.stage} {former.day} → {entry.stage}",
            title="".join(piece.text for piece in entry.headline),
            url=entry.url,
            language=entry.language,
        )


def _alerted(
    it: Alerted, made_of: Material, further: Mapping[int, Due], when: ReaderCalendar
) -> Change:
    names, due = made_of.names, further.get(it.story_id)
    story = made_of.stories.get(it.story_id)
    what = f"{names.stage(it.stage)}, already alerted {when.moment(it.at)}"
    if due is not None:
        what += f"; since then {_more(due, story) if story else 'more articles'}"
    return Change(
        kind="alerted",
        company=names.company(it.company),
        topic=names.topic(it.topic),
        what=what,
        title=one_line(it.headline),
        url=link(it.url),
        language=language(it.language),
    )


def _followed(due: Due, story: Story, names: Names) -> Change:
    head = story.sources[0]
    return Change(
        kind="sources",
        company=names.company(due.company),
        topic=names.topic(due.topic),
        what=_more(due, story),
        title=one_line(story.headline),
        url=link(head.url),
        language=language(head.language),
    )


def _more(due: Due, story: Story) -> str:
    ids = {hit.id for hit in due.hits}
    new = [one_line(it.publisher) for it in story.sources if it.hit_id in ids]
    named = ", ".join(new[:PUBLISHERS])
    if len(new) > PUBLISHERS:
        named += f" and {len(new) - PUBLISHERS:,} more"
    articles = len({hit.article_id for hit in due.hits})
    what = counted(articles, "more article")
    return f"{what}: {named}" if named else what


def _altered(it: Alteration, names: Names, when: ReaderCalendar) -> Change:
    at = when.moment(it.at)
    return Change(
        kind="withdrawn" if it.before is None else "retitled",
        company=names.company(it.company),
        topic=names.topic(it.topic),
        what=f"No longer matches since {at}" if it.before is None else f"New title since {at}",
        title=one_line(it.title),
        url=link(it.url),
        language=language(it.language),
        before=None if it.before is None else one_line(it.before),
    )
