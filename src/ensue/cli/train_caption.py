"""`ensue train caption`: films with sentences about them in, a model file out; with --ctc, lips and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.options import Json
from ensue.cli.results import check_not_input
from ensue.cli.training import TRAINING, Device, Output, Preset, Resume, Seed, Steps, Threads, given, train_to
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.estimators.captioner import Captioner
    from ensue.estimators.lip_reader import LipReader
    from ensue.reports import Progress

FILMS, LIPS = "Films", "Lip reading (--ctc)"


def train_caption(
    ctx: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST", help="Table with columns of files and texts; a file may have several rows."),
    ],
    output: Output,
    valid: Annotated[
        Path | None, typer.Option("--valid", metavar="MANIFEST", help="Clips to validate on; else a part is set aside.")
    ] = None,
    ctc: Annotated[
        bool, typer.Option("--ctc", help="Read lips: what is written is said in the film, in its order.")
    ] = False,
    tokens: Annotated[
        str | None,
        typer.Option(
            "--tokens",
            metavar="words|subwords|characters",
            help="What is written; words unless given, characters with --ctc.",
        ),
    ] = None,
    vocabulary: Annotated[int | None, typer.Option("--vocabulary", help="Different tokens at most.")] = None,
    side: Annotated[
        int | None,
        typer.Option(
            "--side", metavar="PIXELS", help="What films are brought to; 64 unless given.", rich_help_panel=FILMS
        ),
    ] = None,
    frame_rate: Annotated[
        float | None,
        typer.Option(
            "--frame-rate",
            metavar="N",
            help="Frames a second; 10 unless given, 25 with --ctc.",
            rich_help_panel=FILMS,
        ),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader", metavar="lstm|mean", help="mean is the baseline that knows no order.", rich_help_panel=FILMS
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            metavar="NET.onnx",
            help="A network of yours that sees each frame (extra onnx).",
            rich_help_panel=FILMS,
        ),
    ] = None,
    mouth: Annotated[
        str | None,
        typer.Option(
            "--mouth",
            metavar="WIDTHxHEIGHT",
            help="Pixels around what moves most; 64x32 unless given.",
            rich_help_panel=LIPS,
        ),
    ] = None,
    shrink: Annotated[
        int | None,
        typer.Option("--shrink", metavar="N", help="N x N pixels of the film make one.", rich_help_panel=LIPS),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="The preset's unless given.", rich_help_panel=TRAINING)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a model that says in a sentence what a film shows, or with --ctc what somebody in it says.

    Files are looked for beside the table; a column of parts (train, valid, test) divides as it says. Ctrl-C keeps the best
    so far.
    """
    voice: Voice = ctx.obj
    for file in (data, valid):
        if file is not None:
            check_not_input("-o", output, str(file))
    chosen = given(
        tokens=tokens, vocabulary=vocabulary, frame_rate=frame_rate, dropout=dropout, preset=preset, steps=steps,
        device=device, threads=threads, seed=seed,
    )  # fmt: skip
    seen = None if features is None else str(features)
    films, lips = given(side=side, reader=reader, features=seen), given(mouth=mouth, shrink=shrink)
    _refuse(films if ctc else lips, ctc)
    model: Any = _lip_reader(chosen, lips) if ctc else _captioner(chosen | films)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        model.fit(data, valid=valid, checkpoint=checkpoint, resume=resume, progress=progress)

    result = _heard if ctc else _result
    train_to(output, model, fit, voice=voice, resume=resume, json=json, result=result)


def _refuse(other: dict[str, Any], ctc: bool) -> None:
    if other:
        name = next(iter(other))
        raise UsageError(
            f"--{name} is given {'with' if ctc else 'without'} --ctc, which it does not go with: leave it out."
        )


def _captioner(chosen: dict[str, Any]) -> Captioner:
    from ensue.estimators.captioner import Captioner

    return Captioner(**chosen)


def _lip_reader(chosen: dict[str, Any], lips: dict[str, Any]) -> LipReader:
    from ensue.estimators.lip_reader import LipReader

    if "mouth" in lips:
        width, _, height = lips.pop("mouth").lower().partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise UsageError(
                f"--mouth is not WIDTHxHEIGHT in pixels, such as 64x32: '{width}' and '{height}' were read."
            )
        lips |= {"width": int(width), "height": int(height)}
    return LipReader(**chosen | lips)


def _result(captioner: Captioner) -> str:
    from ensue.estimators.base import better_than_baseline

    return better_than_baseline(captioner.report_)


def _heard(reader: LipReader) -> str:
    greedy, found = reader.greedy_scores_, reader.scores_
    return f"Validation: word error rate {found.wer:.1%} on {found.words:,} words (greedily {greedy.wer:.1%})."
