"""`ensue translate`: lines in, their translations out, line by line; one at a time where a person types."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.models import of_task
from ensue.cli.options import Model
from ensue.cli.results import check_not_input, check_writable, print_json, print_line
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    from ensue.estimators.translator import Translator
    from ensue.runtime.translation import Translation

LINES = 200
"""Lines that are read and translated together."""
PICTURES = 50
"""Sentences an attention picture shows at most."""
SPELLING = ("subwords", "bytes")
"""Kinds of tokens that any word can be written in."""


def translate(
    ctx: typer.Context,
    model: Model,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="Sentences, one a line; standard input where none is given.")
    ] = "-",
    beam: Annotated[int, typer.Option("--beam", help="Hypotheses kept at each step; 1 is greedy.")] = 5,
    length_penalty: Annotated[
        float, typer.Option("--length-penalty", help="Exponent; more gives longer translations, 0 favours short ones.")
    ] = 1.0,
    no_repeat: Annotated[
        int, typer.Option("--no-repeat", metavar="N", help="No run of N tokens comes twice; 0: any may.")
    ] = 0,
    n_best: Annotated[int, typer.Option("--n-best", metavar="N", help="The N best of each line, with scores.")] = 1,
    replace_unknown: Annotated[
        bool, typer.Option("--replace-unknown", help="Put the source word where the model knows none.")
    ] = False,
    attention: Annotated[
        Path | None,
        typer.Option("--attention", metavar="FILE.html", help=f"Draw what was looked at, {PICTURES} lines at most."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with scores and tokens.")] = False,
) -> None:
    """Translate sentences, one a line.

    A blank line stays blank, so that line numbers agree; so does one that is too long, which is named. At a terminal
    each line is translated as it is typed; Ctrl-D ends.
    """
    from ensue.estimators import load
    from ensue.tasks.class_findings import unknown_said

    voice: Voice = ctx.obj
    if attention is not None:
        check_not_input("--attention", attention, file)
        if attention.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--attention is '{attention}', expected a name ending in .html.")
        check_writable("--attention", attention)
    translator: Translator = of_task(load(model), "translation", model)
    voice.findings(translator.findings_)
    writes = translator.task_.target.kind
    if replace_unknown and writes in SPELLING:
        voice.say(f"- --replace-unknown changes nothing: this model writes {writes}, and no unknown words.")
    asked: dict[str, Any] = {
        "beam": beam, "n_best": n_best, "length_penalty": length_penalty, "no_repeat": no_repeat,
        "replace_unknown": replace_unknown,
    }  # fmt: skip
    translator.translations([], **asked)  # what cannot be right is refused before anything is read
    shown: list[Translation] = []
    typed = file == "-" and sys.stdin.isatty()
    if typed:
        voice.say("Type a sentence to translate; Ctrl-D ends.")
    line, refused, unknown, every = 0, list[int](), 0, 0
    for block in _blocks(file, 1 if typed else LINES):
        too_long = {line + 1 + place: why for place, why in translator.too_long(block).items()}
        fitting = ["" if number in too_long else each for number, each in enumerate(block, start=line + 1)]
        more, tokens = translator.unknown(fitting)
        unknown, every = unknown + more, every + tokens
        found = translator.translations(fitting, **asked)
        for number, answers in enumerate(found, start=line + 1):
            if number in too_long:
                print(f"ensue: Line {number} {too_long[number]}", file=sys.stderr)  # noqa: T201
            _print(number, answers, n_best, json, too_long.get(number))
            _warn(voice, translator, number, answers)
        sys.stdout.flush()
        refused += too_long
        line += len(block)
        if attention is not None:
            shown += [answers[0] for answers in found if answers[0].tokens][: PICTURES - len(shown)]
    voice.findings(unknown_said(unknown, every))
    if attention is not None:
        from ensue.plotting.attention import save_attention

        save_attention(shown, attention)
        voice.say(f"Wrote {attention}, {len(shown)} sentence" + ("." if len(shown) == 1 else "s."))
    if refused:
        raise DataError(f"{len(refused)} of {line} lines could not be translated: {', '.join(map(str, refused))}.")


def _blocks(file: str, size: int) -> Iterator[list[str]]:
    """Lines, some at a time."""
    if file != "-":
        from ensue.data.text_files import read_lines

        lines = read_lines(file)
        yield from (lines[at : at + size] for at in range(0, len(lines), size))
        return
    block: list[str] = []
    try:
        for line in _stdin():
            block.append(line)
            if len(block) == size:
                yield block
                block = []
    except DataError:
        if block:
            yield block  # what came before is translated all the same
        raise
    if block:
        yield block


def _stdin() -> Iterator[str]:
    at = 0
    for number, data in enumerate(sys.stdin.buffer, start=1):
        try:
            line = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise DataError(
                f"Standard input is not UTF-8 text: byte {at + error.start:,}, in line {number}, is "
                f"0x{data[error.start]:02x}; convert it, for example with iconv."
            ) from error
        yield line.removeprefix("\ufeff") if number == 1 else line
        at += len(data)


def _print(number: int, answers: Sequence[Translation], n_best: int, json: bool, refused: str | None) -> None:
    if json and refused is not None:
        print_json({"line": number, "translations": [], "refused": refused})
    elif json:
        print_json({"line": number, "translations": [_plain(each) for each in answers]})
    elif n_best == 1:
        print_line(answers[0].text)
    else:
        for each in answers:
            print_line(f"{number}\t{each.score:.4f}\t{each.text}")


def _plain(answer: Translation) -> dict[str, Any]:
    fields = ("text", "score", "log_probability", "ended", "tokens")
    return {name: getattr(answer, name) for name in fields}


def _warn(voice: Voice, translator: Translator, number: int, answers: Sequence[Translation]) -> None:
    """What a person should know of a translation before trusting it."""
    longest, here = translator.task_.longest, len(answers[0].source)
    if here > 2 * longest:
        voice.say(
            f"- Line {number} has {here} tokens, the longest in training had {longest}: its translation may be poor; "
            "split it into sentences."
        )
    elif not answers[0].ended:
        voice.say(f"- The translation of line {number} was cut where it grew too long: it may be poor.")
