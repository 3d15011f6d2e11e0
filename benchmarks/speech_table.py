"""The tables of speech for RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETS = {
    "an4": ("AN4, official split, 13 MFCC", "`an4.py`", "25 % greedy, 15 % with the model of words"),
    "yesno": ("yesno, first 30 and last 30", "`yesno.py`", "1 %; Kaldi's successor icefall 0.42 %"),
    "grid_audio": ("GRID s1, audio, own split", "`grid_audio.py`", "5 %"),
}


def sections(results: Path) -> list[str]:
    """What is there of them."""
    there = {name: json.loads(path.read_text()) for name in SETS if (path := results / f"{name}.json").exists()}
    parts = [_errors(there)] if there else []
    if (path := results / "ctc_lengths.json").exists():
        parts.append(_lengths(json.loads(path.read_text())))
    if (path := results / "speech_stream.json").exists():
        parts.append(_stream(json.loads(path.read_text())))
    return parts


def _errors(there: dict[str, dict[str, Any]]) -> str:
    lines = [
        "## Speech to text: word error rates on the test parts, default settings",
        "Greedy; the default, a beam search with the trigram model of the training transcripts' words; and the same where "
        "only words of these may be written. Weights chosen on validation rows, test parts read once.",
        "",
        "| set | script | recordings | greedy | beam and words | closed | to be reached | train cpu s | memory MB |",
        "|" + "---|" * 9,
    ]
    for name, found in there.items():
        title, script, goal = SETS[name]
        rates = " | ".join(f"{found[way]['wer']:.1%}" for way in ("greedy", "beam", "closed"))
        lines.append(
            f"| {title} | {script} | {found['train']} / {found['test']} | {rates} | {goal} | {found['cpu_seconds']:.0f} "
            f"| {found['peak_memory_mb']} |"
        )
    times = there.get("grid_audio", {}).get("times")
    if times:
        lines += [
            "",
            f"GRID's alignments against the times of words: starts are {times['start_median_distance']:.3f} s away in the "
            f"median, ends {times['end_median_distance']:.3f} s ({times['words']} words).",
        ]
    return "\n".join(lines)


def _lengths(found: dict[str, Any]) -> str:
    lines = [
        "## Rows of different lengths: a training step of CTC",
        "`python benchmarks/ctc_lengths.py`: a bidirectional LSTM of 64 units, 32 rows of 45 to 90 steps, medians.",
        "",
        "| threads | Ensue with lengths, ms | torch packed, ms | torch padded, ms | packed / Ensue |",
        "|" + "---|" * 5,
    ]
    lines += [
        f"| {row['threads']} | {row['ensue_lengths_ms']} | {row['packed_ms']} | {row['padded_ms']} "
        f"| **{row['packed_over_ensue']}** |"
        for row in found["rows"]
    ]
    return "\n".join(lines)


def _stream(found: dict[str, Any]) -> str:
    return (
        "## An hour of speech as it comes\n"
        "`python benchmarks/speech_stream.py`: the default size reading forward, chunks of 0.1 s, no PyTorch in the process. "
        f"A minute of sound takes {found['seconds_first_minute']:.2f} s of one core at the beginning and "
        f"{found['seconds_last_minute']:.2f} s after {found['minutes']} minutes; memory "
        f"{found['memory_mb_after_ten_minutes']:.0f} MB after ten, {found['memory_mb_at_the_end']:.0f} MB at the end."
    )
