"""The vocabulary: one word, one frozen value, used in code, tables, commands and mails alike.

* Instants are aware UTC `datetime`; spans of time are `timedelta`; bare numbers carry a unit.
* A `Span` counts code points of the named field as it is stored: `text[start:end]` is the quote.
* Nothing here reads a clock, a file, a setting or a database.
* A word is loaded with the module it stands in when it is first asked for: most processes need few.

The meaning of each word is in docs/glossary.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.model.access import Scope as Scope
    from monitor.model.access import UserRole as UserRole
    from monitor.model.deliveries import DeliveryStatus as DeliveryStatus
    from monitor.model.deliveries import DeliveryToMake as DeliveryToMake
    from monitor.model.deliveries import LeftBy as LeftBy
    from monitor.model.deliveries import Mail as Mail
    from monitor.model.deliveries import SentForm as SentForm
    from monitor.model.deliveries import Way as Way
    from monitor.model.deliveries import is_address as is_address
    from monitor.model.deliveries import sent_form as sent_form
    from monitor.model.detection import Amount as Amount
    from monitor.model.detection import Evidence as Evidence
    from monitor.model.detection import Field as Field
    from monitor.model.detection import Match as Match
    from monitor.model.detection import Review as Review
    from monitor.model.detection import Role as Role
    from monitor.model.detection import ScorePart as ScorePart
    from monitor.model.detection import Verdict as Verdict
    from monitor.model.digests import Alerted as Alerted
    from monitor.model.digests import Alteration as Alteration
    from monitor.model.digests import Attachment as Attachment
    from monitor.model.digests import Coverage as Coverage
    from monitor.model.digests import DigestKind as DigestKind
    from monitor.model.digests import FeedEvent as FeedEvent
    from monitor.model.digests import FeedFigures as FeedFigures
    from monitor.model.digests import FeedTrouble as FeedTrouble
    from monitor.model.digests import NearMissToTell as NearMissToTell
    from monitor.model.digests import OpenHit as OpenHit
    from monitor.model.digests import Rendered as Rendered
    from monitor.model.digests import ReportedHit as ReportedHit
    from monitor.model.digests import Undelivered as Undelivered
    from monitor.model.documents import Document as Document
    from monitor.model.documents import Entry as Entry
    from monitor.model.documents import Page as Page
    from monitor.model.documents import WebPage as WebPage
    from monitor.model.documents import Wishes as Wishes
    from monitor.model.feeds import Answer as Answer
    from monitor.model.feeds import Feed as Feed
    from monitor.model.feeds import FeedState as FeedState
    from monitor.model.feeds import FeedToPoll as FeedToPoll
    from monitor.model.feeds import FullTextStatus as FullTextStatus
    from monitor.model.feeds import PageToRead as PageToRead
    from monitor.model.feeds import PollOutcome as PollOutcome
    from monitor.model.feeds import Push as Push
    from monitor.model.feeds import PushState as PushState
    from monitor.model.feeds import PushToAsk as PushToAsk
    from monitor.model.feeds import Rhythm as Rhythm
    from monitor.model.lexicon import Company as Company
    from monitor.model.lexicon import Label as Label
    from monitor.model.lexicon import Strength as Strength
    from monitor.model.lexicon import Term as Term
    from monitor.model.lexicon import Topic as Topic
    from monitor.model.stories import HitToGroup as HitToGroup
    from monitor.model.stories import OpenStory as OpenStory
    from monitor.model.stories import Source as Source
    from monitor.model.stories import Step as Step
    from monitor.model.stories import Story as Story
    from monitor.model.subscriptions import Alerting as Alerting
    from monitor.model.subscriptions import CatchUp as CatchUp
    from monitor.model.subscriptions import EmptyDay as EmptyDay
    from monitor.model.subscriptions import Kind as Kind
    from monitor.model.subscriptions import Schedule as Schedule
    from monitor.model.subscriptions import Subscription as Subscription
    from monitor.model.subscriptions import wants as wants

_MODULES: Final = {
    "documents": ("Document", "Entry", "Page", "WebPage", "Wishes"),
    "feeds": (
        "Answer",
        "Feed",
        "FeedState",
        "FeedToPoll",
        "FullTextStatus",
        "PageToRead",
        "PollOutcome",
        "Push",
        "PushState",
        "PushToAsk",
        "Rhythm",
    ),
    "detection": ("Amount", "Evidence", "Field", "Match", "Review", "Role", "ScorePart", "Verdict"),
    "access": ("Scope", "UserRole"),
    "stories": ("HitToGroup", "OpenStory", "Source", "Step", "Story"),
    "subscriptions": (
        "Alerting",
        "CatchUp",
        "EmptyDay",
        "Kind",
        "Schedule",
        "Subscription",
        "wants",
    ),
    "digests": (
        "Alerted",
        "Alteration",
        "Attachment",
        "Coverage",
        "DigestKind",
        "FeedEvent",
        "FeedFigures",
        "FeedTrouble",
        "NearMissToTell",
        "OpenHit",
        "Rendered",
        "ReportedHit",
        "Undelivered",
    ),
    "deliveries": (
        "DeliveryStatus",
        "DeliveryToMake",
        "LeftBy",
        "Mail",
        "SentForm",
        "Way",
        "is_address",
        "sent_form",
    ),
    "lexicon": ("Company", "Label", "Strength", "Term", "Topic"),
}
_HOME: Final = {word: module for module, words in _MODULES.items() for word in words}
WORDS: Final = tuple(_HOME)

if not TYPE_CHECKING:

    def __getattr__(word: str) -> object:
        """Return *word* from the module it stands in (PEP 562)."""
        if word not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {word!r}")
        found = getattr(import_module(f"{__name__}.{_HOME[word]}"), word)
        globals()[word] = found
        return found
