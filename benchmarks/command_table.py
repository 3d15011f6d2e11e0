"""The tables of voice commands for RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ensue.baselines.pooled import MEAN

ROWS = {
    "digits": ("Free Spoken Digits, official split (the same six speakers)", "`digits.py`", "97.5 %, proud 99 %"),
    "digits-left-out-all": (
        "the same, each speaker left out, mean of six",
        "`digits.py --left-out all`",
        "80 %, proud 90 %",
    ),
    "digits-streaming": ("official split, reading forward only", "`digits.py --streaming`", "-"),
    "commands": ("Speech Commands (part), 12 classes, unseen speakers", "`commands.py`", "85 %, proud 91 %"),
    "commands-alarms": ("the same, with GRID's sentences as negatives", "`commands.py --alarms`", "-"),
    "commands-streaming": ("the same, reading forward only", "`commands.py --streaming`", "-"),
}


def sections(results: Path) -> list[str]:
    """What is there of them."""
    there = {name: json.loads(path.read_text()) for name in ROWS if (path := results / f"{name}.json").exists()}
    parts = [_accuracy(there)] if there else []
    if (path := results / "listening.json").exists():
        parts.append(_listening(json.loads(path.read_text())))
    return parts


def _accuracy(there: dict[str, dict[str, Any]]) -> str:
    lines = [
        "## Voice commands: accuracy on the test parts, default settings",
        "Beside the network stands a linear model of each recording's mean frame. The part of Speech Commands is divided by "
        "speaker inside the official test set: not comparable with published figures, which learn from 85,000 recordings.",
        "",
        "| set | script | learned from / tested | Ensue | mean frame | to be reached | train cpu s | ms each | MB |",
        "|" + "---|" * 9,
    ]
    for name, found in there.items():
        title, script, goal = ROWS[name]
        parts = found["parts"]
        rows = f"{parts[0]['learned_from']:,} / {sum(part['recordings'] for part in parts):,}"
        lines.append(
            f"| {title} | {script} | {rows} | {found['accuracy']:.1%} | {found[MEAN]:.1%} | {goal} "
            f"| {found['cpu_seconds']:.0f} | {found['milliseconds_a_recording']:.2f} | {found['peak_memory_mb']} |"
        )
    if "digits-left-out-all" in there:
        each = ", ".join(f"{part['name']} {part['accuracy']:.1%}" for part in there["digits-left-out-all"]["parts"])
        lines += ["", f"Each speaker of the digits left out: {each}."]
    if "commands-alarms" in there:
        lines += ["", _alarms(there["commands-alarms"])]
    return "\n".join(lines)


def _alarms(found: dict[str, Any]) -> str:
    hearing, heard = found["parts"][0]["hearing"], found["heard"]
    return (
        f"`commands.py --alarms`: the threshold {hearing['threshold']:g} was chosen on {60 * hearing['hours']:.1f} minutes "
        f"of GRID's sentences ({hearing['false_alarms']:g} false alarms an hour there). On the {heard['minutes']:g} minutes "
        f"that training never saw there are {heard['alarms']} false alarms, {heard['an_hour']:g} an hour; of "
        f"{heard['words']} test words, heard as in a stream, {heard['missed']:.1%} are missed."
    )


def _listening(found: dict[str, Any]) -> str:
    lines = [
        "## Words as they come: chunks of 32 ms, 128 units, one thread, no PyTorch in the process",
        "`python benchmarks/listening.py`: an hour of sound. To be reached: below 1 ms a chunk, constant memory.",
        "",
        "| network | median ms | mean ms | 99 % ms | first / last minute ms | MB after 10 / 60 minutes | state bytes |",
        "|" + "---|" * 7,
    ]
    names = {"forward": "reads forward, carries its state", "window": "both ways, shown its window ten times a second"}
    for name, title in names.items():
        row = found[name]
        lines.append(
            f"| {title} | {row['milliseconds_a_chunk_median']:.3f} | {row['milliseconds_a_chunk_mean']:.3f} "
            f"| {row['milliseconds_a_chunk_99_percent']:.3f} | {row['milliseconds_first_minute']:.3f} / "
            f"{row['milliseconds_last_minute']:.3f} | {row['memory_mb_after_ten_minutes']:.0f} / "
            f"{row['memory_mb_at_the_end']:.0f} | {row['state_bytes']:,} |"
        )
    return "\n".join(lines)
