"""Options that several commands share: which configuration, which folders, where the ledger is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from nebulift.errors import ConfigError
from nebulift.settings import Filing, Settings

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--config``."""
    return click.option("--config", type=FILE, metavar="FILE", help="Configuration; see `nebulift watch --help`.")(
        command
    )


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--output``, for folders that were sorted without a configuration."""
    return click.option("--output", type=FOLDER, metavar="DIR", help="The output folder, instead of a configuration.")(
        command
    )


@dataclass(frozen=True, slots=True)
class Place:
    """An output folder and the state folder that belongs to it."""

    output: Path
    state: Path


def find_place(output: Path | None, config: Path | None) -> Place:
    """Where frames were filed: named by ``--output``, or by the configuration. Raises ``ConfigError``."""
    if output is not None:
        from nebulift_daemon.output_root import state_folder_of

        output = output.absolute()
        return Place(output, state_folder_of(output))
    settings = find_settings(config)
    return Place(settings.output.root, settings.output.state_folder)


def find_settings(config: Path | None, folder: Path | None = None, output: Path | None = None) -> Settings:
    """The settings of the configuration file, with folders from the command line in place of the file's.

    ``folder`` and ``output`` together need no file at all; the file's other sections count when one is named. An output
    folder that was sorted into before keeps its state folder: one tree has one ledger.
    Raises ``ConfigError``.
    """
    from nebulift.config import find_config, load_settings, settings_for
    from nebulift_daemon.ledger import remembered_folders
    from nebulift_daemon.output_root import named_state_folder

    if (folder is None) != (output is None):
        missing = "--output DIR" if output is None else "FOLDER"
        raise ConfigError("command line", [f"{missing} is missing; name both FOLDER and --output DIR, or neither"])
    if folder is not None and output is not None:
        bare = settings_for(folder, output, remembered_folders, state=named_state_folder(output))
        if config is None:
            return bare
        settings = load_settings(config, any_folders=True)
        return replace(settings, watch=replace(settings.watch, folders=bare.watch.folders), output=bare.output)
    return load_settings(find_config(config), remembered_folders)


def with_file_by(settings: Settings, file_by: str | None) -> Settings:
    """The settings with one way of filing for all labels."""
    if file_by is None:
        return settings
    return replace(settings, filing=Filing(clean=file_by, contaminated=file_by, review=file_by))
