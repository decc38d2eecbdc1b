"""Marks: what a text says in any language alike, so that reports can be compared across them.

* A mark stands for a place, a party or a matter, whichever language names it; numbers are marks
  as they are printed, with the point as their decimal sign.
* Marks are of the field, not of a company: who is watched is the lexicon's business.
* Places of which two reports name different ones speak against one happening.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ahocorasick_rs import AhoCorasick

from monitor.text.words import is_letter

# A mark and the spellings that stand for it, in folded text: Latin ones begin a word, "*" goes on.
PLACES: Final = {
    "hongkong": "hong kong|hk|hkex|hongkong|香港|港交所|港股|赴港|联交所|回港|港元|h股",
    "us": "u.s.|us|united states|american|america|new york|nyse|nasdaq|wall street|sec|usa"
    "|etats-unis"
    "|états-unis|美国|美股|赴美|纽约|纽交所|纳斯达克|米国|華尔街|华尔街",
    "shanghai": "shanghai|star market|sse|科创板|上交所|上海|a股|a-share*",
    "shenzhen": "shenzhen|szse|chinext|深圳|深交所|创业板",
    "eu": "eu|european|brussels|europe|欧盟|欧洲|欧委会|européenne|europäische*",
    "uk": "uk|u.k.|britain|british|london|cma|英国|伦敦",
    "germany": "germany|german|bundeskartellamt|deutschland|德国",
    "france": "france|french|法国",
    "italy": "italy|italian|italia*|agcm|意大利",
    "japan": "japan|japanese|jftc|日本|公正取引委員会",
    "korea": "korea|korean|kftc|韩国|韓国",
    "india": "india|indian|cci|印度",
    "indonesia": "indonesia*|kppu|印尼|印度尼西亚",
    "turkey": "turkey|turkish|türkiye|rekabet|土耳其",
    "taiwan": "taiwan*|台湾",
    "singapore": "singapore*|新加坡",
    "brazil": "brazil*|brasil*|cade|巴西",
    "russia": "russia*|俄罗斯",
    "australia": "australia*|accc|澳大利亚|澳洲",
}
PARTIES: Final = {
    "jd": "jd|jd.com|京东",
    "meituan": "meituan|美团",
    "pinduoduo": "pinduoduo|pdd|temu|拼多多",
    "bytedance": "bytedance|tiktok|douyin|字节跳动|字节|抖音|バイトダンス",
    "didi": "didi|滴滴",
    "netease": "netease|网易",
    "bilibili": "bilibili|哔哩哔哩|b站",
    "kuaishou": "kuaishou|快手",
    "weibo": "weibo|sina|微博|新浪",
    "qihoo": "qihoo|360|奇虎",
    "sogou": "sogou|搜狗",
    "ximalaya": "ximalaya|himalaya|喜马拉雅",
    "jdlogistics": "sf express|顺丰|galanz|格兰仕",
    "softbank": "softbank|软银|ソフトバンク",
    "apple": "apple|app store|苹果|アップル",
    "google": "google|alphabet|android|谷歌|グーグル",
    "qualcomm": "qualcomm|高通",
    "interdigital": "interdigital|交互数字|idc",
    "zte": "zte|中兴",
    "nokia": "nokia|诺基亚",
    "ericsson": "ericsson|爱立信",
    "samsung": "samsung|三星",
    "nvidia": "nvidia|英伟达",
    "microsoft": "microsoft|微软",
    "amazon": "amazon|亚马逊",
    "meta": "meta|facebook|脸书",
    "unionpay": "unionpay|银联",
    "universal": "universal music|umg|环球音乐",
    "sony": "sony|索尼",
}
# Lines of business, with units that stand for one: two offerings of two lines are two.
LINES: Final = {
    "music": "music*|copyright*|音乐|版权|musique|musik",
    "cloud": "cloud*|aliyun|云计算|云智能|阿里云|百度云|腾讯云",
    "chips": "chip|chips|chipmak*|semiconductor*|kunlun*|t-head|芯片|半导体|昆仑芯|平头哥",
    "logistics": "logistic*|cainiao|物流|快递|菜鸟",
    "grocery": "grocer*|supermarket*|freshippo|hema|盒马|生鲜",
    "games": "game|games|gaming|esport*|游戏|电竞",
    "streaming": "livestream*|live-stream*|huya|douyu|直播|虎牙|斗鱼",
    "video": "video*|iqiyi|youku|视频|爱奇艺|优酷",
    "books": "china literature|online publish*|e-book*|阅文|网络文学",
    "maps": "map|maps|navigation|autonavi|地图|高德",
    "food delivery": "food delivery|takeaway|ele.me|外卖|饿了么",
    "payment": "payment*|wallet*|alipay|支付|钱包",
    "lending": "lending|loan*|microlend*|小贷|消费金融|信贷",
    "cars": "car|cars|ev|electric vehicle*|robotaxi*|汽车|自动驾驶",
}
MATTERS: Final = {
    "exclusivity": "exclusiv*|choose one|pick one|picking sides|forced exclusiv*|merchant*|二选一"
    "|独家|二者択一|exclusivité|exklusiv*",
    "merger": "merger*|merge*|acquisition*|acquire*|takeover|buyout|concentration*"
    "|合并|收购|并购|经营者集中|fusion*|übernahme|買収",
    "joint venture": "joint venture|合营|合资",
    "rectification": "rectif*|overhaul|remed*|compliance guidance|整改|指导书",
    "dual primary": "dual primary|dual-primary|primary listing|双重主要|主要上市",
    "secondary": "secondary listing|second listing|homecoming|第二上市|二次上市|回归",
    "receipts": "cdr*|depositary receipt*|depository receipt*|存托凭证",
    "spin-off": "spin-off*|spinoff*|spin off|spun off|carve-out|分拆|拆分|スピンオフ",
    "valuation": "valuation*|valu*|估值|市值|评价额",
    "investors": "cornerstone*|anchor|基石",
    "prospectus": "prospectus*|招股书|招股说明书|聆讯后资料",
    "audit": "audit*|pcaob|hfcaa|holding foreign companies|审计|外国公司问责",
    "delisting": "delist*|摘牌|退市|预摘牌",
    "court": "court*|judg*|ruling|lawsuit*|sue*|suing|suit|trial|tribunal"
    "|法院|起诉|诉讼|判决|一审|二审|终审|胜诉|败诉|诉|procédure|klage|gericht",
    "appeal": "appeal*|上诉|berufung|recours",
    "patent": "patent*|专利|标准必要",
    "privacy": "privacy|personal data|user data|数据安全|个人信息|隐私",
    "search": "search engine*|search|搜索",
    "advertising": "advertis*|广告",
    "retail investors": "retail investor*|散户|认购|oversubscri*|超额认购|超购",
    "staff": "staff|employee*|员工",
    "founder": "founder*|创始人",
    "record": "record|largest|biggest|最大|最高|创纪录|史上",
    "half": "first-half|half-year|上半年",
    "debut": "debut*|first day|first trading|挂牌|敲钟|鸣锣|首日|初登場|börsendebüt",
    "range": "price range|range|定价|区间|发售价|发行价",
    "weak market": "weak market*|market condition*|volatil*|sentiment|市场疲软|市况",
    "blocked": "block*|prohibit*|halt*|禁止|叫停|否决|阻止",
    "shares": "shares|stock*|股价|aktie*|株",
    "twelve": "12 compan*|dozen|12家|十二家",
}

# Matters that tell which case it is: two reports of two such are seldom of one.
CASES: Final = frozenset({"exclusivity", "merger", "joint venture", "patent", "audit", "privacy"})

# What must not stand before it is asked behind its first digit: so a search skips to the next.
_NUMBER: Final = re.compile(r"\d(?<![\d.,]\d)\d*(?:[.,]\d+)*")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")


class Marks(NamedTuple):
    """The marks of a text: *every* one, and of these those of a kind.

    *foremost* are the places that the headline names, with which the text begins.
    """

    every: frozenset[str]
    places: frozenset[str]
    parties: frozenset[str]
    lines: frozenset[str]
    cases: frozenset[str]
    foremost: frozenset[str]


def marks(folded: str, *, headline: int = 0) -> Marks:
    """Return the marks of a folded text: places, parties, matters, and numbers but years.

    *headline* is the length of its headline, behind which a blank follows.
    """
    found: set[str] = set()
    foremost: set[str] = set()
    for at, start, end in _AUTOMATON.find_matches_as_indexes(folded, overlapping=True):
        if _stands(folded, start, end, *_BOUNDS[at]):
            found.add(_MARKS[at])
            if end <= headline:
                foremost.add(_MARKS[at])
    numbers = {it.replace(",", "") for it in _NUMBER.findall(folded)}
    telling = {it for it in numbers if len(it) > 1 and not _YEAR.fullmatch(it)}
    return Marks(
        _frozen(found | telling),
        _frozen(found & PLACES.keys()),
        _frozen(found & PARTIES.keys()),
        _frozen(found & LINES.keys()),
        _frozen(found & CASES),
        _frozen(foremost & PLACES.keys()),
    )


_NONE: Final[frozenset[str]] = frozenset()


def _frozen(some: set[str]) -> frozenset[str]:
    """Return *some* for good; none is always the same, as most of them are none."""
    return frozenset(some) if some else _NONE


def _stands(text: str, start: int, end: int, begins: bool, ends: bool) -> bool:  # noqa: FBT001
    """Return whether a spelling is a word of its own; Han needs no blanks round it.

    *begins* and *ends* say whether a letter before it, or behind it, makes it part of another.
    """
    if begins and start and is_letter(text[start - 1]):
        return False
    return not (ends and is_letter(text[end : end + 1] or " "))


_SPELLINGS: Final = [
    (mark, spelling)
    for table in (PLACES, PARTIES, LINES, MATTERS)
    for mark, spellings in table.items()
    for spelling in spellings.split("|")
]
_MARKS: Final = [mark for mark, _ in _SPELLINGS]
_BOUNDS: Final = [(is_letter(spelling[0]), is_letter(spelling[-1])) for _, spelling in _SPELLINGS]
_AUTOMATON: Final = AhoCorasick([spelling.rstrip("*") for _, spelling in _SPELLINGS])
