"""A folder of models that have a life: installed, tried in shadow, promoted, rolled back. Nothing in it is edited.

    models.json            what is here, which one decides, which one only watches, and what was done when
    0f3a....onnx           each model under the first signs of its SHA-256; with a report beside it, 0f3a....report.json
    active.onnx            a copy of the one that decides: ``[model] path`` in nebulift.toml names this file
    shadow.onnx            a copy of the one whose verdicts are only recorded

Both copies are replaced at once, so a daemon that runs never meets half a model; it takes the new one with the next
frame. Needs no torch.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from nebulift.classifier import int8_file, load_classifier
from nebulift.errors import NebuliftError, WrongUsage, printable
from nebulift.model_card import STORE_MANIFEST, ModelCard, default_model_path
from nebulift.whole_file import write_whole

MANIFEST, ACTIVE, SHADOW = STORE_MANIFEST, "active.onnx", "shadow.onnx"
FORMAT = 1
ID_SIGNS = 12  # of the SHA-256


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model of the folder."""

    id: str
    name: str  # of its card
    sha256: str
    bytes: int
    installed: str  # ISO time, UTC


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to the folder, by whom it may concern later."""

    when: str  # ISO time, UTC
    what: str  # install, promote, rollback, shadow or unshadow
    model: str  # id
    words: str = ""  # the reason of a person, or what the reports said


@dataclass(frozen=True, slots=True)
class Manifest:
    """``models.json``."""

    models: tuple[StoredModel, ...] = ()
    active: str | None = None
    shadow: str | None = None
    acts: tuple[Act, ...] = ()

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` when it is not one."""
        record = json.loads(text)
        if record["format"] != FORMAT:
            raise ValueError("made by another version")
        return cls(
            tuple(StoredModel(**one) for one in record["models"]),
            record["active"],
            record["shadow"],
            tuple(Act(**one) for one in record["acts"]),
        )


@dataclass(slots=True)
class ModelStore:
    """The folder. Every act is on disk when it returns; each raises ``NebuliftError`` in one sentence."""

    folder: Path
    manifest: Manifest = field(default_factory=Manifest)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The models in ``folder``; none when there is no manifest yet. Raises ``WrongUsage`` for a damaged one."""
        file = folder / MANIFEST
        if not file.exists():
            return cls(folder)
        try:
            return cls(folder, Manifest.from_json(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WrongUsage(f"{printable(file)}: cannot be read ({error}); name another folder") from error

    def install(self, source: Path | str, report: Path | None = None) -> StoredModel:
        """Take in a model that loads and passes its self-test (``default``: the bundled one), and its report.

        Raises ``ModelMismatch`` when it must not be used. A model that is here already only gets the report.
        """
        card = load_classifier(source).card
        content = (default_model_path() if str(source) == "default" else Path(source)).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        known = next((one for one in self.manifest.models if one.sha256 == sha256), None)
        stored = known or StoredModel(sha256[:ID_SIGNS], card.name, sha256, len(content), _now())
        if report is not None:
            self._write(self.report_path(stored), _report_of(report, sha256))
        if known is None:
            self._write(self.model_path(stored), content)
            twin = None if str(source) == "default" else int8_file(Path(source))
            if twin is not None and twin.is_file():
                load_classifier(twin)
                self._write(int8_file(self.model_path(stored)), twin.read_bytes())
            self._save(
                replace(self.manifest, models=(*self.manifest.models, stored)), Act(_now(), "install", stored.id)
            )
        return stored

    def promote(self, model: StoredModel, words: str = "") -> None:
        """Let ``model`` decide. One that was in shadow is there no longer."""
        self._put(model, ACTIVE)
        if self.manifest.shadow == model.id:
            self._unshadow()
        self._save(replace(self.manifest, active=model.id), Act(_now(), "promote", model.id, words))

    def rollback(self, words: str = "") -> StoredModel:
        """Let the model decide again that did before the present one."""
        before = _decided_before(self.manifest.acts, self.manifest.active)
        if before is None:
            raise WrongUsage(
                f"{self.folder}: no model decided before the present one, so there is nothing to go back to"
            )
        model = self.find(before)
        self._put(model, ACTIVE)
        self._save(replace(self.manifest, active=model.id), Act(_now(), "rollback", model.id, words))
        return model

    def shadow(self, model: StoredModel | None) -> None:
        """Let ``model`` watch beside the active one; ``None``: none does."""
        if model is None:
            watched = self.manifest.shadow
            self._unshadow()
            if watched is not None:
                self._save(self.manifest, Act(_now(), "unshadow", watched))
            return
        if model.id == self.manifest.active:
            raise WrongUsage(f"{model.name}: it decides already, so it cannot watch beside itself; name another model")
        self._put(model, SHADOW)
        self._save(replace(self.manifest, shadow=model.id), Act(_now(), "shadow", model.id))

    def find(self, word: str) -> StoredModel:
        """The model whose id begins with ``word``, whose name it is, or else begins with it. Raises ``WrongUsage``."""
        models = self.manifest.models
        found = [one for one in models if one.id.startswith(word) or one.name == word]
        found = found or [one for one in models if one.name.startswith(word)]
        if len(found) == 1:
            return found[0]
        if found:
            raise WrongUsage(f"{word}: {len(found)} models are called so; name one by its id (nebulift models list)")
        raise WrongUsage(f"{word}: no such model in {printable(self.folder)}; see nebulift models list")

    def card(self, model: StoredModel) -> ModelCard:
        """What the model says about itself. Raises ``ModelMismatch``."""
        return load_classifier(self.model_path(model)).card

    def report(self, model: StoredModel) -> dict[str, Any] | None:
        """The evaluation report that was installed with it."""
        try:
            found: dict[str, Any] = json.loads(self.report_path(model).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise WrongUsage(f"{printable(self.report_path(model))}: cannot be read ({error})") from error
        return found

    def model_path(self, model: StoredModel) -> Path:
        return self.folder / f"{model.id}.onnx"

    def report_path(self, model: StoredModel) -> Path:
        return self.folder / f"{model.id}.report.json"

    def _checked(self, model: StoredModel) -> bytes:
        """The model's bytes. Raises ``WrongUsage`` when they are not what was installed."""
        try:
            content = self.model_path(model).read_bytes()
        except OSError as error:
            raise WrongUsage(
                f"{self.model_path(model)}: cannot be read ({error.strerror}); install it again"
            ) from error
        if hashlib.sha256(content).hexdigest() != model.sha256:
            raise WrongUsage(f"{self.model_path(model)}: not the file that was installed; install it again")
        return content

    def _put(self, model: StoredModel, name: str) -> None:
        """Under ``name``; the int8 form first: beside another model's file it is not used, and the daemon looks at
        both when the file itself is another one.
        """
        content, place = self._checked(model), self.folder / name
        twin = int8_file(self.model_path(model))
        if twin.is_file():
            self._write(int8_file(place), twin.read_bytes())
        else:
            int8_file(place).unlink(missing_ok=True)
        self._write(place, content)

    def _unshadow(self) -> None:
        for file in (self.folder / SHADOW, int8_file(self.folder / SHADOW)):
            file.unlink(missing_ok=True)
        self.manifest = replace(self.manifest, shadow=None)

    def _save(self, manifest: Manifest, act: Act) -> None:
        self.manifest = replace(manifest, acts=(*manifest.acts, act))
        self._write(self.folder / MANIFEST, self.manifest.to_json().encode())

    def _write(self, place: Path, content: bytes) -> None:
        try:
            write_whole(place, content)
        except OSError as error:
            raise NebuliftError(f"{place}: cannot be written ({error.strerror}); check rights and space") from error


def _report_of(file: Path, sha256: str) -> bytes:
    """The report's bytes. Raises ``WrongUsage`` when it is not about this model."""
    try:
        content = file.read_bytes()
        about = json.loads(content)["model_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUsage(f"{printable(file)}: not a report of nebulift evaluate --output ({error})") from error
    if about != sha256:
        raise WrongUsage(f"{printable(file)}: a report on another model; run nebulift evaluate on this one")
    return content


def _decided_before(acts: Iterable[Act], active: str | None) -> str | None:
    """The model that decided before ``active`` came; going back twice goes back two steps."""
    stack: list[str] = []
    for act in acts:
        if act.what == "promote" and (not stack or stack[-1] != act.model):
            stack.append(act.model)
        elif act.what == "rollback" and len(stack) > 1:
            stack.pop()
    return stack[-2] if len(stack) > 1 and stack[-1] == active else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
