"""`ensue demo`: small things to watch."""

from __future__ import annotations

import typer

from ensue.cli.console import Voice, duration
from ensue.cli.options import Json
from ensue.cli.results import print_json, print_line

app = typer.Typer(no_args_is_help=True, help="Small things to watch.")


@app.callback()
def demo() -> None:
    """Small things to watch."""


@app.command("sine")
def sine(ctx: typer.Context, json: Json = False) -> None:
    """Learn a sine wave in seconds, then go on 200 steps with closed eyes."""
    voice: Voice = ctx.obj

    from ensue.demo import learn_sine

    with voice.progress(lambda: ()) as progress:
        result = learn_sine(progress=progress)
    if json:
        print_json(result.scores())
        return
    print_line(result.picture())
    found = ", ".join(map(str, result.seasons)) or "none"
    print_line(f"Trained {result.steps} steps in {duration(result.seconds)}; season found in the numbers: {found}.")
    print_line(f"Next step: RMSE {result.next_step_rmse:.3%} of the amplitude.")
    print_line(
        f"{len(result.truth)} steps with closed eyes: RMSE {result.closed_eyes_rmse:.2%}, "
        f"largest error {result.closed_eyes_largest:.2%} of the amplitude."
    )


@app.command("memory")
def memory(ctx: typer.Context, json: Json = False) -> None:
    """How long is a symbol remembered? LSTM, GRU and a plain RNN over 5 to 100 distracting steps, in a minute."""
    voice: Voice = ctx.obj

    from ensue.demo import show_memory

    with voice.progress(lambda: ()) as progress:
        result = show_memory(progress=progress)
    if json:
        print_json(result.scores())
        return
    print_line(
        "One of eight symbols, then distracting ones, then the question which it was: who has learned to keep it?"
    )
    print_line(result.picture())
    print_line(result.sentence())
    print_line("Chrono: its gates begin by keeping for up to the lag; the others begin as PyTorch lets them.")
    print_line(f"Trained in {duration(result.seconds)}.")
