"""The sample configuration: every key, explained by the text that its section gives it."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from nebulift.config_keys import explanation
from nebulift.settings import SECTIONS

SET_IN_SAMPLE = {
    "watch.folders",
    "output.root",
    "output.state",
}  # what an observer must decide; all else is the default
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration."""

    section: str
    name: str
    default: Any  # ``None`` when the key may be left out and then has no value
    required: bool
    text: str
    example: Any

    @property
    def full_name(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"


def keys() -> Iterator[Key]:
    """Every key that ``nebulift.toml`` may hold, in order, with its explanation."""
    for section, section_type in SECTIONS.items():
        for field in fields(section_type):
            required = field.default is MISSING
            explained = explanation(field)
            default = None if required else field.default
            yield Key(section, field.name, default, required, explained.text, explained.example)


def sample_toml(chosen: Mapping[str, Any] | None = None) -> str:
    """The text of ``systemd/nebulift.toml``: valid, every key named, whatever may be left out commented out.

    ``chosen`` puts values in force by their key's full name (``{"filing.clean": "leave"}``).
    """
    chosen = chosen or {}
    lines = [
        "# Nebulift's configuration. A line that starts with # is not in force and shows the default or an example."
    ]
    section = None
    for key in keys():
        if key.section != section:
            section = key.section
            lines += ["", *_comment(SECTIONS[section].__doc__ or ""), f"[{section}]"]
        off = "" if key.required or key.full_name in SET_IN_SAMPLE or key.full_name in chosen else "# "
        shown = key.example if key.default is None or key.default == () else key.default
        value = chosen.get(key.full_name, shown)
        lines += [*_comment(key.text), f"{off}{key.name} = {_toml(value)}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    return repr(value)
