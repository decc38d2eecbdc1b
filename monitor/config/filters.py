"""Filters of subscriptions: each can be read, and names what is watched and polled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    data: Mapping[str, Any], known: Mapping[str, Mapping[str, str]], places: Places
) -> None:
    """Report each value of a field that no hit can have: *known* are the names by field and key."""
    written = list(filters(data))
    if not written:
        return
    from monitor.query.filters import read_filter
    from monitor.query.slips import slips

    for path, text in written:
        try:
            wrong = list(slips(read_filter(text), known))
        except QueryError:
            continue  # which is reported where it is read
        for slip in wrong:
            hint = f'; did you mean "{slip.meant}"?' if slip.meant else ""
            places.report(path, f'"{slip.field}:{slip.value}" names no {slip.field} there is{hint}')


def filters(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the filters of subscriptions and of their alerts in plain *data*, with their paths."""
    subscriptions = data.get("subscriptions")
    for at, entry in enumerate(subscriptions if isinstance(subscriptions, list) else ()):
        alert = entry.get("alert") if isinstance(entry, dict) else None
        for path, part in (((), entry), (("alert",), alert)):
            if isinstance(part, dict) and isinstance(part.get("filter"), str):
                yield ("subscriptions", at, *path, "filter"), part["filter"]
