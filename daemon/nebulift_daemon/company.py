"""``Company``: the processes beside the daemon that frames do not need: messenger, review page, the night's report.

All that the loop has to know of them is here, and it waits for none.
"""

from dataclasses import dataclass
from typing import Any

from nebulift.settings import Settings
from nebulift_daemon.companions import Companion
from nebulift_daemon.ledger import FrameRow, Ledger
from nebulift_daemon.night_end import NightEnd
from nebulift_daemon.notify.news import Farewell, News, TroubleNews, frame_news, line_of, status_news
from nebulift_daemon.notify.options import Limits, NotifyOptions, options_line
from nebulift_daemon.state_folder import read_status

ALARMS_NAME = "alarms.json"  # in the state folder: the messenger's open alarms
REPORTS_NAME = "reports"  # folder of the state folder, unless [report] names another
RUNS_AGAIN = "Nebulift had ended without warning (a crash or a power cut) and runs again"


@dataclass(frozen=True, slots=True)
class Company:
    """Whoever is there; each may be missing."""

    messenger: Companion | None = None
    page: Companion | None = None
    night_end: NightEnd | None = None

    def look(self, *, is_busy: bool) -> None:
        """Start what is due, notice what has ended; the report waits while ``is_busy``. Raises ``LedgerError``."""
        for companion in self._companions():
            companion.look()
        if self.night_end is not None and not is_busy:
            self.night_end.turn()

    def next_look_s(self) -> float | None:
        """Seconds until ``look`` has something to do."""
        dues = [companion.next_look_s() for companion in self._companions()]
        if self.night_end is not None:
            dues.append(self.night_end.due_in_s())
        return min((due for due in dues if due is not None), default=None)

    def note(self, row: FrameRow) -> None:
        """A frame has got its verdict."""
        if self.night_end is not None:
            self.night_end.note()
        if (news := frame_news(row)) is not None:
            self.tell(news)

    def note_status(self, status: dict[str, Any]) -> None:
        """How the daemon is doing."""
        self.tell(status_news(status))

    def tell(self, news: News) -> None:
        """Hand news to the messenger, if there is one."""
        if self.messenger is not None:
            self.messenger.tell(line_of(news))

    def troubles(self) -> list[str]:
        """What does not run, in words."""
        found = [companion.trouble for companion in self._companions()]
        found.append(None if self.night_end is None else self.night_end.trouble)
        return [trouble for trouble in found if trouble is not None]

    def close(self) -> None:
        """End them all, in an orderly way."""
        self.tell(Farewell())
        if self.night_end is not None:
            self.night_end.close()
        for companion in self._companions():
            companion.close()

    def _companions(self) -> list[Companion]:
        return [companion for companion in (self.messenger, self.page) if companion is not None]


def company_of(settings: Settings, ledger: Ledger) -> Company:
    """Whoever the settings want; nothing is started yet. Raises ``LedgerError``."""
    state, log = settings.output.state_folder, settings.log
    style = (log.format, log.level)
    options = notify_options(settings)
    messenger = page = None
    if options.has_ways:
        messenger = Companion("the messenger", "nebulift_daemon.notify.process", style, options_line(options))
    if settings.web.serve:
        place = (str(settings.output.root), str(state), settings.web.listen)
        page = Companion("the review page", "nebulift_daemon.web.process", (*place, *style))
    company = Company(messenger, page)
    if not settings.report.at_session_end:
        return company
    reports = settings.report.folder or state / REPORTS_NAME
    return Company(messenger, page, NightEnd(ledger, state, reports, company.tell))


def notify_options(settings: Settings) -> NotifyOptions:
    """What the messenger has to know."""
    notify = settings.notify
    return NotifyOptions(
        Limits(notify.bad_frames, notify.of_frames, notify.quiet_min * 60.0, notify.disk_low_gb * 1e9),
        notify.events,
        notify.urls,
        notify.mqtt,
        notify.home_assistant,
        None if notify.safety_file is None else str(notify.safety_file),
        notify.safety_hold_min * 60.0,
        notify.hook,
        str(settings.output.state_folder / ALARMS_NAME),
    )


def tell_of_crash(company: Company, settings: Settings) -> None:
    """Say that the last run ended without a word, if it did."""
    status = read_status(settings.output.state_folder)
    if status is not None and "stopped_at" not in status:
        company.tell(TroubleNews(RUNS_AGAIN))
