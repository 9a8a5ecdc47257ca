"""The figures of ``evaluation.summarise`` as a page in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROWS = (
    ("ROC-AUC", "roc_auc"),
    ("PR-AUC of contaminated", "pr_auc"),
    ("recall of contaminated at 1 % false rejection", "recall_at_1_percent_false_rejection"),
    ("false rejection: clean called contaminated", "false_rejection"),
    ("clean sent to review", "clean_sent_to_review"),
    ("contaminated caught", "contaminated_caught"),
    ("contaminated not accepted as clean", "contaminated_not_accepted"),
    ("contaminated among accepted", "contaminated_among_accepted"),
    ("share of all frames in review", "review_share"),
    ("Cohen's kappa of accepted and clean", "kappa"),
    ("ECE", "ece"),
    ("false rejection on cameras that training has not seen", "false_rejection_on_unseen_cameras"),
    ("contaminated of unknown kinds not accepted", "unknown_kinds_not_accepted"),
    ("marginal frames in review", "marginal_in_review"),
    ("area under risk and coverage", "area_under_risk_coverage"),
    ("queue that leaves 1 % wrong", "queue_for_1_percent_wrong"),
)
TITLES = {"cv": "CV alone", "model": "model alone", "fusion": "both (as shipped)"}


def as_markdown(figures: Mapping[str, Any], title: str, remarks: Iterable[str] = ()) -> str:
    """A page: what was measured, one column a witness, then confusion, kinds and cameras."""
    names = list(figures["witnesses"])
    truth = figures["truth"]
    counts = ", ".join(f"{count} {name}" for name, count in truth.items())
    lines = [f"# {title}", "", f"{figures['frames']} frames of {figures['sessions']} sessions: {counts}."]
    lines += ["Intervals are 95 % by bootstrap over sessions. Marginal frames count in no figure but the queue.", ""]
    if figures["model_silent"]:
        lines += [f"- the model is silent on {figures['model_silent']} frames, unlike all that it learned from"]
    lines += [f"- {remark}" for remark in remarks]
    lines += ["", *_table(["", *(TITLES[name] for name in names)], _rows(figures, names))]
    lines += _paired(figures.get("paired", {}))
    for name in names:
        lines += ["", f"## {TITLES[name]}", "", *_targets(figures["witnesses"][name])]
        lines += ["", *_confusion(figures["witnesses"][name]["confusion"])]
        lines += ["", *_kinds(figures["witnesses"][name]["kinds"]), "", *_cameras(figures["cameras"][name])]
    return "\n".join(lines) + "\n"


def interval_text(interval: Mapping[str, Any]) -> str:
    """``0.943 (0.921-0.960), n=512``; a dash where there is no figure."""
    if interval["value"] is None:
        return f"-, n={interval['n']}"
    low, high = interval["low"], interval["high"]
    dash = " to " if low is not None and low < 0.0 else "-"
    around = "" if low is None else f" ({low:.3f}{dash}{high:.3f})"
    return f"{interval['value']:.3f}{around}, n={interval['n']}"


def _rows(figures: Mapping[str, Any], names: list[str]) -> list[list[str]]:
    return [[title, *(interval_text(figures["witnesses"][name][key]) for name in names)] for title, key in ROWS]


def _paired(paired: Mapping[str, Any]) -> list[str]:
    """Differences of two witnesses on the same frames; one counts when its interval excludes 0."""
    if not paired:
        return []
    rows = [[name, *(interval_text(one[key]) for key in ("roc_auc", "log_likelihood"))] for name, one in paired.items()]
    return ["", *_table(["on the same frames", "ROC-AUC", "log-likelihood a frame"], rows)]


def _targets(witness: Mapping[str, Any]) -> list[str]:
    """Limits for a target, trails by height, spread between folds."""
    lines = []
    f1, target = witness["at_targets"]["f1"], witness["at_targets"]["target_false_rejection"]
    if f1 is not None:
        lines.append(f"- greatest F1 {f1['f1']:.3f} at the limit {f1['limit']:.3f} (chosen on these very frames)")
    if target is not None:
        lines.append(
            f"- limit {target['limit']:.3f} rejects {target['false_rejection']:.1%} of the clean frames (at most "
            f"{target['upper_bound_95']:.1%} at 95 % confidence) and {target['caught']:.1%} of the contaminated"
        )
    for title, spread in witness.get("folds", {}).items():
        values = ", ".join(_number(value) for value in spread["folds"])
        name = title.upper().replace("_", "-")  # ROC-AUC, PR-AUC
        lines.append(f"- {name} by fold: {values}; mean {_number(spread['mean'])}, sd {_number(spread['sd'])}")
    if witness["trails_by_snr"]:
        rows = [[band, interval_text(one)] for band, one in witness["trails_by_snr"].items()]
        lines += ["", *_table(["trail, height over noise", "caught at 1 % false rejection"], rows)]
    return lines


def as_pages(sets: Sequence[Mapping[str, Any]], title: str, remarks: Iterable[str] = ()) -> str:
    """One page for several truth sets, each by itself."""
    lines = [f"# {title}", "", *(f"- {remark}" for remark in remarks), ""]
    for figures in sets:
        name = f"{figures['set']} (truth: {figures['source']})"
        left_out = [f"not judged: {sentence}" for sentence in figures["not_judged"]]
        if "agreement_with_cv" in figures:
            lines += _agreement(figures)
        else:
            lines += as_markdown(figures, name, left_out).splitlines()
        lines.append("")
    return "\n".join(lines)


def _agreement(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        [TITLES[name], f"{one['agreement']:.3f}, n={one['n']}", _number(one["kappa"])]
        for name, one in figures["agreement_with_cv"].items()
    ]
    return [
        f"# {figures['set']}: agreement with the CV filter",
        "",
        "The labels of these frames are the filter's own: this is imitation, and says nothing about who is right.",
        "",
        *_table(["", "agreement", "kappa"], rows),
    ]


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> list[str]:
    labels = list(next(iter(confusion.values())))
    rows = [[truth, *(str(counts[label]) for label in labels)] for truth, counts in confusion.items()]
    return _table(["truth \\ verdict", *labels], rows)


def _kinds(kinds: Mapping[str, Any]) -> list[str]:
    bands = list(next(iter(kinds.values()))["by_severity"]) if kinds else []
    rows = []
    for kind, one in kinds.items():
        shares = [_band(one["by_severity"][band]) for band in bands]
        rows.append([kind, interval_text(one["caught"]), interval_text(one["not_accepted"]), *shares])
    header = ["worst artefact", "caught", "not accepted", *(f"not accepted, severity {band}" for band in bands)]
    return _table(header, rows)


def _band(band: Mapping[str, Any]) -> str:
    return "-" if band["not_accepted"] is None else f"{band['not_accepted']:.2f} (n={band['n']})"


def _cameras(cameras: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            name,
            str(one["clean_frames"]),
            *(_number(one[key]) for key in ("false_rejection", "clean_sent_to_review", "roc_auc")),
        ]
        for name, one in cameras.items()
    ]
    return _table(["camera", "clean frames", "false rejection", "clean sent to review", "ROC-AUC"], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
