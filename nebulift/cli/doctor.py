"""``nebulift doctor``: checks configuration, folders, model and machine, and says what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import FILE, FOLDER

if TYPE_CHECKING:
    from nebulift.doctor import Check
    from nebulift.settings import Settings

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
WRAPPED_AT = 100


@click.command()
@click.argument("folders", nargs=-1, type=FOLDER)
@click.option("--config", type=FILE, metavar="FILE", help="Configuration; see `nebulift watch --help`.")
@click.option("--output", type=FOLDER, metavar="DIR", help="The output folder, instead of a configuration.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(folders: tuple[Path, ...], config: Path | None, output: Path | None, as_json: bool) -> int:
    """Check configuration, folders, model and machine; say what is wrong, why, and what to do. Changes nothing.

    FOLDERs take the place of those in the configuration. Exit status 0: all is well, warnings at most; 1: something
    fails; 2: wrong usage.

    \b
    Examples:
      nebulift doctor
      nebulift doctor ~/Pictures --output ~/sorted
      sudo nebulift doctor                    as the user of the service
    """
    if config is not None and output is not None:
        raise click.UsageError("name either --config or --output")
    source = _source(config, output, folders)
    if (user := _user_of_service(source)) is not None:
        return _again_as(user, as_json=as_json)
    checks = _checks(folders, source, output)
    if as_json:
        found = list(checks)
        record = [{"topic": c.topic, "state": c.state, "text": c.text, "remedy": c.remedy} for c in found]
        failed = any(check.state == "fail" for check in found)
        click.echo(json.dumps({"ok": not failed, "checks": record}))
        return 1 if failed else 0
    return 1 if _tell(checks) else 0


def check_and_tell(config: Path) -> bool:
    """Check a configuration and print the report; whether something fails."""
    if (user := _user_of_service(config)) is not None:
        return _again_as(user, as_json=False) != 0
    return _tell(_checks((), config, None))


def _source(config: Path | None, output: Path | None, folders: tuple[Path, ...]) -> Path | None:
    """The configuration to check; ``None`` without one. A named one is checked even where it is not there."""
    from nebulift.config import find_config
    from nebulift.errors import ConfigError

    if output is not None:
        return None
    try:
        return find_config(config)
    except ConfigError:
        if folders:
            raise click.UsageError("without a configuration, FOLDERs need --output DIR beside them") from None
        return None


def _checks(folders: tuple[Path, ...], source: Path | None, output: Path | None) -> "Iterator[Check]":
    from dataclasses import replace

    from nebulift.config import SYSTEM_CONFIG, load_settings
    from nebulift.doctor import examine, examine_without_settings
    from nebulift.doctor.check import warn
    from nebulift.doctor.configuration import configuration_problems
    from nebulift.errors import ConfigError

    if output is not None:
        yield from examine(_settings_for(folders, output), None, as_service=False)
        return
    if source is None:
        yield warn("configuration", "there is none yet", "nebulift init")
        yield from examine_without_settings()
        return
    try:
        settings = load_settings(source, any_folders=True)
    except ConfigError as error:
        yield from configuration_problems(error)
        yield from examine_without_settings()
        return
    if folders:
        settings = replace(settings, watch=replace(settings.watch, folders=_absolute(folders)))
    yield from examine(settings, source, as_service=source == SYSTEM_CONFIG)


def _settings_for(folders: tuple[Path, ...], output: Path) -> "Settings":
    from nebulift.settings import Output, Settings, Watch
    from nebulift_daemon.output_root import named_state_folder

    place = Output(root=output.absolute(), state=named_state_folder(output.absolute()))
    return Settings(watch=Watch(folders=_absolute(folders)), output=place)


def _absolute(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(folder.absolute() for folder in folders)


def _user_of_service(source: Path | None) -> str | None:
    """As whom to look, when root asks about the service: root may do everything, the service may not."""
    from nebulift.config import SYSTEM_CONFIG
    from nebulift_daemon.service_folders import DROP_IN

    if os.geteuid() != 0 or source != SYSTEM_CONFIG or not DROP_IN.is_file():
        return None
    users = [line[5:] for line in DROP_IN.read_text(encoding="utf-8").splitlines() if line.startswith("User=")]
    return users[-1] if users and users[-1] != "root" else None


def _again_as(user: str, *, as_json: bool) -> int:
    import pwd

    from nebulift.config import SYSTEM_CONFIG
    from nebulift.errors import WrongUsage

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise WrongUsage(
            f"the service is to run as {user}, but there is no such user; run systemd/install.sh"
        ) from None
    if not as_json:
        click.echo(f"checked as {user}, who runs the service\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "nebulift", "doctor", "--config", str(SYSTEM_CONFIG)]
    groups = os.getgrouplist(user, entry.pw_gid)
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--json"] if as_json else command,
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=groups,
        env=os.environ | {"HOME": entry.pw_dir},
        cwd="/",
        check=False,
    )
    return done.returncode


def _tell(checks: "Iterator[Check]") -> bool:
    """Print the checks as they come, by topic; whether one fails."""
    import textwrap

    from nebulift_daemon.printing import one_line

    counts = {"ok": 0, "warn": 0, "fail": 0}
    topic = None
    for check in checks:
        if check.topic != topic:
            topic = check.topic
            click.echo(topic)
        counts[check.state] += 1
        mark = click.style(f"  {check.state:<4}", fg=COLOURS[check.state])
        # a path that is cut in two can neither be copied nor searched for
        text = one_line(check.text, 2000)
        lines = textwrap.wrap(text, WRAPPED_AT - 8, break_long_words=False, break_on_hyphens=False) or [""]
        click.echo(f"{mark}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"        {line}")
        if check.remedy:
            click.echo(f"        -> {one_line(check.remedy, 2000)}")
    click.echo(f"\n{counts['ok']} ok, {counts['warn']} warnings, {counts['fail']} failed")
    return bool(counts["fail"])
