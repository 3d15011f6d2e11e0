"""`ensue pretrain`: made sequences in, the forecaster that needs no training out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ensue.cli.console import Voice, duration
from ensue.cli.options import Json
from ensue.cli.results import print_json, print_line
from ensue.config import PretrainOptions, load_pretraining
from ensue.errors import UsageError


def pretrain(
    ctx: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for model, card and checkpoint; made if needed."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="TOML", help="File with a table \\[pretrain]; options here win.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Training steps; 40,000 unless given.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the weights and of all sequences.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", metavar="HTML", help="Only draw what the generators make, as a page to look at."),
    ] = None,
    json: Json = False,
) -> None:
    """Train the bundled forecaster anew, on made sequences alone."""
    voice: Voice = ctx.obj
    options = load_pretraining(config) if config is not None else PretrainOptions()
    given = {"steps": steps, "seed": seed, "device": device}
    flags: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    options = replace(options, **flags)
    if (output is None) == (gallery is None):
        raise UsageError("pretrain takes a folder to write to or a page to draw: give --output or --gallery.")
    from ensue.estimators.base import needs_torch

    with needs_torch("Pretraining"):
        from ensue.learn.pretraining.gallery import write_gallery
        from ensue.learn.pretraining.whole import pretrain as train

    if gallery is not None:
        write_gallery(gallery, options.seed)
        voice.say(f"What the generators make is in {gallery}.")
        return
    if output is None:
        return
    again = f"ensue pretrain{f' --config {config.name}' if config else ''} --output {output.name}"
    changed = "".join(f" --{name} {value}" for name, value in flags.items())
    with voice.progress(lambda: ()) as progress:
        result = train(options, output, resume=resume, command=again + changed, progress=progress)
    report = result.report
    if json:
        print_json({"folder": str(output), "parameters": result.parameters, "report": report.to_json()})
        return
    print_line(
        f"{result.parameters:,} parameters, {report.steps:,} steps in {duration(report.seconds)} ({report.stopped}): "
        f"loss {report.validation:.4f} on held-out sequences, seasonal naive's {report.baseline:.4f}."
    )
    voice.say(f"Model, card and checkpoint are in {output}.")
    if report.stopped == "interrupted":
        voice.say(
            "Interrupted: the same command with --resume goes on from the last checkpoint, written at each validation."
        )
        raise typer.Exit(130)
