"""Every Chinese, Japanese and Korean charset, wherever it is declared, with a bad byte or without.

A title comes out exact, or the feed is flagged.
"""

import codecs
import itertools

import pytest

from monitor.feeds.parse.document import parse

# A headline, and text as a summary has it, for each way of writing.
SIMPLIFIED = (
    "市场监管总局对阿里巴巴作出反垄断行政处罚决定",
    (
        "国家市场监督管理总局依法对该公司在中国境内网络零售平台服务市场实施垄断行为作出行政处罚，"
        "责令其停止违法行为，并处以罚款。公司表示诚恳接受，坚决服从，将加强合规经营。"
    ),
)
TRADITIONAL = (
    "香港交易所刊發騰訊音樂娛樂集團上市申請文件",
    (
        "公司計劃以介紹形式在主板上市，監管機構已經收到有關文件。分析員認為，市場對科技股的興趣正在回升，"
        "但是審批需要時間，投資者應當留意風險。"
    ),
)
JAPANESE = (
    "公正取引委員会がアリババに排除措置命令を出した",
    (
        "公正取引委員会は、同社がオンライン小売の市場で取引先に競合他社との取引をやめさせていたとして、"
        "独占禁止法に違反すると判断した。会社は命令に従うとしている。"
    ),
)
KOREAN = (
    "공정거래위원회가 알리바바에 과징금을 부과했다",
    (
        "위원회는 이 회사가 온라인 소매 시장에서 거래 상대방에게 경쟁사와 거래하지 말라고 요구한"
        " 사실을 확인했다고 밝혔다. 회사는 결정을 따르겠다고 말했다."
    ),
)
CODECS = {
    **dict.fromkeys(("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"), SIMPLIFIED),
    **dict.fromkeys(("gb2312", "gbk", "hz"), SIMPLIFIED),
    **dict.fromkeys(("big5", "big5hkscs", "cp950"), TRADITIONAL),
    **dict.fromkeys(("shift_jis", "cp932", "euc_jp", "iso2022_jp", "shift_jis_2004"), JAPANESE),
    **dict.fromkeys(("euc_kr", "cp949", "iso2022_kr"), KOREAN),
}
PLACES = ("declaration", "header", "both", "nowhere", "a wrong header", "a wrong declaration")
SPOILT = (None, 0.2, 0.6, 0.9)  # where in the title one byte is replaced by FF
WIDE = ("utf-16", "utf-32")  # any bytes are some character of these, a bad one too
CASES = [
    case
    for case in itertools.product(CODECS, PLACES, SPOILT)
    if case[2] is None or not case[0].startswith(WIDE)
]


def written(codec, place, spoilt):
    """Return the bytes of a feed, its Content-Type and its title."""
    title, summary = CODECS[codec]
    says = "iso-8859-1" if place == "a wrong declaration" else codec
    label = f' encoding="{says}"' if place in {"declaration", "both", "a wrong declaration"} else ""
    item = f"<item><title>{title}</title><description>{summary}</description></item>"
    text = f'<?xml version="1.0"{label}?><rss version="2.0"><channel>{item}</channel></rss>'
    body = bytearray(text.encode(codec))
    if spoilt is not None:
        place_of_title = text.index(title) + int(len(title) * spoilt)
        body[len(text[:place_of_title].encode(codec))] = 0xFF
    header = {"header": codec, "both": codec, "a wrong header": "iso-8859-1"}.get(place)
    return bytes(body), f"text/xml; charset={header}" if header else "text/xml", title


@pytest.mark.parametrize(("codec", "place", "spoilt"), CASES)
def test_exact_or_flagged(codec, place, spoilt):
    """The words come out as they were written, or somebody is told that they may not have."""
    body, header, title = written(codec, place, spoilt)

    document = parse(body, header, "https://feeds.example/")

    told = document.flaws or document.rejected
    exact = [entry.title for entry in document.entries] == [title]
    assert exact or told, (document.charset, document.entries)
    assert codecs.lookup(document.charset)
