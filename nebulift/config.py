"""From ``nebulift.toml`` to frozen ``Settings``; everything that is wrong is reported at once, with its remedy."""

import difflib
import os
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from nebulift.config_keys import explanation
from nebulift.errors import ConfigError
from nebulift.settings import SECTIONS, Output, Settings, Watch

Remembered = Callable[[Path], Collection[Path]]
SYSTEM_CONFIG = Path("/etc/nebulift/nebulift.toml")


def nothing_remembered(state_folder: Path) -> Collection[Path]:
    """No folder was there on an earlier day, as far as anybody knows."""
    del state_folder
    return ()


def user_config(environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration in the user's configuration folder (XDG base directory specification)."""
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "nebulift" / "nebulift.toml"


def find_config(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file to read: ``given``, NEBULIFT_CONFIG, the system's, the user's.

    Raises ``ConfigError`` when there is none.
    """
    if given is not None:
        return given
    if named := environ.get("NEBULIFT_CONFIG"):
        return Path(named)
    candidates = (SYSTEM_CONFIG, user_config(environ))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    places = " and ".join(str(candidate) for candidate in candidates)
    raise ConfigError(
        "no configuration",
        [f"nothing at {places}; name a file with --config, or say `nebulift watch FOLDER --output DIR`"],
    )


def load_settings(path: Path, remembered: Remembered = nothing_remembered, *, any_folders: bool = False) -> Settings:
    """The settings in the file at ``path``. Raises ``ConfigError`` with every problem.

    ``remembered(state_folder)`` gives the folders that were there on an earlier day: if one of them is missing now, a
    disk is not plugged in, which is no mistake of the configuration; the daemon waits for it. With ``any_folders`` the
    folders are not looked at at all, because others are going to take their place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}; check name and permissions"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), ["is not UTF-8 text; save it as UTF-8"]) from error
    sections, problems = _parse(text, str(path))
    if not any_folders:
        problems += _folder_problems(sections.get("watch"), sections.get("output"), remembered)
    if problems:
        raise ConfigError(str(path), problems)
    return Settings(**sections)


def parse_settings(text: str, source: str = "configuration") -> Settings:
    """The settings in a TOML text, folders not looked at. Raises ``ConfigError`` with every problem."""
    sections, problems = _parse(text, source)
    if problems:
        raise ConfigError(source, problems)
    return Settings(**sections)


def settings_for(
    folder: Path, output: Path, remembered: Remembered = nothing_remembered, *, state: Path | None = None
) -> Settings:
    """Settings without a file, as for ``watch FOLDER --output DIR``; ``remembered`` as in ``load_settings``.

    Raises ``ConfigError``.
    """
    settings = Settings(
        watch=Watch(folders=(Path(os.path.abspath(folder)),)),  # noqa: PTH100 - resolve() would follow links
        output=Output(root=Path(os.path.abspath(output)), state=state),  # noqa: PTH100
    )
    problems = _folder_problems(settings.watch, settings.output, remembered)
    if problems:
        raise ConfigError("folders", problems)
    return settings


def _folder_problems(watch: Any, output: Any, remembered: Remembered) -> list[str]:
    """Of those sections that could be read at all."""
    problems = []
    if isinstance(watch, Watch):
        known = remembered(output.state_folder) if isinstance(output, Output) else ()
        problems += watched_folder_problems(watch, known)
    if isinstance(output, Output):
        problems += output_problems(output)
    if isinstance(watch, Watch) and isinstance(output, Output):
        problems += nesting_problems(watch, output)
    return problems


def watched_folder_problems(watch: Watch, known: Collection[Path] = ()) -> list[str]:
    """Watched folders that are not readable, inside each other, or missing and not among the ``known``."""
    problems = []
    for folder in watch.folders:
        where = f'[watch] folders: "{folder}"'
        if folder.is_dir():
            if not os.access(folder, os.R_OK | os.X_OK):
                problems.append(f"{where} may not be read by this user; grant it, or run as another user")
        elif folder.exists():
            problems.append(f"{where} is not a folder")
        elif folder not in known:
            problems.append(f"{where} does not exist; create it, or correct the name")
    return problems + overlap_problems(watch)


def overlap_problems(watch: Watch) -> list[str]:
    """Watched folders inside each other: their frames would be met twice."""
    resolved = [folder.resolve() for folder in watch.folders]
    return [
        f'[watch] folders: "{folder}" and "{other}" overlap; keep only the outer one'
        for position, folder in enumerate(resolved)
        for other in resolved[:position]
        if folder.is_relative_to(other) or other.is_relative_to(folder)
    ]


def output_problems(output: Output) -> list[str]:
    """Output or state folder that can neither be written nor made."""
    problems = []
    for key, folder in (("root", output.root), ("state", output.state_folder)):
        existing = next(place for place in (folder, *folder.parents) if place.exists() or place.is_symlink())
        if not existing.is_dir():
            problems.append(f'[output] {key}: "{existing}" is not a folder; choose another place')
        elif not os.access(existing, os.W_OK | os.X_OK):
            problems.append(
                f'[output] {key}: "{existing}" may not be written by this user; grant it, or choose another'
            )
    return problems


def nesting_problems(watch: Watch, output: Output) -> list[str]:
    """Watched folders and our own folders inside each other: the daemon would sort its own output."""
    problems = []
    root, state = output.root.resolve(), output.state_folder.resolve()
    for folder in (folder.resolve() for folder in watch.folders):
        if root.is_relative_to(folder):
            problems.append(
                f'[output] root: "{root}" lies inside the watched folder "{folder}"; choose a place outside'
            )
        elif state.is_relative_to(folder):
            problems.append(
                f'[output] state: "{state}" lies inside the watched folder "{folder}"; choose a place outside'
            )
        if root != folder and folder.is_relative_to(root):
            problems.append(f'[watch] folders: "{folder}" lies inside the output "{root}"; choose a place outside')
    return problems


def _parse(text: str, source: str) -> tuple[dict[str, Any], list[str]]:
    """Every section, and every problem. What is wrong of a section is left out, so that the rest can be looked at."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [f"is not valid TOML: {error}"]) from error
    sections: dict[str, Any] = {}
    problems = [_unknown(f"[{name}]", name, SECTIONS) for name in tables if name not in SECTIONS]
    for name, section_type in SECTIONS.items():
        table = tables.get(name, {})
        if not isinstance(table, dict):
            problems.append(f"{name} = {table!r}: should be a table, written as [{name}] on a line of its own")
            continue
        values, mistakes = _parse_table(name, section_type, table)
        problems += mistakes
        if all(field.name in values for field in fields(section_type) if field.default is MISSING):
            try:
                sections[name] = section_type(**values)
            except ValueError as error:
                problems.append(f"[{name}]: {error}")
    return sections, problems


def _parse_table(name: str, section_type: type, table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The right values of a section's table, and its problems."""
    known = {field.name: field for field in fields(section_type)}
    values: dict[str, Any] = {}
    problems = [
        f"[{name}] {key}: is missing; add it below [{name}]"
        for key, field in known.items()
        if field.default is MISSING and key not in table
    ]
    for key, given in table.items():
        if key not in known:
            problems.append(_unknown(f"[{name}] {key}", key, known))
            continue
        try:
            values[key] = explanation(known[key]).rule(given)
        except ValueError as error:
            problems.append(f"[{name}] {key} = {_shown(given)}: {error}")
    return values, problems


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _unknown(where: str, key: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    remedy = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
    return f"{where}: unknown; {remedy}"
