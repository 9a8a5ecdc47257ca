"""Is the service installed, enabled and fitted to the folders of its configuration?"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.errors import ConfigError
from nebulift.settings import Settings
from nebulift_daemon.mounts import mount_of, mount_table
from nebulift_daemon.service_folders import DROP_IN, drop_in, owner_name, reach_of

TOPIC = "service"
REFIT = "sudo nebulift init --service && sudo systemctl restart nebulift"
THAT_MATTER = ("User=", "BindPaths=", "ReadWritePaths=", "BindReadOnlyPaths=", "PrivateNetwork=", "IPAddress")


def service_checks(settings: Settings, config: Path, drop_in_file: Path = DROP_IN) -> Iterator[Check]:
    """All about the service that runs with ``config``."""
    try:
        wanted = drop_in(reach := reach_of(settings, mount_table(), owner_name), config)
    except ConfigError as error:
        for problem in error.problems:
            yield fail(TOPIC, problem, "correct the configuration")
        return
    for folder in reach.apart:
        yield warn(
            TOPIC,
            f"{folder} and {settings.output.root} have no folder above both that the service could be given: frames "
            "are copied, not linked",
            "choose an output folder beside the capture folder",
        )
    try:
        written = drop_in_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        yield fail(TOPIC, f"{drop_in_file}: is missing, so the service reaches no folder", REFIT)
        return
    missing = [line for line in wanted.splitlines() if line.startswith(THAT_MATTER) and line not in written]
    if missing:
        yield fail(TOPIC, f"{drop_in_file}: made for other folders; {missing[0]} is missing", REFIT)
    else:
        yield ok(TOPIC, f"{drop_in_file}: fits the configuration; runs as {reach.user}")
    yield from _running(settings)


def _running(settings: Settings) -> Iterator[Check]:
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        yield warn(TOPIC, "systemd does not run here: nothing starts the service", "start it by hand: nebulift watch")
        return
    names = "ActiveState,UnitFileState,MainPID,NRestarts,Result"
    shown = subprocess.run(  # noqa: S603 - a fixed command
        [program, "show", "nebulift", f"--property={names}"], capture_output=True, text=True, timeout=10, check=False
    )
    facts = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    if facts.get("UnitFileState") != "enabled":
        yield warn(TOPIC, "does not start by itself when the machine boots", "sudo systemctl enable nebulift")
    if facts.get("ActiveState") != "active":
        yield warn(TOPIC, f"is not running ({facts.get('Result', '?')})", "journalctl -u nebulift -n 20 tells why")
        return
    restarts = facts.get("NRestarts", "0")
    yield ok(
        TOPIC, f"running as process {facts.get('MainPID')}, restarted {restarts} times since the last start by hand"
    )
    yield from _inside(settings, Path(f"/proc/{facts.get('MainPID')}/mountinfo"))


def _inside(settings: Settings, mountinfo: Path) -> Iterator[Check]:
    """The same mounts as the service sees them: links must lead from the capture folders to the output."""
    table = mount_table(mountinfo)
    if not table or "link" not in settings.filing.by_label().values():
        return  # not ours to look at, or of no interest
    here = mount_table()
    for folder in settings.watch.folders:
        linked_here = mount_of(folder, here) == mount_of(settings.output.root, here)
        if linked_here and mount_of(folder, table) != mount_of(settings.output.root, table):
            yield warn(
                TOPIC, f"{folder}: the running service sees it as another mount: frames are copied, not linked", REFIT
            )
