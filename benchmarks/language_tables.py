"""The tables of the language models, from the recorded results; `report.py` puts them on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """## Language models
`python benchmarks/language_models.py tinyshakespeare`, `ptb_words`, `ptb_characters`. Scored by the runtime, without PyTorch,
whole texts in one go. Minutes are processor minutes of one thread, training and validation. Tiny Shakespeare has no third
part: the choice of the best weights has seen what is scored, as everywhere else.
"""
SPEED = """## How fast language models learn and write
`python benchmarks/language_speed.py`: one thread for everyone, the same network in the plain way (`torch.nn.LSTM`, float32)
beside it, turn by turn, medians, processor time.
"""


def sections(results: Path) -> list[str]:
    """The parts of the page; none where nothing was recorded."""
    found = [json.loads(path.read_text()) for path in sorted(results.glob("language-*.json"))]
    parts = [_models(found)] if found else []
    for name, table in (("language_speed", _speed),):
        recorded = results / f"{name}.json"
        parts += [table(json.loads(recorded.read_text()))] if recorded.exists() else []
    return parts


def _models(found: list[dict[str, Any]]) -> str:
    names = (
        "set",
        "preset",
        "validation",
        "test",
        "network",
        "parameters",
        "steps (best)",
        "minutes",
        "peak MiB",
        "file MB",
    )
    lines = [HEAD, "| " + " | ".join(names) + " |", "|" + "---|" * len(names), *map(_row, found)]
    for each in found:
        if "perplexity_with_cache" in each["valid"]:
            parts = [part for part in ("valid", "test") if part in each]
            cached = ", ".join(f"{part} {each[part]['perplexity_with_cache']:.1f}" for part in parts)
            lines += [
                "",
                f"{each['set']} with the continuous cache (500 words, flatness 0.3, share 0.1, untuned): {cached}.",
            ]
    machine = found[0]["machine"]
    lines += ["", "Machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "; seed 0."]
    return "\n".join(lines)


def _row(each: dict[str, Any]) -> str:
    sizes = each["options"]
    cells = (
        each["set"],
        each["preset"],
        _score(each, "valid"),
        _score(each, "test"),
        f"{sizes['layers']} x {sizes['hidden_size']}",
        f"{each['parameters'] / 1e6:.1f} M",
        f"{each['steps']} ({each['best_step']})",
        f"{each['cpu_seconds'] / 60:.0f}",
        str(each["peak_mib"]),
        f"{each['file_bytes'] / 1e6:.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def _score(each: dict[str, Any], part: str) -> str:
    if part not in each:
        return "-"
    score = each[part]
    if each["set"] == "ptb_words":
        return f"perplexity **{score['perplexity']:.1f}** ({score['tokens']:,} words)"
    if each["set"] == "ptb_characters":
        return f"**{score['bits_per_character']:.3f}** bits/char ({score['tokens']:,})"
    return f"**{score['nats_per_token']:.4f}** nats/char ({score['tokens']:,})"


def _speed(found: dict[str, Any]) -> str:
    names = ("what", "network", "Ensue, tokens/s", "Ensue in float32", "torch.nn.LSTM", "times torch")
    lines = [SPEED, "| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for each in [*found["training"], found["writing"]]:
        rates, sizes = each["tokens_a_second"], each["sizes"]
        what = (
            f"training, {each['vocabulary']:,} {each['kind']}"
            if "kind" in each
            else "writing, one stream, 65 characters"
        )
        times = f"**{each['times_torch']['ensue']:.2f}**"
        if "ensue_float32" in each["times_torch"]:
            times += f" ({each['times_torch']['ensue_float32']:.2f} in float32)"
        lines.append(
            f"| {what} | {sizes['layers']} x {sizes['hidden_size']} | {rates['ensue']:,} | "
            f"{rates.get('ensue_float32', '-')} | {rates['torch']:,} | {times} |"
        )
    return "\n".join(lines)
