"""What delivery is made of, built from the settings: the mailer, and what its mails have in common.

* A mistake that only shows when a part is built (a key, a file of authorities) stops the start.
* Secrets leave the settings here, for the part that needs them, and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from monitor.deliver.message import Letterhead
from monitor.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config import Config
    from monitor.config.channels import ChannelSettings
    from monitor.config.delivery import DeliverySettings
    from monitor.deliver.folder import FolderMailer
    from monitor.deliver.smtp import SmtpMailer
    from monitor.deliver.ways import Channel

    Link = Callable[[str, str], str | None]


def build_mailer(settings: DeliverySettings, link: Link) -> SmtpMailer | FolderMailer:
    """Return SMTP if it is configured, else the outbox folder.

    *link* gives the web address at which a recipient leaves a list, if there is one. Raises
    ConfigError.
    """
    letterhead = build_letterhead(settings, link)
    smtp = settings.smtp
    if smtp is None:
        from monitor.deliver.folder import FolderMailer

        return FolderMailer(settings.outbox, letterhead)
    from monitor.deliver.smtp import SmtpMailer, SmtpSettings

    server = SmtpSettings(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        username=smtp.username,
        password=smtp.password.get_secret_value() if smtp.password else None,
        ca_file=smtp.ca_file,
        timeout=smtp.timeout,
    )
    return SmtpMailer(server, letterhead)


def build_channels(config: Config, judge: Callable[[str], None], agent: str) -> dict[str, Channel]:
    """Return the channels of *config*; raise ConfigError with all that cannot be used.

    *judge* raises AddressRefused for a literal address that webhooks may not reach; *agent* is
    what their receivers are told who sends.
    """
    built: dict[str, Channel] = {}
    mistakes: list[Mistake] = []
    for name, settings in config.channels.items():
        try:
            built[name] = _channel(name, settings, judge, agent)
        except ConfigError as error:
            place = config.place_of("channels", name, "apprise")
            mistakes += [replace(mistake, place=place) for mistake in error.mistakes]
    if mistakes:
        raise ConfigError(*mistakes)
    return built


def _channel(
    name: str, channel: ChannelSettings, judge: Callable[[str], None], agent: str
) -> Channel:
    if channel.webhook is not None:
        from monitor.config.channels import read_secret
        from monitor.deliver.webhook import Webhook, WebhookSettings

        keys = tuple(read_secret(secret.get_secret_value()) for secret in channel.secret)
        url = channel.webhook.get_secret_value()
        return Webhook(WebhookSettings(url, keys, channel.timeout, agent), judge)
    from monitor.deliver.channels import AppriseChannel

    address = channel.apprise.get_secret_value() if channel.apprise else ""
    return AppriseChannel(name, address, channel.timeout)


def build_letterhead(settings: DeliverySettings, link: Link) -> Letterhead:
    """Return what all mails have in common; raise ConfigError if the key cannot be used."""

    def ways_out(list_name: str, recipient: str) -> Sequence[str]:
        found = [link(list_name, recipient)]
        if settings.contact is not None:
            subject = quote(f"unsubscribe {list_name}", safe="")
            found.append(f"mailto:{quote(settings.contact, safe='@')}?subject={subject}")
        return [way for way in found if way is not None]

    unsigned = Letterhead(settings.sender, ways_out)
    dkim = settings.dkim
    if dkim is None or dkim.key is None:
        return unsigned
    from monitor.deliver.signature import signer

    domain = dkim.domain or unsigned.address.rpartition("@")[2]
    sign = signer(dkim.key.get_secret_value().encode(), domain, dkim.selector)
    return Letterhead(settings.sender, ways_out, sign)
