"""`ensue transcribe`: recordings in, the words that are said in them out; from a pipe while somebody speaks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.models import model_of
from ensue.cli.options import Model
from ensue.cli.results import print_json, print_line
from ensue.cli.several import each_file
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.estimators.transcriber import Transcriber
    from ensue.runtime.transcribing import SpeechStream, Transcript, Word

CHUNK = 0.1
"""Seconds that a stream is given at once."""
LINE = 7
"""Words of a subtitle at most ..."""
GAP = 0.8
"""... and the seconds of silence after which another one begins."""
MICROPHONE = "the microphone"


def transcribe(
    ctx: typer.Context,
    model: Model,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Sound files; - is sound on standard input, with --stream."),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print words as they become final, and what is heard so far on stderr.")
    ] = False,
    microphone: Annotated[
        bool, typer.Option("--microphone", help="Listen to the system's microphone until Ctrl-C, as with --stream.")
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
    if bool(files) == microphone:
        raise UsageError("Give sound files, or - for standard input, or --microphone; one of them is expected.")
    files, stream = files or [MICROPHONE], stream or microphone
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
        each_file(files, lambda file: _whole(transcriber, file, asked, voice, shown))
        return
    listener = transcriber.stream(**asked)
    each_file(files, lambda file: _as_it_comes(listener, file, rate, voice, shown))


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
    live = file in ("-", MICROPHONE)
    for chunk in _live(listener, file, rate, voice) if live else _from_file(listener, file, voice):
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


def _live(listener: SpeechStream, file: str, rate: int | None, voice: Voice) -> Iterator[Any]:
    """Samples of a microphone until Ctrl-C, or of standard input until its end."""
    from ensue.data.audio.sources import from_microphone, from_pipe

    front_end: Any = listener.task.front_end
    if front_end.kind == "given":
        raise UsageError("This model reads features and no sound, so it cannot hear any: give files of features.")
    if file == "-":
        yield from from_pipe(sys.stdin.buffer, rate, front_end.rate, CHUNK)
        return
    with suppress(KeyboardInterrupt):
        voice.say("Listening; Ctrl-C ends it.")
        yield from from_microphone(front_end.rate, seconds=CHUNK)


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
