"""Filters of subscriptions: each can be read, and names what is watched and polled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.config.values import did_you_mean
from monitor.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from monitor.config.marks import KeyPath
    from monitor.config.places import Places


def read(value: object) -> object:
    """Return a filter as it is; ValueError shows the place that cannot be read."""
    from monitor.query.filters import read_filter  # only where there are any

    if isinstance(value, str):
        try:
            read_filter(value)
        except QueryError as error:
            raise ValueError(str(error)) from None
    return value


def check_fields(
    data: Mapping[str, Any], known: Mapping[str, Collection[str]], places: Places
) -> None:
    """Report each value of a field that no hit can have: *known* are the values by field."""
    written = list(filters(data))
    if not written:
        return
    from monitor.query.filters import named, read_filter

    for path, text in written:
        try:
            asked = list(named(read_filter(text)))
        except QueryError:
            continue  # which is reported where it is read
        for name, value in ((it.name, value) for it in asked for value in it.values):
            if name in known and value.lower() not in {key.lower() for key in known[name]}:
                hint = did_you_mean(value, list(known[name]))
                places.report(path, f'"{name}:{value}" names no {name} there is{hint}')


def filters(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the filters of subscriptions and of their alerts in plain *data*, with their paths."""
    subscriptions = data.get("subscriptions")
    for at, entry in enumerate(subscriptions if isinstance(subscriptions, list) else ()):
        alert = entry.get("alert") if isinstance(entry, dict) else None
        for path, part in (((), entry), (("alert",), alert)):
            if isinstance(part, dict) and isinstance(part.get("filter"), str):
                yield ("subscriptions", at, *path, "filter"), part["filter"]
