"""`ensue generate`: a language model writes, a token at a time, as it is drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.models import model_of
from ensue.cli.options import Json
from ensue.cli.results import print_json
from ensue.errors import UsageError

DRAWING = "Drawing"


def generate(
    ctx: typer.Context,
    model: Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="Language model.")],
    prompt: Annotated[str, typer.Option("--prompt", help="Text to go on from; - reads it from stdin.")] = "",
    tokens: Annotated[int, typer.Option("--tokens", help="Tokens to write.")] = 200,
    temperature: Annotated[
        float,
        typer.Option("--temperature", help="Below 1 safer, above 1 wilder; 0: the likeliest.", rich_help_panel=DRAWING),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option("--top-k", help="Only so many likeliest tokens.", rich_help_panel=DRAWING)
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", help="Only tokens that make up this share.", rich_help_panel=DRAWING)
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option("--min-p", help="Only tokens with this share of the likeliest one's.", rich_help_panel=DRAWING),
    ] = None,
    repetition_penalty: Annotated[
        float,
        typer.Option("--repetition-penalty", help="Above 1: less of what was just said.", rich_help_panel=DRAWING),
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed writes the same.", rich_help_panel=DRAWING)] = 0,
    json: Json = False,
) -> None:
    """Write on after a prompt."""
    from ensue.data.text_files import read_stdin
    from ensue.runtime.sampling import Sampling

    voice: Voice = ctx.obj
    if tokens < 1:
        raise UsageError(f"--tokens is {tokens}, expected 1 or more: give 200, for example.")
    sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty, seed)
    loaded: Any = model_of(model, "language-model")
    begun = read_stdin() if prompt == "-" else _sound(prompt)
    unknown = loaded.task_.front_end.unknown(loaded.task_.front_end.encode(begun))
    if unknown:
        voice.say(f"- the prompt has {unknown} tokens that the model does not know; they are read as unknown.")
    pieces = loaded.generate(begun, tokens, sampling=sampling)
    if json:
        print_json({"prompt": begun, "text": "".join(pieces), "tokens": tokens, "seed": seed})
        return
    sys.stdout.write(begun)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _sound(prompt: str) -> str:
    try:
        prompt.encode()
    except UnicodeEncodeError as error:  # the shell gave bytes that are none
        raise UsageError(
            f"The prompt is not UTF-8 text: character {error.start + 1} is {prompt[error.start]!r}; convert it, for example "
            "with iconv."
        ) from error
    return prompt
