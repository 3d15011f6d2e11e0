"""`ensue train translate`: two text files, line by line each other's translation, in; a model file out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json
from ensue.cli.results import check_not_input
from ensue.cli.training import TRAINING, Device, Output, Preset, Resume, Seed, Steps, Threads, given, train_to
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.estimators.translator import Translator
    from ensue.reports import Progress

TEXT = "Text"


def train_translate(
    ctx: typer.Context,
    source: Annotated[Path, typer.Option("--source", metavar="TEXT", help="Sentences, one a line; .gz and .xz too.")],
    target: Annotated[Path, typer.Option("--target", metavar="TEXT", help="Their translations, line by line.")],
    output: Output,
    valid_source: Annotated[
        Path | None,
        typer.Option("--valid-source", metavar="TEXT", help="Sentences to validate on; else a part is set aside."),
    ] = None,
    valid_target: Annotated[
        Path | None, typer.Option("--valid-target", metavar="TEXT", help="Their translations.")
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(
            "--tokens",
            metavar="subwords|words|characters",
            help="How text is cut; subwords unless given.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    shared: Annotated[
        bool | None,
        typer.Option(
            "--shared/--separate",
            help="One vocabulary for both languages, or one each; shared except for words.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    vocabulary: Annotated[
        int | None,
        typer.Option("--vocabulary", help="Different tokens at most; found for the text.", rich_help_panel=TEXT),
    ] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase", help="Read and write in lower case.", rich_help_panel=TEXT)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    dropout: Annotated[
        float | None,
        typer.Option("--dropout", help="More for a small corpus; the preset's unless given.", rich_help_panel=TRAINING),
    ] = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a translation model on sentences and their translations.

    Shows at each validation how well it translates, in BLEU. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.translator import Translator

    voice: Voice = ctx.obj
    if (valid_source is None) != (valid_target is None):
        raise UsageError("--valid-source and --valid-target go together: give both, or neither.")
    for file in (source, target, valid_source, valid_target):
        if file is not None:
            check_not_input("-o", output, str(file))
    chosen = given(
        tokens=tokens, shared=shared, vocabulary=vocabulary, lowercase=lowercase, preset=preset, steps=steps,
        dropout=dropout, device=device, threads=threads, seed=seed,
    )  # fmt: skip
    translator = Translator(**chosen)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        translator.fit(
            source,
            target,
            valid_source=valid_source,
            valid_target=valid_target,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )

    train_to(output, translator, fit, voice=voice, resume=resume, json=json, result=_result)


def _result(translator: Translator) -> str:
    from ensue.estimators.base import better_than_baseline

    return better_than_baseline(translator.report_)
