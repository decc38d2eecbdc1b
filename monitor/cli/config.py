"""`monitor config`: whether the configuration holds, what it amounts to, what it may say."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from monitor.cli import config_option, config_path, declare

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from monitor.config import Config
    from monitor.model import Feed, Subscription


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `monitor config check|schema|show`."""
    verb = declare(commands, "config", "check, explain or show the configuration")
    actions = verb.add_subparsers(metavar="ACTION", required=True)
    for name, work, text in (
        ("check", check, "name every mistake, or say in a few lines what is set"),
        ("schema", schema, "print the JSON Schema of the file, for editors"),
        ("show", show, "print all settings that are in force, passwords masked"),
    ):
        action = actions.add_parser(
            name, help=text, description=f"{text.capitalize()}.", parents=[config_option()]
        )
        action.set_defaults(work=work)


def check(args: argparse.Namespace) -> int:
    """Print what is risky, then one line per part; mistakes are a ConfigError."""
    from monitor.config import load
    from monitor.mailing import build_channels, build_letterhead

    path = config_path(args)
    config = load(path, os.environ)
    build_channels(config, lambda _address: None, "")  # only Apprise knows what it can reach
    build_letterhead(config.delivery, lambda _list, _recipient: None)  # signs once, to see
    _check_templates(path, config)
    for warning in config.warnings:
        print(f"warning: {warning}")
    print(f"{path}: no mistakes")
    for part, said in _summary(config):
        print(f"  {part:<14} {said}")
    return 0


def _check_templates(path: str, config: Config) -> None:
    from monitor.digest.samples import proven
    from monitor.errors import ConfigError, Mistake, RenderError

    mistakes = []
    for number, subscription in enumerate(config.subscriptions):
        if subscription.templates is None:
            continue
        try:
            proven(subscription.templates)
        except RenderError as error:
            key = f"subscriptions[{number}].templates"
            mistakes.append(Mistake(path, key, str(error)))
    if mistakes:
        raise ConfigError(*mistakes)


def schema(_args: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    from monitor.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


def show(args: argparse.Namespace) -> int:
    """Print the settings in force as YAML that could be used as a configuration file."""
    import yaml

    from monitor.config import load

    shown = shown_settings(load(config_path(args), os.environ))
    print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100), end="")
    return 0


def shown_settings(config: Config) -> dict[str, Any]:
    """Return the settings in force as plain data, with `***` for what is secret."""
    from monitor.config.values import without_password

    shown = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    for feed, plain in zip(config.model_feeds(), shown["feeds"], strict=True):
        address = {} if "imap" in plain else {"url": without_password(feed.url)}
        plain |= {**address, "id": feed.key, "name": feed.name}
    return shown


def _summary(config: Config) -> Iterator[tuple[str, str]]:
    from monitor.config.values import without_password, write_duration

    lexicon, polling = config.lexicon, config.polling
    yield "companies", _listed([company.name for company in lexicon.companies])
    yield "topics", _listed([topic.name for topic in lexicon.topics])
    yield "feeds", _feeds(config.model_feeds())
    for subscription in config.model_subscriptions():
        yield "subscription", _subscription(subscription)
    if not config.subscriptions:
        yield "subscriptions", "none: no digest will be sent"
    for name, channel in config.channels.items():
        yield "channel", f"{name}: " + ("a chat by Apprise" if channel.apprise else "a webhook")
    yield "delivery", _delivery(config)
    yield "web", _web(config)
    yield "database", without_password(config.database_url)
    every, timeout = write_duration(polling.interval), write_duration(polling.timeout)
    yield "polling", f"every {every}, {polling.concurrency} at once, at most {timeout} each"
    allowed = ", ".join(config.network.allow_private)
    yield "network", f"private networks allowed: {allowed}" if allowed else "public addresses only"
    yield "logging", f"{config.logging.level}, {config.logging.format}"


def _listed(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names)}"


def _feeds(feeds: tuple[Feed, ...]) -> str:
    off = sum(not feed.enabled for feed in feeds)
    if off == len(feeds):
        return f"{len(feeds)}, none switched on: nothing will be polled"
    return f"{len(feeds)}" + (f", {off} of them switched off" if off else "")


def _subscription(subscription: Subscription) -> str:
    from monitor.config.values import write_duration

    schedule, to = subscription.schedule, ", ".join(subscription.recipients)
    alerts = ", with alerts" if subscription.alert else ""
    if schedule.every:
        return f"{subscription.name}: every {write_duration(schedule.every)}, to {to}{alerts}"
    times = ", ".join(at.strftime("%H:%M") for at in schedule.at)
    return f"{subscription.name}: at {times} {schedule.zone.key}, to {to}{alerts}"


def _delivery(config: Config) -> str:
    smtp = config.delivery.smtp
    if smtp is None:
        return f"into the folder {config.delivery.outbox}, as .eml and .html files"
    login = f", as {smtp.username}" if smtp.username else ""
    security = "not encrypted" if smtp.security == "none" else smtp.security
    return f"by SMTP to {smtp.host}:{smtp.port}, {security}{login}"


def _web(config: Config) -> str:
    web = config.web
    if web.listen is None:
        served = "no pages served"
    elif web.is_local(web.listen):
        served = f"at {web.listen}, open to this machine until there are users"
    else:
        served = f"at {web.listen}, for users alone but for what mails link to"
    return served + (f"; mails link to {web.url}" if web.url else "; mails link to no page")
