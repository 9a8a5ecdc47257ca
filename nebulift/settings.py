"""What a configuration can say: one frozen section a TOML table, every key with its unit, limits and explanation.

The texts below are those of the sample file (``nebulift.config_sample``): they are written for the observer. Plain
dataclasses on purpose: the daemon that runs all night beside a capture program must stay small, and a schema library
would take more memory than the whole daemon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nebulift.config_keys import (
    a_choice,
    a_number,
    a_path,
    a_whole_number,
    an_address,
    choices,
    folders,
    key,
    some_text,
    texts,
    yes_or_no,
)
from nebulift.findings import Kind
from nebulift.verdict import Action, Label
from nebulift.verdict import Policy as VerdictPolicy
from nebulift.verdict import Thresholds as VerdictThresholds

STATE_BESIDE_OUTPUT = ".nebulift"  # folder of the output root that holds the state when no other place is named
WAYS_OF_FILING = a_choice("link", "move", "copy", "symlink", "leave")
OVERRIDE = a_choice("reject", "review", "ignore")
EVENTS = ("bad", "good", "distrust", "disk_low", "disk_ok", "unwell", "well", "session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Where frames appear, and when one counts as whole."""

    folders: tuple[Path, ...] = key(
        folders,
        "The folders your capture program writes to, with all folders below them. Several folders get a folder of "
        "their name each below the labels.",
        example=["/home/pi/Pictures"],
    )
    settle_s: float = key(
        a_number(0.2, 600),
        "Seconds without any change before a frame is whole. On network folders three times that.",
        1.5,
    )
    rescan_s: float = key(
        a_number(1, 3600),
        "Seconds between two complete looks through the folders; events come sooner.",
        30.0,
    )
    give_up_s: float = key(
        a_number(1, 86400),
        "Seconds after which a frame that stays incomplete, with nobody writing it, goes to review.",
        120.0,
    )
    polling: str = key(
        a_choice("auto", "always", "never"),
        'Look at the folders every few seconds: "auto" does so only where no events arrive.',
        "auto",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where frames are filed and where the daemon keeps its own papers."""

    root: Path = key(  # noqa: RUF009 - it returns a dataclass field
        a_path,
        "clean/, contaminated/ and review/ appear below it, mirroring the capture folders. New or empty at the first "
        "start, and never inside a watched folder.",
        example="/home/pi/nebulift",
    )
    state: Path | None = key(  # noqa: RUF009
        a_path,
        'Ledger, session state and previews. Left out: the folder ".nebulift" of the root.',
        None,
        example="/var/lib/nebulift",
    )

    @property
    def state_folder(self) -> Path:
        """Where the state is, named or not."""
        return self.state or self.root / STATE_BESIDE_OUTPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """How a frame gets into the output folder. Capture programs count files: "link" leaves their folder as it was."""

    clean: str = key(
        WAYS_OF_FILING,
        '"link" (a hard link), "move", "copy", "symlink" or "leave" (nothing but a record).',
        "link",
    )
    contaminated: str = key(WAYS_OF_FILING, "The same for contaminated frames.", "link")
    review: str = key(WAYS_OF_FILING, "The same for frames that a person should look at.", "link")

    def by_label(self) -> dict[Label, str]:
        """How to file, for each label."""
        return {Label.CLEAN: self.clean, Label.CONTAMINATED: self.contaminated, Label.REVIEW: self.review}


def _override(kind: str) -> str | None:
    text = f'What a finding of the kind "{kind}" does: "reject", "review" or "ignore".'
    override: str | None = key(OVERRIDE, text, None, example="review")
    return override


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which findings count against a frame."""

    preset: str = key(
        a_choice("strict", "stacking"),
        '"strict": a plainly visible artefact contaminates. "stacking": a lone trail that sigma clipping will remove '
        "stays clean, once its group has 8 frames.",
        "strict",
    )
    distrust_share: float = key(
        a_number(0, 1),
        "Where more than this share of 10 or more frames of a group would be contaminated on weak evidence, the "
        "further ones go to review. 1: never.",
        0.6,
    )
    streak: str | None = _override("streak")
    cloud: str | None = _override("cloud")
    trailed: str | None = _override("trailed")
    defocus: str | None = _override("defocus")
    saturation: str | None = _override("saturation")
    gradient: str | None = _override("gradient")
    obstruction: str | None = _override("obstruction")
    readout: str | None = _override("readout")
    empty: str | None = _override("empty")
    off_target: str | None = _override("off_target")

    def overrides(self) -> Mapping[Kind, Action]:
        """The kinds that the configuration treats in its own way."""
        given = {kind: getattr(self, kind.value, None) for kind in Kind}
        return {kind: Action(action) for kind, action in given.items() if action is not None}

    def as_policy(self) -> VerdictPolicy:
        """The policy as ``verdict.decide`` takes it."""
        return VerdictPolicy(self.preset, self.overrides(), self.distrust_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits of the score P(clean). Left out: those of the model's card."""

    clean: float | None = key(a_number(0, 1), "From this score on a frame is clean.", None, example=0.7)
    contaminated: float | None = key(a_number(0, 1), "Up to this score it is contaminated.", None, example=0.3)

    def __post_init__(self) -> None:
        self.as_thresholds()

    def as_thresholds(self) -> VerdictThresholds | None:
        """The limits to judge by; ``None`` leaves them to the model's card. One given, the other is the default.

        Raises ``ValueError`` when they are in the wrong order.
        """
        if self.clean is None and self.contaminated is None:
            return None
        default = VerdictThresholds()
        clean = default.clean if self.clean is None else self.clean
        contaminated = default.contaminated if self.contaminated is None else self.contaminated
        return VerdictThresholds(clean, contaminated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The learned classifier."""

    path: str = key(
        some_text,
        '"default" is the bundled model, "none" judges by measurements alone, else an .onnx file.',
        "default",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Limits of the process that reads and judges frames."""

    timeout_s: float = key(
        a_number(1, 3600), "Seconds for one frame, and one more for each MB; then it is stopped.", 60.0
    )
    memory_mb: int = key(
        a_whole_number(200, 65536),
        "Memory that judging may take. A frame that needs more goes to review.",
        900,
    )
    threads: int = key(a_whole_number(1, 64), "Processor cores that judging may use.", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrade:
    """Looking back: frames judged again with their whole session known. What a person decided is never touched."""

    at_session_end: str = key(
        a_choice("propose", "apply", "off"),
        'What the daemon does after an hour without new frames: "propose" says how many would be graded otherwise, '
        '"apply" files them anew, "off" leaves looking back to you (`nebulift regrade`).',
        "propose",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The review page."""

    serve: bool = key(
        yes_or_no,
        "Whether the daemon serves the page as long as it runs. false: only `nebulift serve` does.",
        False,
    )
    listen: str = key(
        an_address,
        "Address and port of the review page. 127.0.0.1 is this machine only.",
        "127.0.0.1:8321",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The night's page."""

    folder: Path | None = key(  # noqa: RUF009
        a_path,
        'Where reports are written. Left out: the folder "reports" of the state folder.',
        None,
        example="/home/pi/nebulift-reports",
    )
    at_session_end: bool = key(
        yes_or_no,
        "Whether the daemon writes the night's page by itself, after an hour without new frames.",
        True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Messages to people, Home Assistant, a safety monitor, a command of yours. Nothing named: nothing is sent."""

    urls: tuple[str, ...] = key(
        texts,
        "Where messages go, as apprise writes addresses (e-mail, ntfy, Telegram, Matrix, Signal ...).",
        (),
        example=["ntfys://ntfy.example.org/my-observatory", "mailtos://user:password@example.org"],
    )
    mqtt: str | None = key(
        some_text,
        "An MQTT broker and, after the slash, the topic to publish below; mqtts:// for an encrypted connection.",
        None,
        example="mqtt://user:password@192.168.1.10:1883/nebulift",
    )
    home_assistant: bool = key(
        yes_or_no, "Whether Home Assistant is told over MQTT what there is, so that it appears by itself.", True
    )
    safety_file: Path | None = key(  # noqa: RUF009
        a_path,
        "A text file that says GOOD, BAD or UNKNOWN of the sky, for safety monitors that read one.",
        None,
        example="/home/pi/nebulift/sky.txt",
    )
    safety_hold_min: float = key(
        a_number(1, 1440), "Minutes without any frame until the sky counts as unknown again.", 30.0
    )
    hook: tuple[str, ...] = key(
        texts,
        "A program and its arguments, called for each message with its kind as last argument and the rest as JSON on "
        "its input. No shell is involved; after 30 s it is ended.",
        (),
        example=["/home/pi/bin/on-nebulift", "--beep"],
    )
    events: tuple[str, ...] = key(choices(*EVENTS), "Which messages are wanted.", EVENTS)
    bad_frames: int = key(
        a_whole_number(1, 100),
        "So many contaminated ones of the last of_frames frames are an alarm; trails do not count.",
        4,
    )
    of_frames: int = key(a_whole_number(2, 100), "See bad_frames. Half as many clean ones in a row end the alarm.", 6)
    quiet_min: float = key(a_number(0, 1440), "Least minutes between two alarms of one kind.", 10.0)
    disk_low_gb: float = key(a_number(0, 1e6), "Below so many free GB on the output disk there is an alarm.", 5.0)

    def __post_init__(self) -> None:
        if self.bad_frames > self.of_frames:
            raise ValueError("bad_frames should not be more than of_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the daemon writes to its log."""

    format: str = key(a_choice("console", "json"), '"console" for people, "json" for programs.', "console")
    level: str = key(
        a_choice("debug", "info", "warning", "error"),
        "The least important kind of message to be written.",
        "info",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration. Only the roots of the program (command line and service) see it."""

    watch: Watch
    output: Output
    filing: Filing = field(default_factory=Filing)
    policy: Policy = field(default_factory=Policy)
    thresholds: Thresholds = field(default_factory=Thresholds)
    model: Model = field(default_factory=Model)
    judge: Judge = field(default_factory=Judge)
    regrade: Regrade = field(default_factory=Regrade)
    web: Web = field(default_factory=Web)
    report: Report = field(default_factory=Report)
    notify: Notify = field(default_factory=Notify)
    log: Log = field(default_factory=Log)


SECTIONS = {
    "watch": Watch,
    "output": Output,
    "filing": Filing,
    "policy": Policy,
    "thresholds": Thresholds,
    "model": Model,
    "judge": Judge,
    "regrade": Regrade,
    "web": Web,
    "report": Report,
    "notify": Notify,
    "log": Log,
}
