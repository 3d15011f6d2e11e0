"""The table of the translation benchmark, from the recorded results; `report.py` puts it on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """## Translation: Multi30k, test 2016, raw text
`python benchmarks/translation.py --direction en-de` and `de-en`.
sacreBLEU of detokenised, cased output; beam 5, and greedy beside it.
"""


def section(results: Path) -> str:
    """The part of the page; empty where nothing was recorded."""
    rows = [json.loads(path.read_text()) for path in sorted(results.glob("translation-*.json"))]
    if not rows:
        return ""
    names = (
        "set", "preset", "test BLEU", "greedy", "validation BLEU", "parameters", "steps (best)", "train min", "memory MB",
        "sentences/s",
    )  # fmt: skip
    lines = [HEAD, "| " + " | ".join(names) + " |", "|" + "---|" * len(names), *map(_row, rows)]
    lines += [
        "",
        f"Signature: `{rows[0]['test']['signature']}`. Sentences a second: beam 5, one core, without PyTorch.",
    ]
    machine = rows[0]["machine"]
    return (
        "\n".join(lines) + "\nMachine: " + ", ".join(f"{key} {value}" for key, value in machine.items()) + "; seed 0."
    )


def _row(found: dict[str, Any]) -> str:
    test = found["test"]
    cells = (
        found["set"], found["preset"], f"**{test['bleu']:.1f}**", f"{found['test_greedy']['bleu']:.1f}",
        f"{found['validation_beam_5']['bleu']:.1f}", f"{found['parameters'] / 1e6:.1f} M",
        f"{found['steps']} ({found['best_step']})", f"{found['cpu_seconds'] / 60:.0f}", str(found["memory_mb"]),
        f"{test['sentences_a_second']:.0f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"
