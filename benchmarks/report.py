"""Writes RESULTS.md from the recorded results, so that every table says what the files say.

    python benchmarks/report.py

`RESULTS.head.md` holds what a person wrote: the reading of the tables, and where we fall short.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "native"))

from tables import sections as native_sections  # noqa: E402

from action_table import sections as action_sections  # noqa: E402
from caption_table import sections as caption_sections  # noqa: E402
from classification_table import sections as classification_sections  # noqa: E402
from command_table import sections as command_sections  # noqa: E402
from language_tables import sections as language_sections  # noqa: E402
from speech_table import sections as speech_sections  # noqa: E402
from translation_table import section as translation_section  # noqa: E402
from zero_shot_tables import sections as zero_shot_sections  # noqa: E402

RESULTS = HERE / "results"
OTHERS = HERE / "others" / "results"
LIBRARIES = {"neuralforecast": "neuralforecast LSTM", "gluonts": "gluonts DeepAR", "darts": "darts RNNModel"}


def main() -> None:
    duel = _read(RESULTS, "duel-*.json")
    parts = [(HERE / "RESULTS.head.md").read_text().rstrip()]
    if duel:
        parts += [_duel(duel), _beside(duel), _race()]
        classical = {each: _read(RESULTS, f"classical-*-{each}.json") for each in ("AutoETS", "Theta")}
        parts += zero_shot_sections(RESULTS, duel, classical)
    parts += [
        *language_sections(RESULTS),
        translation_section(RESULTS),
        *classification_sections(RESULTS),
        *caption_sections(RESULTS),
        *command_sections(RESULTS),
        *speech_sections(RESULTS),
    ]
    parts += action_sections(RESULTS)
    parts += native_sections(RESULTS)
    parts += [
        _listing(name)
        for name in (
            "sine",
            "scale",
            "cold_start",
            "direct_head",
            "runoff",
            "stocks",
            "memory",
            "inspection",
            "report_page",
            "melody",
        )
    ]
    (HERE / "RESULTS.md").write_text("\n\n".join(part for part in parts if part) + "\n")


def _duel(duel: dict[str, dict[str, Any]]) -> str:
    """Every duel set beside seasonal naive and the classical methods."""
    naive = json.loads((OTHERS / "seasonal_naive.json").read_text())
    classical = {each: _read(RESULTS, f"classical-*-{each}.json") for each in ("AutoETS", "Theta")}
    lines = [
        "## The duel sets, test windows, default settings",
        "`python benchmarks/duel.py --threads 1` and `python benchmarks/classical.py`. Relative: MASE over seasonal naive's.",
        "",
        "| set | MASE | seasonal naive | relative | AutoETS relative | Theta relative | 80 % band | 95 % band "
        "| train s (cpu) | predict s | steps (best) |",
        "|" + "---|" * 11,
    ]
    for name, ours in duel.items():
        reference = naive[name]["seasonal_naive"]["MASE"]
        rivals = [_relative(classical[each].get(name)) for each in classical]
        lines.append(
            f"| {name} | {ours['MASE']:.4f} | {reference:.4f} | **{ours['relative']:.3f}** | {rivals[0]} | {rivals[1]} | "
            f"{ours['coverage-80']:.1f} | {ours['coverage-95']:.1f} | {_seconds(ours):.0f} "
            f"| {ours['predict_seconds']:.2f} | {ours['steps']} ({ours['best_step']}) |"
        )
    ratios = np.array([each["relative"] for each in duel.values()])
    low, high = (np.mean([each[f"coverage-{level}"] for each in duel.values()]) for level in (80, 95))
    lines.append("")
    lines.append(
        f"Geometric mean of the {len(ratios)} ratios: **{np.exp(np.log(ratios).mean()):.3f}**; worst {ratios.max():.3f}. "
        f"Mean coverage: 80 % band {low:.1f} %, 95 % band {high:.1f} %."
    )
    for each, results in classical.items():
        both = [name for name in duel if _number(results.get(name)) is not None]
        if both:
            theirs = np.exp(np.mean([np.log(_number(results[name])) for name in both]))
            own = np.exp(np.mean([np.log(duel[name]["relative"]) for name in both]))
            lines.append(f"On the {len(both)} sets where {each} ran: {each} {theirs:.3f}, ours **{own:.3f}**.")
    for name in ("m4_hourly", "m4_weekly"):
        if name in duel:
            ours = duel[name]
            lines.append(f"{name}: OWA **{ours['OWA']:.3f}** (sMAPE {ours['sMAPE']:.3f}).")
    some = next(iter(duel.values()))["machine"]
    lines.append("Machine: " + ", ".join(f"{key} {value}" for key, value in some.items()) + "; seed 0.")
    return "\n".join(lines)


def _beside(duel: dict[str, dict[str, Any]]) -> str:
    """The six sets beside the other libraries."""
    duel = duel | _read(RESULTS / "bare", "duel-*.json")  # the others have no covariates: here ours has none either
    path = RESULTS / "predict_time.json"
    predict = json.loads(path.read_text()) if path.exists() else {}
    lines = [
        "## Beside other libraries: 500 training steps each, one thread",
        "MASE relative to seasonal naive; processor seconds to predict the whole panel once (`benchmarks/predict_time.py`).",
        "No library has covariates here, ours neither (`duel.py --bare --out benchmarks/results/bare ETTh1 vic_elec`). See",
        "[others/README.md](others/README.md) for their settings and how to repeat them.",
        "",
        "| set | Ensue | "
        + " | ".join(LIBRARIES.values())
        + " | predict: Ensue | "
        + " | ".join(f"{key}" for key in LIBRARIES)
        + " |",
        "|" + "---|" * (3 + 2 * len(LIBRARIES)),
    ]
    for name in ("m4_hourly", "m4_weekly", "ETTh1", "vic_elec", "nn5_daily", "pjm_hourly"):
        if name not in duel:
            continue
        theirs = [_other(key, name) for key in LIBRARIES]
        scores = [f"{each['scores']['relative']:.3f}" if each else "-" for each in theirs]
        times = [f"{each['predict_cpu_seconds'] / each['windows']:.3f} s" if each else "-" for each in theirs]
        own = predict.get(name)
        own_time = "-" if own is None else f"{own:.3f} s"
        cells = [name, f"**{duel[name]['relative']:.3f}**", *scores, own_time, *times]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _race() -> str:
    race = _read(RESULTS, "race-*.json")
    if not race:
        return ""
    lines = [
        "## neuralforecast's final score in a fifth of its training time",
        "`python benchmarks/race.py`: as many steps as fit into a fifth of its processor seconds; no covariates, one thread.",
        "",
        "| set | steps | seconds (allowed) | MASE | neuralforecast after 500 steps | reached |",
        "|" + "---|" * 6,
    ]
    for name, each in race.items():
        lines.append(
            f"| {name} | {each['steps']} | {each['train_and_predict_cpu_seconds']:.0f} ({each['allowed_cpu_seconds']:.0f}) | "
            f"{each['MASE']:.4f} | {each['neuralforecast']['MASE']:.4f} | {'yes' if each['reached'] else 'no'} |"
        )
    return "\n".join(lines)


def _listing(name: str) -> str:
    """A recorded page of one benchmark, as its script wrote it."""
    page = RESULTS / f"{name}.md"
    return page.read_text().rstrip() if page.exists() else ""


def _read(folder: Path, pattern: str) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(folder.glob(pattern)) if "validation" not in path.name]
    return {each["set"]: each for each in found}


def _other(library: str, name: str) -> dict[str, Any] | None:
    path = OTHERS / f"{library}-{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found if "scores" in found else None


def _seconds(ours: dict[str, Any]) -> float:
    """Processor seconds of training; wall seconds where those were not recorded."""
    return float(ours.get("train_cpu_seconds", ours["train_seconds"]))


def _number(result: dict[str, Any] | None) -> float | None:
    return None if result is None else result.get("relative")


def _relative(result: dict[str, Any] | None) -> str:
    number = _number(result)
    return "-" if number is None else f"{number:.3f}"


if __name__ == "__main__":
    main()
