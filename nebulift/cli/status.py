"""``nebulift status``: how the daemon is doing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from nebulift.cli.places import config_option, find_place, output_option


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@output_option
@config_option
def status(as_json: bool, output: Path | None, config: Path | None) -> int:
    """Tell how the daemon is doing. Exit status 0: it runs and has no problem; 1: it does not, or has one.

    \b
    Examples:
      nebulift status
      nebulift status --output ~/sorted
    """
    place = find_place(output, config)
    facts = gather(place.output, place.state)
    if as_json:
        click.echo(json.dumps(facts))
    else:
        for line in describe(facts):
            click.echo(line)
    return 0 if facts["running"] and not facts["stalled"] and not facts["problems"] else 1


def gather(output: Path, state: Path) -> dict[str, Any]:
    """What is to be seen of the daemon from outside, and what the ledger counts."""
    from nebulift.errors import LedgerError
    from nebulift_daemon.ledger import Ledger, as_text, has_ledger
    from nebulift_daemon.output_root import OutputRoot
    from nebulift_daemon.reviews import OutputTree
    from nebulift_daemon.vital_signs import vital_signs
    from nebulift_daemon.whole import ignore_lease_breaks

    if not has_ledger(state):
        return vital_signs(output, state, None)
    ignore_lease_breaks()
    try:
        ledger = Ledger.open(state, busy_timeout_s=5)
    except LedgerError as error:
        facts = vital_signs(output, state, None)
        return facts | {"problems": [*facts["problems"], str(error)]}
    facts = vital_signs(output, state, ledger)
    try:
        OutputTree(ledger, OutputRoot(output, state)).notice()
        facts["last_24h"] = ledger.frames.counts(as_text(datetime.now(UTC) - timedelta(days=1)))
        facts["in_review"] = len(ledger.frames.in_review())
        facts["regrade"] = [{"night": night, "frames": number} for night, number in ledger.regrades.waiting()]
        ledger.close()
    except LedgerError as error:
        facts["problems"] = [*facts["problems"], str(error)]
    return facts


def describe(facts: dict[str, Any]) -> list[str]:
    """The facts in a few lines for people."""
    from nebulift_daemon.printing import one_line

    counts = facts.get("last_24h") or {}
    last = facts.get("last") or {}
    lines = [f"running (process {facts['pid']})" if facts["running"] else "no daemon is running with this state folder"]
    if facts["running"]:
        lines += [
            f"watching    {', '.join(facts.get('watching', []))} by {facts.get('mode', '?')}",
            f"model       {facts.get('model') or 'none, measurements decide alone'}",
            f"to come     {facts.get('queue', 0)} waiting{_since(facts)}, {facts.get('settling', 0)} not whole yet",
        ]
    lines.append(f"output      {facts['output']}{_left(facts)}")
    names = ("clean", "contaminated", "review", "skipped")
    lines.append("last 24 h   " + ", ".join(f"{counts.get(name, 0)} {name}" for name in names))
    if counts.get("waiting"):
        lines.append(f"not filed   {counts['waiting']}")
    if facts.get("in_review"):
        lines.append(f"to review   {facts['in_review']} (see `nebulift review`)")
    if facts.get("looking_back_on") and facts["running"]:
        lines.append(f"looking back on the night of {facts['looking_back_on']}")
    lines += [_regrade(**one) for one in facts.get("regrade") or ()]
    if last:
        lines.append(
            f"last        {_at(last.get('judged_at'))}{last.get('verdict')}  {last.get('path')}  {last.get('reason')}"
        )
    lines += [f"problem     {problem}" for problem in facts["problems"]]
    return [one_line(line, 4096) for line in lines]


def _regrade(night: str, frames: int) -> str:
    would = f"{frames} frame{'' if frames == 1 else 's'} of the night of {night} would be graded otherwise"
    return f"regrade     {would}: `nebulift regrade --night {night} --apply`"


def _since(facts: dict[str, Any]) -> str:
    since = facts.get("waiting_since")
    return f" since {datetime.fromisoformat(since).astimezone():%H:%M:%S}" if since else ""


def _at(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%H:%M:%S}  " if moment else ""


def _left(facts: dict[str, Any]) -> str:
    free = facts.get("disk_free_bytes")
    return "" if free is None else f" ({free / 1e9:.1f} GB left)"
