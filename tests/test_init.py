"""``nebulift init``: five questions, a configuration that is right, and nothing overwritten, ever."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import nebulift  # noqa: F401 - a fixture
from disks import needs_root, tmpfs
from strangers import stranger  # noqa: F401 - a fixture
from trees import frame, make_files

from nebulift.cli.init import default_output, init
from nebulift.cli.service_unit import fit_service
from nebulift.config import load_settings
from nebulift.errors import NebuliftError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with the frames of an Ekos user, and no other disk to look at."""
    home = tmp_path / "home" / "pi"
    make_files(home, {"Pictures": {"M31": {"Light": {"a.fits": frame()}}}})
    monkeypatch.setattr("nebulift.capture_folders.likely_places", lambda: ([home], []))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("nebulift.config.SYSTEM_CONFIG", tmp_path / "etc" / "nebulift.toml")
    return home


def answer(*answers, arguments=()):
    """The result of the questions, answered line by line."""
    return CliRunner().invoke(init, list(map(str, arguments)), input="".join(f"{line}\n" for line in answers))


def test_enter_five_times_gives_a_sound_configuration(home, tmp_path):
    config = tmp_path / "nebulift.toml"

    result = answer("", "", "", "", "", arguments=["--config", config])

    settings = load_settings(config)
    assert settings.watch.folders == (home / "Pictures",)
    assert settings.output.root == home / "nebulift"
    assert settings.policy.preset == "strict"
    assert set(settings.filing.by_label().values()) == {"leave"}  # a rehearsal, to begin with
    assert "1  " in result.output
    assert "(Ekos, 1 frames)" in result.output
    assert f"written: {config}" in result.output
    assert f"nebulift watch --config {config}" in result.output


def test_answers_are_taken(home, tmp_path):
    (home / "more").mkdir()
    config = tmp_path / "nebulift.toml"

    answer(f"1, {home / 'more'}", tmp_path / "sorted", "n", "stacking", "y", arguments=["--config", config])

    settings = load_settings(config)
    assert settings.watch.folders == (home / "Pictures", home / "more")
    assert settings.output.root == tmp_path / "sorted"
    assert settings.policy.preset == "stacking"
    assert set(settings.filing.by_label().values()) == {"link"}


def test_an_answer_that_cannot_be_is_asked_again_with_the_reason(home, tmp_path):
    config = tmp_path / "nebulift.toml"

    result = answer(
        "/no/such/folder",
        "1",
        home / "Pictures" / "sorted",
        tmp_path / "out",
        "",
        "",
        "",
        arguments=["--config", config],
    )

    assert "/no/such/folder: is no folder" in result.output
    assert "lies inside the watched folder" in result.output
    assert load_settings(config).output.root == tmp_path / "out"


def test_no_at_the_end_writes_nothing(home, tmp_path):
    result = answer("", "", "", "", "n", arguments=["--config", tmp_path / "nebulift.toml"])
    assert result.exit_code != 0
    assert not (tmp_path / "nebulift.toml").exists()


def test_options_take_the_place_of_questions(home, nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"

    called = nebulift(
        "init", "--watch", home / "Pictures", "--output", tmp_path / "out", "--policy", "stacking", "--report-only",
        "--yes", "--config", config,
    )  # fmt: skip

    assert called.status == 0, called.err
    assert "?" not in called.out.partition("written:")[0]
    assert set(load_settings(config).filing.by_label().values()) == {"leave"}
    assert "Nothing is filed yet" in called.out


def test_yes_takes_what_is_found(home, nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"
    assert nebulift("init", "--yes", "--config", config).status == 0
    assert load_settings(config).watch.folders == (home / "Pictures",)


def test_yes_with_nothing_to_be_found_says_what_to_name(home, nebulift, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("nebulift.capture_folders.likely_places", lambda: ([tmp_path / "nobody"], []))
    called = nebulift("init", "--yes", "--config", tmp_path / "nebulift.toml")
    assert (called.status, called.err) == (2, "no capture folder was found; name it with --watch DIR\n")


def test_a_configuration_that_is_there_is_never_touched(home, nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"
    config.write_text("mine")

    called = nebulift("init", "--yes", "--config", config)

    assert called.status == 2
    assert "stays as it is" in called.err
    assert config.read_text() == "mine"


@pytest.mark.parametrize("inside", [True, False])
def test_folders_that_cannot_be_are_refused_before_anything_is_written(home, nebulift, tmp_path, inside):  # noqa: F811
    watched = home / "Pictures" if inside else tmp_path / "none"
    called = nebulift(
        "init", "--watch", watched, "--output", watched / "sorted", "--yes", "--config", tmp_path / "nebulift.toml"
    )
    assert called.status == 2
    assert ("lies inside the watched folder" if inside else "does not exist") in called.err
    assert not (tmp_path / "nebulift.toml").exists()


def test_a_place_that_cannot_be_written_is_one_line(home, nebulift):  # noqa: F811
    called = nebulift("init", "--yes", "--config", "/proc/nebulift/nebulift.toml")
    assert called.status == 2
    assert "cannot be written" in called.err
    assert called.err.count("\n") == 1


def test_the_output_never_falls_into_a_folder_with_other_things(home):
    make_files(home, {"nebulift": {"setup.py": b"a checkout"}})
    assert default_output(home / "Pictures") == home / "nebulift-sorted"


@needs_root
def test_the_output_is_proposed_on_the_disk_of_the_frames_so_that_they_can_be_linked(home, tmp_path):
    with tmpfs(tmp_path / "disk") as disk:
        (disk / "Ekos").mkdir()
        assert default_output(disk / "Ekos") == disk / "nebulift"
        assert default_output(disk) == home / "nebulift"  # beside the disk is another disk


def test_paths_with_odd_names_are_written_as_they_are(home, nebulift, tmp_path):  # noqa: F811
    odd = home / 'night "sky" \\ 100% ü'
    odd.mkdir()
    config = tmp_path / "nebulift.toml"
    nebulift("init", "--watch", odd, "--output", tmp_path / "out", "--yes", "--config", config)
    assert load_settings(config).watch.folders == (odd,)


def test_what_is_written_can_be_watched_at_once(home, nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"
    nebulift("init", "--yes", "--config", config)
    called = nebulift("watch", "--config", config, "--once", "--judge", "fake_judge:judge")
    assert called.status == 0, called.err
    assert (home / "nebulift" / "clean" / "M31" / "Light" / "a.fits").samefile(home / "Pictures/M31/Light/a.fits")


def test_nobody_else_than_root_fits_the_service(stranger):  # noqa: F811
    with pytest.raises(NebuliftError, match="use sudo nebulift init --service"):
        list(fit_service(Path("/etc/nebulift/nebulift.toml")))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_service_without_a_configuration_is_told_how_to_get_one(nebulift, tmp_path):  # noqa: F811
    called = nebulift("init", "--service", "--config", tmp_path / "none.toml")
    assert called.status == 2
    assert "sudo nebulift init asks five questions" in called.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_service_for_a_configuration_with_mistakes_is_not_touched(nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"
    config.write_text("[watch]\nfolders = []\n")
    called = nebulift("init", "--service", "--config", config)
    assert called.status == NebuliftError.exit_code + 1
    assert str(config) in called.err
    assert not Path("/etc/systemd/system/nebulift.service.d").exists()
