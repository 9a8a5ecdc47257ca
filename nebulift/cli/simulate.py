"""``nebulift simulate``: a night of frames with known truth."""

import os
import sys
from pathlib import Path

import click

DEFAULT_FRAMES = 24  # under 20 s on two cores
WHOLE_SENSOR = (100_000, 100_000)  # a window is never larger than its sensor


def _frame_size(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """``1600x1200`` or ``full`` as (width, height); ``None`` when nothing was said."""
    if text is None:
        return None
    if text.casefold() == "full":
        return WHOLE_SENSOR
    width, _, height = text.casefold().partition("x")
    if not (width.isdigit() and height.isdigit() and min(int(width), int(height)) >= 64):
        raise click.BadParameter(f"{text} is no frame size; write 1600x1200 (at least 64x64) or full", ctx, param)
    return int(width), int(height)


@click.command("simulate")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--frames", default=DEFAULT_FRAMES, show_default=True, type=click.IntRange(1), help="How many frames.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Same seed, same bytes.")
@click.option("--scenario", default="mixed", show_default=True, help="What happens that night; see --list.")
@click.option("--camera", help="Part of a camera's name; see --list. Default: drawn by the seed.")
@click.option(
    "--size", metavar="WxH|full", callback=_frame_size, help="Window of the sensor. Default: about 2 megapixels."
)
@click.option("--program", help="Capture program whose headers and names are written; see --list.")
@click.option("--sessions", default=1, show_default=True, type=click.IntRange(1, 3), help="Targets or filters.")
@click.option("--compress", is_flag=True, help="Write tile-compressed FITS (.fits.fz).")
@click.option("--workers", type=click.IntRange(1), help="Processes. Default: one a core, at most 4.")
@click.option("--list", "listing", is_flag=True, help="Show scenarios, cameras and programs, and stop.")
def simulate(
    directory: Path | None,
    *,
    frames: int,
    seed: int,
    scenario: str,
    camera: str | None,
    size: tuple[int, int] | None,
    program: str | None,
    sessions: int,
    compress: bool,
    workers: int | None,
    listing: bool,
) -> None:
    """Write a night of simulated frames into DIRECTORY, with labels.csv beside them.

    Each frame has the header and the name that a capture program would give it. labels.csv says for each what is
    wrong with it and how badly, in physical numbers. DIRECTORY must be empty, new, or made by this command.

    \b
    Examples:
      nebulift simulate night                                 24 frames, every common artefact
      nebulift simulate night --scenario clouds --frames 60   clouds move in
      nebulift simulate night --camera ASI2600MM --size full  frames of 26 megapixels
    """
    if listing:
        click.echo(_listing())
        return
    if directory is None:
        raise click.UsageError("name the folder to write to, or use --list")
    from nebulift.simulate.camera_catalogue import camera_named
    from nebulift.simulate.night import plan_night
    from nebulift.simulate.night_files import write_night

    try:
        body = camera_named(camera) if camera is not None else None
        plans = plan_night(seed, frames, scenario=scenario, camera=body, size=size, program=program, sessions=sessions)
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from error
    with click.progressbar(length=frames, label="frames", file=sys.stderr) as bar:
        truths = write_night(
            directory,
            plans,
            compression="fz" if compress else "none",
            workers=workers or min(os.cpu_count() or 1, 4),
            progress=lambda _done: bar.update(1),
        )
    labels = [truth.label.value for truth in truths]
    counts = ", ".join(f"{labels.count(label)} {label}" for label in ("clean", "marginal", "contaminated"))
    click.echo(f"{frames} frames in {directory} ({counts}); the truth is in {directory / 'labels.csv'}")


def _listing() -> str:
    """Names for ``--scenario``, ``--camera`` and ``--program``."""
    from nebulift.simulate.camera_catalogue import CATALOGUE
    from nebulift.simulate.rig import PROGRAMS
    from nebulift.simulate.scenarios import SUMMARIES

    lines = ["Scenarios:", *(f"  {name:<12} {summary}" for name, summary in SUMMARIES.items()), "", "Cameras:"]
    for camera in CATALOGUE:
        colour = camera.bayer or "mono"
        lines.append(f"  {camera.name:<22} {camera.width_px}x{camera.height_px}  {camera.bits} bit  {colour}")
    return "\n".join([*lines, "", f"Programs: {', '.join(PROGRAMS)}"])
