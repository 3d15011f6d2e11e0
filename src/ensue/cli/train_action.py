"""`ensue train action`: clips of actions in, films or key points, a model file out."""

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
    from ensue.estimators.action_recogniser import ActionRecogniser
    from ensue.reports import Progress

FILMS = "Films and key points"


def train_action(
    ctx: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A sub-folder of clips an action; or a table of file, label, subject and split."
        ),
    ],
    output: Output,
    valid: Annotated[
        Path | None, typer.Option("--valid", metavar="FOLDER", help="Clips to validate on; else a part is set aside.")
    ] = None,
    streaming: Annotated[
        bool, typer.Option("--streaming", help="Read forward only, and answer at every frame.")
    ] = False,
    frame_rate: Annotated[
        float | None,
        typer.Option(
            "--frame-rate",
            metavar="N",
            help="Frames a second; 10 of films, 30 of key points unless given.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WIDTHxHEIGHT",
            help="Pixels that films are brought to; 48x48 unless given.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    colour: Annotated[
        bool, typer.Option("--colour", help="Look at films in colour; in grey unless given.", rich_help_panel=FILMS)
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            metavar="NET.onnx",
            help="Look at films through this network; features are computed once and kept.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            "--skeleton", metavar="NAME", help="Which key points: kinect, coco ...; by number.", rich_help_panel=FILMS
        ),
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Learn from mirrored clips, too; unless a class is named for left or right.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option("--class-weights", metavar="equal|balanced", help="What a clip counts.", rich_help_panel=TRAINING),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="The preset's unless given.", rich_help_panel=TRAINING)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="How often each clip is seen.", rich_help_panel=TRAINING)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a recogniser of actions from clips: films, or key points of bodies and hands.

    Whole subjects are set aside for validation where they can be told. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.action_recogniser import ActionRecogniser

    voice: Voice = ctx.obj
    if data.is_file():
        check_not_input("-o", output, str(data))
    chosen = given(
        frame_rate=frame_rate, skeleton=skeleton, mirror=mirror, class_weights=class_weights, dropout=dropout,
        epochs=epochs, preset=preset, steps=steps, device=device, threads=threads, seed=seed,
        features=None if features is None else str(features),
    )  # fmt: skip
    if size is not None:
        width, _, height = size.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise UsageError(f"--size is '{size}', expected WIDTHxHEIGHT in pixels, such as 48x48.")
        chosen |= {"width": int(width), "height": int(height)}
    recogniser = ActionRecogniser(streaming=streaming, colour=colour, **chosen)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        recogniser.fit(data, valid=valid, checkpoint=checkpoint, resume=resume, progress=progress)

    train_to(output, recogniser, fit, voice=voice, resume=resume, json=json, result=_result, scores=_scores)


def _scores(recogniser: ActionRecogniser) -> dict[str, object]:
    scores = recogniser.scores_
    return {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1, "baselines": recogniser.baselines_}


def _result(recogniser: ActionRecogniser) -> str:
    from ensue.tasks.class_scores import confusion_text

    scores = recogniser.scores_
    beside = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in recogniser.baselines_.items())
    return (
        f"Accuracy {scores.accuracy:.1%}, macro F1 {scores.macro_f1:.1%} on {scores.rows:,} validation clips ({beside}).\n"
        f"{confusion_text(scores)}"
    )
