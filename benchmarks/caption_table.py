"""The tables of lip reading and of captions, from the recorded results; `report.py` puts them on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHAPES = """## Captions: moving shapes (SYNTHETIC clips whose sentences are known to be true)
`python benchmarks/moving_shapes.py` and `--reader mean`, the baseline that sees every frame by itself and knows no order.
Exact: the share of captions that are right word for word, beam 5; BLEU and chrF by sacreBLEU, CIDEr-D from 0 to 10.
"""
LIPS = """## Lip reading: GRID, speaker s1, from film without sound
`python benchmarks/grid_lips.py`. Word error rate on the test clips of our own split, of sentences from a grammar of 51
words; words are the tokens, and single words cut out of the training films are learned from as well. Not comparable with
papers on all 34 speakers (LipNet: 4.8 % on GPUs).
"""


def sections(results: Path) -> list[str]:
    """The parts of the page; none where nothing was recorded."""
    return [each for each in (_shapes(results), _lips(results)) if each]


def _shapes(results: Path) -> str:
    rows = [json.loads(path.read_text()) for path in sorted(results.glob("moving_shapes-*.json"))]
    if not rows:
        return ""
    names = (
        "reader", "exact, known sentences", "exact, new combinations of words", "BLEU, new", "chrF, new", "CIDEr-D, new",
        "parameters", "steps", "train min (cpu)", "memory MB", "ms a clip",
    )  # fmt: skip
    lines = [SHAPES, "| " + " | ".join(names) + " |", "|" + "---|" * len(names), *map(_shapes_row, rows)]
    first = rows[0]
    signature = (
        f"Signature: `{first['known']['signature']}`; {first['clips']:,} clips of {first['sentences']} sentences"
    )
    return "\n".join([*lines, "", f"{signature} to learn from. {_machine(first)}"])


def _shapes_row(found: dict[str, Any]) -> str:
    known, new = found["known"], found["new"]
    cells = (
        found["options"]["reader"], f"**{known['exact']:.1%}** of {known['clips']}", f"{new['exact']:.1%} of {new['clips']}",
        f"{new['bleu']:.1f}", f"{new['chrf']:.1f}", f"{new['cider']:.2f}", f"{found['parameters'] / 1e6:.2f} M",
        f"{found['steps']:,}", f"{found['train_cpu_seconds'] / 60:.0f}", f"{found['memory_mb']:.0f}",
        f"{1000 * found['caption_seconds_a_clip']:.0f}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _lips(results: Path) -> str:
    path = results / "grid_lips.json"
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    names = (
        "WER", "greedy", "CER", "validation WER", "test clips", "parameters", "train min (cpu)", "memory MB", "s a clip",
    )  # fmt: skip
    cells = (
        f"**{found['test_wer']:.1%}**", f"{found['test_wer_greedy']:.1%}", f"{found['test_cer']:.1%}",
        f"{found['validation_wer']:.1%}", str(found["test_clips"]), f"{found['parameters'] / 1e6:.2f} M",
        f"{found['train_cpu_seconds'] / 60:.0f}", f"{found['memory_mb']:.0f}", f"{found['read_seconds_a_clip']:.2f}",
    )  # fmt: skip
    lines = [LIPS, "| " + " | ".join(names) + " |", "|" + "---|" * len(names), "| " + " | ".join(cells) + " |"]
    return "\n".join([*lines, "", _machine(found)])


def _machine(found: dict[str, Any]) -> str:
    return (
        "Machine: " + ", ".join(f"{key} {value}" for key, value in found["machine"].items()) + "; seed 0, one thread."
    )
