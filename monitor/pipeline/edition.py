"""An edition made to fit: what is due to a subscription, composed, rendered, within LIMIT.

* A mail with all that comes with it is at most LIMIT octets: larger ones are cut by some mail
  programs. What does not fit is in the attached list of all hits, where it is the less
  consequential; where not even the list fits, the mail says how to get it. A mail that cannot
  hold all shows its entries in brief, so that it holds more of them.
* How many entries fit is estimated from what each takes, then measured on the mail itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.digest import sheet
from monitor.digest.compose import compose
from monitor.digest.dates import ReaderCalendar
from monitor.digest.entries import entry_of, head_of, in_brief
from monitor.digest.material import Material, Tally
from monitor.digest.news import arrange
from monitor.store.due import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.digest.edition import Edition, Entry
    from monitor.digest.names import Names
    from monitor.digest.news import Due
    from monitor.digest.render import Renderer
    from monitor.model import Attachment, Rendered, Subscription
    from monitor.pipeline.round import Round

LIMIT = 95_000  # octets of a mail; Gmail cuts at 102 kB
HEAD = 2_500  # of them for a recipient's own headers, a signature and ways out included
LEAST = 34_000  # for what is shown, when a list of all hits has to fit as well
MUCH = 60_000  # the same, where the list is also behind a link
MOST = 70  # stories that a mail may hold in full, were each as short as can be
TRIES = 4
BATCH = 20  # stories read at a time


@dataclass(frozen=True, slots=True)
class Made:
    """An edition and the mail it became; *hits* are all it reports."""

    edition: Edition
    rendered: Rendered
    hits: tuple[int, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.hits and not self.edition.changed


@dataclass(frozen=True, slots=True)
class Editor:
    """Makes editions. *measure* gives the octets of a mail's body; *permalink* its web address."""

    names: Names
    fingerprint: str
    measure: Callable[[Rendered], int]
    permalink: Callable[[str, datetime], str | None]
    contact: str | None = None

    def make(
        self,
        subscription: Subscription,
        slot: datetime,
        shared: Round,
        renderer: Renderer,
        *,
        until: datetime | None = None,
    ) -> Made:
        """Return the edition of *subscription* for *slot* as of the round's instant.

        With *until*, only of what was found up to then.
        """
        standing = shared.standing(subscription, slot)
        hits = shared.due(subscription, standing)
        if until is not None:
            hits = [hit for hit in hits if hit.found_at <= until]
        alerted = shared.alerted(subscription, standing)
        told = shared.told_before(subscription, standing, hits, alerted=bool(alerted))
        news, follows = arrange(subscription, hits, told, self.names, shared.made)
        material = Material(
            subscription=subscription,
            slot=slot,
            names=self.names,
            fingerprint=self.fingerprint,
            coverage=shared.coverage(subscription, standing),
            tally=Tally.of(news, follows),
            news=news,
            follows=follows,
            stories=shared.stories([due.story_id for due in follows[:BATCH]]),
            alerted=alerted,
            alterations=shared.altered(subscription, standing),
            near_misses=shared.possible(subscription, standing),
            counted=shared.counted(subscription),
            permalink=self.permalink(subscription.name, slot),
            contact=self.contact,
        )
        edition, rendered = _Fitting(self, material, shared, renderer).fitted()
        return Made(edition, rendered, tuple(hit.id for hit in hits))


@dataclass(slots=True)
class _Fitting:
    """One edition while it is made to fit."""

    editor: Editor
    material: Material
    shared: Round
    renderer: Renderer

    def fitted(self) -> tuple[Edition, Rendered]:
        room = LIMIT - HEAD
        entries = self._entries(room) if len(self.material.news) <= MOST else []
        if len(entries) == len(self.material.news):
            edition, rendered = self._rendered(entries, None)
            whole = not edition.hidden and not edition.changed_more
            if whole and self.editor.measure(rendered) <= room:
                return edition, rendered
        return self._with_list(room)

    def _with_list(self, room: int) -> tuple[Edition, Rendered]:
        """Return what fits beside the list of all hits, each entry in brief."""
        listed = self._list(room - (MUCH if self.material.permalink else LEAST))
        if listed is not None:
            room -= sheet.encoded(len(listed.content))
        entries = self._entries(room, brief=True)
        shown = self._prefix(entries, room - self.shared.rest)
        edition, rendered, octets = self._measured(entries[:shown], listed)
        for _ in range(TRIES):
            taken = sum(self.renderer.octets(entry) for entry in entries[:shown])
            self.shared.rest = max(0, octets - taken)
            better = self._prefix(entries, room - self.shared.rest)
            if better == shown:
                break
            shown = better
            edition, rendered, octets = self._measured(entries[:shown], listed)
        while octets > room and shown > 0:
            shown -= 1 + shown // 20
            edition, rendered, octets = self._measured(entries[:shown], listed)
        return edition, rendered

    def _measured(
        self, entries: Sequence[Entry], listed: Attachment | None
    ) -> tuple[Edition, Rendered, int]:
        """Return the edition with *entries*, its mail, and the octets that is shown take."""
        edition, rendered = self._rendered(entries, listed)
        return edition, rendered, self.editor.measure(replace(rendered, attachments=()))

    def _rendered(
        self, entries: Sequence[Entry], listed: Attachment | None
    ) -> tuple[Edition, Rendered]:
        file = listed.name if listed else None
        edition = compose(replace(self.material, entries=entries, file=file))
        rendered = self.renderer.render(edition)
        return edition, replace(rendered, attachments=(listed,) if listed else ())

    def _prefix(self, entries: Sequence[Entry], room: int) -> int:
        for shown, entry in enumerate(entries):
            room -= self.renderer.octets(entry)
            if room < 0:
                return shown
        return len(entries)

    def _list(self, room: int) -> Attachment | None:
        due = (*self.material.news, *self.material.follows)
        lines = self.shared.lines([hit.id for story in due for hit in story.hits])
        few = sheet.line(("hit_id", "company", "topic", "stage", "title"))
        return sheet.sheet(
            LISTED, [whole for whole, _ in lines], [few, *(short for _, short in lines)], room
        )

    def _entries(self, room: int, *, brief: bool = False) -> list[Entry]:
        """Return the entries of the first stories, some more than fit into *room*."""
        news = self.material.news
        made: list[Entry] = []
        for start in range(0, len(news), BATCH):
            if room < 0:
                break
            batch = self._made(news[start : start + BATCH], brief=brief)
            made += batch
            room -= sum(self.renderer.octets(entry) for entry in batch)
        return made

    def _made(self, batch: Sequence[Due], *, brief: bool) -> list[Entry]:
        """Return the entries of *batch*, one each.

        Raises KeyError if a story has gone meanwhile: the digest is made a little later then.
        """
        material, shared = self.material, self.shared
        when = ReaderCalendar(material.subscription.schedule.zone, material.slot)
        keys = [
            (tuple([hit.id for hit in due.hits]), due.updated, brief, when.zone.key, when.slot)
            for due in batch
        ]
        made = [shared.entry(key) for key in keys]
        missing = [at for at, entry in enumerate(made) if entry is None]
        stories = shared.stories([batch[at].story_id for at in missing])
        heads = {at: head_of(batch[at], stories[batch[at].story_id]) for at in missing}
        hits = shared.heads(list(heads.values()))
        for at, head in heads.items():
            due = batch[at]
            entry = entry_of(due, stories[due.story_id], hits[head], self.editor.names, when)
            made[at] = shared.keep(keys[at], in_brief(entry) if brief else entry)
        return [entry for entry in made if entry is not None]
