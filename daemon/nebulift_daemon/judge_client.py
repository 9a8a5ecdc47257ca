"""The parent's side of the judge process: start it, hand it one frame at a time, and survive whatever it does."""

import contextlib
import fcntl
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nebulift.errors import NebuliftError
from nebulift_daemon.judge_messages import (
    DEFAULT_JUDGE,
    FAILED,
    NO_MODEL,
    READY,
    STOPPED,
    Answer,
    JudgeOptions,
    Ready,
    Task,
    first_line,
    read_answer,
    task_line,
)
from nebulift_daemon.judging_process import environment_for
from nebulift_daemon.model_file import model_file
from nebulift_daemon.printing import one_line
from nebulift_daemon.sighting import Sighting

START_TIMEOUT_S = 180.0  # a Pi Zero with a worn card loads the libraries in well under a minute
TICK_S = 0.5
SECONDS_PER_MB = 1.0
LAST_WORDS_BYTES = 2000

log = logging.getLogger(__name__)


class JudgeUnavailable(NebuliftError):
    """The judge process does not start: no frame is at fault, all of them wait."""


class JudgeClient:
    """One judge process, started when first needed and again after each death.

    ``keep_going`` is asked twice a second while a frame is being judged; when it says no, the process is ended and the
    answer is ``stopped``. ``sessions`` gives the saved session states to a fresh process.
    """

    def __init__(
        self,
        options: JudgeOptions,
        sessions: Callable[[], dict[str, Any]] = dict,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> None:
        self._options = options
        self._saved_sessions = sessions
        self._keep_going = keep_going
        self._process: subprocess.Popen[bytes] | None = None
        self._received = bytearray()
        self._stderr: int | None = None  # a file in memory: what the process writes to stderr
        self._shunned: tuple[Sighting | None, str | None] | None = None  # a model file that ended the process, and how
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> Ready | None:
        """Have the process running and its model loaded; ``None`` when told to stop meanwhile.

        Raises ``JudgeUnavailable`` when it does not come up.
        """
        if self._shunned is not None and model_file(self._options.model) != self._shunned[0]:
            self.close()  # another file: it gets its chance
            self._shunned = None
        if self._process is not None and self.ready is not None:
            return self.ready
        answer = self._begin(self._options if self._shunned is None else replace(self._options, model=NO_MODEL))
        if answer.outcome == FAILED and self._may_be_the_model():
            self._shunned = model_file(self._options.model), answer.reason
            answer = self._begin(replace(self._options, model=NO_MODEL))
        if answer.outcome == STOPPED:
            return None
        if answer.outcome != READY or answer.model is None:
            self._shunned = None
            raise JudgeUnavailable(f"the judge process does not start ({answer.reason}); check the installation")
        self.ready = Ready(**answer.model)
        if self._shunned is not None:
            self.ready = Ready(None, f"model {self._options.model}: loading it ends the judge ({self._shunned[1]})")
        return self.ready

    def _begin(self, options: JudgeOptions) -> Answer:
        """A fresh process's first answer."""
        self._spawn()
        return self._exchange(first_line(options, self._saved_sessions()), START_TIMEOUT_S)

    def _may_be_the_model(self) -> bool:
        """Whether a judge without the model is worth a try: frames are then judged, if not as well."""
        return self._shunned is None and self._options.judge == DEFAULT_JUDGE and self._options.model != NO_MODEL

    def judge(self, task: Task) -> Answer:
        """What becomes of this frame, within its time. Raises ``JudgeUnavailable``."""
        if self.start() is None:
            return Answer(STOPPED)
        answer = self._exchange(task_line(task), self.deadline_s(task.sighting.size_bytes))
        if answer.model is not None:
            self.ready = Ready(**answer.model)
            tell_of_model(self.ready)
        return answer

    def deadline_s(self, size_bytes: int) -> float:
        """How long a frame of this size may take."""
        return self._options.timeout_s + SECONDS_PER_MB * size_bytes / 1e6

    def close(self) -> None:
        """End the process; may be called twice."""
        process, self._process, self.ready = self._process, None, None
        stderr, self._stderr = self._stderr, None
        if stderr is not None:
            os.close(stderr)
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()

    def _spawn(self) -> None:
        self.close()
        self._received.clear()
        self._stderr = os.memfd_create("judge-stderr", os.MFD_CLOEXEC)
        fcntl.fcntl(self._stderr, fcntl.F_SETFL, os.O_APPEND)  # it is emptied again and again while it is written
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "nebulift_daemon.judge_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment_for(self._options.threads),
                bufsize=0,
            )
        except OSError as error:
            raise JudgeUnavailable(f"the judge process cannot be started: {error.strerror}; the frames wait") from error
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        self._process = process

    def _exchange(self, line: str, timeout_s: float) -> Answer:
        """Send one line, wait for one line, for ``timeout_s`` at most."""
        deadline = time.monotonic() + timeout_s
        try:
            for _ in self._turns(line):
                if (end := self._received.find(b"\n")) >= 0:
                    return self._understood(end)
                if not self._keep_going():
                    self.close()
                    return Answer(STOPPED)
                if time.monotonic() > deadline:
                    self.close()
                    return Answer(FAILED, reason=f"judging took longer than {timeout_s:.0f} s and was stopped")
        except (BrokenPipeError, EOFError):
            return self._died()
        raise AssertionError("turns end only by an exception")

    def _turns(self, line: str) -> Iterator[None]:
        """Turns of writing and reading, each at most ``TICK_S`` long; ``EOFError`` when the child has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        requests, answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        unsent = memoryview((line + "\n").encode("ascii"))
        with selectors.DefaultSelector() as selector:
            selector.register(requests, selectors.EVENT_WRITE)
            selector.register(answers, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(TICK_S):
                    if key.fd == answers:
                        self._received += _read(answers)
                    elif unsent:
                        unsent = unsent[os.write(requests, unsent) :]
                    else:
                        selector.unregister(requests)
                yield

    def _understood(self, end: int) -> Answer:
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        try:
            answer = read_answer(line)
        except (ValueError, TypeError):
            self.close()
            return Answer(FAILED, reason="the judge process said something unintelligible and was stopped")
        if answer.outcome == FAILED:
            log.debug("the judge process on its failure: %s", one_line(self._last_words()))
        if self._stderr is not None:
            os.ftruncate(self._stderr, 0)
        return answer

    def _died(self) -> Answer:
        """The process ended in the middle of its work: what it died of, in words."""
        process, last_words = self._process, self._last_words()
        assert process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):  # it closed its pipes; close() below kills it if need be
            process.wait(timeout=5)
        status = process.returncode
        self.close()
        if not self._keep_going():
            return Answer(STOPPED)
        if last_words:
            log.debug("last words of the judge process: %s", one_line(last_words))
        reason = last_words.rsplit("\n", maxsplit=1)[-1] if status and status > 0 else ""
        return Answer(FAILED, reason=f"the judge process ended ({_cause(status)}{': ' if reason else ''}{reason})")

    def _last_words(self) -> str:
        """The end of what the process wrote to stderr, and of what libraries printed."""
        assert self._stderr is not None
        size = os.fstat(self._stderr).st_size
        words = os.pread(self._stderr, LAST_WORDS_BYTES, max(size - LAST_WORDS_BYTES, 0))
        return words.decode("utf-8", "replace").strip()


def tell_of_model(ready: Ready) -> None:
    """Say in the log with which model frames are judged from now on, or why without."""
    if ready.trouble:
        log.warning("%s", ready.trouble)
    else:
        log.info("model: %s", ready.model or "none, measurements decide alone")


def _read(descriptor: int) -> bytes:
    received = os.read(descriptor, 1 << 16)
    if not received:
        raise EOFError
    return received


def _cause(status: int | None) -> str:
    if status is None:
        return "it does not answer any more"
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
