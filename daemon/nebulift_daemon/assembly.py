"""The parts that ``nebulift watch`` and ``nebulift sort`` share, put together from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nebulift.model_card import STORE_FOLDER
from nebulift.settings import Settings
from nebulift.verdict import Label
from nebulift_daemon.filer import Filer
from nebulift_daemon.filing import Act, Done, Plan, carry_out
from nebulift_daemon.judge_client import JudgeClient
from nebulift_daemon.judge_messages import DEFAULT_JUDGE, JudgeOptions
from nebulift_daemon.ledger import FrameRow, Ledger
from nebulift_daemon.naming import subfolder_names
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.sessions import Sessions
from nebulift_daemon.sorter import Sorter


@dataclass(frozen=True, slots=True)
class Workplace:
    """How the work is embedded in its program: by whom it is ended, and who is told of it."""

    keep_going: Callable[[], bool]
    pause: Callable[[float], bool]  # waits so many seconds; whether to go on
    announce: Callable[[FrameRow], None]
    is_being_written: Callable[[Path, int], bool | None]
    judge: str = DEFAULT_JUDGE
    carry_out: Callable[[Plan, Path, str], Done] = carry_out
    undone_too: bool = False  # whether frames whose filing was taken back are to be sorted again


@dataclass(frozen=True, slots=True)
class Parts:
    """What sorts frames."""

    judge: JudgeClient
    filer: Filer
    sorter: Sorter
    sessions: Sessions


def put_together(settings: Settings, ledger: Ledger, output: OutputRoot, workplace: Workplace) -> Parts:
    """Judge client, filer, sorter and sessions over one ledger. Nothing is started yet. Raises ``LedgerError``."""
    sessions = Sessions(ledger)
    judge = JudgeClient(judge_options(settings, workplace.judge), sessions.latest, workplace.keep_going)
    filer = Filer(
        ledger,
        output,
        filing_acts(settings),
        subfolder_names(settings.watch.folders),
        workplace.is_being_written,
        act=workplace.carry_out,
    )
    sorter = Sorter(
        ledger,
        judge,
        filer,
        sessions,
        announce=workplace.announce,
        pause=workplace.pause,
        undone_too=workplace.undone_too,
    )
    return Parts(judge, filer, sorter, sessions)


def filing_acts(settings: Settings) -> dict[Label, Act]:
    """How frames of each label are filed."""
    return {label: Act(how) for label, how in settings.filing.by_label().items()}


def judge_options(settings: Settings, judge: str = DEFAULT_JUDGE) -> JudgeOptions:
    """What the judge process has to know."""
    return JudgeOptions(
        model=settings.model.path,
        thresholds=settings.thresholds.as_thresholds(),
        policy=settings.policy.as_policy(),
        memory_mb=settings.judge.memory_mb,
        threads=settings.judge.threads,
        timeout_s=settings.judge.timeout_s,
        judge=judge,
        models=str(settings.output.state_folder / STORE_FOLDER),
    )
