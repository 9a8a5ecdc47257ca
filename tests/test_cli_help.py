"""Help: every command can be imported, has an example, is summed up in its own words; and asking costs little."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from nebulift.cli import COMMANDS, SUMMARIES, cli

HEAVY = ("numpy", "cv2", "astropy", "onnxruntime", "torch", "watchdog", "rich", "pydantic", "sqlite3")


def command(name):
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def first_line(help_text):
    return " ".join(help_text.strip().split("\n\n")[0].split())


def stems(sentence):
    """The beginnings of its longer words: the same for frame and frames, label and labels."""
    return {word[:4] for word in re.findall(r"[a-z]{4,}", sentence.lower())}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_to_its_name(name):
    assert command(name).name == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_shows_an_example_of_its_own_command(name):
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"nebulift {name}" in shown.output.split("Example", 1)[1]


def test_there_is_one_summary_for_each_command_in_the_same_order():
    assert list(SUMMARIES) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_says_what_the_command_says_of_itself(name):
    shared = stems(SUMMARIES[name]) & stems(first_line(command(name).help))
    assert len(shared) >= 2, f"{SUMMARIES[name]!r} is not what the command says: {first_line(command(name).help)!r}"


def test_the_overview_lists_every_command_with_its_summary():
    shown = CliRunner().invoke(cli, ["--help"], terminal_width=160).output
    for name, summary in SUMMARIES.items():
        assert f"  {name} " in shown
        assert summary in " ".join(shown.split())


def test_underscores_in_options_mean_dashes():
    assert CliRunner().invoke(cli, ["classify", "--no_model", "--help"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["classify", "--help"], ["sort", "--help"]])
def test_asking_for_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from nebulift.cli import main\n"
        "try:\n"
        f"    main({arguments})\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("arguments", [["clasify"], ["classify"], ["classify", "--no-such-option", "x"], ["sort", ""]])
def test_wrong_usage_is_told_in_a_few_lines_with_status_2(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "nebulift", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "threads"), [("classify", "1"), ("train-from-fits", "None")])
def test_small_matrices_are_multiplied_by_one_thread_unless_a_model_is_trained(name, threads, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    asked = f"import os, click, nebulift.cli as c; c.cli.get_command(click.Context(c.cli), {name!r});"
    shown = [sys.executable, "-c", asked + "print(os.environ.get('OPENBLAS_NUM_THREADS'))"]
    assert subprocess.run(shown, capture_output=True, text=True, check=True).stdout.strip() == threads
