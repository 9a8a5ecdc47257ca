"""A configuration is right, or everything that is wrong with it is said at once."""

import tomllib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from nebulift.config import find_config, load_settings, parse_settings, settings_for
from nebulift.config_sample import keys, sample_toml
from nebulift.errors import ConfigError
from nebulift.findings import Kind
from nebulift.verdict import Action, Label, Thresholds

MINIMAL = '[watch]\nfolders = ["/captures"]\n[output]\nroot = "/sorted"\n'


def problems_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    assert caught.value.exit_code == 2
    return caught.value.problems


def write_config(folder, text):
    path = folder / "nebulift.toml"
    path.write_text(text)
    return path


def folders_config(tmp_path, watched, root, state=None):
    state_line = f'state = "{state}"\n' if state else ""
    listed = ", ".join(f'"{folder}"' for folder in watched)
    return write_config(tmp_path, f'[watch]\nfolders = [{listed}]\n[output]\nroot = "{root}"\n{state_line}')


def test_two_lines_are_enough_and_the_rest_is_the_documented_default():
    settings = parse_settings(MINIMAL)
    assert settings.watch.settle_s == 1.5
    assert settings.watch.rescan_s == 30
    assert settings.output.state_folder == Path("/sorted/.nebulift")
    assert settings.filing.by_label() == dict.fromkeys(Label, "link")
    assert settings.thresholds.as_thresholds() is None
    assert settings.policy.as_policy().preset == "strict"
    assert settings.web.listen == "127.0.0.1:8321"


def test_sections_become_what_the_judge_understands():
    settings = parse_settings(
        MINIMAL
        + '[thresholds]\nclean = 0.8\n[policy]\npreset = "stacking"\nstreak = "review"\n[filing]\nclean = "move"'
    )
    assert settings.thresholds.as_thresholds() == Thresholds(clean=0.8, contaminated=0.3)
    assert settings.policy.as_policy().overrides == {Kind.STREAK: Action.REVIEW}
    assert settings.filing.by_label()[Label.CLEAN] == "move"


def test_settings_cannot_be_changed():
    settings = parse_settings(MINIMAL)
    with pytest.raises(FrozenInstanceError):
        settings.watch.settle_s = 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[watch]\nfolder = []", '[watch] folder: unknown; did you mean "folders"?'),
        ("[wach]", '[wach]: unknown; did you mean "watch"?'),
        ("[watch]\nsettle_s = 'two'", '[watch] settle_s = "two": should be a number'),
        ("[watch]\nsettle_s = -1", "[watch] settle_s = -1: should be between 0.2 and 600"),
        ("[watch]\nfolders = 'x'", '[watch] folders = "x": should be a list'),
        ("[watch]\nfolders = []", "[watch] folders = []: should be a list of folders"),
        ("[watch]\nfolders = ['Pictures']", "[watch] folders = ['Pictures']: should be an absolute path"),
        ("[watch]\nfolders = ['~nobodyofthisname/x']", "names a home folder that does not exist"),
        ("[watch]\npolling = true", '[watch] polling = true: should be "auto", "always" or "never"'),
        ("[output]\nroot = 7", "[output] root = 7: should be a path in quotes"),
        ("[output]", "[output] root: is missing"),
        ("[filing]\nclean = 'delete'", '[filing] clean = "delete": should be "link", "move"'),
        ("[thresholds]\nclean = 0.2\ncontaminated = 0.6", "[thresholds]: thresholds must satisfy"),
        ("[thresholds]\nclean = 0.2", "[thresholds]: thresholds must satisfy"),
        ("[thresholds]\nclean = 1.5", "[thresholds] clean = 1.5: should be between 0 and 1"),
        ("[policy]\npreset = 'lax'", '[policy] preset = "lax": should be "strict" or "stacking"'),
        ("[policy]\nunreadable = 'ignore'", "[policy] unreadable: unknown"),
        ("[judge]\nmemory_mb = 1.5", "[judge] memory_mb = 1.5: should be a whole number"),
        ("[judge]\nthreads = true", "[judge] threads = true: should be a whole number"),
        ("[web]\nlisten = '8321'", '[web] listen = "8321": should be an address and a port'),
        ("[web]\nlisten = 'localhost:99999'", "should be an address and a port"),
        ("watch = 1", "watch = 1: should be a table, written as [watch]"),
        ("[watch", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_key_value_and_remedy(text, expected):
    assert any(expected in problem for problem in problems_of(text)), problems_of(text)


def test_all_mistakes_are_told_at_once_and_without_a_traceback():
    problems = problems_of("[watch]\nfolders = ['/a']\nrescn_s = 1\nsettle_s = 'x'\n[output]\nroot = 'b'\n[lgo]\n")
    assert len(problems) == 4
    text = str(ConfigError("nebulift.toml", problems))
    assert text.startswith("nebulift.toml: 4 problems\n  - ")
    assert "Traceback" not in text


def test_a_watched_folder_that_does_not_exist_is_a_mistake(tmp_path):
    path = folders_config(tmp_path, [tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(ConfigError, match="does not exist; create it"):
        load_settings(path)


def test_a_watched_folder_that_was_there_on_an_earlier_day_is_only_unplugged(tmp_path):
    path = folders_config(tmp_path, [tmp_path / "usb"], tmp_path / "out")
    settings = load_settings(
        path, remembered=lambda state: {tmp_path / "usb"} if state == tmp_path / "out/.nebulift" else ()
    )
    assert settings.watch.folders == (tmp_path / "usb",)


@pytest.mark.parametrize(
    ("watched", "root", "state", "expected"),
    [
        (["cap"], "cap/out", None, "lies inside the watched folder"),
        (["cap"], "cap", None, "lies inside the watched folder"),
        (["cap"], "out", "cap/state", "[output] state:"),
        (["out/cap"], "out", "state", "lies inside the output"),
        (["cap", "cap/M31"], "out", None, "overlap; keep only the outer one"),
        (["cap", "cap"], "out", None, "overlap"),
        (["file"], "out", None, "is not a folder"),
        (["cap"], "file/out", None, '[output] root: "'),
    ],
)
def test_folders_that_cannot_work_together_are_refused(tmp_path, watched, root, state, expected):
    for folder in ("cap/M31", "out/cap"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    path = folders_config(
        tmp_path,
        [tmp_path / folder for folder in watched],
        tmp_path / root,
        None if state is None else tmp_path / state,
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems


def test_an_output_inside_the_capture_folder_is_seen_through_a_link(tmp_path):
    (tmp_path / "cap").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "cap")
    with pytest.raises(ConfigError, match="lies inside the watched folder"):
        load_settings(folders_config(tmp_path, [tmp_path / "cap"], tmp_path / "link/out"))


def test_folder_mistakes_are_told_together_with_the_others(tmp_path):
    path = write_config(tmp_path, f'[watch]\nfolders = ["{tmp_path}/no"]\n[output]\nroot = "{tmp_path}/out"\n[x]\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert len(caught.value.problems) == 2


def test_a_file_that_cannot_be_read_is_one_plain_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_settings(tmp_path / "latin.toml")


def test_the_first_of_option_variable_system_and_user_is_taken(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    with pytest.raises(ConfigError, match="--config"):
        find_config(None, environ)
    user = tmp_path / "nebulift/nebulift.toml"
    user.parent.mkdir()
    user.write_text("")
    assert find_config(None, environ) == user
    assert find_config(None, environ | {"NEBULIFT_CONFIG": "/named.toml"}) == Path("/named.toml")
    assert find_config(Path("/option.toml"), environ | {"NEBULIFT_CONFIG": "/named.toml"}) == Path("/option.toml")


def test_two_folders_on_the_command_line_need_no_file(tmp_path, monkeypatch):
    (tmp_path / "cap").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = settings_for(Path("cap"), Path("out"))
    assert settings.watch.folders == (tmp_path / "cap",)
    assert settings.output.state_folder == tmp_path / "out/.nebulift"
    with pytest.raises(ConfigError, match="does not exist"):
        settings_for(Path("cup"), Path("out"))


def test_the_sample_is_valid_and_explains_every_key():
    text = sample_toml()
    settings = parse_settings(text)
    assert settings.output.state_folder == Path("/var/lib/nebulift")
    assert all(key.text for key in keys())
    everything = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    assert {(key.section, key.name) for key in keys()} == {
        (section, name) for section, table in tomllib.loads(everything).items() for name in table
    }


def test_the_sample_with_every_line_in_force_is_valid_too():
    text = "\n".join(line.removeprefix("# ") if " = " in line else line for line in sample_toml().splitlines())
    assert parse_settings(text).thresholds.as_thresholds() == Thresholds()


def test_every_kind_of_finding_can_be_given_its_own_action():
    policy_keys = {key.name for key in keys() if key.section == "policy"}
    assert policy_keys - {"preset", "distrust_share"} == {kind.value for kind in Kind} - {"unreadable"}
