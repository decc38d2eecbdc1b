"""A mail for tests of the hand-over; every value can be said otherwise."""

from datetime import UTC, datetime

from monitor.deliver.message import Letterhead
from monitor.model import Mail

SENDER = Letterhead("Regulatory Monitor <monitor@desk.example>")


def mail(**changes):
    values = {
        "message_id": "<4f2a9c@desk.example>",
        "recipient": "reader@example.com",
        "list_name": "daily",
        "date": datetime(2026, 11, 23, 23, 30, tzinfo=UTC),
        "subject": "[Monitor] Tue 24 Nov: 1 story - Alibaba Antitrust: Fine (SAMR)",
        "text": "Alibaba must pay 182亿元\n.\n..two dots\nFrom here on\n",
        "html": '<!DOCTYPE html><meta charset="utf-8"><p lang="zh-Hans">阿里巴巴被罚182亿元</p>\n',
    }
    return Mail(**values | changes)


def ignore(_head, _body):
    """Stand for whoever writes down that the last byte is next."""
