"""The review page lets nobody in who should not be: foreign names, foreign pages, hostile names, missing tokens."""

import asyncio
import re
import socket
import stat
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_night import make_night
from web_page import Served

from nebulift.errors import NebuliftError
from nebulift.readers import open_frame
from nebulift_daemon.web.access import access_for, is_loopback
from nebulift_daemon.web.connections import MOST_AT_ONCE
from nebulift_daemon.web.previews import key_of
from nebulift_daemon.web.selection import Selection, selection_in
from nebulift_daemon.web.server import _listening, server_of
from nebulift_daemon.web.static_files import address_of

HOSTILE = "\"><img src=x onerror=alert(1)>{{ 'wz' ~ 'qz' }}'"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return make_night(
        tmp_path_factory.mktemp("night"),
        ["review", "clean", "contaminated"],
        name="<script>alert({0})<:script>\x1b[2J.fits",
        exposure=lambda _: {"target": HOSTILE, "camera": HOSTILE, "filter_name": "</select>"},
    )


@pytest.fixture(scope="module")
def page(night):
    with Served(night.output, night.state) as served:
        yield served


@pytest.fixture(scope="module")
def abroad(night):
    """The same page, as if it listened on the network."""
    with Served(night.output, night.state, host="0.0.0.0") as served:
        yield served


def unchanged(night):
    ledger = night.ledger()
    found = ledger.history.labels()
    ledger.close()
    return found == []


# -- hosts and origins -------------------------------------------------------------------------------------------------


@pytest.mark.fault(51)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_a_foreign_name_that_points_here_is_turned_away(page, host):
    assert page.get("/frame/1", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1", "[::1]:8321", "192.168.1.7:8321"])
def test_addresses_and_the_machine_s_own_names_are_known(page, host):
    assert page.get("/frame/1", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
        {"Origin": None, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_on_a_foreign_page_decides_nothing(page, night, headers):
    form = {"mark": page.access.form_mark, "decision": "accept"}
    assert page.ask("POST", "/frame/1/decide", form=form, headers=headers).status == 403
    assert unchanged(night)


@pytest.mark.parametrize("mark", ["", "0" * 64, "\xe9"])
def test_a_form_without_our_mark_decides_nothing(page, night, mark):
    assert page.ask("POST", "/frame/1/decide", form={"mark": mark, "decision": "accept"}).status == 403
    for path in ("/undo", "/undo/these", "/decide"):
        assert page.ask("POST", path, form={"mark": mark, "frame": "1", "decision": "accept"}).status == 403
    assert unchanged(night)


def test_looking_never_decides(page, night):
    assert page.get("/frame/1/decide").status == 405
    assert page.get("/undo").status == 405
    assert unchanged(night)


@pytest.mark.fault(51)
def test_forms_are_bounded_and_what_they_say_is_checked(page, night):
    assert page.decide(1, "accept", padding="x" * 10_000).status == 413
    assert page.decide(1, "accept", **{f"field {number}": "x" for number in range(200)}).status == 413
    assert page.decide(1, "destroy").status == 400
    assert page.decide(99, "accept").status == 404
    assert unchanged(night)


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.fault(51)
def test_hostile_names_and_headers_stay_text_on_every_page(page):
    for path in ("/frame/1", "/frame/1?list=all", "/browse?list=all", "/browse?list=%3Cscript%3E&kind=%22%3E"):
        text = page.get(path).text
        assert re.findall(r"<script[^>]*>", text) == [f'<script src="{address_of("page.js")}" defer>']
        assert "<img src=x" not in text
        assert "\x1b" not in text
        assert "wzqz" not in text  # what the template language would make of it


@pytest.mark.fault(51)
def test_no_page_loads_anything_from_elsewhere_or_runs_anything_inline(page):
    for path in ("/frame/1", "/browse", "/login", "/static/style.css", "/static/page.js", "/nowhere"):
        answer = page.get(path)
        assert not re.search(
            r"https?://(?!www\.w3\.org/2000/svg)|@import|\bstyle=|\son\w+=\"|javascript:", answer.text
        ), path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/preview/..%2f..%2fetc%2fpasswd/large.jpg",
        "/preview/1-../../large.jpg",
        "/preview/1/large.jpg",
        "/preview/{key}/huge.jpg",
        "/preview/{key}x/large.jpg",
        "/static/../access.py",
        "/static/..%2faccess.py",
        "/static/%2fetc%2fpasswd",
        "/frame/99999999999999999999999",
        "/frame/-1",
        "/frame/1;",
        "/nowhere",
    ],
)
def test_no_path_of_a_client_s_is_ever_opened(page, night, path):
    ledger = night.ledger()
    key = key_of(ledger.frames.get(1))
    ledger.close()
    assert page.get(path.format(key=key)).status == 404


# -- connections -------------------------------------------------------------------------------------------------------


@pytest.mark.fault(51)
@pytest.mark.parametrize("number", [200, MOST_AT_ONCE + 50])
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"], ids=["nothing", "half a request"])
def test_connections_that_never_finish_a_question_shut_nobody_out(page, said, number):
    with ExitStack() as stack:
        for _ in range(number):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=20))
            idle.sendall(said)
        assert [page.get("/frame/1").status for _ in range(5)] == [200] * 5


@pytest.mark.fault(51)
def test_who_waits_for_an_answer_is_not_sent_away_for_others():
    asked, crowded = asyncio.Event(), asyncio.Event()

    async def answers_late(scope, _receive, send):
        if scope["type"] == "http":
            asked.set()
            await crowded.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"at last"})

    async def ask_and_crowd(listener):
        server = server_of(answers_late)
        serving = asyncio.create_task(server.serve([listener]))
        reader, asking = await asyncio.open_connection(*listener.getsockname())
        asking.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        await asyncio.wait_for(asked.wait(), 20)
        others = [await asyncio.open_connection(*listener.getsockname()) for _ in range(MOST_AT_ONCE + 50)]
        crowded.set()
        answer = await asyncio.wait_for(reader.read(), 20)
        for _, writer in [(reader, asking), *others]:
            writer.close()
        server.should_exit = True
        await serving
        return answer

    with _listening("127.0.0.1", 0) as listener:
        assert b"at last" in asyncio.run(ask_and_crowd(listener))


# -- the token ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault(51)
def test_beyond_this_machine_nothing_is_shown_without_the_token(abroad, night):
    key = key_of(night.ledger().frames.get(1))
    for path in ("/", "/frame/1", "/browse", "/news", f"/preview/{key}/small.jpg", "/static/page.js"):
        assert abroad.get(path, Accept="*/*").status == 401, path
    assert abroad.get("/frame/1").headers["location"] == "/login"
    assert abroad.decide(1, "accept").status in {303, 401}
    assert unchanged(night)


def test_the_token_opens_the_page_once_and_a_cookie_from_then_on(abroad):
    opened = abroad.get(f"/?token={abroad.access.token}")
    assert (opened.status, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert abroad.access.token not in cookie
    assert abroad.get("/frame/1", Cookie=cookie.split(";")[0]).status == 200
    assert abroad.get("/frame/1", Cookie="nebulift=guess").status == 303
    assert abroad.get("/frame/1", Authorization=f"Bearer {abroad.access.token}").status == 200


def test_the_login_form_takes_the_token_and_nothing_else(abroad):
    assert abroad.get("/login").status == 200
    wrong = abroad.ask("POST", "/login", form={"token": "guess"})
    assert (wrong.status, wrong.headers.get("set-cookie")) == (403, None)
    right = abroad.ask("POST", "/login", form={"token": abroad.access.token})
    assert right.headers["set-cookie"].startswith("nebulift=")


def test_the_token_is_made_once_for_its_owner_only_and_may_be_one_s_own(tmp_path):
    first = access_for(tmp_path, "0.0.0.0")
    assert stat.S_IMODE((tmp_path / "web-token").stat().st_mode) == 0o600
    assert access_for(tmp_path, "127.0.0.1").token == first.token
    (tmp_path / "web-token").write_text("correct horse battery\n")
    assert access_for(tmp_path, "::").is_token("correct horse battery")
    (tmp_path / "web-token").write_text("1234")
    with pytest.raises(NebuliftError, match="shorter than 12 letters"):
        access_for(tmp_path, "0.0.0.0")


@pytest.mark.parametrize(
    ("expected", "hosts"),
    [
        (True, ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost"]),
        (False, ["0.0.0.0", "::", "192.168.1.7", "pi", ""]),
    ],
)
def test_only_this_machine_s_own_addresses_count_as_loopback(expected, hosts):
    assert [is_loopback(host) for host in hosts] == [expected] * len(hosts)


# -- addresses ---------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(["list", "night", "kind", "page"]), st.text()))
def test_whatever_an_address_says_becomes_a_valid_selection(parameters):
    selection = selection_in(parameters)
    selection.wanted(None).condition()
    assert selection_in(dict(pair.split("=") for pair in selection.query[1:].split("&"))) == selection


def test_what_is_not_understood_counts_as_not_said():
    assert selection_in({"list": "users", "night": "yesterday", "kind": "'; DROP"}) == Selection()


def test_frames_of_the_tests_are_real_ones(night):
    path = next((night.output / "review").iterdir())
    with open_frame(path) as frame:
        assert frame.shape == (64, 96)
