"""Everything that is to be known of a daemon from outside: for ``nebulift status`` and the page's ``/healthz``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nebulift.errors import LedgerError
from nebulift_daemon.health import free_bytes
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.standstill import standstill
from nebulift_daemon.state_folder import read_status, running_process

STOPPED = {"T", "t"}  # proc_pid_stat(5): by a signal, by a debugger


def vital_signs(output: Path, state: Path, ledger: Ledger | None) -> dict[str, Any]:
    """What the daemon wrote about itself, whether its process is alive, and whether frames come out.

    ``running``: the process is there; ``stalled``: frames wait and nothing comes out; ``problems`` are sentences.
    """
    pid = running_process(state)
    facts: dict[str, Any] = {"problems": []} | (read_status(state) or {})
    facts |= {"running": pid is not None, "pid": pid, "output": str(output), "state": str(state), "stalled": False}
    facts["disk_free_bytes"] = free_bytes(output)
    if pid is None:
        facts["problems"] = []  # those of the last run; nobody knows whether they still hold
    elif _is_stopped(pid):
        facts["stalled"] = True
        facts["problems"] = [
            *facts["problems"],
            f"process {pid} is stopped by a signal; kill -CONT {pid}, or restart it",
        ]
    if ledger is None:
        return facts
    try:
        stands = standstill(ledger, [Path(folder) for folder in facts.get("watching", [])], datetime.now(UTC))
    except LedgerError as error:
        facts["problems"] = [*facts["problems"], str(error)]
        return facts
    if stands is not None:
        facts["stalled"] = True
        facts["problems"] = [*facts["problems"], str(stands)]
    return facts


def health_in_short(facts: dict[str, Any]) -> dict[str, Any]:
    """What may be told to anybody who asks: numbers and words, no paths and no names of frames."""
    last = facts.get("last") or {}
    return {
        "ok": not facts["stalled"] and not facts["problems"],
        "running": facts["running"],
        "stalled": facts["stalled"],
        "queue": facts.get("queue", 0),
        "settling": facts.get("settling", 0),
        "oldest_waiting_since": facts.get("waiting_since"),
        "last_verdict": last.get("verdict"),
        "last_verdict_at": last.get("judged_at"),
        "disk_free_bytes": facts.get("disk_free_bytes"),
        "model": facts.get("model"),
        "mode": str(facts.get("mode", "")).partition(" ")[0],
        "problems": len(facts["problems"]),
    }


def _is_stopped(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in STOPPED
