"""`ensue listen`: words heard in recordings, in a pipe or by a microphone, each as soon as it was said."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.models import model_of
from ensue.cli.options import Model
from ensue.cli.results import print_json, print_line
from ensue.cli.several import each_file
from ensue.cli.training import given
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.estimators.listener import Listener
    from ensue.runtime.hearing import CommandStream, Heard


def listen(
    ctx: typer.Context,
    model: Model,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Sound files; - is sound on standard input.")
    ] = None,
    microphone: Annotated[
        bool, typer.Option("--microphone", help="Listen to the system's microphone until Ctrl-C.")
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NUMBER", help="Another microphone: its number, or its name.")
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", help="Samples a second of raw 16-bit sound; the model's unless given."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="P", help="The probability from which a word is heard; the model's."),
    ] = None,
    smooth: Annotated[
        float | None, typer.Option("--smooth", metavar="SECONDS", help="Average probabilities over these.")
    ] = None,
    rest: Annotated[
        float | None, typer.Option("--rest", metavar="SECONDS", help="Hear nothing for so long after a word.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a word.")] = False,
) -> None:
    """Hear words in recordings, standard input or a microphone.

    Prints a line a word: when it was heard, which it is, how sure that is. A file that cannot be read is named, the others
    are heard all the same.
    """
    voice: Voice = ctx.obj
    if bool(files) == microphone or ("-" in (files or ()) and len(files or ()) > 1):
        raise UsageError("Give sound files, or - alone for standard input, or --microphone; one of them is expected.")
    if device is not None and not microphone:
        raise UsageError("--device names a microphone and --microphone is not given: give it, or leave --device out.")
    listener: Listener = model_of(model, "command")
    voice.findings(listener.findings_)
    hearing = replace(listener.hearing_, **given(threshold=threshold, smooth=smooth, rest=rest))
    stream = listener.stream(hearing)
    if microphone:
        _by_microphone(stream, device, voice, json)
    elif files == ["-"]:
        _by_pipe(stream, rate, json)
    else:
        several = len(files or ()) > 1

        def work(file: str) -> None:
            for word in _of_file(stream, file, voice):
                _tell(word, file if several else None, json)

        each_file(files or (), work)


def predict_recordings(listener: Listener, files: Sequence[str], json: bool, voice: Voice) -> None:
    """The class of each recording, for `ensue predict`; one that cannot be read is named, the others are told."""
    if not files:
        raise UsageError("No recording is given, expected sound files: name them behind the options.")

    def work(file: str) -> None:
        shares = listener.predict_proba([Path(file)])[0]
        voice.findings(listener.prediction_findings_)
        best = listener.classes_[int(shares.argmax())]
        if json:
            every = dict(zip(listener.classes_, shares.tolist(), strict=True))
            print_json({"file": file, "class": best, "probabilities": every})
        else:
            print_line((f"{file}\t" if len(files) > 1 else "") + f"{best}\t{shares.max():.3f}")

    each_file(files, work)


def _of_file(stream: CommandStream, file: str, voice: Voice) -> Iterator[Heard]:
    from ensue.data.audio.recordings import read_audio

    recording = read_audio(file, stream.task.front_end.rate)
    voice.findings(f"{file}: {finding}" for finding in recording.findings)
    stream.reset()
    piece = recording.rate
    for at in range(0, len(recording.samples), piece):
        yield from stream.update(recording.samples[at : at + piece])
    yield from stream.finish()


def _by_pipe(stream: CommandStream, rate: int | None, json: bool) -> None:
    from ensue.data.audio.sources import from_pipe

    for samples in from_pipe(sys.stdin.buffer, rate, stream.task.front_end.rate):
        _tell_all(stream.update(samples), json)
    _tell_all(stream.finish(), json)


def _by_microphone(stream: CommandStream, device: str | None, voice: Voice, json: bool) -> None:
    from ensue.data.audio.sources import from_microphone

    voice.say(f"Listening for {', '.join(stream.task.words)}; Ctrl-C ends it.")
    for samples in from_microphone(stream.task.front_end.rate, device):
        _tell_all(stream.update(samples), json)


def _tell_all(words: Sequence[Heard], json: bool) -> None:
    for word in words:
        _tell(word, None, json)
    if words:
        sys.stdout.flush()


def _tell(word: Heard, file: str | None, json: bool) -> None:
    if json:
        named: dict[str, Any] = {} if file is None else {"file": file}
        print_json(named | {"seconds": word.time, "word": word.word, "confidence": round(word.confidence, 4)})
    else:
        print_line(("" if file is None else f"{file}\t") + f"{word.time:.2f} s\t{word.word}\t{word.confidence:.2f}")
