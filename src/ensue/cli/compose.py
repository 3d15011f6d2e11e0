"""`ensue compose`: a composer goes on from a tune, into a MIDI file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ensue.cli.console import Voice
from ensue.cli.models import model_of
from ensue.cli.options import Json, Model, Plot
from ensue.cli.pictures import check_picture_path
from ensue.cli.results import check_not_input, print_json, print_line
from ensue.cli.training import check_output
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.data.notes.tune import Tune
    from ensue.estimators.composer import Composer


def compose(
    ctx: typer.Context,
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="MIDI file to write: .mid.")],
    prompt: Annotated[
        Path | None, typer.Option("--prompt", metavar="TUNE", help="MIDI or ABC file to go on from; none unless given.")
    ] = None,
    bars: Annotated[int, typer.Option("--bars", help="Bars to compose after the prompt.")] = 16,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Below 1 the likely becomes likelier; 0 takes the likeliest always.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option("--top-p", help="Only the likeliest notes that together have this probability.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed composes another tune.")] = 0,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Compose: go on from a tune, and write both to a MIDI file."""
    voice: Voice = ctx.obj
    if output.suffix.lower() not in (".mid", ".midi"):
        raise UsageError(f"-o is '{output}', expected a file that ends in .mid.")
    check_output(output)
    check_picture_path(plot)
    if prompt is not None:
        check_not_input("-o", output, str(prompt))

    from ensue.data.notes.midi_files import write_midi

    composer: Composer = model_of(model, "melody")
    voice.findings(composer.findings_)
    tune = composer.compose(prompt, bars=bars, temperature=temperature, top_p=top_p, seed=seed)
    voice.findings(composer.prompt_findings_)
    write_midi(output, tune)
    begun = composer.prompt_steps_
    made = int((tune.notes[:, 0] >= begun).sum())
    if json:
        print_json(
            {
                "output": str(output),
                "prompt_notes": len(tune.notes) - made,
                "notes": made,
                "bars": bars,
                "time_signature": str(tune.meter),
                "tempo": tune.tempo,
                "seed": seed,
                "findings": composer.prompt_findings_,
            }
        )
    else:
        print_line(
            f"{output}: {made} notes in {bars} bars of {tune.meter} after {len(tune.notes) - made} of the prompt."
        )
    if plot is not None:
        _draw(tune, begun, plot, voice)


def _draw(tune: Tune, begun: int, plot: str, voice: Voice) -> None:
    from ensue import plotting
    from ensue.plotting.piano_roll import piano_roll_chart, terminal_roll

    if plot == "-":
        print_line(terminal_roll(tune, begun))
        return
    plotting.save_chart(piano_roll_chart(tune, begun), plot)
    voice.say(f"The picture is in {plot}.")
