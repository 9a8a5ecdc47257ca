"""The page's answers for programs: the JSON interface does what its description says, metrics are Prometheus'."""

import json
import re

import pytest
from daemon_process import Daemon, wait_until
from synthetic_night import make_night
from trees import frame, make_files
from web_page import Served

from nebulift_daemon.web.app import ROUTES

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def night(tmp_path):
    return make_night(tmp_path, ["clean", "review", "contaminated", "review"])


@pytest.fixture
def page(night):
    with Served(night.output, night.state) as served:
        yield served


def get(page, path):
    answer = page.ask("GET", path)
    return answer.status, json.loads(answer.content)


def post(page, path, body, **headers):
    answer = page.send("POST", path, json.dumps(body), JSON | {"Origin": page.address} | headers)
    return answer.status, json.loads(answer.content)


def schema_problems(value, schema, whole, where="answer"):
    """What of ``value`` is not as the schema says; knows what openapi.json uses."""
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [list(schema_problems(value, one, whole, where)) for one in schema["anyOf"]]
        return min(tried, key=len)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    known = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if types and not any(value is None if name == "null" else isinstance(value, known[name]) for name in types):
        return [f"{where}: {value!r} is no {types}"]
    problems = [f"{where}: {value!r} is none of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, dict) and "properties" in schema:
        problems += [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        problems += [f"{where}.{name} is not described" for name in value if name not in schema["properties"]]
        for name, inner in schema["properties"].items():
            if name in value:
                problems += schema_problems(value[name], inner, whole, f"{where}.{name}")
    if isinstance(value, list):
        for item in value:
            problems += schema_problems(item, schema["items"], whole, f"{where}[]")
    return problems


def test_every_route_for_programs_is_described_and_nothing_else(page):
    _, described = get(page, "/api/openapi.json")
    routes = {
        (re.sub(r"\{frame_id:int\}", "{id}", route.path), method.lower())
        for route in ROUTES
        if route.path.startswith("/api/")
        for method in route.methods - {"HEAD"}
    }
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == routes


@pytest.mark.parametrize(
    ("path", "method", "template"),
    [
        ("/api/frames?list=all", "get", "/api/frames"),
        ("/api/frames/2", "get", "/api/frames/{id}"),
        ("/api/nights", "get", "/api/nights"),
        ("/api/labels", "get", "/api/labels"),
        ("/api/status", "get", "/api/status"),
        ("/api/frames/2/decision", "post", "/api/frames/{id}/decision"),
        ("/api/frames/99", "get", "/api/frames/{id}"),
    ],
)
def test_answers_are_as_they_are_described(page, path, method, template):
    _, whole = get(page, "/api/openapi.json")
    page.decide(4, "reject", cause="cloud")
    status, answer = get(page, path) if method == "get" else post(page, path, {"label": "clean"})
    schema = whole["paths"][template][method]["responses"][str(status)]["content"]["application/json"]["schema"]
    assert schema_problems(answer, schema, whole) == []


def test_lists_are_read_in_pages(page):
    assert get(page, "/api/frames")[1]["total"] == 2
    status, answer = get(page, "/api/frames?list=all&offset=1&limit=2")
    assert (status, [one["id"] for one in answer["frames"]], answer["total"]) == (200, [2, 3], 4)
    assert len(get(page, "/api/frames?list=all&offset=x&limit=-1")[1]["frames"]) == 4


def test_a_decision_by_a_program_files_the_frame_and_can_be_taken_back(page, night):
    status, answer = post(page, "/api/frames/2/decision", {"label": "contaminated", "cause": "cloud"})
    assert (status, answer["label"], answer["decision"]["kind"]) == (200, "contaminated", "cloud")
    assert (night.output / "contaminated/M31_Light_0001.fits").is_file()
    assert [label["frame_id"] for label in get(page, "/api/labels")[1]] == [2]
    status, answer = post(page, "/api/frames/2/undo", {})
    assert (status, answer["label"], answer["decision"]) == (200, "review", None)
    assert post(page, "/api/frames/2/undo", {})[0] == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [({"label": "great"}, 400), ({}, 400), ([], 400), ({"label": "contaminated", "cause": "x"}, 400)],
)
def test_what_is_no_decision_is_refused_with_the_reason(page, body, status):
    said, answer = post(page, "/api/frames/2/decision", body)
    assert said == status
    assert "should be" in answer["error"]


def test_a_page_of_somebody_else_s_cannot_decide(page):
    body = {"label": "clean"}
    foreign = page.send("POST", "/api/frames/2/decision", json.dumps(body), JSON | {"Origin": "http://evil.example"})
    assert foreign.status == 403
    as_form = {"Content-Type": "text/plain", "Origin": page.address}
    assert page.send("POST", "/api/frames/2/decision", json.dumps(body), as_form).status == 415
    assert page.send("POST", "/api/frames/2/decision", "x" * 10000, JSON | {"Origin": page.address}).status == 413
    assert get(page, "/api/labels")[1] == []


def test_beyond_this_machine_programs_need_the_token(night):
    with Served(night.output, night.state, host="0.0.0.0") as abroad:
        assert abroad.ask("GET", "/api/frames", headers={"Accept": "application/json"}).status == 401
        token = {"Authorization": f"Bearer {abroad.access.token}", "Accept": "application/json"}
        assert abroad.ask("GET", "/api/frames", headers=token).status == 200


# -- metrics -----------------------------------------------------------------------------------------------------------


def samples(text):
    """Of each metric its type and its samples; checks the format on the way."""
    found, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([a-z_]+)(\{[^}]*\})? (\S+)", line).groups()
            assert name in types, "the type comes before the samples"
            found[name + (labels or "")] = float(value)
    return types, found


def test_metrics_have_prometheus_names_and_units(page):
    types, found = samples(page.get("/metrics").text)
    assert found['nebulift_frames{list="queue"}'] == 2
    assert found["nebulift_judged_frames_total"] == 4
    assert found["nebulift_up"] == 0
    for name, kind in types.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|mb|gb|min)\b", name), "base units only"


def test_a_running_daemon_is_seen_in_metrics_and_status(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"a.fits": frame(b"DOUBT")})
        daemon.has_filed("review/a.fits")
        with Served(daemon.output, daemon.state) as page:
            _, found = samples(page.get("/metrics").text)
            assert found["nebulift_up"] == 1
            assert found["nebulift_disk_free_bytes"] > 0
            assert found["nebulift_start_time_seconds"] > 1.7e9
            wait_until(lambda: get(page, "/api/status")[1]["lists"]["queue"] == 1)
            assert get(page, "/api/status")[1]["running"] is True


# -- the session's curves ----------------------------------------------------------------------------------------------


def test_the_session_s_curves_hold_every_frame_and_mark_the_one_that_is_shown(page):
    text = page.get("/frame/2/session?list=all").text
    assert len(set(re.findall(r'href="/frame/(\d+)\?list=all"', text))) == 4
    assert text.count('class="here"') == 1
    assert text.count('class="mark review"') == 2 * text.count('class="panel"')
    assert page.get("/frame/99/session").status == 404


def test_a_session_of_one_frame_has_no_curves(tmp_path):
    night = make_night(tmp_path, ["review"])
    with Served(night.output, night.state) as page:
        assert "No other frame of this session" in page.get("/frame/1/session").text
