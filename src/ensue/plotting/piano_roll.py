"""The picture of a tune: time to the right, pitch upwards, a bar for each note; as a chart or in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ensue.data.notes.events import pitch_name
from ensue.errors import DataError
from ensue.plotting.charts import COLOURS, GRID, _altair, _finished
from ensue.plotting.rows import ENSUE, OBSERVED

if TYPE_CHECKING:
    import altair

    from ensue.data.notes.tune import Tune

PROMPT, COMPOSED = "prompt", "composed"


def piano_roll_chart(tune: Tune, prompt_ends: int = 0, *, title: str | None = None) -> altair.TopLevelMixin:
    """Every note of a tune; what was given and what was composed in different colours, a line at each bar.

    Args:
        prompt_ends: tick at which the composed part begins.

    Raises `DataError` for a tune without notes, `MissingExtraError` where Altair is not installed.

    >>> from ensue.data.notes.tune import of_notes
    >>> piano_roll_chart(of_notes("two", [(0, 4, 60), (4, 8, 64)], 4), 4).to_dict()["title"]["text"]
    'two'
    """
    alt = _altair()
    if not len(tune.notes):
        raise DataError(f"'{tune.name}' has no notes to draw.")
    bar = float(tune.meter.quarters * tune.resolution)
    rows = [
        {
            "from": _bars(start, tune.pickup, bar),
            "to": _bars(end, tune.pickup, bar),
            "pitch": pitch - 0.42,
            "top": pitch + 0.42,
            "note": pitch_name(pitch),
            "part": PROMPT if start < prompt_ends else COMPOSED,
        }
        for start, end, pitch in tune.notes.tolist()
    ]
    low, high = int(tune.notes[:, 2].min()) - 2, int(tune.notes[:, 2].max()) + 2
    parts = [part for part in (PROMPT, COMPOSED) if any(row["part"] == part for row in rows)]
    colours = {PROMPT: COLOURS[OBSERVED], COMPOSED: COLOURS[ENSUE]}
    notes = alt.Chart({"values": rows}, width=860, height=min(420, max(160, 12 * (high - low))))
    chart = notes.mark_rect(cornerRadius=1.5, clip=True).encode(
        x=alt.X("from:Q", title="bar", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, gridColor=GRID)),
        x2="to:Q",
        y=alt.Y("pitch:Q", title="pitch", scale=alt.Scale(domain=[low, high]), axis=_pitch_axis(alt, low, high)),
        y2="top:Q",
        color=alt.Color(
            "part:N",
            scale=alt.Scale(domain=parts, range=[colours[part] for part in parts]),
            legend=alt.Legend(title=None),
        ),
        tooltip=[
            alt.Tooltip("note:N"),
            alt.Tooltip("from:Q", title="begins in bar", format=".2f"),
            alt.Tooltip("part:N"),
        ],
    )
    zoomed = chart.add_params(alt.selection_interval(name="zoom", bind="scales", encodings=["x"]))
    said = f"{len(rows)} notes, {tune.meter}, {tune.tempo:.0f} quarter notes a minute"
    return _finished(zoomed, title or tune.name, said)


def _bars(tick: int, pickup: int, bar: float) -> float:
    """The bar a tick stands in: the first full one begins at 1."""
    return (tick - pickup) / bar + 1


def _pitch_axis(alt: Any, low: int, high: int) -> Any:
    """A label at each C and G."""
    shown = [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 7)]
    names = "{" + ",".join(f"{pitch}:'{pitch_name(pitch)}'" for pitch in shown) + "}"
    return alt.Axis(values=shown, labelExpr=f"({names})[datum.value]", gridColor=GRID)


def terminal_roll(tune: Tune, prompt_ends: int = 0, width: int = 100) -> str:
    """The last bars of a tune in characters: # composed, = prompt, | at the bars.

    >>> from ensue.data.notes.tune import of_notes
    >>> print(terminal_roll(of_notes("two", [(0, 4, 60), (4, 8, 62)], 4), 4))
    D4   |    ####
    C#4  |
    C4   |====
    """
    if not len(tune.notes):
        raise DataError(f"'{tune.name}' has no notes to draw.")
    bar = int(tune.meter.quarters * tune.resolution)
    end = int(tune.notes[:, 1].max())
    begin = max(0, end - width)
    low, high = int(tune.notes[:, 2].min()), int(tune.notes[:, 2].max())
    lines = []
    for pitch in range(high, low - 1, -1):
        cells = ["|" if (tick - tune.pickup) % bar == 0 and tick > begin else " " for tick in range(begin, end)]
        for start, stop, _ in tune.notes[tune.notes[:, 2] == pitch].tolist():
            for tick in range(max(start, begin), stop):
                cells[tick - begin] = "=" if start < prompt_ends else "#"
        lines.append(f"{pitch_name(pitch):4s} |{''.join(cells)}".rstrip())
    return "\n".join(lines)
