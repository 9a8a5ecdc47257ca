"""Many files judged in one go: found in folders, put in order of time, measured in parallel, concluded in order."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nebulift.classifier import Classifier
from nebulift.errors import NebuliftError, WrongUsage, printable
from nebulift.judgement import Judgement
from nebulift.parallel import Hands, in_order
from nebulift.pipeline import Measured, conclude, measure_file
from nebulift.readers import open_frame
from nebulift.readers.names import PACKED_SUFFIXES, ignored_folder, is_frame_name
from nebulift.session import GroupState, Witness, hindsight, witness_of
from nebulift.verdict import Policy, Thresholds

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True, slots=True)
class Rules:
    """How frames are decided, the same for all of a batch."""

    model: Classifier | None = None
    thresholds: Thresholds | None = None
    policy: Policy | None = None


def find_frames(paths: Iterable[Path]) -> list[Path]:
    """Files as given, and every frame below the folders, in the order of their names; each once.

    Raises ``WrongUsage`` for a path that is not there.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif path.exists() or path.is_symlink():
            found[path] = None
        else:
            raise WrongUsage(f"{printable(path)}: no such file or folder; check the path")
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not ignored_folder(name))
        yield from (Path(parent, name) for name in sorted(files) if is_frame_name(name))


def in_order_of_time(paths: Sequence[Path]) -> list[Path]:
    """Paths by start of exposure where the header says it, else by the time of the last change; then by name."""
    return [path for _, _, path in sorted((_time_of(path), path.name, path) for path in paths)]


def _time_of(path: Path) -> float:
    if not path.name.lower().endswith(PACKED_SUFFIXES):  # their headers cost unpacking the whole file
        try:
            with open_frame(path) as frame:
                if frame.exposure.taken_at is not None:
                    return frame.exposure.taken_at.timestamp()
        except NebuliftError:
            return 0.0  # unreadable files are said to be so when their turn comes
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def judge_all(
    paths: Sequence[Path],
    rules: Rules,
    *,
    sessions: MutableMapping[str, GroupState] | None,
    workers: int = 1,
    cluster: str | None = None,
) -> Iterator[Judgement]:
    """Judgements in the order of ``paths``, each frame against its group so far.

    ``workers`` processes measure, or the machines of the dask scheduler at ``cluster``.
    """
    for measured in _measured(paths, Hands(workers, cluster), with_planes=rules.model is not None):
        yield _concluded(measured, rules, sessions)


def judge_retrospectively(
    paths: Sequence[Path],
    rules: Rules,
    *,
    workers: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Judgement]:
    """Judgements in the order of ``paths``, each frame against the frames before and after it in its session.

    All are measured before the first is judged; of each half a megabyte is kept with a model, 20 kB without.
    """
    sessions: dict[str, GroupState] = {}
    final: dict[tuple[str, int], GroupState] = {}
    kept: list[tuple[Measured | Judgement, Witness | None]] = []
    for measured in _measured(paths, Hands(workers, cluster), with_planes=rules.model is not None):
        first = _concluded(_without_planes(measured), replace(rules, model=None), sessions)
        witness = None
        if first.session is not None:
            state = sessions[first.session.group]
            number = sum(group == state.group for group, _ in final) + (state.frames == 1)
            final[state.group, number] = state
            witness = witness_of(state, number)
        kept.append((measured, witness))
        if progress is not None:
            progress(len(kept), len(paths))
    yield from _with_hindsight(kept, final, rules)


def _with_hindsight(
    kept: Sequence[tuple[Measured | Judgement, Witness | None]],
    final: Mapping[tuple[str, int], GroupState],
    rules: Rules,
) -> Iterator[Judgement]:
    by_session: dict[tuple[str, int], list[Witness]] = {key: [] for key in final}
    places = []
    for _, witness in kept:
        if witness is not None:
            by_session[witness.group, witness.session].append(witness)
            places.append(len(by_session[witness.group, witness.session]) - 1)
        else:
            places.append(-1)
    for (measured, witness), place in zip(kept, places, strict=True):
        if witness is None:
            yield _concluded(measured, rules, None)
            continue
        key = witness.group, witness.session
        yield _concluded(measured, rules, {witness.group: hindsight(by_session[key], place, final[key])})


def _without_planes(measured: Measured | Judgement) -> Measured | Judgement:
    return replace(measured, planes=None) if isinstance(measured, Measured) else measured


def _concluded(
    measured: Measured | Judgement, rules: Rules, sessions: MutableMapping[str, GroupState] | None
) -> Judgement:
    if isinstance(measured, Judgement):
        return measured
    return conclude(measured, model=rules.model, thresholds=rules.thresholds, policy=rules.policy, sessions=sessions)


def _measured(paths: Sequence[Path], hands: Hands, *, with_planes: bool) -> Iterator[Measured | Judgement]:
    sees = paths[0] if paths and paths[0].exists() else None
    return in_order(partial(measure_file, with_planes=with_planes), paths, hands, sees=sees)
