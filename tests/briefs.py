"""A brief for tests of channels; stories can be given otherwise."""

from mails import mail

from monitor.digest.brief import DIGEST, brief, stories_of
from monitor.model import ReportedHit

NAMES = {
    "companies": {"alibaba": "Alibaba", "tencent": "Tencent"},
    "topics": {"antitrust": "Antitrust"},
    "stages": {"fine": "Fine", "probe": "Probe"},
    "regulators": {"samr": "SAMR"},
    "ranks": {"fine": 95, "probe": 60},
}


def hit(number=1, **changes):
    at = mail().date
    values = {
        "id": number,
        "company": "alibaba",
        "topic": "antitrust",
        "stage": "fine",
        "regulator": "samr",
        "amount_text": "182亿元",
        "score": 0.9,
        "sentence": "",
        "evidence": (),
        "found_at": at,
        "story_id": number,
        "headline": "阿里巴巴被罚182亿元",
        "title": "阿里巴巴被罚182亿元",
        "summary": "",
        "url": f"https://news.example/{number}",
        "publisher": "Harbour Wire",
        "language": "zh-Hans",
        "published_at": at,
        "feed": "harbour",
    }
    return ReportedHit(**values | changes)


def briefed(*hits, warnings=(), subject="[Monitor] Tue 24 Nov: 1 story"):
    at = mail().date
    stories = stories_of(hits, **NAMES)
    return brief(DIGEST, "daily", at, at, stories=stories, subject=subject, warnings=warnings)
