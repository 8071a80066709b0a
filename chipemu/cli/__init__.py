"""The `chipemu` command.

Every command imports what it needs when it runs, so that `chipemu --help` stays fast. Results go to standard output,
progress and messages to standard error.
"""

import sys
import warnings

import typer

from chipemu.cli import bench, checks, chips, learn, report, studies
from chipemu.cli.terminal import show_warnings
from chipemu.errors import ChipemuError

app = typer.Typer(
    help="Emulate a mixed-signal neuromorphic chip, calibrate an imperfect die, and train a network on it.",
    epilog="Exit codes: 0 done, 1 the run or a check failed, 2 bad input.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("devices")(chips.devices)
app.command("show")(chips.show)
app.command("learn")(learn.learn)
app.command("report")(report.report)
app.add_typer(studies.app, name="study")
app.command("check")(checks.check)
app.command("bench")(bench.bench)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        Words after `chipemu`; by default those of the process.

    Raises
    ------
    SystemExit
        Always: 0 done, 1 the run failed, 2 bad input.
    """
    with warnings.catch_warnings():
        show_warnings()
        _run(arguments)


def _run(arguments: list[str] | None) -> None:
    try:
        app(arguments, prog_name="chipemu")
    except ChipemuError as fault:
        sys.exit(_refuse(fault, fault.exit_code))
    except OSError as fault:
        # A full disk or a folder without permission: nothing a traceback would explain.
        sys.exit(_refuse(fault, 1))


def _refuse(fault: Exception, code: int) -> int:
    print(f"chipemu: {fault}", file=sys.stderr)
    return code
