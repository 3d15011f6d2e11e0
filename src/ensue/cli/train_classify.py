"""`ensue train classify`: a table of labelled texts, or of labelled sequences of numbers, in; a model file out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json, names
from ensue.cli.results import check_not_input
from ensue.cli.training import TRAINING, Device, Output, Preset, Resume, Seed, Steps, Threads, given, train_to

if TYPE_CHECKING:
    from ensue.estimators.classifier import Classifier
    from ensue.reports import Progress

COLUMNS, NETWORK = "Columns", "Text and network"


def train_classify(
    ctx: typer.Context,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Labelled rows: CSV, Parquet or JSON lines; - reads stdin.")
    ],
    output: Output,
    text: Annotated[
        str | None, typer.Option("--text", metavar="NAME", help="Column of texts.", rich_help_panel=COLUMNS)
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="NAME", help="Column of labels.", rich_help_panel=COLUMNS)
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(
            "--values",
            metavar="A,B or 't*'",
            help="Columns of numbers instead of texts: a sequence's channels (with --id), or its steps.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="NAME", help="Column that tells sequences apart, a step a row.", rich_help_panel=COLUMNS
        ),
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option("--valid", metavar="DATA", help="Rows to validate on; else a part of each class is set aside."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="MODEL", help="A language model to begin from: ensue train text makes one."),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(
            "--tokens",
            metavar="words|subwords|characters",
            help="How texts are cut; words unless given.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option("--vocabulary", help="Different tokens at most.", rich_help_panel=NETWORK)
    ] = None,
    lowercase: Annotated[
        bool | None,
        typer.Option(
            "--lowercase/--keep-case", help="Read texts in lower case, or as they are.", rich_help_panel=NETWORK
        ),
    ] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option(
            "--both-ways/--forward",
            help="Read each sequence in both directions, or forward only: then the model can stream.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            "--pooling", metavar="attention|mean|max|last", help="What makes one of all steps.", rich_help_panel=NETWORK
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            "--class-weights",
            metavar="equal|balanced",
            help="Whether rows of rare classes count more.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option("--dropout", help="More for a small table; the preset's unless given.", rich_help_panel=TRAINING),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="How often each row is seen.", rich_help_panel=TRAINING)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a classifier on labelled texts or sequences of numbers.

    What is not said is found in the table. A linear model learns from the same rows and its score stands beside the
    network's. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.classifier import Classifier

    voice: Voice = ctx.obj
    for file in (data, valid):
        if file is not None:
            check_not_input("-o", output, file)
    chosen = given(
        text=text, label=label, values=names(values), id=id, tokens=tokens, vocabulary=vocabulary, lowercase=lowercase,
        bidirectional=bidirectional, pooling=pooling, class_weights=class_weights, dropout=dropout, epochs=epochs,
        preset=preset, steps=steps, device=device, threads=threads, seed=seed,
    )  # fmt: skip
    classifier = Classifier(**chosen)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        table: str | Path = data if data == "-" else Path(data)
        classifier.fit(
            table, valid=valid, start_from=start_from, checkpoint=checkpoint, resume=resume, progress=progress
        )

    train_to(output, classifier, fit, voice=voice, resume=resume, json=json, result=_result, scores=_scores)


def _scores(classifier: Classifier) -> dict[str, float]:
    return {"accuracy": classifier.scores_.accuracy, "macro_f1": classifier.scores_.macro_f1}


def _result(classifier: Classifier) -> str:
    from ensue.tasks.class_scores import confusion_text

    scores = classifier.scores_
    f1 = ", ".join(f"{name} {each:.1%}" for name, each in zip(scores.classes[:12], scores.f1, strict=False))
    return (
        f"Accuracy {scores.accuracy:.1%}, macro F1 {scores.macro_f1:.1%} on {scores.rows:,} validation rows "
        f"(F1: {f1}).\n{confusion_text(scores)}"
    )
