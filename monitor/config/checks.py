"""Mistakes that no single value shows: what comes twice, and what is named but not watched.

The checks read plain data and step over whatever has the wrong type, which is reported where all
types are; so one wrong key hides no other mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.config.filters import check_fields, filters
from monitor.config.settings import feed_id
from monitor.config.values import did_you_mean, same_address
from monitor.model import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.config.marks import KeyPath
    from monitor.config.places import Places
    from monitor.detect.lexicon import Lexicon


def check_repeats(data: dict[str, Any], places: Places) -> None:
    """Report feeds with one id or address, and subscriptions with one name or address twice."""
    feeds = list(_entries(data, "feeds"))
    _once(((path, "url", same_address(feed["url"])) for path, feed in feeds), "address", places)
    ids = ((path, "id", feed.get("id") or feed_id(feed["url"])) for path, feed in feeds)
    _once(ids, "id", places)
    subscriptions = list(_entries(data, "subscriptions"))
    _once(((path, "name", entry.get("name")) for path, entry in subscriptions), "name", places)
    for path, entry in subscriptions:
        for key in ("to", "at", "days", "companies", "topics", "languages"):
            items = (((*path, key), at, item) for at, item in enumerate(_items(entry, key)))
            _once(items, "entry", places)


def check_names(data: dict[str, Any], watched: dict[str, list[str]], places: Places) -> None:
    """Report each company or topic that a feed or subscription names and is not *watched*."""
    for path, feed in _entries(data, "feeds"):
        _known(((*path, "company"), feed.get("company")), watched["companies"], places)
    for path, entry in _entries(data, "subscriptions"):
        for kind, keys in watched.items():
            for index, item in enumerate(_items(entry, kind)):
                _known(((*path, kind, index), item), keys, places)
            for index, item in enumerate(_items(_alert(entry), kind)):
                _known(((*path, "alert", kind, index), item), keys, places)


def check_filters(data: dict[str, Any], lexicon: Lexicon, places: Places) -> None:
    """Report each company, topic, stage, regulator or currency in a filter that no hit can have."""
    if not any(filters(data)):
        return
    from monitor.query.fields import CURRENCIES  # only where there are any

    known = {
        "company": {it.key: it.name for it in lexicon.companies},
        "topic": {it.key: it.name for it in lexicon.topics},
        "stage": {it.key: it.name for it in lexicon.stages},
        "regulator": {it.key: it.name for it in lexicon.regulators},
    }
    known["currency"] = {code: code for code in sorted(CURRENCIES)}
    check_fields(data, known, places)


def check_filtered_feeds(data: dict[str, Any], places: Places) -> None:
    """Report each feed that a filter names and that is not among those polled."""
    ids = [feed.get("id") or feed_id(feed["url"]) for _, feed in _entries(data, "feeds")]
    check_fields(data, {"feed": {it: it for it in ids if isinstance(it, str)}}, places)


def check_channels(data: dict[str, Any], places: Places) -> None:
    """Report each recipient that is neither a mail address nor the name of a channel."""
    channels = data.get("channels")
    names = [name for name in channels or () if isinstance(channels, dict)]
    for path, entry in _entries(data, "subscriptions"):
        to = entry.get("to")
        for index, name in enumerate([to] if isinstance(to, str) else _items(entry, "to")):
            if isinstance(name, str) and name and not is_address(name) and name not in names:
                at = (*path, "to") if isinstance(to, str) else (*path, "to", index)
                known = did_you_mean(name, names) or _or_none(names)
                places.report(at, f'"{name[:60]}" is no mail address and no channel{known}')


def _or_none(names: list[str]) -> str:
    return f"; there are: {', '.join(names)}" if names else "; no `channels` are set up"


def check_stages(data: dict[str, Any], stages: list[str], places: Places) -> None:
    """Report each stage that a subscription names and that is not among *stages*."""
    for path, entry in _entries(data, "subscriptions"):
        alert = _alert(entry)
        named: list[tuple[KeyPath, object]] = [
            ((*path, "min_stage"), entry.get("min_stage")),
            ((*path, "alert", "min_stage"), alert.get("min_stage")),
        ]
        listed = enumerate(_items(alert, "stages"))
        named += [((*path, "alert", "stages", index), item) for index, item in listed]
        for at, name in named:
            if isinstance(name, str) and name not in stages:
                known = did_you_mean(name, stages) or f"; there are: {', '.join(stages)}"
                places.report(at, f'"{name[:60]}" is no stage{known}')


def _alert(entry: dict[str, Any]) -> dict[str, Any]:
    alert = entry.get("alert")
    return alert if isinstance(alert, dict) else {}


def _items(data: dict[str, Any], key: str) -> list[Any]:
    found = data.get(key)
    return found if isinstance(found, list) else []


def _entries(data: dict[str, Any], kind: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for index, entry in enumerate(_items(data, kind)):
        if kind == "feeds":
            feed = {"url": entry} if isinstance(entry, str) else entry
            if isinstance(feed, dict) and isinstance(feed.get("url", ""), str):
                yield (kind, index), {"url": "", **feed}
        elif isinstance(entry, dict):
            yield (kind, index), entry


def _once(found: Iterable[tuple[KeyPath, str | int, object]], what: str, places: Places) -> None:
    first: dict[str, KeyPath] = {}
    for parent, key, value in found:
        if not isinstance(value, str) or not value:
            continue
        path = (*parent, key)
        earlier = first.setdefault(value.lower() if what != "address" else value, path)
        if earlier != path:
            at = places.where(earlier)
            places.report(path, f"is the same {what} as in {at}")


def _known(named: tuple[KeyPath, object], watched: list[str], places: Places) -> None:
    path, name = named
    if isinstance(name, str) and name not in watched:
        kind = "topics" if "topics" in path else "companies"
        places.report(
            path, f'"{name}" is not among the `{kind}` watched{did_you_mean(name, watched)}'
        )
