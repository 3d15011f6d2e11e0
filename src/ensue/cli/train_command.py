"""`ensue train command`: recordings of words in, a model file out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json
from ensue.cli.results import check_not_input
from ensue.cli.training import TRAINING, Device, Output, Preset, Resume, Seed, Steps, Threads, given, train_to

if TYPE_CHECKING:
    from ensue.estimators.listener import Listener
    from ensue.reports import Progress

STREAMS = "Hearing words in a stream"


def train_command(
    ctx: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A sub-folder of recordings a word; or a table of file, label, speaker and split."
        ),
    ],
    output: Output,
    valid: Annotated[
        Path | None,
        typer.Option("--valid", metavar="FOLDER", help="Recordings to validate on; else a part is set aside."),
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(
            "--negatives",
            metavar="FOLDER",
            help="Long recordings of other speech, without the words, or one file.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(
            "--false-alarms",
            metavar="N",
            help="An hour at most, in those; 1 unless given. It chooses the threshold.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option(
            "--noise",
            metavar="FOLDER",
            help="Recordings without speech; _background_noise_ in FOLDER unless given.",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming", help="Read forward only, and carry the state through a stream.", rich_help_panel=STREAMS
        ),
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no-refit",
            help="At last, learn anew from all recordings, those set aside among them.",
            rich_help_panel=TRAINING,
        ),
    ] = True,
    sample_rate: Annotated[
        int | None,
        typer.Option(
            "--sample-rate",
            metavar="HZ",
            help="Samples a second to listen at; those of most recordings unless given.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            "--class-weights", metavar="equal|balanced", help="What a recording counts.", rich_help_panel=TRAINING
        ),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="The preset's unless given.", rich_help_panel=TRAINING)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="How often each recording is heard.", rich_help_panel=TRAINING)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a listener for words from recordings of them: commands, digits, names.

    Whole speakers are set aside for validation where they can be told. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.listener import Listener

    voice: Voice = ctx.obj
    if data.is_file():
        check_not_input("-o", output, str(data))
    chosen = given(
        false_alarms=false_alarms, sample_rate=sample_rate, class_weights=class_weights, dropout=dropout, epochs=epochs,
        preset=preset, steps=steps, device=device, threads=threads, seed=seed,
    )  # fmt: skip
    listener = Listener(streaming=streaming, refit=refit, **chosen)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        listener.fit(
            data, valid=valid, negatives=negatives, noise=noise, checkpoint=checkpoint, resume=resume, progress=progress
        )

    train_to(output, listener, fit, voice=voice, resume=resume, json=json, result=_result, scores=_scores)


def _scores(listener: Listener) -> dict[str, object]:
    scores = listener.scores_
    return {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "baselines": listener.baselines_,
        "hearing": listener.describe()["hearing"],
    }


def _result(listener: Listener) -> str:
    from ensue.tasks.class_scores import confusion_text

    scores = listener.scores_
    beside = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in listener.baselines_.items())
    return (
        f"Accuracy {scores.accuracy:.1%}, macro F1 {scores.macro_f1:.1%} on {scores.rows:,} validation recordings "
        f"({beside}).\n{confusion_text(scores)}"
    )
