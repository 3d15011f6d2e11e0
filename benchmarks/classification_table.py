"""The tables of the classification benchmarks, from the recorded results; `report.py` puts them on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SENTIMENT = """## Sentiment: SST-2, test sentences
`python benchmarks/sentiment.py`; `--sentences` learns from the 6,920 whole sentences only. No outside vectors. The linear
model has learned from the same rows.
"""
SEQUENCES = """## Sequences of numbers: UCR and UEA archives, test parts
`python benchmarks/sequence_classes.py`; default settings, seed {seed}. Linear: what stands beside every training.
1-NN: the nearest training sequence, Euclidean, at 32 places.
"""


def sections(results: Path) -> list[str]:
    """The parts of the page; none where nothing was recorded."""
    found = [json.loads(path.read_text()) for path in sorted(results.glob("sentiment*.json"))]
    parts = [_sentiment(found)] if found else []
    path = results / "sequence_classes.json"
    return parts + ([_sequences(json.loads(path.read_text()))] if path.exists() else [])


def _sentiment(found: list[dict[str, Any]]) -> str:
    names = (
        "learned from", "test accuracy", "macro F1", "linear model", "validation", "calibration error", "parameters",
        "steps (best)", "train min", "memory MB", "sentences/s",
    )  # fmt: skip
    lines = [SENTIMENT, *_head(names), *map(_sentiment_row, found), ""]
    lines.append("Train minutes: of one core. Sentences a second: one core, without PyTorch. " + _machine(found[0]))
    return "\n".join(lines)


def _sentiment_row(found: dict[str, Any]) -> str:
    test = found["test"]
    return _row(
        f"{found['rows']:,} {found['set'].removeprefix('SST-2 ')}",
        f"**{test['accuracy']:.1%}**",
        f"{test['macro_f1']:.1%}",
        f"{found['test_linear_accuracy']:.1%}",
        f"{found['validation']['accuracy']:.1%}",
        f"{test['calibration_error']:.1%}",
        f"{found['parameters'] / 1e6:.1f} M",
        f"{found['steps']} ({found['best_step']})",
        f"{found['cpu_seconds'] / 60:.0f}",
        str(found["memory_mb"]),
        f"{found['test_rows_a_second']:,.0f}",
    )


def _sequences(found: dict[str, Any]) -> str:
    names = ("set", "classes", "train", "test", "accuracy", "linear", "1-NN", "steps (best)", "train s")
    lines = [SEQUENCES.format(seed=found["seed"]), *_head(names)]
    for each in found["sets"]:
        best = max(each["accuracy"], each["linear_accuracy"], each["nearest_accuracy"])
        scores = [each[name] for name in ("accuracy", "linear_accuracy", "nearest_accuracy")]
        lines.append(
            _row(
                *(str(each[name]) for name in ("set", "classes", "train", "test")),
                *(f"**{score:.1%}**" if score == best else f"{score:.1%}" for score in scores),
                f"{each['steps']} ({each['best_step']})",
                f"{each['cpu_seconds']:.0f}",
            )
        )
    return "\n".join([*lines, "", _machine(found)])


def _head(names: tuple[str, ...]) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _machine(found: dict[str, Any]) -> str:
    return "Machine: " + ", ".join(f"{key} {value}" for key, value in found["machine"].items()) + "."
