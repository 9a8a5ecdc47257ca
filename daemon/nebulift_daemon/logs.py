"""Log lines for people or for programs: one line each, nothing from outside unfiltered, no flood of repeats."""

import json
import logging
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from nebulift_daemon.printing import one_line

REPEAT_AFTER_S = 300.0
MOST_REMEMBERED = 500
LONGEST_LINE = 2000


class RepeatFilter(logging.Filter):
    """Lets a message pass once in five minutes; when it comes again, it says how often it was held back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        message = record.getMessage()
        now = self._clock()
        passed_at, held_back = self._seen.get(message, (float("-inf"), 0))
        if now - passed_at < REPEAT_AFTER_S:
            self._seen[message] = (passed_at, held_back + 1)
            return False
        self._seen[message] = (now, 0)
        self._seen.move_to_end(message)
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if held_back:
            record.msg, record.args = f"{message} ({held_back} times since)", None
        return True


class ConsoleFormatter(logging.Formatter):
    """``22:14:03 warning: text``; without the time where the journal adds its own."""

    def __init__(self, *, with_time: bool) -> None:
        super().__init__()
        self._with_time = with_time

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%H:%M:%S ", time.localtime(record.created)) if self._with_time else ""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{when}{level}{one_line(record.getMessage(), LONGEST_LINE)}{self._traceback(record)}"

    def _traceback(self, record: logging.LogRecord) -> str:
        return f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (ISO 8601), ``level``, ``message``, and what ``extra={"fields": ...}`` holds."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": one_line(record.getMessage(), LONGEST_LINE),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up_logging(style: str, level: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send the log to stderr in the given style (``console`` or ``json``), from the given level on."""
    handler = logging.StreamHandler(sys.stderr)
    in_journal = "JOURNAL_STREAM" in environ
    handler.setFormatter(JsonFormatter() if style == "json" else ConsoleFormatter(with_time=not in_journal))
    handler.addFilter(RepeatFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchdog").setLevel(logging.ERROR)  # it warns of overflows, which the scan makes good
