"""The pages in a real browser, with Chinese words: they fit a phone, can be read, and work."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsers import COLOURS, chromium, luminance
from editions import busy_edition
from sqlalchemy import insert, select
from stored import put
from websites import PASSWORD, put_digest, put_user, website

from monitor.digest.render import Renderer
from monitor.model import Review, Verdict
from monitor.pipeline.deliver import deliver_due
from monitor.pipeline.group import group_new
from monitor.store import reviews, searches
from monitor.store import schema as t
from monitor.store.engine import reading

PROPOSED = "/rules/?kind=topic&role=topic&of=antitrust&phrase=彩票"
PAIRS = ("淘江", "Oban"), ("鹿鸣山", "Ayr"), ("Hull", "白石"), ("Perth", "青浦"), ("Truro", "York")
SHOTS = os.environ.get("SHOTS")  # a folder to keep pictures in, for people to look at


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture
def site(tmp_path, clock):
    with website(tmp_path, f"sqlite:///{tmp_path}/monitor.db", clock) as served:
        app = served.app
        made = Renderer().render(busy_edition())
        words = {"subject": made.subject, "text": made.text, "html": made.html}
        put_digest(app, "desk@example.com", "李明@example.com", **words)
        deliver_due(app.store, app.mailer, clock)
        put_digest(
            app,
            "a-very-long-address-of-somebody@a-long-domain.example.com",
            number=2,
            subject="[Monitor] 星期二: 3 条 - 阿里巴巴 反垄断: 罚款 (市场监管总局)" * 2,
            slot=clock.now(),
        )
        titles = [
            "China's market regulator fines Alibaba $2.8 billion in antitrust case",
            "市场监管总局对腾讯控股作出反垄断行政处罚，罚款50万元",
            "Überwachungsgesetz" * 9 + " Ant Group IPO suspended",
        ]
        put(app.store, titles, lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        put_polls(app)
        put_user(app, "ann", "reviewer")
        served.cookie = served.log_in("ann", PASSWORD)
        with app.store.begin() as connection:
            reviews.add(connection, Review(3, Verdict.IRRELEVANT, "李明", clock.now(), "旧闻"))
            put_searches(connection, clock.now())
        yield served


def put_rejected(app):
    """Store hits that were rejected and share words, in Chinese and English, and one kept."""
    now = app.clock.now()
    titles = [f"第{n}期彩票，{'甲乙丙丁戊己'[n]}腾讯反垄断案" for n in range(6)]
    titles += [f"Number {n}: Alibaba Cave fined in antitrust case <b>" for n in range(6)]
    put(app.store, titles, lexicon=app.lexicon, now=now, feed="b")
    with app.store.begin() as connection:
        found = select(t.hits.c.id).join(t.articles, t.articles.c.id == t.hits.c.article_id)
        for hit in connection.scalars(found.where(t.articles.c.title.in_(titles))).all():
            reviews.add(connection, Review(hit, Verdict.IRRELEVANT, "ann", now))
    group_new(app.store)


def put_searches(connection, now):
    """Save a search in Chinese, and one of long words."""
    for name, query, kind in (
        ("反垄断罚款", "反垄断 stage:fine", "stories"),
        ("x" * 100, "y" * 300, "articles"),
    ):
        searches.add(connection, name=name, query=query, kind=kind, who="李明", now=now)


def put_polls(app):
    """Store a week of polls, some of which failed, one with a gap."""
    with reading(app.store) as connection:
        feed = connection.scalar(select(t.feeds.c.id).where(t.feeds.c.key == "a"))
    rows = [
        {
            "feed_id": feed,
            "at": app.clock.now() - timedelta(hours=hours),
            "outcome": "failed" if hours % 50 < 3 else "stored",
            "new": hours % 4,
            "gap": hours == 40,
            "error": "HTTP 503 服务不可用" if hours % 50 < 3 else None,
        }
        for hours in range(1, 170)
    ]
    with app.store.begin() as connection:
        connection.execute(insert(t.polls), rows)


@pytest.fixture
def show(browser, site):
    """Return a function that opens a page; whatever goes wrong on it is in `failures`."""
    contexts = []

    def opened(path, width=390, scheme="light", language="en", *, scripts=True, trusted=False):
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
            locale="zh-CN" if language == "zh" else "en-GB",
            java_script_enabled=scripts,
            bypass_csp=trusted,  # axe is a script, which our pages forbid
        )
        contexts.append(context)
        origin = f"http://127.0.0.1:{site.port}"
        kept = [part.strip().partition("=") for part in site.cookie.split(";")]
        context.add_cookies([{"name": it[0], "value": it[2], "url": origin} for it in kept])
        page = context.new_page()
        page.failures = []
        page.on("console", lambda told: page.failures.append(told.text))
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        page.on("requestfailed", lambda request: page.failures.append(request.url))
        page.on(
            "request",
            lambda request: request.url.startswith(origin) or page.failures.append(request.url),
        )
        page.goto(origin + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def addresses(site):
    token = site.app.links.leaving_token("daily", "李明@example.com")
    return [
        *("/companies/", "/companies/tencent", "/companies/ant"),
        *("/subscriptions/", "/subscriptions/daily"),
        *("/review/", "/review/?done=3", "/review/3", "/review/precision?by=spelling"),
        *("/review/proposals", PROPOSED),
        *("/rules/", "/account", "/searches/", "/searches/?done=1"),
        *("/", "/stories/", "/stories/1", "/stories/2", "/hits/", "/feeds/", "/feeds/a"),
        *("/search/", "/search/?q=反垄断", "/search/?q=antitrust&in=stories", "/search/?q=(罚款"),
        "/search/?q=反垄断 OR IPO&in=hits",
        *("/digests/", "/digests/1", "/digests/2", f"/unsubscribe/{token}"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "language"), [(320, "en"), (390, "zh"), (1280, "en")])
def test_every_page(show, site, width, scheme, language):
    """No page sticks out, complains, asks elsewhere or is hard to read, by day and by night."""
    for path in [*addresses(site), "/nowhere"]:
        page = show(path, width, scheme, language)
        _keep(page, f"{path.split('/')[1]}-{path.split('/')[-1][:6]}-{width}-{scheme}-{language}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        if path not in {"/nowhere", "/search/?q=(罚款"}:  # a browser complains of 400 and 404
            assert page.failures == [], path
        for name, ink, paper in page.evaluate(COLOURS):
            light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (path, name, ink, paper)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show, site, scheme):
    """A reader with a keyboard or a screen reader meets no barrier that axe-core knows of."""
    for path in addresses(site):
        page = show(path, scheme=scheme, trusted=True)
        found = Axe().run(page).response["violations"]
        assert [(it["impact"], it["id"], it["nodes"][0]["html"]) for it in found] == [], path


def _keep(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_from_today_to_the_words_that_made_a_hit(show):
    """Without a script: the first page leads to a story, whose matched words are marked."""
    page = show("/", language="zh", scripts=False)
    page.get_by_role("link", name="市场监管总局对腾讯控股").click()

    assert "反垄断行政处罚" in page.locator("mark").all_inner_texts()
    page.get_by_role("link", name="腾讯", exact=False).first.wait_for()
    assert page.failures == []


def test_filters_by_hand(show):
    """Stories are narrowed with the form alone, and the choice stays chosen."""
    page = show("/stories/", 1280, scripts=False)
    page.get_by_label("Company").select_option("tencent")
    page.get_by_role("button", name="Show").click()

    page.wait_for_url("**/stories/?company=tencent*")
    assert page.locator("ol.rows > li").count() == 1
    assert page.get_by_label("Company").input_value() == "tencent"


def test_from_the_list_to_the_mail(show):
    """A reader finds a digest, sees it as it was sent, and saves the mail."""
    page = show("/digests/", 1280)
    page.get_by_role("link", name="[Monitor] Tue").first.click()

    assert page.get_by_role("heading", level=1).inner_text().startswith("[Monitor]")
    frame = page.frame_locator("iframe.mail")
    frame.get_by_text("蚂蚁集团IPO被暂缓").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name=".eml").first.click()
    assert download.value.suggested_filename == "delivery-100.eml"
    assert "Message-ID" in Path(download.value.path()).read_text("utf-8")


def test_leaving_and_coming_back_by_hand(show, site):
    """Without a script, in Chinese: one button leaves the list, one comes back."""
    page = show(addresses(site)[-1], language="zh", scripts=False)
    page.get_by_role("button", name="退订").click()
    page.get_by_role("heading", name="您不会再收到这些邮件").wait_for()

    page.get_by_role("button", name="点错了，请继续发送").click()
    page.get_by_role("heading", name="已恢复订阅").wait_for()
    assert page.failures == []


def test_another_language(show):
    """The foot of a page changes its language, and the next page remembers."""
    page = show("/digests/?subscription=daily", scripts=False)
    page.get_by_role("link", name="中文").click()
    page.get_by_role("heading", name="简报", exact=True).wait_for()
    assert "subscription=daily" in page.url

    page.get_by_role("link", name="[Monitor]").first.click()
    page.get_by_role("heading", name="通知了谁").wait_for()


def verdicts(site):
    with reading(site.app.store) as connection:
        its = t.reviews.c
        query = select(its.hit_id, its.verdict, its.note).order_by(its.id).offset(1)
        return [tuple(row) for row in connection.execute(query)]


def test_reviewing_with_keys(show, site):
    """Keys go through the queue, a letter gives a verdict, n a note; the next is at hand."""
    page = show("/review/", 1280)
    page.get_by_text("Keys: j and k").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("n")
    page.keyboard.type("背景 r i d j")
    page.keyboard.press("Escape")
    page.keyboard.press("i")

    page.get_by_text("Hit 2: irrelevant, says ann.").wait_for()
    assert page.evaluate("document.activeElement.id") == "hit-1"
    page.keyboard.press("r")
    page.get_by_text("Nothing waits for a verdict.").wait_for()
    assert verdicts(site) == [(2, "irrelevant", "背景 r i d j"), (1, "relevant", None)]
    assert page.failures == []


def test_reviewing_without_a_script(show, site):
    """The same by hand, in Chinese, and a second thought on the page of the hit."""
    page = show("/review/", language="zh", scripts=False)
    entry = page.locator("#hit-2")
    entry.get_by_label("备注").fill("重复报道")
    entry.get_by_role("button", name="重复").click()

    page.get_by_role("link", name="想改主意？").click()
    page.get_by_role("button", name="相关", exact=True).click()
    page.get_by_role("cell", name="重复报道").wait_for()
    assert verdicts(site) == [(2, "duplicate", "重复报道"), (2, "relevant", None)]
    assert page.failures == []


def test_the_rule_bench(show):
    """A text is tried on changed rules, then these on what is stored, without a script."""
    page = show("/rules/", 1280, scripts=False)
    page.get_by_label("Title").fill("小米集团因垄断被罚款")
    page.get_by_label("Rules, in YAML").fill("companies: [xiaomi]\ntopics: [antitrust]\n")
    page.get_by_role("button", name="Try on the text").click()
    page.get_by_text("a hit", exact=True).wait_for()
    assert "小米集团" in page.locator("mark").all_inner_texts()
    _keep(page, "rules-tried-1280")

    page.get_by_role("button", name="Try on what is stored").click()
    page.get_by_text("3 of 3 articles").wait_for()
    page.get_by_role("heading", name="removed").wait_for()
    _keep(page, "backtest-1280")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.failures == []


def test_saving_a_search_by_hand(show):
    """Without a script, in Chinese: a search is saved, run and removed again."""
    page = show("/search/?q=反垄断", language="zh", scripts=False)
    page.get_by_text("保存此搜索", exact=True).click()
    page.get_by_label("将此搜索保存为").fill("腾讯与反垄断")
    _keep(page, "search-save-390")
    page.get_by_role("button", name="保存", exact=True).click()
    page.get_by_text("已保存：").wait_for()
    _keep(page, "searches-saved-390")

    page.get_by_role("link", name="腾讯与反垄断").click()
    page.get_by_role("link", name="市场监管总局", exact=False).first.wait_for()
    page.go_back()
    page.get_by_role("button", name="删除 腾讯与反垄断").click()
    page.wait_for_url("**/searches/")
    assert page.get_by_text("腾讯与反垄断").count() == 0
    assert page.failures == []


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(390, "light", "zh"), (390, "dark", "en"), (1280, "dark", "zh")],
)
def test_proposals_by_hand(show, site, width, scheme, language):
    """Without a script: from a proposal to the bench, and what its rule would remove."""
    put_rejected(site.app)
    page = show("/review/proposals?min=5", width, scheme, language, scripts=False)
    assert page.locator("ol.rows > li").count() >= 2
    _fits(page, f"proposals-{scheme}-{language}")
    page.locator("ol.rows > li", has_text="彩票").locator("a[href^='/rules/']").click()
    _fits(page, f"proposed-{scheme}-{language}")
    page.locator("button[value=backtest]").click()
    page.locator("p[role=status] .state-ok").wait_for()
    page.locator("h3.headline", has_text="彩票").first.wait_for()
    _fits(page, f"proposed-backtest-{scheme}-{language}")
    assert page.failures == []
    checked = show("/review/proposals?min=5", width, scheme, language, trusted=True)
    assert Axe().run(checked).response["violations"] == []


@pytest.mark.parametrize(
    ("width", "scheme", "language"),
    [(390, "light", "zh"), (390, "dark", "en"), (1280, "light", "en"), (1280, "dark", "zh")],
)
def test_a_feed_left_out_by_hand(show, site, clock, width, scheme, language):
    """Without a script: from a feed's proposal to the bench, and what there would not be."""
    app = site.app
    put(
        app.store,
        [f"{one} Tencent antitrust {two}" for one, two in PAIRS],
        lexicon=app.lexicon,
        now=clock.now(),
        feed="wire",
    )
    with app.store.begin() as connection:
        its = t.hits.c.article_id == t.sightings.c.article_id
        found = select(t.hits.c.id).join(t.sightings, its).join(t.feeds)
        for hit in connection.scalars(found.where(t.feeds.c.key == "wire")).all():
            reviews.add(connection, Review(hit, Verdict.IRRELEVANT, "ann", clock.now()))
    group_new(app.store)
    page = show("/review/proposals?min=5", width, scheme, language, scripts=False)
    _fits(page, f"feed-proposed-{scheme}-{language}")
    page.locator("ol.rows > li", has_text="wire").locator("a[href^='/rules/']").click()
    _fits(page, f"feed-bench-{scheme}-{language}")
    page.locator(".done button[value=backtest]").click()
    page.locator("p[role=status] .state-ok").wait_for()  # until then it is loaded again and again
    page.locator("h3.headline", has_text="鹿鸣山").first.wait_for()
    _fits(page, f"feed-backtest-{scheme}-{language}")
    assert page.failures == []


@pytest.mark.parametrize(("width", "language"), [(390, "en"), (390, "zh"), (360, "en")])
def test_the_menu_of_a_phone(show, width, language):
    """Even a reviewer's menu, the longest, takes two rows of a phone at most."""
    page = show("/review/", width, language=language)
    rows = page.locator(".top nav li").evaluate_all(
        "entries => new Set(entries.map(it => it.offsetTop)).size"
    )
    assert rows <= 2


def test_from_a_company_to_its_story(show):
    """The companies lead to one, its timeline to the story."""
    page = show("/companies/", language="zh", scripts=False)
    page.get_by_role("link", name="腾讯", exact=False).first.click()
    page.get_by_role("heading", name="时间线").wait_for()
    page.locator("ol.steps a").first.click()
    page.get_by_role("heading", name="市场监管总局", exact=False).first.wait_for()
    assert page.failures == []


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (390, "light"), (1280, "dark")])
def test_logging_in_by_hand(show, width, scheme):
    """Without a script, in Chinese: wrong, then right, the menu, and out; all fits and is read."""
    page = show("/", width, scheme, language="zh", scripts=False, trusted=True)
    page.context.clear_cookies()
    page.goto(page.url + "hits/?company=ant")
    _fits(page, "login")
    page.get_by_label("用户名").fill("Ann")
    page.get_by_label("密码").fill("not the password")
    page.get_by_role("button", name="登录").click()
    page.get_by_role("alert").get_by_text("用户名与密码不符").wait_for()
    _fits(page, "login-wrong")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/hits/?company=ant")

    page.locator(".account summary").click()
    _fits(page, "menu")
    page.get_by_role("link", name="账户").click()
    page.get_by_role("heading", name="账户", exact=True).wait_for()
    page.locator(".account summary").click()
    page.get_by_role("button", name="退出登录").click()
    page.get_by_role("heading", name="登录").wait_for()
    # A browser tells of the first two, and of what it stops loading when it goes on.
    told = ("401", "Clear-Site-Data", "/static/")
    assert [it for it in page.failures if not any(word in it for word in told)] == []


def _fits(page, name):
    page.wait_for_load_state()  # a click is over as soon as the next page begins
    size = page.viewport_size["width"]
    _keep(page, f"{name}-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for said, ink, paper in page.evaluate(COLOURS):
        light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, said, ink, paper)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_the_login(show, scheme):
    """A reader with a screen reader meets no barrier at the login, nor in the open menu."""
    page = show("/", scheme=scheme, trusted=True)
    page.locator(".account summary").click()
    assert Axe().run(page).response["violations"] == []
    page.context.clear_cookies()
    page.goto(page.url + "login")
    assert Axe().run(page).response["violations"] == []
