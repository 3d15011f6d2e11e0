"""Where a picture goes: a file by its ending, or the terminal."""

from __future__ import annotations

from pathlib import Path

from ensue.errors import UsageError

PICTURE_KINDS = (".html", ".png", ".svg")
"""Endings a picture can be saved under."""


def check_picture_path(plot: str | None) -> None:
    """Refuse an ending no picture can be saved under, before any work is done."""
    if plot is not None and plot != "-" and Path(plot).suffix.lower() not in PICTURE_KINDS:
        raise UsageError(
            f"--plot is '{plot}', expected a file that ends in .html, .png or .svg, or - for the terminal."
        )
