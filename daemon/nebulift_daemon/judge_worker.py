"""The judge process: ``python -m nebulift_daemon.judge_worker``, started by ``judge_client``.

It alone loads NumPy, OpenCV and the model. It may crash, hang or be killed without harm: it holds nothing that its
parent does not have. Reads lines from stdin, answers on stdout, ends when stdin does or when its parent dies.
"""

import contextlib
import errno
import hashlib
import importlib
import os
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from nebulift.errors import ModelMismatch, NebuliftError
from nebulift.freed_memory import keep_freed_memory
from nebulift.judgement import Judgement, as_record
from nebulift.verdict import unreadable
from nebulift_daemon.judge_messages import (
    CHANGED,
    FAILED,
    JUDGED,
    MOST_GROUPS,
    READY,
    SAME,
    UNREACHABLE,
    VANISHED,
    Answer,
    JudgeOptions,
    Ready,
    Task,
    answer_line,
    read_first_line,
    read_task,
)
from nebulift_daemon.judging_process import limit_memory, live_and_die_with_parent
from nebulift_daemon.model_keeper import ModelKeeper
from nebulift_daemon.shadow_model import ShadowModel
from nebulift_daemon.sighting import Sighting, look

NICENESS = 10  # the capture program comes first
HASH_CHUNK_BYTES = 1 << 20
DISK_TROUBLE = {  # says nothing about the frame: it waits for the disk, or for somebody who gives the permission
    *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN),
    *(errno.EHOSTUNREACH, errno.EACCES, errno.EPERM),
}


class Worker:
    """One judge with its sessions; ``answer`` never raises for what a file holds."""

    def __init__(self, options: JudgeOptions, saved_sessions: dict[str, Any]) -> None:
        module_name, _, function_name = options.judge.partition(":")
        module = importlib.import_module(module_name)
        self._function = getattr(module, function_name)
        self._options = options
        self._sessions = _restored(module, saved_sessions)
        self._models = ModelKeeper(options)
        self._shadow = ShadowModel(options)

    @property
    def ready(self) -> Ready:
        return self._models.ready

    def answer(self, task: Task) -> Answer:
        """Judge one file and hash it; the model file is looked at before, and its news are told along."""
        news = asdict(self.ready) if self._models.renew() else None
        return replace(self._answer(task), model=news)

    def _answer(self, task: Task) -> Answer:
        """Judge and hash from the same bytes: whatever moved in between is noticed."""
        before = _what_became_of(task.sighting)
        if before is not None:
            return before
        try:
            answer = self._examine(task)
        except MemoryError:
            answer = Answer(FAILED, reason=f"judging it takes more than {self._options.memory_mb} MB of memory")
        except OSError as error:
            outcome = UNREACHABLE if error.errno in DISK_TROUBLE else FAILED
            answer = Answer(outcome, reason=f"the file cannot be read: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - the barrier: one frame must not stop the others
            traceback.print_exc()  # kept by the parent, for the debug log
            own = f"{type(error).__name__}: {error}"
            answer = Answer(FAILED, reason=f"an error of Nebulift's own ({own}); please report it")
        return _what_became_of(task.sighting) or answer

    def _examine(self, task: Task) -> Answer:
        path = task.sighting.path
        if task.known_sha256 and (sha256 := _sha256(path, sync=False)) in task.known_sha256:
            return Answer(SAME, sha256)
        judgement, model_trouble = self._judge(path)
        sha256 = _sha256(path, sync=self._options.sync)
        group = judgement.session.group if judgement.session else None
        return Answer(JUDGED, sha256, as_record(judgement), group, self._state_of(group), model_trouble)

    def _judge(self, path: Path) -> tuple[Judgement, str | None]:
        """The judgement, and why the model had no part in it, when it should have had."""
        try:
            return self._ask(path, self._models.classifier), None
        except ModelMismatch as error:
            return self._ask(path, None), str(error)
        except NebuliftError as error:
            return Judgement(path, unreadable(str(error)), error=str(error)), None

    def _ask(self, path: Path, model: Any) -> Judgement:
        options, shadow = self._options, self._shadow.classifier()
        watching = {} if shadow is None else {"shadow": shadow}
        judgement = self._function(
            path, model=model, thresholds=options.thresholds, policy=options.policy, sessions=self._sessions, **watching
        )
        assert isinstance(judgement, Judgement)
        return judgement

    def _state_of(self, group: str | None) -> Any:
        """The group's state as JSON-ready types; the groups that were quiet for longest are forgotten."""
        if group is None or group not in self._sessions:
            return None
        state = self._sessions.pop(group)
        self._sessions[group] = state
        if len(self._sessions) > MOST_GROUPS:
            del self._sessions[next(iter(self._sessions))]
        return state.to_json()


def main() -> None:
    """Serve until stdin ends."""
    live_and_die_with_parent(NICENESS)
    keep_freed_memory()
    requests, answers = _private_channel()
    options, sessions = read_first_line(requests.readline())
    options = replace(options, memory_mb=limit_memory(options.memory_mb))
    worker = Worker(options, sessions)
    _say(answers, answer_line(Answer(READY, model=asdict(worker.ready))))
    for line in requests:
        _say(answers, answer_line(worker.answer(read_task(line))))


def _restored(judge: Any, saved: dict[str, Any]) -> dict[str, Any]:
    """The groups' states; one that another version wrote, or that is damaged, begins anew."""
    if not saved:
        return {}
    session_module = judge if hasattr(judge, "GroupState") else importlib.import_module("nebulift.session")
    states: dict[str, Any] = {}
    for group, state in saved.items():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            states[group] = session_module.GroupState.from_json(state)
    return states


def _what_became_of(seen: Sighting) -> Answer | None:
    """``None`` as long as the file is the one that was seen."""
    now = look(seen.path)
    return None if now == seen else Answer(VANISHED if now is None else CHANGED)


def _private_channel() -> tuple[IO[str], IO[str]]:
    """Requests and answers on descriptors of their own: what a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return sys.stdin, answers


def _say(answers: IO[str], line: str) -> None:
    answers.write(line + "\n")
    answers.flush()


def _sha256(path: Path, *, sync: bool) -> str:
    """SHA-256 of the file; with ``sync`` its bytes are on the disk too, so that a rename of it survives a power cut."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - of a descriptor
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
        if sync:
            with contextlib.suppress(OSError):  # a disk that cannot sync (read-only, some network folders) still sorts
                os.fsync(descriptor)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
