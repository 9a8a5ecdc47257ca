"""The doctor: looks at configuration, folders, output, ledger, model, machine and service, and touches nothing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nebulift.doctor.check import Check, State, guarded
from nebulift.settings import Settings

__all__ = ["Check", "State", "examine", "examine_without_settings"]


def examine(settings: Settings, source: Path | None, *, as_service: bool) -> Iterator[Check]:
    """Every check for these settings, one after the other, each with its cause and its remedy.

    ``source`` is the file they come from; ``as_service``: it is the file that the installed service reads.
    """
    from nebulift.doctor.configuration import configuration_checks  # noqa: PLC0415
    from nebulift.doctor.folders import Filing, folder_checks  # noqa: PLC0415
    from nebulift.doctor.ledger import ledger_checks  # noqa: PLC0415
    from nebulift.doctor.messages import message_checks  # noqa: PLC0415
    from nebulift.doctor.output import output_checks  # noqa: PLC0415
    from nebulift.doctor.service import service_checks  # noqa: PLC0415
    from nebulift_daemon.ledger import remembered_folders  # noqa: PLC0415
    from nebulift_daemon.mounts import mount_table  # noqa: PLC0415

    state_folder, table = settings.output.state_folder, mount_table()
    known = remembered_folders(state_folder)
    output_known = settings.output.root in known
    filing = Filing(frozenset(settings.filing.by_label().values()), settings.output.root)
    yield from guarded("configuration", partial(configuration_checks, settings, source))
    for folder in settings.watch.folders:
        yield from guarded("folders", partial(folder_checks, folder, filing, table, known=folder in known))
    yield from guarded("output", partial(output_checks, settings.output, known=output_known, as_service=as_service))
    yield from guarded("ledger", partial(ledger_checks, state_folder))
    yield from guarded("messages", partial(message_checks, settings.notify, settings.web, source))
    if as_service and source is not None:
        yield from guarded("service", partial(service_checks, settings, source))
    yield from _model_and_machine(settings)


def examine_without_settings() -> Iterator[Check]:
    """What can be checked without any configuration: libraries, model, machine."""
    return _model_and_machine(None)


def _model_and_machine(settings: Settings | None) -> Iterator[Check]:
    from nebulift.doctor.machine import machine_checks  # noqa: PLC0415
    from nebulift.doctor.model import model_checks  # noqa: PLC0415
    from nebulift.settings import Judge, Model  # noqa: PLC0415
    from nebulift_daemon.mounts import mount_table  # noqa: PLC0415

    model, judge = (settings.model, settings.judge) if settings else (Model(), Judge())
    state_folder = settings.output.state_folder if settings else None
    yield from guarded("model", partial(model_checks, model.path, judge.threads))
    yield from guarded("machine", partial(machine_checks, judge.memory_mb, state_folder, mount_table()))
