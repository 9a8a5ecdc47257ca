"""The manual is true: its commands are run as they stand, or at least exist with every option that is named.

A ```bash block is run in a home folder with a night of frames in ~/Pictures/M31. One that needs the reader's own rig,
root or hours is written as ```sh: it is not run, but its nebulift commands are held against the command line.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nebulift.cli import COMMANDS, cli
from nebulift.config import parse_settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
PATIENCE_S = 120


def blocks(page, language):
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def lines_of(text):
    """Commands of a block, continued lines joined, comments left out."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder as an observer has it: a night in ~/Pictures/M31, nothing else."""
    folder = tmp_path_factory.mktemp("home")
    call(folder, "nebulift simulate ~/Pictures/M31 --frames 6 --size 640x480 --seed 3 && rm ~/Pictures/M31/labels.csv")
    return folder


def call(home, command):
    """The command by bash, with ``nebulift`` that of this checkout and nothing of the user's configuration."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NEBULIFT", "XDG"))}
    environment = {**inherited, "HOME": str(home), "PATH": path, "COLUMNS": "120"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=home, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@pytest.mark.timeout(10 * PATIENCE_S)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_can_be_run_are_run(page, home):
    for text in blocks(page, "bash"):
        done = call(home, text)
        assert done.returncode == 0, f"{page.name}:\n{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_nebulift_command_and_option_exists(page):
    named = [line for kind in ("bash", "sh") for text in blocks(page, kind) for line in lines_of(text)]
    for line in named:
        for part in re.split(r"\||&&|;", line):
            check_command(shlex.split(part.removeprefix("$ "), comments=True), page)


def check_command(words, page):
    words = [word for word in words if word != "sudo"]
    if not words or Path(words[0]).name != "nebulift" or len(words) == 1 or words[1].startswith("-"):
        return
    assert words[1] in COMMANDS, f"{page.name}: nebulift {words[1]}"
    command = cli.get_command(click.Context(cli), words[1])
    if isinstance(command, click.Group):
        assert words[2] in command.commands, f"{page.name}: nebulift {words[1]} {words[2]}"
        command = command.commands[words[2]]
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help", "-h"}
    for word in words[2:]:
        if re.match(r"--[a-z]", word):
            assert word.split("=")[0].replace("_", "-") in options, f"{page.name}: nebulift {words[1]} {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in (line for kind in ("bash", "sh") for text in blocks(page, kind) for line in lines_of(text)):
        if line.startswith("make "):
            assert line.split()[1] in targets, f"{page.name}: {line}"


def test_the_manual_names_every_command():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in COMMANDS if f"nebulift {name}" not in text] == []


TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOLDERS = '[watch]\nfolders = ["/srv/frames"]\n[output]\nroot = "/srv/sorted"\n'


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_shown_of_a_configuration_is_valid(page):
    for text in TOML.findall(page.read_text(encoding="utf-8")):
        parse_settings(text if "[watch]" in text else FOLDERS + text, page.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_a_heading_lead_to_one(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = ((page.parent / target) if target else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in known, f"{page.name} -> {target}#{anchor}"


def test_pictures_of_the_manual_are_small():
    for picture in (ROOT / "docs" / "pictures").rglob("*.png"):
        limit = 150_000 if picture.parent.name == "gallery" else 600_000
        assert picture.stat().st_size <= limit, picture.name
