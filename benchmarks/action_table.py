"""The table of actions for RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path

from ensue.baselines.pooled import MEAN, SINGLE

ROWS = {
    "actions": ("subjects 1-5 to learn from, 6-10 to test", "`actions.py`"),
    "actions-streaming": ("the same, reading forward only", "`actions.py --streaming`"),
    "actions-left-out": ("each subject left out once, mean of ten", "`actions.py --left-out all`"),
}


def sections(results: Path) -> list[str]:
    """What is there of it."""
    there = {name: json.loads(path.read_text()) for name in ROWS if (path := results / f"{name}.json").exists()}
    if not there:
        return []
    lines = [
        "## Actions from skeletons: UTKinect-Action3D, people never met before, default settings",
        "Ten actions of ten people, 20 joints; accuracy on the test part, which is read once. Beside the network stand a "
        "linear model of each clip's mean frame and one of its middle frame, on the same features. To be reached: 90 %, "
        "with pride 95 %; an untuned LSTM has 87 %.",
        "",
        "| protocol | script | Ensue | mean frame | single frame | train cpu s | ms a clip | memory MB |",
        "|" + "---|" * 8,
    ]
    for name, found in there.items():
        title, script = ROWS[name]
        rates = " | ".join(f"{found[way]:.1%}" for way in ("accuracy", MEAN, SINGLE))
        lines.append(
            f"| {title} | {script} | {rates} | {found['cpu_seconds']:.0f} | {found['milliseconds_a_clip']:.2f} "
            f"| {found['peak_memory_mb']} |"
        )
    return ["\n".join(lines)]
