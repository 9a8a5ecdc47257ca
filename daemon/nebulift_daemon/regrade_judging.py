"""Second judgements: the frames of a group judged again, each against those before and after it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from nebulift import __version__
from nebulift.batch import Rules, judge_retrospectively
from nebulift.errors import ModelMismatch, NebuliftError
from nebulift.judgement import Judgement, as_record
from nebulift_daemon.judge_messages import NO_MODEL, JudgeOptions
from nebulift_daemon.ledger import Judged, Proposal
from nebulift_daemon.regrade_frames import Group, Member

MOST_FRAMES = 600  # judged in one go: of each something is kept until all of them are measured
KEPT_MB = 0.6  # of a frame, with a model
MEASURING_MB = 400  # what measuring takes beside that, for a frame of 26 megapixels
MARGIN_FRAMES = 60  # to either side of a piece: farther frames are no witnesses (``nebulift.session.retrospect``)
OUT_OF_MEMORY = ("MemoryError", "Insufficient memory")  # as Python and OpenCV say it: no frame is at fault
HINDSIGHT = "judged again with the whole session known"

Tell = Callable[[int], None]  # how many more frames were measured


def load_rules(options: JudgeOptions) -> Rules:
    """How frames are judged. Raises ``NebuliftError`` without the model that is wanted: two judges prove nothing."""
    if options.model == NO_MODEL:
        return Rules(None, options.thresholds, options.policy)
    from nebulift.classifier import load_classifier  # noqa: PLC0415 - onnxruntime, and only where a model is wanted

    try:
        model = load_classifier(options.model, threads=options.threads)
    except ModelMismatch as error:
        cause = str(error).split(";")[0]
        raise NebuliftError(f"{cause}; nothing is regraded until it is replaced, or [model] path says none") from error
    return Rules(model, options.thresholds, options.policy)


def spelled(rules: Rules) -> str:
    """All that verdicts depend on beside the frames, as a text that is the same as long as that is the same."""
    model = None if rules.model is None else (rules.model.card.name, rules.model.card.weights_sha256)
    limits = rules.thresholds or (rules.model.card.thresholds if rules.model else None)
    return repr((__version__, model, limits, rules.policy))


def proposals(group: Group, rules: Rules, piece: int, tell: Tell, troubles: list[str]) -> list[Proposal]:
    """Which frames of the group are to be graded otherwise; those that cannot be read now go to ``troubles``.

    ``piece``: how many frames are judged in one go.

    Raises ``NebuliftError`` when the memory does not suffice.
    """
    found: list[Proposal] = []
    for member, judgement in _judged(group.members, rules, piece, tell):
        if judgement.error is not None and any(sign in judgement.error for sign in OUT_OF_MEMORY):
            raise NebuliftError("looking back takes more memory than it may; raise [judge] memory_mb")
        if judgement.error is not None or judgement.verdict is None:
            troubles.append(f"{judgement.error or judgement.skipped}; left alone")
            continue
        label = str(judgement.verdict.label)
        if member.is_open and label != member.row.label:
            found.append(_proposal(member, judgement, label))
    return found


def _proposal(member: Member, judgement: Judgement, label: str) -> Proposal:
    row = member.row
    told = replace(judgement, path=row.path, notes=(*judgement.notes, HINDSIGHT))
    group = judgement.session.group if judgement.session else row.session_group
    return Proposal(row.id, str(row.label), Judged(row.sha256, as_record(told), label, group))


def piece_frames(memory_mb: int) -> int:
    """How many frames are judged in one go with so much memory."""
    room = int((memory_mb - MEASURING_MB) / KEPT_MB) - 2 * MARGIN_FRAMES
    return min(max(room, MARGIN_FRAMES), MOST_FRAMES)


def frames_to_measure(group: Group, piece: int) -> int:
    """How many files ``proposals`` reads; those near the border of two pieces are read twice."""
    return sum(stop - start for start, _, _, stop in pieces(len(group.members), piece))


def pieces(frames: int, piece: int) -> Iterator[tuple[int, int, int, int]]:
    """(first witness, first frame, end of the frames, end of the witnesses) of each piece of a group."""
    for begin in range(0, frames, piece):
        end = min(begin + piece, frames)
        yield max(begin - MARGIN_FRAMES, 0), begin, end, min(end + MARGIN_FRAMES, frames)


def _judged(members: Sequence[Member], rules: Rules, piece: int, tell: Tell) -> Iterator[tuple[Member, Judgement]]:
    for start, begin, end, stop in pieces(len(members), piece):
        near = members[start:stop]
        judgements = judge_retrospectively([member.file for member in near], rules, progress=partial(_told, tell))
        for position, (member, judgement) in enumerate(zip(near, judgements, strict=True), start=start):
            if begin <= position < end:
                yield member, judgement


def _told(tell: Tell, done: int, total: int) -> None:
    del done, total
    tell(1)
