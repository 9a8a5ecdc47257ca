"""The ``nebulift`` command. Each command lives in a file of this package and is imported only when it is called."""

import importlib
import os
import sys
from itertools import pairwise
from typing import Any

import click

from nebulift import __version__
from nebulift.errors import NebuliftError

# command -> module of this package that defines a click command of the same name (dashes become underscores)
COMMANDS = {
    "classify": "classify",
    "watch": "watch",
    "sort": "sort",
    "review": "review",
    "serve": "serve",
    "regrade": "regrade",
    "undo": "undo",
    "status": "status",
    "report": "report",
    "notify": "notify",
    "init": "init",
    "doctor": "doctor",
    "train-from-fits": "train",
    "labels": "labels",
    "evaluate": "evaluate",
    "calibrate": "calibrate",
    "export": "export",
    "models": "models",
    "benchmark": "benchmark",
    "simulate": "simulate",
    "demo": "demo",
}

# All other commands multiply small matrices only: threads of numpy's library would spin, waiting for more, which takes
# a sixth of the CPU time of `classify`, and their number would change the last digits of what is measured.
TRAINING = "train-from-fits"

# One line a command for `nebulift --help`, so that help imports nothing; a test holds them against the commands.
SUMMARIES = {
    "classify": "Judge files or folders and print the verdicts; writes nothing.",
    "watch": "Watch capture folders and sort every new frame (the daemon).",
    "sort": "Sort a finished night in one go; resumable.",
    "review": "List the review queue, accept or reject frames in the terminal.",
    "serve": "Open the review page.",
    "regrade": "Judge a night again with its whole sessions known.",
    "undo": "Take filing back.",
    "status": "Tell how the daemon is doing.",
    "report": "Write the night's page.",
    "notify": "Send a test message by every way of the configuration.",
    "init": "Set up: five questions, a configuration, a check.",
    "doctor": "Check configuration, folders, model and machine.",
    "train-from-fits": "Build a model from a folder of frames.",
    "labels": "Make training labels from a folder of frames.",
    "evaluate": "Measure a model against truth.",
    "calibrate": "Fit limits to this rig from reviewed frames.",
    "export": "Turn a checkpoint into an ONNX model.",
    "models": "Install, try, promote and roll back models.",
    "benchmark": "Measure time and memory on this machine.",
    "simulate": "Make a night of frames with known truth.",
    "demo": "See the whole product in a minute.",
}


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called: ``--help`` must not pay for astropy or OpenCV."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        module_name = COMMANDS.get(cmd_name)
        if module_name is None:
            return None
        if cmd_name != TRAINING:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded
        module = importlib.import_module(f"nebulift.cli.{module_name}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # as a path it would be the folder in which one happens to be; an option's value may well be empty
        if any(not one and not before.startswith("-") for before, one in pairwise(args)):
            raise click.UsageError("an argument is empty; is a variable of the shell not set?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


def _with_dashes(token: str) -> str:
    """``--model_output`` means ``--model-output``; option values are not touched by click's normalisation."""
    return token.replace("_", "-")


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _with_dashes},
)
@click.version_option(__version__, prog_name="nebulift")
def cli() -> None:
    """Grade astronomical frames: clean, contaminated or review, with the cause named.

    \b
    Examples:
      nebulift demo                                  the whole product in a minute
      nebulift classify ~/Pictures/M31               judge a folder, change nothing
      nebulift watch ~/Pictures --output ~/sorted    sort frames as they arrive
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; foreseeable trouble ends in one line on stderr and the error's exit code."""
    try:
        sys.exit(cli.main(args=arguments, prog_name="nebulift", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except NebuliftError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away (`| head`): not an error of ours, and Python must not complain at exit
        sys.stdout = None
        sys.exit(0)
