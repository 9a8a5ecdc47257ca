"""Fitting the installed service to the folders of its configuration: the drop-in, and the output folder's owner."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nebulift.errors import WrongUsage
from nebulift.settings import Settings
from nebulift_daemon.service_folders import DROP_IN, Reach, drop_in, owner_name, reach_of

UNIT = Path("/etc/systemd/system/nebulift.service")


def fit_service(config: Path) -> Iterator[str]:
    """What was done, in lines for people: drop-in written, output folder made, systemd told. Needs root.

    Raises ``WrongUsage`` or ``ConfigError``.
    """
    from nebulift.config import load_settings
    from nebulift_daemon.ledger import remembered_folders
    from nebulift_daemon.mounts import mount_table

    if os.geteuid() != 0:
        raise WrongUsage("the service belongs to root; use sudo nebulift init --service")
    if not config.exists():
        raise WrongUsage(f"{config}: there is none yet; sudo nebulift init asks five questions and writes it")
    settings = load_settings(config, remembered_folders)
    reach = reach_of(settings, mount_table(), owner_name)
    yield from _make_output(settings, reach)
    text = drop_in(reach, config)
    if DROP_IN.is_file() and DROP_IN.read_text(encoding="utf-8") == text:
        yield f"{DROP_IN}: fits already"
        return
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    fresh = DROP_IN.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(DROP_IN)
    yield f"{DROP_IN}: written; the service runs as {reach.user}"
    if (systemctl := shutil.which("systemctl")) and Path("/run/systemd/system").is_dir():
        subprocess.run([systemctl, "daemon-reload"], check=True)  # noqa: S603 - a fixed command


def _make_output(settings: Settings, reach: Reach) -> Iterator[str]:
    """The output folder, which the service's user may not be able to make; what is there is left alone."""
    root = settings.output.root
    if root.exists():
        return
    try:
        user = pwd.getpwnam(reach.user)
    except KeyError:
        raise WrongUsage(f"there is no user {reach.user}; run systemd/install.sh first") from None
    missing = [root, *(parent for parent in root.parents if not parent.exists())]
    for folder in reversed(missing):
        folder.mkdir()
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield f"{folder}: made for {reach.user}"
