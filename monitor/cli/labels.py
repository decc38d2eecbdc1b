"""Labels of an item: the pairs a reader would expect, and the fields of each.

* `labels` and `optional` are lists of `{"company", "topic"}`; `event` is `topic` too.
* A label may say what a reader would tell: `stage`, `regulator`, `date`, each a text or null, or a
  list of which any is right; `amounts`, a list of `{"value", "currency"}`, each needed unless
  `optional` is true. A field that a label does not name is not scored.
* What is no label comes back as a sentence for whoever wrote it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.evaluate import FieldCase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.detect.evaluate import Pair
    from monitor.model import Match

FIELDS: Final = ("stage", "regulator", "amounts", "date")
LISTS: Final = '"labels" and "optional" must be lists of {"company", "topic"}'

Wanted = tuple[tuple[frozenset[str], ...], frozenset[str]]  # needed and allowed, as in a FieldCase


class Labels(NamedTuple):
    """The pairs of one list, those that need context, and for each pair the fields it names."""

    context: dict[Pair, bool]
    fields: dict[Pair, dict[str, Wanted]]


def read_labels(entries: object) -> Labels:
    """Return the labels of a list; raises ValueError with a sentence if it is none."""
    labels = Labels({}, {})
    for entry in entries if isinstance(entries, list) else [None]:
        label = entry if isinstance(entry, dict) else {}
        company, topic = label.get("company"), label.get("topic", label.get("event"))
        if not isinstance(company, str) or not isinstance(topic, str):
            raise ValueError(LISTS)  # noqa: TRY004 - whatever is wrong with a line is one error
        labels.context[company, topic] = label.get("needs_context") is True
        labels.fields[company, topic] = {
            name: _amounts(label[name]) if name == "amounts" else _choice(name, label[name])
            for name in FIELDS
            if name in label
        }
    return labels


def cases(wanted: Mapping[str, Wanted], match: Match) -> dict[str, FieldCase]:
    """Return the case of each field that a label names, with what *match* tells."""
    day = match.event_date.isoformat() if match.event_date else None
    sums = [_amount(amount.value, amount.currency) for amount in match.amounts]
    told: dict[str, list[str | None]] = {
        "stage": [match.stage],
        "regulator": [match.regulator],
        "amounts": [*sums],
        "date": [day],
    }
    return {
        name: FieldCase(frozenset(value for value in told[name] if value), *wanted[name])
        for name in wanted
    }


def _choice(name: str, given: object) -> Wanted:
    values = given if isinstance(given, list) else [given]
    texts = frozenset(value for value in values if isinstance(value, str))
    if not values or any(value is not None and not isinstance(value, str) for value in values):
        raise ValueError(f'"{name}" must be a text, null, or a list of which any is right')
    return ((), texts) if None in values else ((texts,), frozenset())


def _amounts(given: object) -> Wanted:
    needed: list[frozenset[str]] = []
    allowed: set[str] = set()
    for entry in given if isinstance(given, list) else [None]:
        data = entry if isinstance(entry, dict) else {}
        try:
            amount = _amount(Decimal(str(data["value"])), data["currency"])
        except (KeyError, InvalidOperation):
            raise ValueError('"amounts" must be a list of {"value", "currency"}') from None
        if data.get("optional") is True:
            allowed.add(amount)
        else:
            needed.append(frozenset([amount]))
    return tuple(needed), frozenset(allowed)


def _amount(value: Decimal, currency: str) -> str:
    return f"{value.normalize():f} {currency}"
