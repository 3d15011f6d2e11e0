"""`ensue train text`: a text in, a language model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json
from ensue.cli.results import check_not_input
from ensue.cli.training import (
    TRAINING,
    Device,
    Output,
    Preset,
    Resume,
    Seed,
    Steps,
    Threads,
    given,
    train_to,
)

if TYPE_CHECKING:
    from ensue.estimators.language_model import LanguageModel

TEXT = "Text"


def text(
    ctx: typer.Context,
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="Text file (UTF-8; .gz and .xz too).")],
    output: Output,
    valid: Annotated[
        Path | None,
        typer.Option("--valid", metavar="FILE", help="Text to validate on; the last tenth unless given."),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(
            "--tokens",
            metavar="bytes|characters|words|subwords",
            help="What the text is cut into; characters, or subwords where it is long.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    vocabulary: Annotated[
        int | None,
        typer.Option(
            "--vocabulary", help="Different tokens at most, without the three special ones.", rich_help_panel=TEXT
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Read everything in lower case.", rich_help_panel=TEXT)
    ] = False,
    preset: Preset = None,
    hidden_size: Annotated[
        int | None, typer.Option("--hidden-size", help="Units of a layer.", rich_help_panel=TRAINING)
    ] = None,
    layers: Annotated[int | None, typer.Option("--layers", help="LSTM layers.", rich_help_panel=TRAINING)] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="Share of features left out.", rich_help_panel=TRAINING)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="How often the text is read.", rich_help_panel=TRAINING)
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    threads: Threads = None,
    device: Device = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="MODEL", help="Go on from this language model, with its tokens.", rich_help_panel=TRAINING
        ),
    ] = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a language model on a text.

    Ctrl-C keeps the best so far.
    """
    from ensue.estimators.language_model import LanguageModel

    voice: Voice = ctx.obj
    check_not_input("-o", output, str(corpus))
    if valid is not None:
        check_not_input("-o", output, str(valid))
    model = LanguageModel(
        lowercase=lowercase,
        **given(
            tokens=tokens,
            vocabulary=vocabulary,
            preset=preset,
            hidden_size=hidden_size,
            layers=layers,
            dropout=dropout,
            epochs=epochs,
            steps=steps,
            seed=seed,
            threads=threads,
            device=device,
        ),
    )
    train_to(
        output,
        model,
        lambda checkpoint, progress: model.fit(
            corpus, valid, start_from=start_from, checkpoint=checkpoint, resume=resume, progress=progress
        ),
        voice=voice,
        resume=resume,
        json=json,
        result=_result,
    )


def _result(model: LanguageModel) -> str:
    from math import exp

    from ensue.estimators.base import better_than_baseline

    report = model.report_
    line = better_than_baseline(report)
    if model.task_.front_end.kind in ("words", "subwords"):
        return f"{line} Perplexity {exp(min(report.validation, 700)):.1f}."
    return (
        f"{line} {report.validation / 0.6931471805599453:.3f} bits per {model.task_.front_end.kind.removesuffix('s')}."
    )
