"""The API against its own OpenAPI document: schemathesis makes up calls and judges the answers."""

from collections import defaultdict
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import put
from websites import put_digest, put_token, put_user, website

from monitor.model import Review, Verdict
from monitor.pipeline.group import group_new
from monitor.store import reviews, searches
from monitor.web.api.endpoints import CALLS, ROOT
from monitor.web.api.openapi import document

TITLES = ["SAMR fines Alibaba in antitrust case", "腾讯遭反垄断调查", "Ant Group IPO suspended"]
A_CURSOR = "a cursor"  # where one is made up, one of the list's own stands for it
EXAMPLES = 25  # of each call
QUERIES = ["罚款 OR fine", "alibaba NEAR/5 antitrust", "company:tencent -ipo", '"Ant Group"', "a*"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from conftest import StoppedClock

    folder, clock = tmp_path_factory.mktemp("api"), StoppedClock()
    with website(folder, f"sqlite:///{folder}/monitor.db", clock) as served:
        app = served.app
        put(app.store, TITLES, lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        put_digest(app, "desk@example.com")
        put_digest(app, number=2, slot=clock.now() + timedelta(days=1))
        put_user(app, "ann")  # so that a token is needed
        served.token = Bearer.token = put_token(app, "robot", "review")
        with app.store.begin() as connection:
            for at in range(2):
                wanted = {"name": f"search {at}", "query": "fine", "kind": "hits", "who": "ann"}
                searches.add(connection, **wanted, now=clock.now())
                reviews.add(connection, Review(at + 1, Verdict.RELEVANT, "ann", clock.now()))
        yield served


def cursor_of(site, path, query):
    """Return a cursor that the list gave, of its answers to a query if there is one."""
    asked = "&q=alibaba%20OR%20IPO" if query is not None else ""
    page = site.ask(f"{ROOT}{path}?limit=1{asked}", authorization=f"Bearer {site.token}").data
    assert page["next"] is not None, path
    return page["next"]


# What a grammar or a signature allows is drawn from examples of it.
schemathesis.openapi.format("monitor-query", st.sampled_from(QUERIES))
schemathesis.openapi.format("monitor-cursor", st.just(A_CURSOR))
calls = schemathesis.openapi.from_dict(document())


statuses = defaultdict(set)


@calls.auth()
class Bearer:
    """The token that calls come with; schemathesis leaves it out where it means to."""

    token = ""

    def get(self, _case, _context):
        return self.token

    def set(self, case, token, _context):
        case.headers["Authorization"] = f"Bearer {token}"


# By names of our own: processes that share the tests would take all calls for one test.
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
OPERATIONS = {it.ok().label: it.ok() for it in calls.get_all_operations()}


@pytest.mark.parametrize("label", OPERATIONS)
@given(data=st.data())
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_call_does_what_the_document_says(label, data, site):
    """No call that can be made up gets an answer that the document does not describe."""
    mode = data.draw(st.sampled_from(MODES))
    case = data.draw(OPERATIONS[label].as_strategy(generation_mode=mode))
    if case.query.get("cursor") == A_CURSOR:
        case.query["cursor"] = cursor_of(site, case.operation.path, case.query.get("q"))
    answer = case.call_and_validate(base_url=f"http://127.0.0.1:{site.port}{ROOT}")
    statuses[case.method, case.operation.path].add(answer.status_code)


def test_calls_came_through():
    """The test above is not of refusals alone: each list and each addition succeeded."""
    for call in CALLS:
        if call.variable is None:
            assert call.status in statuses[call.method, call.path], call.path
    assert {401, 400} <= set().union(*statuses.values())


def test_the_document_has_every_call(site):
    """The document that is served names each call of the table, and no other."""
    assert site.ask(f"{ROOT}/openapi.json").data == document()
    told = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    assert told == {(call.path.replace(":int}", "}"), call.method) for call in CALLS}
