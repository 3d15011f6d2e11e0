"""The tables of the bundled forecaster for RESULTS.md, from the recorded results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

OTHERS = ("Chronos-Bolt-tiny 9M", "Chronos-Bolt-small 48M", "Chronos-Bolt-base 205M")


def sections(results: Path, duel: dict[str, dict[str, Any]], classical: dict[str, dict[str, Any]]) -> list[str]:
    """The duel sets, the published ones, fine-tuning, speed, and what was chosen."""
    own = {
        path.stem.removeprefix("zero_shot-"): json.loads(path.read_text()) for path in results.glob("zero_shot-*.json")
    }
    ordered = {name: own[name] for name in duel if name in own}
    found = [_duel(ordered, duel, classical)] if ordered else []
    for name, table in (
        ("zero_shot_published", _published),
        ("fine_tuning", _fine_tuning),
        ("pretraining_choices", _choices),
    ):
        path = results / f"{name}.json"
        if path.exists():
            found.append(table(json.loads(path.read_text())))
    speed = results / "zero_shot_speed.md"
    return [*found, *([speed.read_text().rstrip()] if speed.exists() else [])]


def _mean(ratios: list[float]) -> float:
    return float(np.exp(np.mean(np.log(ratios))))


def _duel(own: dict[str, Any], trained: dict[str, Any], classical: dict[str, dict[str, Any]]) -> str:
    lines = [
        "## The bundled forecaster on the duel sets: nothing was learned from any of them",
        "`python benchmarks/zero_shot.py`. Relative: MASE over seasonal naive's; no covariates, seasons are found.",
        "",
        "| set | MASE | relative | AutoETS | Theta | Ensue trained on it | 80 % band | 95 % band | WQL | seconds (cpu) |",
        "|" + "---|" * 10,
    ]
    for name, each in own.items():
        rivals = [classical[rival].get(name, {}).get("relative") for rival in ("AutoETS", "Theta")]
        cells = ["-" if value is None else f"{value:.3f}" for value in rivals]
        lines.append(
            f"| {name} | {each['MASE']:.4f} | **{each['relative']:.3f}** | {cells[0]} | {cells[1]} | "
            f"{trained[name]['relative']:.3f} | {each['coverage-80']:.1f} | {each['coverage-95']:.1f} | {each['WQL']:.4f} | "
            f"{each['predict_cpu_seconds']:.2f} |"
        )
    ratios = [each["relative"] for each in own.values()]
    low, high = (np.mean([each[f"coverage-{level}"] for each in own.values()]) for level in (80, 95))
    worst = max(own, key=lambda name: own[name]["relative"])
    lines += [
        "",
        f"Geometric mean of the {len(ratios)} ratios: **{_mean(ratios):.3f}**; worst {max(ratios):.3f} ({worst}). "
        f"Mean coverage: 80 % band {low:.1f} %, 95 % band {high:.1f} %.",
        _with_published(own),
        _machine(next(iter(own.values()))["machine"]),
    ]
    return "\n".join(line for line in lines if line is not None)


def _with_published(own: dict[str, Any]) -> str:
    said = [f"{name} {own[name]['MASE_published']:.3f}" for name in own if "MASE_published" in own[name]]
    return f"MASE with the season that published scores use: {', '.join(said)}." if said else ""


def _published(result: dict[str, Any]) -> str:
    rows = result["sets"]
    lines = [
        "## Beside published zero-shot scores",
        "`python benchmarks/zero_shot.py --published`: the seven sets of the Chronos zero-shot benchmark whose windows are",
        "here, MASE and WQL over seasonal naive's as published (of fred_md, which is another vintage here, over our own",
        "seasonal naive's). The others' figures are Amazon's own (chronos-forecasting, scripts/evaluation). Our network has",
        "70 thousand parameters and has seen no measured series.",
        "",
        "| set | MASE: Ensue | " + " | ".join(OTHERS) + " | WQL: Ensue | " + " | ".join(OTHERS) + " |",
        "|" + "---|" * (3 + 2 * len(OTHERS)),
    ]
    for row in rows:
        mase = [f"{row['others'][other][0]:.3f}" for other in OTHERS]
        wql = [f"{row['others'][other][1]:.3f}" for other in OTHERS]
        lines.append(
            f"| {row['set']} | **{row['relative_published']:.3f}** | {' | '.join(mase)} "
            f"| **{row['WQL_relative_published']:.3f}** | {' | '.join(wql)} |"
        )
    means = [_mean([row["relative_published"] for row in rows])]
    means += [_mean([row["others"][other][0] for row in rows]) for other in OTHERS]
    means += [_mean([row["WQL_relative_published"] for row in rows])]
    means += [_mean([row["others"][other][1] for row in rows]) for other in OTHERS]
    lines.append("| geometric mean | " + " | ".join(f"**{mean:.3f}**" for mean in means) + " |")
    gift = "; ".join(
        f"{each['set'].split('/')[1]} steps: MASE {each['MASE']:.3f}, {each['relative']:.3f} of seasonal naive's"
        for each in result["gift"]
    )
    lines += [
        "",
        f"ETTh1 in the manner of GIFT-Eval (all seven columns, windows in the last tenth): {gift}. Its own seasonal naive "
        "has 0.977 at 48 steps, ours here 1.002, so the windows are not quite the same.",
        _machine(result["machine"]),
    ]
    return "\n".join(lines)


def _fine_tuning(result: dict[str, Any]) -> str:
    lines = [
        "## Fine-tuning the bundled forecaster",
        "`python benchmarks/fine_tuning.py`: `Forecaster.pretrained().fit(...)` with default settings, beside what it was",
        "and a network trained from nothing (`duel.py`). Relative MASE on the test windows, which decide nothing.",
        "",
        "| set | as it comes | fine-tuned | from nothing | best step | processor seconds |",
        "|" + "---|" * 6,
    ]
    lines += [
        f"| {row['set']} | {row['zero_shot']:.3f} | **{row['fine_tuned']:.3f}** | {row['from_nothing']:.3f} | "
        f"{row['best_step']} of {row['steps']} | {row['cpu_seconds']:.0f} |"
        for row in result["sets"]
    ]
    return "\n".join([*lines, "", _machine(result["machine"])])


def _choices(result: dict[str, Any]) -> str:
    networks, seconds = result["networks"], result["seconds"]
    lines = [
        "## Networks for the bundled forecaster at equal training time",
        f"`python benchmarks/pretraining_choices.py --seconds {seconds:.0f}`: so many processor seconds of the training",
        f"thread each; loss on held-out made sequences (seasonal naive {networks[0]['seasonal_naive']:.3f}). One seed each.",
        "",
        "| network | parameters | ms a step | steps | loss |",
        "|" + "---|" * 5,
    ]
    lines += [
        f"| {row['network']} | {row['parameters']:,} | {row['ms_a_step']} | {row['steps']:,} | {row['loss']:.4f} |"
        for row in networks
    ]
    return "\n".join([*lines, "", _machine(result["machine"])])


def _machine(machine: dict[str, str]) -> str:
    return "Machine: " + ", ".join(f"{key} {value}" for key, value in machine.items()) + "; seed 0."
