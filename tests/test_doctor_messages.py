"""What the doctor says of messages: packages, addresses, commands, folders, and passwords that everybody can read."""

import pytest

from nebulift.doctor.messages import message_checks
from nebulift.settings import Notify, Web


def found(source=None, *, web=None, **keys):
    checks = message_checks(Notify(**keys), web or Web(), source)
    return [(str(check.state), check.text) for check in checks]


def test_without_any_way_the_doctor_is_silent():
    assert found() == []


@pytest.mark.parametrize(
    ("keys", "state", "words"),
    [
        ({"urls": ("json://user:hunter2@192.168.1.7/",)}, "ok", "messages go to json://"),
        ({"urls": ("nosuch://x",)}, "fail", "begins with nosuch://"),
        ({"mqtt": "mqtt://user:hunter2@192.168.1.7/observatory"}, "ok", "192.168.1.7:1883, topic observatory"),
        ({"mqtt": "http://x"}, "fail", 'should be "mqtt://host"'),
        ({"hook": ("/no/such/program",)}, "fail", "is no program"),
        ({"hook": ("sh", "-c", "true")}, "ok", "is called for each message"),
    ],
)
def test_each_way_is_looked_at_and_no_password_is_shown(keys, state, words):
    pytest.importorskip("apprise", reason="needs the [notify] extra")
    ((said, text),) = found(**keys)
    assert said == state
    assert words in text
    assert "hunter2" not in text


def test_a_folder_that_is_missing_and_a_file_that_all_can_read_are_told(tmp_path):
    assert found(safety_file=tmp_path / "none" / "sky.txt")[0][0] == "fail"
    config = tmp_path / "nebulift.toml"
    config.touch(0o644)
    assert found(config, mqtt="mqtt://a")[-1][0] == "warn"
    config.chmod(0o640)
    assert found(config, mqtt="mqtt://a")[-1][0] == "ok"
    assert found(web=Web(serve=True))[0] == ("ok", "the daemon serves the review page at 127.0.0.1:8321")
