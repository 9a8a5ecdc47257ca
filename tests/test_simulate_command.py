"""``nebulift simulate`` says what it did, and refuses plainly."""

import pytest
from click.testing import CliRunner

from nebulift.cli import cli
from nebulift.errors import NebuliftError
from nebulift.simulate import read_labels


def run(*arguments):
    return CliRunner().invoke(cli, ["simulate", *map(str, arguments)])


def test_a_night_is_written_and_summed_up(tmp_path):
    result = run(tmp_path / "night", "--frames", 3, "--size", "200x160", "--workers", 1, "--compress")
    assert result.exit_code == 0
    labels = read_labels(tmp_path / "night")
    assert len(labels) == 3
    assert all((tmp_path / "night" / frame.path).suffix == ".fz" for frame in labels)
    assert "3 frames in" in result.output
    assert "labels.csv" in result.output


def test_help_shows_its_examples_line_by_line():
    assert "\n    nebulift simulate night --scenario clouds" in run("--help").output


def test_the_list_names_scenarios_cameras_and_programs():
    result = run("--list")
    assert result.exit_code == 0
    for word in ("mixed", "focus_drift", "ZWO ASI2600MM Pro", "Seestar S50", "sharpcap"):
        assert word in result.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--scenario", "sunny"), "sunny"),
        (("--camera", "Kodak Box"), "Kodak Box"),
        (("--program", "paint"), "paint"),
        (("--size", "tall"), "tall"),
        (("--size", "20x20"), "20x20"),
        (("--frames", "0"), "0"),
    ],
)
def test_wrong_wishes_are_usage_errors_that_name_the_word(tmp_path, arguments, word):
    result = run(tmp_path / "n", *arguments)
    assert result.exit_code == 2
    assert word in result.output
    assert not (tmp_path / "n").exists()


def test_no_folder_is_a_usage_error():
    assert run().exit_code == 2


def test_a_foreign_folder_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"someone's")
    result = run(tmp_path, "--frames", 1, "--size", "64x64", "--workers", 1)
    assert isinstance(result.exception, NebuliftError)
    assert result.exception.exit_code == 2
    assert "\n" not in str(result.exception)
    assert (tmp_path / "a.fits").read_bytes() == b"someone's"
