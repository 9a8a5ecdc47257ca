"""What the service's unit must say about the folders of a configuration: as whom it runs, and what it may reach.

The unit itself closes everything; this is the drop-in that opens what one observatory needs. Three facts of Linux shape
it. Frames can be linked, and the kernel asked for writers, only by their owner (``fs.protected_hardlinks``; fcntl(2),
"Leases"): so the service runs as whoever owns the capture folder. Each path that a unit opens becomes a mount of its
own, and links and renames never cross mounts: so the folder above capture and output folder is opened, not the two. And
a disk that is plugged in later appears inside the service only below a folder that was there before: so for other
disks, the folder above the mount point is opened.
"""

import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nebulift.errors import ConfigError
from nebulift.settings import Settings
from nebulift_daemon.mounts import Mount, mount_of

DROP_IN = Path("/etc/systemd/system/nebulift.service.d/folders.conf")
STATE_DIRECTORY = Path("/var/lib/nebulift")  # the unit's StateDirectory=
SERVICE_USER = "nebulift"  # who runs the service where nobody owns the frames
HOMES = (Path("/home"), Path("/root"))  # the unit's ProtectHome= empties them
NEVER_OPENED = frozenset(map(Path, ("/", "/home", "/root", "/etc", "/usr", "/var", "/opt", "/boot")))
PRIVATE = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - the unit's PrivateTmp= replaces them
NETWORK = {
    "this machine": (
        "PrivateNetwork=no",
        "RestrictAddressFamilies=AF_INET AF_INET6",
        "IPAddressAllow=localhost",
    ),
    "any": ("PrivateNetwork=no", "RestrictAddressFamilies=AF_INET AF_INET6", "IPAddressDeny="),
}
ALWAYS_HIDDEN = (".ssh", ".gnupg", ".config", ".local", ".cache", ".bashrc", ".profile", ".bash_profile")


Network = Literal["none", "this machine", "any"]


@dataclass(frozen=True, slots=True)
class Reach:
    """As whom the service runs and what it may reach beyond the unit's closed state."""

    user: str
    why_user: str
    writable: tuple[Path, ...]
    readable: tuple[Path, ...]  # of home folders; elsewhere everything can be read
    hidden: tuple[Path, ...]  # of home folders that had to be opened as a whole
    mount_points: tuple[Path, ...]  # disks to be mounted before the service starts, if they are there
    apart: tuple[Path, ...]  # watched folders whose frames cannot be linked, because they share no folder to open
    network: Network = "none"


def reach_of(settings: Settings, table: Sequence[Mount], owner_of: Callable[[Path], str]) -> Reach:
    """What the service needs for these settings.

    ``table`` as ``mounts.mount_table`` gives it; ``owner_of`` names the owner of an existing folder. Raises
    ``ConfigError`` for folders that no unit can open.
    """
    if unreachable := [path for path in _all_paths(settings) if any(path.is_relative_to(place) for place in PRIVATE)]:
        raise ConfigError(
            "folders", [f'"{path}": a service has a /tmp of its own; choose another place' for path in unreachable]
        )
    user, why = _user(settings.watch.folders, owner_of)
    writable, readable, apart = _needed(settings, table)
    opened = _outermost([_opened(path, table) for path in writable])
    shown = [path for path in readable if _home_of(path) and not _is_below(path, opened)]
    points = {mount.point for path in _all_paths(settings) if (mount := mount_of(path, table))}
    return Reach(
        user,
        why,
        opened,
        _outermost(shown),
        tuple(secret for path in (*opened, *shown) for secret in _secrets(path)),
        tuple(sorted(points - {Path("/")})),
        tuple(apart),
        network_of(settings),
    )


def network_of(settings: Settings) -> Network:
    """How much of a network the service needs: the unit gives it none at all."""
    notify, web = settings.notify, settings.web
    if notify.urls or notify.mqtt or notify.hook or (web.serve and not _is_loopback(web.listen)):
        return "any"
    return "this machine" if web.serve else "none"


def drop_in(reach: Reach, source: Path) -> str:
    """The text of the drop-in; ``source`` is the configuration that it was made for."""
    lines = [
        f"# Written by `nebulift init --service` for the folders in {source}, and written anew by it.",
        "[Unit]",
        "# where frames or our folders lie on disks of their own: those first, if they are there",
        *(f"After={mount_unit(point)}" for point in reach.mount_points),
        "",
        "[Service]",
        f"# {reach.why_user}",
        f"User={reach.user}",
    ]
    for title, key, paths in (
        ("can be written; what one line names is one mount, within which frames can be linked", "", reach.writable),
        ("can be read", "BindReadOnlyPaths", reach.readable),
        ("lies in an opened home folder and is nobody's business", "InaccessiblePaths", reach.hidden),
    ):
        if paths:
            lines += ["", f"# {title}"]
            lines += [
                f'{key or ("BindPaths" if _home_of(path) else "ReadWritePaths")}="-{_escaped(path)}"' for path in paths
            ]
    if reach.network != "none":
        lines += ["", "# for messages and for the review page, which the daemon starts", *NETWORK[reach.network]]
    return "\n".join(lines) + "\n"


def mount_unit(point: Path) -> str:
    """The unit of the mount at ``point``: systemd.unit(5), "String Escaping for Inclusion in Unit Names"."""
    kept = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."
    spelled = [
        "-" if byte == ord("/") else chr(byte) if byte in kept and (byte != ord(".") or at) else f"\\x{byte:02x}"
        for at, byte in enumerate(os.fsencode(point).strip(b"/"))
    ]
    return "".join(spelled) + ".mount"


def owner_name(folder: Path) -> str:
    """Who owns ``folder``: a name, or the number of a user without one."""
    number = folder.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _user(folders: Sequence[Path], owner_of: Callable[[Path], str]) -> tuple[str, str]:
    """The owner of the first watched folder that is there, and the reason in words; never root."""
    present = next((folder for folder in folders if folder.is_dir()), None)
    if present is None:
        return SERVICE_USER, "none of the watched folders is there yet; run `nebulift init --service` when one is"
    owner = owner_of(present)
    if owner == "root":
        return SERVICE_USER, f"{present} belongs to root, as whom nothing should run; its frames can only be copied"
    return owner, f"owner of {present}: only the owner can link frames and see whether they are still being written"


def _needed(settings: Settings, table: Sequence[Mount]) -> tuple[list[Path], list[Path], list[Path]]:
    """Paths to be written, paths to be read, and watched folders that cannot be linked from."""
    output, moves = settings.output.root, "move" in settings.filing.by_label().values()
    writable: list[Path] = [output]
    readable: list[Path] = []
    apart: list[Path] = []
    for folder in settings.watch.folders:
        together = _folder_above_both(folder, output, table)
        if together is None:
            apart.append(folder)
            (writable if moves else readable).append(folder)
        else:
            writable.append(together)
    if not settings.output.state_folder.is_relative_to(STATE_DIRECTORY):
        writable.append(settings.output.state_folder)
    if settings.report.folder is not None:
        writable.append(settings.report.folder)
    if settings.notify.safety_file is not None:
        writable.append(settings.notify.safety_file.parent)
    if settings.model.path not in {"default", "none"}:
        readable.append(Path(settings.model.path))
    return writable, readable, apart


def _folder_above_both(one: Path, other: Path, table: Sequence[Mount]) -> Path | None:
    """The folder to be opened so that links lead from one to the other; ``None`` when there is none to be opened."""
    above = Path(os.path.commonpath([one, other]))
    if above in NEVER_OPENED or mount_of(one, table) != mount_of(other, table):
        return None
    return above


def _opened(path: Path, table: Sequence[Mount]) -> Path:
    """What has to be opened so that ``path`` can be written, also when its disk comes later."""
    mount = mount_of(path, table)
    if _home_of(path) or mount is None or mount.point == Path("/"):
        return path
    return mount.point if mount.point.parent == Path("/") else mount.point.parent


def _outermost(paths: Sequence[Path]) -> tuple[Path, ...]:
    unique = sorted(set(paths))
    return tuple(path for path in unique if not _is_below(path, [other for other in unique if other != path]))


def _is_below(path: Path, others: Sequence[Path]) -> bool:
    return any(path.is_relative_to(other) for other in others)


def _home_of(path: Path) -> Path | None:
    """``/home/pi`` for everything in it."""
    for homes in HOMES:
        if path.is_relative_to(homes):
            inside = path.relative_to(homes).parts
            return homes if homes == Path("/root") else homes.joinpath(*inside[:1])
    return None


def _secrets(opened: Path) -> list[Path]:
    """What an opened home folder has that a daemon must not see or change: everything whose name begins with a dot."""
    if opened != _home_of(opened):
        return []
    try:
        names = {name for name in os.listdir(opened) if name.startswith(".")}  # noqa: PTH208 - names are wanted
    except OSError:
        names = set()
    return [opened / name for name in sorted(names | set(ALWAYS_HIDDEN))]


def _all_paths(settings: Settings) -> list[Path]:
    output, file = settings.output, settings.notify.safety_file
    named = [settings.report.folder, None if file is None else file.parent]
    return [*settings.watch.folders, output.root, output.state_folder, *filter(None, named)]


def _is_loopback(listen: str) -> bool:
    return listen.rpartition(":")[0] in {"127.0.0.1", "localhost", "[::1]", "::1"}


def _escaped(path: Path) -> str:
    """For a quoted word of a unit file, in which % and : mean something too."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return text.replace(":", "\\:")
