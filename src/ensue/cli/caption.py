"""`ensue caption`: films in, a sentence about each out; of a model that reads lips, what is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensue.cli.console import Voice
from ensue.cli.models import of_task
from ensue.cli.options import Model
from ensue.cli.results import check_not_input, check_writable, print_json, print_line
from ensue.cli.several import each_file
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.runtime.captioning import Caption


def caption(
    ctx: typer.Context,
    model: Model,
    files: Annotated[list[str], typer.Argument(metavar="CLIP...", help="Film files.")],
    beam: Annotated[
        int | None, typer.Option("--beam", help="Hypotheses kept at each step; 1 is greedy, 5 unless given.")
    ] = None,
    n_best: Annotated[int, typer.Option("--n-best", metavar="N", help="The N best of each clip, with scores.")] = 1,
    attention: Annotated[
        Path | None,
        typer.Option("--attention", metavar="FILE.html", help="Draw which moments each word looked at."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a clip, with scores and words.")] = False,
) -> None:
    """Say in a sentence what each clip shows, or what somebody in it says where the model reads lips.

    Prints a line a clip, with the file's name where there are several. A clip that cannot be read is named, the others
    are captioned all the same.
    """
    from ensue.estimators import load

    voice: Voice = ctx.obj
    found = load(model)
    if attention is not None:
        for file in files:
            check_not_input("--attention", attention, file)
        if attention.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--attention is '{attention}', expected a name ending in .html.")
        check_writable("--attention", attention)
    if _reads_lips(found):
        _lips(found, files, beam, n_best, attention, json, voice)
        return
    captioner = of_task(found, "caption", model)
    voice.findings(captioner.findings_)
    asked = {"n_best": n_best} | ({} if beam is None else {"beam": beam})
    captioner.captions([], **asked)  # what cannot be right is refused before anything is read
    shown: list[Caption] = []

    def work(file: str) -> None:
        answers = captioner.captions([file], **asked)[0]
        shown.append(answers[0])
        _print(file, answers, len(files) > 1, json)
        if not answers[0].ended:
            voice.say(f"- The caption of {file} was cut where it grew too long: it may be poor.")

    try:
        each_file(files, work)
    finally:
        if attention is not None and shown:
            from ensue.plotting.attention import save_attention

            save_attention(shown, attention)
            voice.say(f"Wrote {attention}.")


def _print(file: str, answers: list[Caption], several: bool, json: bool) -> None:
    if json:
        fields = ("text", "score", "log_probability", "ended", "tokens")
        print_json({"file": file, "captions": [{name: getattr(each, name) for name in fields} for each in answers]})
        return
    name = f"{file}\t" if several else ""
    for each in answers:
        score = f"{each.score:.4f}\t" if len(answers) > 1 else ""
        print_line(f"{name}{score}{each.text}")


def _reads_lips(model: Any) -> bool:
    """Whether it is a speech model of films."""
    from ensue.data.video.lips import LipsFrontEnd

    return isinstance(getattr(model.task_, "front_end", None), LipsFrontEnd)


def _lips(
    reader: Any, files: list[str], beam: int | None, n_best: int, attention: Path | None, json: bool, voice: Voice
) -> None:
    if n_best > 1 or attention is not None:
        raise UsageError(
            "--n-best and --attention are given and this model reads lips, which has neither: leave them out."
        )
    voice.findings(reader.findings_)

    def work(file: str) -> None:
        heard = reader.transcribe([file], beam=beam)[0]
        if json:
            words = [
                {name: getattr(word, name) for name in ("text", "start", "end", "confidence")} for word in heard.words
            ]
            print_json({"file": file, "text": heard.text, "words": words})
        else:
            print_line(f"{file}\t{heard.text}" if len(files) > 1 else heard.text)

    each_file(files, work)
