"""Chat: short, whole stories only, and nothing in it that a chat would act upon."""

import pytest
from briefs import briefed, hit

from monitor.deliver.chat import inert, safe_link, text_of, title_of

HOSTILE = [
    "<!channel> Alibaba fined",
    "@everyone Alibaba fined",
    "<https://evil.example|Alibaba fined>",
    "[Alibaba fined](https://evil.example)",
    "*Alibaba* `fined` _now_ ~soon~ ||hidden||",
    "```\nAlibaba fined\n```",
    "Alibaba\r\n\r\n/giphy fined",
    "<script>alert(1)</script> Alibaba fined",
    "{{7*7}} =cmd|'/C calc'!A0 Alibaba fined",
    "\u202eAlibaba fined\u202c",
    "<at id=all></at> Alibaba fined",
    '<a href="javascript:alert(1)">Alibaba fined</a>',
    "# Alibaba fined",
    "&lt;!here&gt; Alibaba \\*fined\\*",
]


def test_a_digest_in_short():
    """Facts, headline, publisher and link of each story, the gravest first."""
    probe = hit(2, company="tencent", stage="probe", amount_text=None, title="Tencent under review")
    second = hit(3, story_id=1, publisher="Delta Daily", title="Alibaba fined")

    text = text_of(briefed(probe, hit(), second, warnings=["Feed A is down."]), most_octets=4000)

    assert text == (
        "! Feed A is down.\n\n"
        "1. Alibaba - Antitrust - Fine - SAMR - 182亿元\n阿里巴巴被罚182亿元\n"
        "Harbour Wire and 1 more\nhttps://news.example/1\n\n"
        "2. Tencent - Antitrust - Probe - SAMR\nTencent under review\n"
        "Harbour Wire\nhttps://news.example/2"
    )


def test_a_quiet_day():
    """A digest without stories says so."""
    assert text_of(briefed(), most_octets=500) == "Nothing new."


@pytest.mark.parametrize("title", HOSTILE)
def test_words_from_a_feed_are_inert(title):
    """No mention, mark-up, link of another name, command or line break comes from a feed."""
    told = briefed(hit(title=title, publisher=title, amount_text=title), subject=title)

    text = text_of(told, most_octets=4000)

    without_link = text.replace("https://news.example/1", "")
    assert len(text.splitlines()) == 4
    assert not set("@<>`*_~[]|#\\&\u202e") & set(without_link + title_of(told))
    assert "://" not in without_link


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://a.example/x?y=1&z=%20", "https://a.example/x?y=1&z=%20"),
        ("https://a.example/<!channel>|x", "https://a.example/%3C%21channel%3E%7Cx"),
        ("https://a.example/@everyone*_x_*", "https://a.example/%40everyone%2A_x_%2A"),
        ("https://bücher.example/新闻", "https://xn--bcher-kva.example/%E6%96%B0%E9%97%BB"),
        ("https://user@evil.example/", "https://user%40evil.example/"),
    ],
)
def test_links_are_inert(url, link):
    """A link leads where it led, and carries no mark-up."""
    assert safe_link(url) == link


@pytest.mark.parametrize("most", [4096, 2000, 2048, 600, 160, 70])
def test_what_does_not_fit_is_counted(most):
    """Within what a service takes, in octets, whole stories are shown and the rest is counted."""
    hits = [hit(number, title=f"阿里巴巴第{number}次被罚") for number in range(1, 81)]

    text = text_of(briefed(*hits), most_octets=most)

    shown = text.count("Harbour Wire")
    assert len(text.encode()) <= most
    assert text.endswith(f"... and {80 - shown} more, in the mail and in the database")
    assert shown == text.count("https://news.example/")
    assert shown > 0 or most < 200


def test_inert_text_can_still_be_read():
    """Plain words, Chinese ones and figures are left as they are."""
    said = "SAMR: 阿里巴巴被罚182亿元 (US$2.8bn), “record” fine; 4% of sales!"

    assert inert(said) == said
