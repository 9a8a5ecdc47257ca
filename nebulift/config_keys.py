"""Keys of a configuration: what each may hold, what it means, and what a wrong value is told.

A rule takes what stands in the TOML file and gives the value, or raises ``ValueError`` with "should be ...".
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field
from pathlib import Path
from typing import Any

Rule = Callable[[object], Any]
PORTS = 65536


@dataclass(frozen=True, slots=True)
class Explained:
    """What belongs to a key beside its name and default."""

    rule: Rule
    text: str
    example: Any  # for the sample file, where there is no default


def key(rule: Rule, text: str, default: Any = MISSING, *, example: Any = None) -> Any:
    """A dataclass field that holds one key; without a default the key must be given."""
    explained = Explained(rule, text, example)
    if default is MISSING:
        return field(metadata={"explained": explained})
    return field(default=default, metadata={"explained": explained})


def explanation(of: "Field[Any]") -> Explained:
    """What ``key`` was told about a field."""
    explained = of.metadata["explained"]
    assert isinstance(explained, Explained)
    return explained


def a_number(least: float, most: float) -> Rule:
    """A number between two limits, both allowed."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("should be a number")  # noqa: TRY004 - all rules raise the same
        if not least <= value <= most:
            raise ValueError(f"should be between {least:g} and {most:g}")
        return float(value)

    return check


def a_whole_number(least: int, most: int) -> Rule:
    """A whole number between two limits, both allowed."""
    in_range = a_number(least, most)

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("should be a whole number")  # noqa: TRY004
        in_range(value)
        return value

    return check


def a_choice(*words: str) -> Rule:
    """One of these words."""
    listed = " or ".join((", ".join(f'"{word}"' for word in words[:-1]), f'"{words[-1]}"'))

    def check(value: object) -> str:
        if value not in words:
            raise ValueError(f"should be {listed}")
        return str(value)

    return check


def yes_or_no(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError("should be true or false")  # noqa: TRY004 - all rules raise the same
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts, perhaps none."""
    if not isinstance(value, list) or not all(isinstance(text, str) and text and "\0" not in text for text in value):
        raise ValueError('should be a list of texts, such as ["one", "two"]')
    return tuple(value)


def choices(*words: str) -> Rule:
    """A list of some of these words."""

    def check(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not set(map(str, value)) <= set(words):
            raise ValueError(f"should be a list of some of {', '.join(words)}")
        return tuple(value)

    return check


def some_text(value: object) -> str:
    """Any text but an empty one."""
    if not isinstance(value, str) or not value:
        raise ValueError("should be text in quotes")
    return value


def a_path(value: object) -> Path:
    """An absolute path; ``~`` is the home folder."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("should be a path in quotes")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("names a home folder that does not exist; write the whole path") from error
    if not path.is_absolute():
        raise ValueError('should be an absolute path, such as "/home/pi/Pictures"')
    return path


def folders(value: object) -> tuple[Path, ...]:
    """A list of absolute paths, at least one."""
    if not isinstance(value, list) or not value:
        raise ValueError('should be a list of folders, such as ["/home/pi/Pictures"]')
    return tuple(a_path(folder) for folder in value)


def an_address(value: object) -> str:
    """An address and a port."""
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < PORTS:
        raise ValueError('should be an address and a port, such as "127.0.0.1:8321"')
    return f"{host}:{port}"
