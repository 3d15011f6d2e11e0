"""`ensue predict`: the class of a text, of each line of a file, of each sequence of a table, of each clip or recording."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.listen import predict_recordings
from ensue.cli.models import of_task
from ensue.cli.options import Model
from ensue.cli.predict_action import Asked, predict_actions
from ensue.cli.results import check_not_input, check_writable, print_json, print_line
from ensue.errors import DataError, UsageError

if TYPE_CHECKING:
    from ensue.estimators.classifier import Classifier
    from ensue.inspection.words_that_carried import Carried

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".arrow", ".feather", ".json")
"""Endings of files that are read as tables; any other is read line by line."""
PACKED = (".gz", ".xz", ".bz2", ".zip", ".zst")
LONGEST_PATH = 1000
EXPLAINED = 200
"""Texts that are explained at most."""
CLIPS = "Clips (a model of ensue train action)"
COLOURS = ("#0d5c4a", "#127a62", "#17977a", "#1cb592"), ("#7a3414", "#9c431a", "#be5220", "#e06126")
"""Behind words that speak for the answer and against it, the stronger the lighter."""


def predict(
    ctx: typer.Context,
    model: Model,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="Texts, clips or recordings; without a text, standard input is read line by line."
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Lines of a text file, or a table; - reads stdin.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the words that carried each decision.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write that as a page, such as words.html.")
    ] = None,
    moments: Annotated[
        bool, typer.Option("--moments", help="Of a clip, what is done when.", rich_help_panel=CLIPS)
    ] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay", metavar="FILE.mp4", help="Write the film with what is done on it.", rich_help_panel=CLIPS
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera", metavar="NUMBER", help="Watch this camera, 0 the first, until Ctrl-C.", rich_help_panel=CLIPS
        ),
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option(
            "--smooth", metavar="SECONDS", help="Average what is told of moments over these.", rich_help_panel=CLIPS
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with every probability.")] = False,
) -> None:
    """Say which class texts, sequences of numbers, clips or recordings belong to.

    Prints a line for each: the class and its probability. A blank line stays blank, so that line numbers agree.
    """
    from ensue.estimators import load

    voice: Voice = ctx.obj
    if texts and file is not None:
        raise UsageError("A text and --file are both given, expected one of them.")
    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--html is '{html}', expected a name ending in .html.")
    if html is not None:
        check_writable("--html", html)
    if overlay is not None:
        check_writable("--overlay", overlay)
    if file is not None:
        check_not_input("--html", html, file)
    found, of_clips = load(model), Asked(moments, overlay, camera, smooth, json)
    task = found.describe()["task"]
    texts_alone = {"explain": explain, "html": html is not None, "file": file is not None}
    clips_alone = {
        "moments": moments,
        "overlay": overlay is not None,
        "camera": camera is not None,
        "smooth": smooth is not None,
    }
    if task == "command":
        _refuse("recordings", **texts_alone, **clips_alone)
        voice.findings(found.findings_)
        predict_recordings(found, texts or (), json, voice)
        return
    if task == "action":
        _refuse("clips", **texts_alone)
        voice.findings(found.findings_)
        predict_actions(found, texts or (), of_clips, voice)
        return
    classifier: Classifier = of_task(found, "classification", model)
    _refuse("texts or sequences of numbers", **clips_alone)
    voice.findings(classifier.findings_)
    items = _given(classifier, texts, file)
    explained = _explained(classifier, items, voice) if explain or html is not None else {}
    _answer(classifier, items, explained if explain else {}, voice, json)
    if html is not None:
        from ensue.inspection.words_that_carried import page
        from ensue.storage import write_atomically

        content = page(list(explained.values())).encode()
        write_atomically(html, lambda out: out.write(content))
        voice.say(f"The words that carried {len(explained):,} decision{'s' * (len(explained) != 1)} are in {html}.")


def _refuse(reads: str, **given: bool) -> None:
    """Options that do not go with what the model reads."""
    for name in [each for each, is_given in given.items() if is_given]:
        raise UsageError(f"--{name} is given, and this model reads {reads}: leave it out.")


def _given(classifier: Classifier, texts: Sequence[str] | None, file: str | None) -> Sequence[Any]:
    """What is to be classified; a blank text stands for a blank line."""
    if texts == ["-"]:
        texts, file = None, "-"
    if texts:
        for text in texts:
            if not text.strip():
                raise DataError("The text is empty, expected at least one word: leave it out.")
            if len(text) < LONGEST_PATH and Path(text).is_file():
                raise UsageError(f"'{text}' is a file, and a text was expected: give --file {text}.")
        return list(texts)
    if file is not None and (_is_table(file) or not classifier.task_.reads_text):
        return classifier.items_of(Path(file))
    if file is not None and file != "-":
        from ensue.data.text_files import read_lines

        return read_lines(file)
    if not classifier.task_.reads_text:
        raise UsageError(
            "This model reads sequences of numbers: give a table with --file, or --file - and one on stdin."
        )
    return _lines_of_stdin()


def _is_table(file: str) -> bool:
    path = Path(file)
    return (Path(path.stem) if path.suffix.lower() in PACKED else path).suffix.lower() in TABLES


def _lines_of_stdin() -> list[str]:
    from ensue.data.text_files import read_stdin

    text = read_stdin()
    if not text.strip():
        raise DataError("Standard input is empty, expected texts, one a line.")
    return text.removesuffix("\n").split("\n")


def _answer(
    classifier: Classifier, items: Sequence[Any], explained: dict[int, Carried], voice: Voice, json: bool
) -> None:
    """A line for each item."""
    told = [place for place, item in enumerate(items) if not (isinstance(item, str) and not item.strip())]
    shares: Any = classifier.predict_proba([items[place] for place in told]) if told else []
    voice.findings(getattr(classifier, "prediction_findings_", ()))
    if len(told) < len(items):
        voice.say(f"- {len(items) - len(told):,} of {len(items):,} lines are blank and stay blank.")
    answers = dict(zip(told, shares, strict=True))
    for place in range(len(items)):
        if place not in answers:
            print_json({"class": None}) if json else print_line()
            continue
        row = answers[place]
        name = classifier.classes_[int(row.argmax())]
        if json:
            each = explained.get(place)
            words = {} if each is None else {"words": _words(each)}
            print_json(
                {"class": name, "probabilities": dict(zip(classifier.classes_, row.tolist(), strict=True))} | words
            )
        else:
            print_line(f"{name}\t{row.max():.3f}")
            if place in explained:
                _highlight(explained[place])


def _explained(classifier: Classifier, items: Sequence[Any], voice: Voice) -> dict[int, Carried]:
    texts = [(place, item) for place, item in enumerate(items) if not isinstance(item, str) or item.strip()]
    if len(texts) > EXPLAINED:
        voice.say(f"- The first {EXPLAINED} of {len(texts):,} texts are explained.")
    return {place: classifier.explain(item) for place, item in texts[:EXPLAINED]}


def _words(carried: Carried) -> list[dict[str, Any]]:
    return [
        {"word": word, "effect": effect} for word, effect in zip(carried.words, carried.effects.tolist(), strict=True)
    ]


def _highlight(carried: Carried) -> None:
    """The text with its words on colours, and the strongest words by name for whoever sees none."""
    from rich.console import Console
    from rich.text import Text

    shown = Text(carried.text)
    for (first, last), shade in zip(carried.spans, carried.shades(), strict=True):
        if shade:
            shown.stylize(f"white on {COLOURS[shade < 0][abs(shade) - 1]}", first, last)
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(shown)
    for finding in carried.findings:
        console.print(f"  {finding}", markup=False)
    listed = ", ".join(f"{word} {effect:+.2f}" for word, effect in carried.strongest())
    console.print(f"  log odds for {carried.answer}: {listed}", markup=False)
