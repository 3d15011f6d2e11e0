"""The command line: `ensue train TASK DATA -o MODEL`, then `ensue VERB INPUT -m MODEL`.

Results go to stdout, findings and progress to stderr. Exit codes: 0 well, 1 data or model, 2 usage, 130 interrupted.
Verbs import what is heavy inside their functions, so that `ensue --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ensue import __version__
from ensue.cli import (
    backtest,
    caption,
    compose,
    demo,
    evaluate,
    forecast,
    generate,
    info,
    inspect,
    listen,
    predict,
    pretrain,
    stream,
    train,
    transcribe,
    translate,
)
from ensue.cli.console import Voice
from ensue.errors import EnsueError

EVERYWHERE = ("--quiet", "-q", "--debug")
"""Options of the program that are also understood behind a verb."""


class Verbs(TyperGroup):
    """The verbs in the order they are used."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # Typer's own context, re-exported
        return [
            *("train", "forecast", "stream", "backtest", "inspect"),
            *("generate", "evaluate", "predict", "translate", "compose"),
            *("listen", "transcribe", "caption"),
            *("info", "pretrain", "demo"),
        ]

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # as above
        """Run a verb; one that Ctrl-C ends without a word of its own says that much."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            training = ctx.invoked_subcommand == "train"  # one with something to keep has ended by itself
            print("Interrupted: nothing was written." if training else "ensue: interrupted.", file=sys.stderr)  # noqa: T201
            raise typer.Exit(130) from None


app = typer.Typer(
    name="ensue",
    cls=Verbs,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train.app, name="train")
app.command("forecast")(forecast.forecast)
app.command("stream")(stream.stream)
app.command("backtest")(backtest.backtest)
app.command("inspect")(inspect.inspect)
app.command("generate")(generate.generate)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("translate")(translate.translate)
app.command("compose")(compose.compose)
app.command("listen")(listen.listen)
app.command("transcribe")(transcribe.transcribe)
app.command("caption")(caption.caption)
app.command("info")(info.info)
app.command("pretrain")(pretrain.pretrain)
app.add_typer(demo.app, name="demo")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ensue {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def program(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No findings and no progress, only results.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Learn a sequence and predict what comes next, with LSTMs.

    [bold]ensue train forecast sales.csv -o sales.ensue[/bold]
    [bold]ensue forecast sales.csv -m sales.ensue --horizon 30 --plot sales.html[/bold]
    """
    ctx.obj = Voice(quiet=quiet)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> NoReturn:
    """The `ensue` command: run it and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error becomes one line on stderr.

    >>> run(["--version"])
    ensue 0.1.0
    0
    """
    arguments = _everywhere_first(arguments)
    try:
        code = app(args=arguments, prog_name="ensue", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except BrokenPipeError:
        _discard_stdout()
        return 0
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # the parser makes it a failure, which it is not
            _discard_stdout()
            return 0
        return int(stop.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _report(error)


def _everywhere_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the program's own options in front, where the parser expects them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front = [each for each in arguments[:end] if each in EVERYWHERE]
    rest = [each for each in arguments[:end] if each not in EVERYWHERE]
    return [*front, *rest, *arguments[end:]]


def _report(error: Exception) -> int:
    """One line for an error, and its exit code."""
    if isinstance(error, EnsueError):
        sentence, code = str(error), error.exit_code
    elif hasattr(error, "format_message"):  # the parser's usage errors: their class moved between versions of Typer
        sentence, code = _usage_sentence(error, str(error.format_message()).strip()), 2
    else:
        sentence, code = f"unexpected {type(error).__name__}: {error} (add --debug to see where)", 1
    if sentence:
        print("ensue: " + " ".join(sentence.split()), file=sys.stderr)  # noqa: T201
    return code


def _usage_sentence(error: Exception, message: str) -> str:
    """The parser's message and where help is; empty where the parser has already shown the help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ensue"
    if message.endswith("?"):
        return f"{message} See {command} --help."
    return message and f"{message.rstrip('.')}: see {command} --help."


def _discard_stdout() -> None:
    """Point stdout at nothing, so that Python's last flush does not meet the closed pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
