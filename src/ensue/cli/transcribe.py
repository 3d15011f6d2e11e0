"""`ensue transcribe`: recordings in, the words that are said in them out; from a pipe while somebody speaks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ensue.cli.console import Voice
from ensue.cli.models import model_of
from ensue.cli.options import Model
from ensue.cli.results import print_json, print_line
from ensue.errors import DataError, EnsueError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from ensue.estimators.transcriber import Transcriber
    from ensue.runtime.transcribing import SpeechStream, Transcript, Word

CHUNK = 0.1
"""Seconds that a stream is given at once."""
LINE = 7
"""Words of a subtitle at most ..."""
GAP = 0.8
"""... and the seconds of silence after which another one begins."""


def transcribe(
    ctx: typer.Context,
    model: Model,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Sound files; - is raw sound on standard input, with --stream."),
    ],
    stream: Annotated[
        bool, typer.Option("--stream", help="Print words as they become final, and what is heard so far on stderr.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", help="Samples a second of raw 16-bit sound; the model's unless given."),
    ] = None,
    times: Annotated[bool, typer.Option("--times", help="A line a word: start, end, confidence, word.")] = False,
    srt: Annotated[bool, typer.Option("--srt", help="Subtitles in the SubRip format.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a file, or with --stream a piece.")] = False,
    beam: Annotated[int | None, typer.Option("--beam", help="Hypotheses kept at each step; 16 unless given.")] = None,
    lm: Annotated[
        Path | None, typer.Option("--lm", metavar="FILE.arpa", help="A language model instead of the model's own.")
    ] = None,
    lm_weight: Annotated[
        float | None, typer.Option("--lm-weight", help="What it counts; as found in training unless given.")
    ] = None,
    hot: Annotated[
        list[str] | None,
        typer.Option(
            "--hot", metavar="WORD:BONUS", help="A word that is likelier than the model thinks, such as yes:3."
        ),
    ] = None,
    closed: Annotated[
        bool | None, typer.Option("--closed/--open", help="Only words of the language model, or any.")
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="The likeliest at every step, no language model.")] = False,
) -> None:
    """Write down what is said in recordings.

    Prints a line a file, with the file's name where there are several. A file that cannot be read is named, the others
    are written down all the same.
    """
    voice: Voice = ctx.obj
    if sum((times, srt, json)) > 1:
        raise UsageError("More than one of --times, --srt and --json is given, expected one.")
    if srt and (len(files) > 1 or stream):
        raise UsageError("--srt makes one file of subtitles, expected one recording and no --stream.")
    if "-" in files and (not stream or len(files) > 1):
        raise UsageError("- is sound that comes while it is heard: give it alone and with --stream.")
    transcriber: Transcriber = model_of(model, "speech")
    voice.findings(transcriber.findings_)
    asked: dict[str, Any] = {
        "beam": beam, "model": lm, "language_weight": lm_weight, "hot": _hot(hot or []), "closed": closed,
        "greedy": greedy,
    }  # fmt: skip
    transcriber.search(**asked)  # what cannot be right is refused before anything is read
    shown = _Shown(len(files) > 1, times, srt, json)
    if not stream:
        _each(files, lambda file: _whole(transcriber, file, asked, voice, shown), voice)
        return
    listener = transcriber.stream(**asked)
    _each(files, lambda file: _as_it_comes(listener, file, rate, voice, shown), voice)


def _each(files: Sequence[str], work: Callable[[str], None], voice: Voice) -> None:
    """Do something with every file; those that fail are listed at the end."""
    failed = []
    for file in files:
        try:
            work(file)
        except MissingExtraError:
            raise
        except EnsueError as error:
            if len(files) == 1:
                raise
            failed.append(file)
            print(f"ensue: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
    if failed:
        raise DataError(f"{len(failed)} of {len(files)} files could not be read: {', '.join(failed)}.")


class _Shown:
    """How words are printed."""

    def __init__(self, several: bool, times: bool, srt: bool, json: bool) -> None:
        self.several, self.times, self.srt, self.json = several, times, srt, json

    def whole(self, file: str, transcript: Transcript) -> None:
        if self.srt:
            print_line(subtitles(transcript.words))
        elif self.json:
            print_json({"file": file, "text": transcript.text, "words": _plain(transcript.words)})
        elif self.times:
            if self.several:
                print_line(f"# {file}")
            self._timed(transcript.words)
        else:
            print_line(f"{file}\t{transcript.text}" if self.several else transcript.text)

    def piece(self, words: Sequence[Word]) -> None:
        """Words of a stream that became final."""
        if self.json:
            print_json({"text": " ".join(word.text for word in words), "words": _plain(words)})
        elif self.times:
            self._timed(words)
        else:
            print(" ".join(word.text for word in words), end=" ")  # noqa: T201
        sys.stdout.flush()

    def end(self) -> None:
        if not (self.json or self.times):
            print_line()

    def _timed(self, words: Sequence[Word]) -> None:
        for word in words:
            print_line(f"{word.start:.2f}\t{word.end:.2f}\t{word.confidence:.2f}\t{word.text}")


def _plain(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [
        {"word": word.text, "start": word.start, "end": word.end, "confidence": round(word.confidence, 4)}
        for word in words
    ]


def _whole(transcriber: Transcriber, file: str, asked: dict[str, Any], voice: Voice, shown: _Shown) -> None:
    transcript = transcriber.transcribe([file], **asked)[0]
    voice.findings(f"{file}: {finding}" for finding in transcript.findings)
    shown.whole(file, transcript)


def _as_it_comes(listener: SpeechStream, file: str, rate: int | None, voice: Voice, shown: _Shown) -> None:
    listener.reset()
    if shown.several:
        print_line(f"# {file}")
    before = ""
    for chunk in _from_pipe(listener, rate) if file == "-" else _from_file(listener, file, voice):
        final = listener.update(chunk)
        if final:
            before = _interim("", before, voice)
            shown.piece(final)
        before = _interim(listener.partial, before, voice)
    _interim("", before, voice)
    final = listener.finish()
    if final:
        shown.piece(final)
    shown.end()


def _interim(heard: str, before: str, voice: Voice) -> str:
    """Show what is heard so far: on a terminal a line that changes, elsewhere a line whenever it is another."""
    if heard == before or voice.quiet:
        return heard
    if sys.stderr.isatty():
        print(f"\r\033[K{heard}", end="", file=sys.stderr, flush=True)  # noqa: T201
    elif heard:
        voice.say(f"... {heard}")
    return heard


def _from_file(listener: SpeechStream, file: str, voice: Voice) -> Iterator[Any]:
    from ensue.tasks.speech_data import open_recording

    front_end: Any = listener.task.front_end
    recording, findings = open_recording(file, front_end)
    voice.findings(f"{file}: {finding}" for finding in findings)
    samples = recording if front_end.kind == "given" else recording.samples
    size = max(1, round(CHUNK / front_end.hop) if front_end.kind == "given" else round(CHUNK * front_end.rate))
    return (samples[at : at + size] for at in range(0, len(samples), size))


def _from_pipe(listener: SpeechStream, rate: int | None) -> Iterator[Any]:
    """Raw samples of standard input: 16 bits, little-endian, one channel."""
    import numpy as np

    front_end: Any = listener.task.front_end
    if front_end.kind == "given":
        raise UsageError(
            "This model reads features and no sound, so it cannot hear standard input: give files of features."
        )
    resample = _resampler(rate, front_end.rate)
    source: BinaryIO = sys.stdin.buffer
    size, rest, first = 2 * max(1, round(CHUNK * (rate or front_end.rate))), b"", True
    while data := getattr(source, "read1", source.read)(size):
        if first and data[:4] in (b"RIFF", b"fLaC", b"OggS"):
            raise DataError(
                "Standard input is a sound file, expected raw 16-bit samples: give the file's name, or take its header "
                "away, for example with ffmpeg -i FILE -f s16le -ac 1 -."
            )
        first, data = False, rest + data
        whole = len(data) - len(data) % 2
        rest = data[whole:]
        yield resample(np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768, False)
    if first:
        raise DataError("Standard input is empty, expected raw 16-bit samples.")
    yield resample(np.zeros(0, np.float32), True)


def _resampler(rate: int | None, wanted: int) -> Callable[[Any, bool], Any]:
    if rate is None or rate == wanted:
        return lambda samples, last: samples
    if not 100 <= rate <= 1_000_000:
        raise UsageError(f"--rate is {rate}, expected samples a second, such as 16000.")
    try:
        import soxr
    except ImportError as error:
        raise MissingExtraError("Changing the sample rate of a stream", "soxr", "audio") from error
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    return lambda samples, last: stream.resample_chunk(samples, last=last)


def _hot(given: Sequence[str]) -> dict[str, float]:
    found = {}
    for each in given:
        word, colon, bonus = each.rpartition(":")
        try:
            found[word if colon else each] = float(bonus) if colon else 3.0
        except ValueError as error:
            raise UsageError(f"--hot is '{each}', expected a word and its bonus, such as yes:3.") from error
    return found


def subtitles(words: Sequence[Word]) -> str:
    """Words as subtitles in the SubRip format."""
    cues: list[list[Word]] = []
    for word in words:
        if not cues or len(cues[-1]) >= LINE or word.start - cues[-1][-1].end > GAP:
            cues.append([])
        cues[-1].append(word)
    blocks = []
    for number, cue in enumerate(cues, start=1):
        text = " ".join(word.text for word in cue)
        blocks.append(f"{number}\n{_clock(cue[0].start)} --> {_clock(cue[-1].end)}\n{text}\n")
    return "\n".join(blocks)


def _clock(seconds: float) -> str:
    """Seconds as SubRip writes them.

    >>> _clock(3661.5)
    '01:01:01,500'
    """
    thousandths = round(seconds * 1000)
    whole, thousandths = divmod(thousandths, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"
