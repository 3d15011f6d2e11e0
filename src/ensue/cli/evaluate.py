"""`ensue evaluate`: what a text costs a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ensue.cli.models import model_of
from ensue.cli.options import Json
from ensue.cli.results import print_json, print_line


def evaluate(
    text: Annotated[Path, typer.Argument(metavar="TEXT", help="Text file (UTF-8; .gz and .xz too).")],
    model: Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="Language model.")],
    cache: Annotated[
        bool, typer.Option("--cache", help="Look at the last 500 tokens as well (continuous cache).")
    ] = False,
    json: Json = False,
) -> None:
    """Say how well a language model foresees a text: perplexity, bits per character."""
    from ensue.runtime.word_cache import Cache

    loaded: Any = model_of(model, "language-model")
    score = loaded.evaluate(text, cache=Cache() if cache else None)
    if json:
        names = ("tokens", "characters", "unknown", "nats_per_token", "perplexity", "bits_per_character")
        print_json({name: getattr(score, name) for name in names} | {"cache": cache})
        return
    kind = loaded.task_.front_end.kind
    print_line(
        f"{text}: {score.tokens:,} {kind}, {score.characters:,} characters; {score.unknown:,} unknown to the model."
    )
    print_line(
        f"Perplexity {score.perplexity:.4g} ({score.nats_per_token:.4f} nats) per {kind.removesuffix('s')}, "
        f"{score.bits_per_character:.4f} bits per character."
    )
