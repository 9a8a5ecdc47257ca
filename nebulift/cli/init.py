"""``nebulift init``: five questions, a configuration, and a check of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nebulift.cli.places import FILE, FOLDER
from nebulift.errors import WrongUsage

PRESETS = ("strict", "stacking")
OUTPUT_NAMES = ("nebulift", "nebulift-sorted")  # "nebulift" is often taken by the checkout that one installs from


@click.command()
@click.option("--watch", "watched", multiple=True, type=FOLDER, metavar="DIR", help="Capture folder; may come again.")
@click.option("--output", type=FOLDER, metavar="DIR", help="Where frames are to be filed.")
@click.option("--report-only/--file", "report_only", default=None, help="Judge and record only; file nothing yet.")
@click.option("--policy", type=click.Choice(PRESETS), help="Which frames count as spoilt.")
@click.option("--config", type=FILE, metavar="FILE", help="The file to write; never overwritten.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what is found and what is usual.")
@click.option("--service", is_flag=True, help="Only fit the service to the folders of its configuration (root).")
def init(
    watched: tuple[Path, ...],
    output: Path | None,
    report_only: bool | None,
    policy: str | None,
    config: Path | None,
    yes: bool,
    service: bool,
) -> int:
    """Set Nebulift up: find the capture folders, ask five questions, write the configuration, check it.

    Questions that options answer are not asked. A configuration that is there already is never touched.

    \b
    Examples:
      nebulift init
      nebulift init --watch ~/Pictures --output ~/sorted --report-only --yes
      sudo nebulift init --service                after a change of folders in /etc/nebulift/nebulift.toml
    """
    from nebulift.cli.service_unit import fit_service
    from nebulift.config import SYSTEM_CONFIG

    if service:
        for line in fit_service(config or SYSTEM_CONFIG):
            click.echo(line)
        return 0
    target = _target(config)
    if target.exists():
        raise WrongUsage(f"{target}: is there already and stays as it is; edit it, or name another with --config")
    if not yes:
        click.echo("Five questions, and Nebulift can begin. Enter takes what stands in brackets.\n")
    folders = [folder.absolute() for folder in watched] or _ask_folders(yes=yes)
    output = output.absolute() if output else _ask_output(folders, yes=yes)
    report_only = _ask_report_only(yes=yes) if report_only is None else report_only
    policy = policy or _ask_policy(yes=yes)
    text = _configuration(folders, output, target, report_only=report_only, policy=policy)
    if not yes and not click.confirm(f"5. Write this to {target}?", default=True):
        raise click.Abort
    _write(target, text)
    return _after(target, report_only=report_only)


def _target(config: Path | None) -> Path:
    """The file to write: named, else the system's for root, else the user's."""
    import os

    from nebulift.config import SYSTEM_CONFIG, user_config

    if config is not None:
        return config.absolute()
    return SYSTEM_CONFIG if os.geteuid() == 0 else user_config()


def _ask_folders(*, yes: bool) -> list[Path]:
    from nebulift.capture_folders import find_capture_folders, likely_places

    found = find_capture_folders(*likely_places())
    if yes:
        if not found:
            raise WrongUsage("no capture folder was found; name it with --watch DIR")
        return [found[0].path]
    click.echo("1. Where does your capture program write its frames?")
    for number, folder in enumerate(found, 1):
        click.echo(f"   {number}  {folder.described}")
    known = {str(number): folder.path for number, folder in enumerate(found, 1)}
    prompt = "   number or path, several with commas" if found else "   path, several with commas"
    while True:
        answer = click.prompt(prompt, default="1" if found else None)
        folders = [known.get(part.strip(), Path(part.strip()).expanduser()) for part in answer.split(",")]
        problems = [f"{folder}: is no folder" for folder in folders if not folder.is_dir()]
        if not problems:
            return [folder.absolute() for folder in folders]
        _complain(problems)


def _ask_output(folders: Sequence[Path], *, yes: bool) -> Path:
    from nebulift.config import nesting_problems, output_problems
    from nebulift.settings import Output, Watch

    default = default_output(folders[0])
    if yes:
        return default
    while True:
        answer = click.prompt("2. Where shall the sorted frames appear?", default=str(default))
        output = Output(root=Path(answer).expanduser().absolute())
        problems = [*output_problems(output), *nesting_problems(Watch(folders=tuple(folders)), output)]
        if not problems:
            return output.root
        _complain(problems)


def default_output(capture: Path) -> Path:
    """A new or empty folder beside ``capture``, on the same mount so that links work; else one in the home folder."""
    from nebulift_daemon.mounts import mount_of, mount_table

    table = mount_table()
    beside = capture.parent if mount_of(capture.parent, table) == mount_of(capture, table) else Path.home()
    candidates = [beside / name for name in OUTPUT_NAMES]
    return next((folder for folder in candidates if not _is_foreign(folder)), candidates[-1])


def _is_foreign(folder: Path) -> bool:
    from nebulift_daemon.folders import ROOT_MARKER

    return folder.exists() and not (folder / ROOT_MARKER).exists() and not _is_empty(folder)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _ask_report_only(*, yes: bool) -> bool:
    if yes:
        return False
    click.echo("3. Frames are filed by hard links: the capture folder stays as it is, nothing takes room twice.")
    return click.confirm("   Begin with a rehearsal all the same: judge and record, file nothing?", default=True)


def _ask_policy(*, yes: bool) -> str:
    if yes:
        return PRESETS[0]
    click.echo(
        '4. "strict" rejects every plainly visible artefact. "stacking" keeps a frame with a lone satellite trail,'
    )
    click.echo("   which stacking with sigma clipping removes.")
    answer: str = click.prompt("   Which?", type=click.Choice(PRESETS), default=PRESETS[0])
    return answer


def _configuration(folders: Sequence[Path], output: Path, target: Path, *, report_only: bool, policy: str) -> str:
    """The text of the configuration. Raises ``ConfigError`` when something in it cannot be."""
    from nebulift.config import (
        SYSTEM_CONFIG,
        nesting_problems,
        output_problems,
        parse_settings,
        watched_folder_problems,
    )
    from nebulift.config_sample import sample_toml
    from nebulift.errors import ConfigError
    from nebulift.settings import STATE_BESIDE_OUTPUT
    from nebulift_daemon.service_folders import STATE_DIRECTORY

    state = STATE_DIRECTORY if target == SYSTEM_CONFIG else output / STATE_BESIDE_OUTPUT
    chosen: dict[str, Any] = {
        "watch.folders": [str(folder) for folder in folders],
        "output.root": str(output),
        "output.state": str(state),
        "policy.preset": policy,
    }
    if report_only:
        chosen |= {f"filing.{label}": "leave" for label in ("clean", "contaminated", "review")}
    text = sample_toml(chosen)
    settings = parse_settings(text, str(target))
    problems = [*watched_folder_problems(settings.watch), *output_problems(settings.output)]
    if problems := [*problems, *nesting_problems(settings.watch, settings.output)]:
        raise ConfigError(str(target), problems)
    return text


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise WrongUsage(f"{target}: is there already and stays as it is") from error
    except OSError as error:
        raise WrongUsage(f"{target}: cannot be written ({error.strerror}); use sudo, or --config FILE") from error
    click.echo(f"written: {target}")


def _after(target: Path, *, report_only: bool) -> int:
    """Fit the service if there is one, check everything, say what comes next."""
    from nebulift.cli.doctor import check_and_tell
    from nebulift.cli.service_unit import UNIT, fit_service
    from nebulift.config import SYSTEM_CONFIG

    serves = target == SYSTEM_CONFIG and UNIT.exists()
    for line in fit_service(target) if serves else ():
        click.echo(line)
    click.echo()
    failed = check_and_tell(target)
    click.echo()
    start = "sudo systemctl restart nebulift" if serves else f"nebulift watch --config {target}"
    click.echo("First put right what fails above, then start it:" if failed else "All set. Start it:")
    click.echo(f"  {start}")
    if report_only:
        click.echo(
            "Nothing is filed yet: when you trust the verdicts, delete the lines below [filing] and start it anew."
        )
    return 1 if failed else 0


def _complain(problems: Sequence[str]) -> None:
    for problem in problems:
        click.echo(f"   {problem}")
