"""What delivery is made of, built from the settings: the mailer, and what its mails have in common.

* A mistake that only shows when a part is built (a key, a file of authorities) stops the start.
* Secrets leave the settings here, for the part that needs them, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from monitor.deliver.message import Letterhead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config.delivery import DeliverySettings
    from monitor.deliver.folder import FolderMailer
    from monitor.deliver.smtp import SmtpMailer

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
