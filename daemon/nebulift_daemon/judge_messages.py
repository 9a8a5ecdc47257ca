"""What the judge process and its parent say to each other: one JSON object a line, never a pickle."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nebulift.findings import Kind
from nebulift.verdict import Action, Policy, Thresholds
from nebulift_daemon.sighting import Sighting

DEFAULT_JUDGE = "nebulift.pipeline:judge"
NO_MODEL = "none"
MOST_GROUPS = 16  # session states that are kept: a night has a handful of groups, and older nights are over


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How to judge, and within which limits."""

    model: str = "default"  # a path, ``default`` or ``none``
    thresholds: Thresholds | None = None
    policy: Policy = field(default_factory=Policy)
    memory_mb: int = 900
    threads: int = 1
    timeout_s: float = 60.0
    judge: str = DEFAULT_JUDGE  # module:function; tests put a slow, a crashing, a simple one here
    models: str | None = None  # folder where a model that only watches may lie; else it lies beside ``model``
    sync: bool = True  # have the frame's bytes on the disk before it is called judged


def first_line(options: JudgeOptions, sessions: dict[str, Any]) -> str:
    """What the parent sends first."""
    return json.dumps({"options": asdict(options), "sessions": sessions})


def read_first_line(line: str) -> tuple[JudgeOptions, dict[str, Any]]:
    """The inverse of ``first_line``."""
    message = json.loads(line)
    options = message["options"]
    limits, policy = options["thresholds"], options["policy"]
    options["thresholds"] = None if limits is None else Thresholds(**limits)
    overrides = {Kind(kind): Action(action) for kind, action in policy["overrides"].items()}
    options["policy"] = Policy(policy["preset"], overrides, policy["distrust_share"])
    return JudgeOptions(**options), message["sessions"]


@dataclass(frozen=True, slots=True)
class Ready:
    """What the judge process says once it can work."""

    model: str | None  # name of the model that takes part
    model_problem: str | None  # why none does, or not the newest, though it was asked for

    @property
    def trouble(self) -> str | None:
        """The problem in words that say what it means for the verdicts."""
        if self.model_problem is None or self.model is not None:
            return self.model_problem
        return f"no model, measurements decide alone: {self.model_problem}"


@dataclass(frozen=True, slots=True)
class Task:
    """One frame to judge."""

    sighting: Sighting
    known_sha256: tuple[str, ...] = ()  # if the file's bytes are one of these, no judgement is wanted


def task_line(task: Task) -> str:
    """A task as the parent sends it. Names that are no UTF-8 survive as lone surrogates, which JSON can spell."""
    seen = task.sighting
    return json.dumps([str(seen.path), seen.device, seen.inode, seen.size_bytes, seen.mtime_ns, task.known_sha256])


def read_task(line: str) -> Task:
    """The inverse of ``task_line``."""
    path, device, inode, size_bytes, mtime_ns, known = json.loads(line)
    return Task(Sighting(Path(path), device, inode, size_bytes, mtime_ns), tuple(known))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a task. ``outcome`` is one of the words below."""

    outcome: str
    sha256: str | None = None
    record: dict[str, Any] | None = None  # as ``judgement.as_record`` gives it
    group: str | None = None  # of the session
    state: Any = None  # of the group's session, after this frame
    reason: str | None = (
        None  # of a failure; of a judgement: why the model had no part in it, though it should have had
    )
    model: dict[str, Any] | None = None  # ``Ready`` as a dict, where there is news about the model


READY = "ready"  # the first answer: ``model`` says with which model
JUDGED = "judged"
SAME = "same"  # the bytes are among ``known_sha256``
CHANGED = "changed"  # the file changed while it was read: it has to settle again
VANISHED = "vanished"
FAILED = "failed"  # crash, time-out, out of memory, an error of ours
UNREACHABLE = "unreachable"  # the disk, or its permissions, do not let us read the file now: no fault of the frame
STOPPED = "stopped"  # we were told to stop; says nothing about the frame


def answer_line(answer: Answer) -> str:
    """An answer as the judge process sends it."""
    return json.dumps(asdict(answer))


def read_answer(line: str | bytes) -> Answer:
    """The inverse of ``answer_line``; raises ``ValueError`` or ``TypeError`` on anything else."""
    return Answer(**json.loads(line))
