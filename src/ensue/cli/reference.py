"""The two reference pages that are written by the program itself, so that they cannot be wrong.

    python -m ensue.cli.reference

writes `docs/cli.md` and `docs/configuration.md`, in the folder given or in `docs`; a test compares them.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from ensue import config

CLI_HEAD = """# Command line

One grammar for every task: `ensue train TASK DATA -o MODEL`, then `ensue VERB INPUT -m MODEL`. Results go to stdout;
findings and progress go to stderr, so that pipes work. `--quiet`, `-q` and `--debug` are understood before and behind
a verb.

Exit codes: 0 all went well; 1 the data or the model cannot be used; 2 the command line or the configuration is not
right; 130 interrupted (`ensue train` has then saved the best so far).

This page is written by `python -m ensue.cli.reference`.
"""

CONFIG_HEAD = """# Configuration

`ensue train forecast DATA -o MODEL --config FILE.toml` reads options from a TOML file with the tables `[data]` and
`[train]`, `ensue pretrain --config FILE.toml` from one with the table `[pretrain]`. Options on the command line come
before those of the file. An unknown table or option, a value of another type and a number out of range are refused.

```toml
[data]
target = "load"
future = ["temperature"]
season = [24, 168]

[train]
horizon = 48
preset = "thorough"
```

In Python: `data, train = ensue.config.load_config("FILE.toml")`, then `Forecaster.from_options(data, train)`.

This page is written by `python -m ensue.cli.reference`.
"""


EXAMPLES = "\n\n[bold]"
"""Where a command's help goes over to examples, which a terminal shows in bold and the page leaves out."""


def cli_page() -> str:
    """The page `docs/cli.md`: every command with its arguments and options."""
    from ensue.cli import app

    return "\n".join([CLI_HEAD, *_command("ensue", typer.main.get_command(app))]).rstrip() + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    parameters = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    within = command.list_commands(None) if hasattr(command, "list_commands") else []
    arguments = [_argument_name(each) for each in parameters if each.param_type_name == "argument"]
    yield f"## `{' '.join([name, *arguments, *(['COMMAND'] if within else [])])}`\n"
    yield inspect.cleandoc(command.help or "").split(EXAMPLES)[0] + "\n"
    if parameters:
        yield "| | |\n|---|---|"
        yield from (_row(each) for each in parameters)
        yield ""
    for word in within:
        yield from _command(f"{name} {word}", command.commands[word])


def _argument_name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        spelled = f"`{_argument_name(parameter)}`"
    else:
        spelled = ", ".join(f"`{each}`" for each in [*parameter.opts, *parameter.secondary_opts])
        spelled += f" {_cell(parameter.metavar)}" if parameter.metavar else ""
    return f"| {spelled} | {_cell(parameter.help or '')}{_default(parameter)} |"


def _default(parameter: Any) -> str:
    if parameter.required:
        return " Required."
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    return "" if shown is None or isinstance(shown, bool) else f" Default: {_cell(str(shown))}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def configuration_page() -> str:
    """The page `docs/configuration.md`: every option of a configuration file, and the presets."""
    parts = [CONFIG_HEAD]
    for table, kind in (
        ("data", config.DataOptions),
        ("train", config.TrainOptions),
        ("pretrain", config.PretrainOptions),
    ):
        parts.append(f"## `[{table}]`\n\n| option | default | |\n|---|---|---|")
        sentences = _field_sentences(kind)
        parts += [f"| `{each.name}` | {_toml(each.default)} | {sentences[each.name]} |" for each in fields(kind)]
        parts.append("")
    return "\n".join([*parts, *_presets()])


def _presets() -> Iterator[str]:
    yield "## Presets\n\nA preset is a name for these numbers; each can be replaced in `[train]`.\n"
    yield f"| | {' | '.join(config.PRESETS)} | |\n|---|{'---|' * len(config.PRESETS)}---|"
    sentences = _field_sentences(config.Recipe)
    for each in fields(config.Recipe):
        numbers = " | ".join(_toml(getattr(recipe, each.name)) for recipe in config.PRESETS.values())
        yield f"| `{each.name}` | {numbers} | {sentences[each.name]} |"
    yield ""


def _toml(value: object) -> str:
    if value is None or value == ():
        return "-"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _field_sentences(kind: type) -> dict[str, str]:
    """The sentence under each field of a dataclass, read from its source."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    sentences = {}
    for field, below in itertools.pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            sentences[field.target.id] = str(ast.literal_eval(below.value))
    return sentences


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    (folder / "cli.md").write_text(cli_page(), encoding="utf-8")
    (folder / "configuration.md").write_text(configuration_page(), encoding="utf-8")
