"""`ensue train speech`: recordings with what is said in them in, a model file out."""

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
    from ensue.estimators.transcriber import Transcriber
    from ensue.reports import Progress

WRITING = "What is written"


def train_speech(
    ctx: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="Table with columns of files and texts, or a folder with a .txt beside each recording.",
        ),
    ],
    output: Output,
    file: Annotated[str | None, typer.Option("--file", metavar="NAME", help="Column of files.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="NAME", help="Column of what is said.")] = None,
    speaker: Annotated[str | None, typer.Option("--speaker", metavar="NAME", help="Column of speakers.")] = None,
    valid: Annotated[
        Path | None,
        typer.Option("--valid", metavar="MANIFEST", help="Recordings to validate on; else a part is set aside."),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(
            "--tokens",
            metavar="characters|subwords|words",
            help="What is written; characters unless given.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option("--vocabulary", help="Different subwords at most.", rich_help_panel=WRITING)
    ] = None,
    alphabet: Annotated[
        str | None,
        typer.Option(
            "--alphabet",
            metavar="CHARACTERS",
            help="All that may be written; else what the texts hold.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase/--keep-case", help="Write in lower case.", rich_help_panel=WRITING)
    ] = None,
    words_model: Annotated[
        int | None,
        typer.Option(
            "--words-model",
            metavar="N",
            help="Length of the n-grams learned from the texts; 3 unless given, 0: none.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    closed: Annotated[
        bool | None, typer.Option("--closed/--open", help="Write only words of the texts.", rich_help_panel=WRITING)
    ] = None,
    streaming: Annotated[
        bool | None,
        typer.Option("--streaming/--both-ways", help="Read forward only, so that words come while somebody speaks."),
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option("--augment/--as-recorded", help="Change what is heard while training.", rich_help_panel=TRAINING),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", help="The preset's unless given.", rich_help_panel=TRAINING)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="How often each recording is heard.", rich_help_panel=TRAINING)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="Highest; 0.003 unless given.", rich_help_panel=TRAINING)
    ] = None,
    preset: Preset = None,
    steps: Steps = None,
    device: Device = None,
    threads: Threads = None,
    seed: Seed = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Train a model that writes down what is said.

    Files are looked for beside the table. A column of speakers lets whole speakers be set aside, and one of parts (train,
    valid, test) divides as it says. A language model of the texts' words is learned too. Ctrl-C keeps the best so far.
    """
    from ensue.estimators.transcriber import Transcriber

    voice: Voice = ctx.obj
    for table in (data, valid):
        if table is not None:
            check_not_input("-o", output, str(table))
    chosen = given(
        file=file, text=text, speaker=speaker, tokens=tokens, vocabulary=vocabulary, alphabet=alphabet,
        lowercase=lowercase, words_model=words_model, closed=closed, streaming=streaming, augment=augment,
        dropout=dropout, epochs=epochs, learning_rate=learning_rate, preset=preset, steps=steps, device=device,
        threads=threads, seed=seed,
    )  # fmt: skip
    transcriber = Transcriber(**chosen)

    def fit(checkpoint: Path, progress: Callable[[Progress], None]) -> None:
        transcriber.fit(data, valid=valid, checkpoint=checkpoint, resume=resume, progress=progress)

    train_to(output, transcriber, fit, voice=voice, resume=resume, json=json, result=_result)


def _result(transcriber: Transcriber) -> str:
    greedy, found = transcriber.greedy_scores_, transcriber.scores_
    return (
        f"Validation: word error rate {found.wer:.1%}, character error rate {found.cer:.1%} on {found.words:,} words "
        f"(greedily {greedy.wer:.1%})."
    )
