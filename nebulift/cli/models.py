"""``nebulift models``: the folder of models: what is there, which one decides, which one only watches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nebulift.cli.places import FILE, FOLDER, config_option
from nebulift.errors import ModelMismatch, NebuliftError, WrongUsage, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from nebulift.model_store import ModelStore, StoredModel
    from nebulift.training.rivalry import Rivalry


def _folder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which folder of models."""
    named = click.option("--folder", type=FOLDER, metavar="DIR", help="Default: models in the daemon's state folder.")
    return named(config_option(command))


def _store(folder: Path | None, config: Path | None) -> ModelStore:
    from nebulift.model_card import STORE_FOLDER
    from nebulift.model_store import ModelStore

    if folder is None:
        from nebulift.cli.places import find_place

        folder = find_place(None, config).state / STORE_FOLDER
    return ModelStore.open(folder.absolute())


@click.group()
def models() -> None:
    """Install, try, promote and roll back models; the daemon takes the active one with the next frame.

    \b
    Examples:
      nebulift models install rig.onnx --report report/report.json
      nebulift models shadow rig        it watches: its verdicts are recorded and compared in the night's report
      nebulift models promote rig       refused unless its report is better on the same truth
      nebulift models promote rig --on decided.csv    and unless it does well on these frames, too
      nebulift models rollback          the one before decides again
    """


@models.command("list")
@_folder_options
def list_models(folder: Path | None, config: Path | None) -> None:
    """Show the models with their cards and figures."""
    store = _store(folder, config)
    if not store.manifest.models:
        click.echo(f"{store.folder}: no models yet; nebulift models install M.onnx (or: install default)")
        return
    for model in store.manifest.models:
        role = {store.manifest.active: "decides", store.manifest.shadow: "watches"}.get(model.id, "")
        click.echo(f"{model.id}  {role:<8} {printable(model.name)}  {model.bytes / 1e6:.1f} MB, {model.installed}")
        for line in _facts(store, model):
            click.echo(f"                       {printable(line)}")
    for act in store.manifest.acts[-5:]:
        click.echo(f"{act.when}  {act.what} {act.model}{f': {printable(act.words)}' if act.words else ''}")
    if store.manifest.active is not None:
        click.echo(f'nebulift.toml:  [model]  path = "{store.folder / "active.onnx"}"')


def _facts(store: ModelStore, model: StoredModel) -> list[str]:
    """Card and figures of one model."""
    from nebulift.training.evaluation_report import interval_text

    try:
        card = store.card(model)
    except ModelMismatch as error:
        return [f"cannot be used: {error}"]
    lines = [f"{card.architecture}; {card.provenance.get('date', 'no date')}"]
    report = store.report(model)
    if report is None:
        return [*lines, "no report; nebulift evaluate M.onnx --on TRUTH --output report, then install it with --report"]
    for figures in report["sets"]:
        if "witnesses" in figures:
            both = figures["witnesses"].get("fusion", figures["witnesses"]["cv"])
            auc, lost = interval_text(both["roc_auc"]), interval_text(both["false_rejection"])
            lines.append(f"{figures['set']}: ROC-AUC {auc}; clean rejected {lost}")
    return lines


@models.command()
@click.argument("model")
@click.option("--report", type=FILE, metavar="F", help="report.json of nebulift evaluate --output, on this model.")
@_folder_options
def install(model: str, report: Path | None, folder: Path | None, config: Path | None) -> None:
    """Take MODEL (an .onnx file, or 'default' for the bundled one) into the folder. It does not decide yet."""
    store = _store(folder, config)
    stored = store.install(model if model == "default" else Path(model), report)
    click.echo(f"{stored.id}: {printable(stored.name)} is in {store.folder}")


@models.command()
@click.argument("model")
@click.option("--force", metavar="WORDS", help="Promote it whatever the reports say; why, for the record.")
@click.option(
    "--on",
    "places",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Labelled frames to ask both models about now, as of nebulift evaluate; best real ones. May be said several "
    "times.",
)
@_folder_options
def promote(model: str, force: str | None, places: tuple[Path, ...], folder: Path | None, config: Path | None) -> None:
    """Let MODEL decide, if it is better than the active one on the same truth, and turns no clean frames away.

    Every set of truth is asked, none is pooled with another: what their reports say (nebulift models install
    --report), and the frames of --on.
    """
    from nebulift.training.promotion import may_replace

    store = _store(folder, config)
    stored = store.find(model)
    words = force or "the first one"
    if store.manifest.active == stored.id:
        raise WrongUsage(f"{stored.name}: it decides already")
    if store.manifest.active is not None and force is None:
        active = store.find(store.manifest.active)
        found = may_replace(store.report(stored), store.report(active), _asked(store, stored, active, places))
        words = "; ".join(found.reasons)
        if not found.allowed:
            raise NebuliftError(
                f"{printable(stored.name)} is not promoted: {words}; to promote it all the same say why: --force WORDS"
            )
    store.promote(stored, words)
    click.echo(f"{stored.id}: {printable(stored.name)} decides from the next frame on ({printable(words)})")
    click.echo(f'nebulift.toml:  [model]  path = "{store.folder / "active.onnx"}"')


def _asked(store: ModelStore, newcomer: StoredModel, active: StoredModel, places: tuple[Path, ...]) -> list[Rivalry]:
    """What both models say of the labelled frames."""
    from nebulift.classifier import load_classifier
    from nebulift.training.rival_run import rivals_on

    if not places:
        return []
    mine, other = (load_classifier(store.model_path(one)) for one in (newcomer, active))
    return rivals_on(places, mine, other, say=lambda text: click.echo(text, err=True))


@models.command()
@click.option("--because", default="", metavar="WORDS", help="Why, for the record.")
@_folder_options
def rollback(because: str, folder: Path | None, config: Path | None) -> None:
    """Let the model decide again that did before."""
    stored = _store(folder, config).rollback(because)
    click.echo(f"{stored.id}: {printable(stored.name)} decides again")


@models.command()
@click.argument("model", required=False)
@click.option("--off", is_flag=True, help="No model watches any more.")
@_folder_options
def shadow(model: str | None, off: bool, folder: Path | None, config: Path | None) -> None:
    """Let MODEL watch beside the active one: its verdicts are recorded, and compared in the night's report."""
    if off == (model is not None):
        raise WrongUsage("name a MODEL that shall watch, or say --off")
    store = _store(folder, config)
    if model is None:
        store.shadow(None)
        click.echo("no model watches")
        return
    stored = store.find(model)
    store.shadow(stored)
    click.echo(f"{stored.id}: {printable(stored.name)} watches; its verdicts stand in the night's report")
