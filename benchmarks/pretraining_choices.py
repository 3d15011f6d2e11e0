"""Networks for the bundled forecaster at equal training time, on held-out made sequences.

    python benchmarks/pretraining_choices.py --seconds 240 --folder choices
    python benchmarks/zero_shot.py --choosing --model choices/2x64    # the same on the real series that choices are made on

Each network is trained for as many steps as its own speed allows in so many processor seconds of the training thread; what
makes the sequences runs beside it and is not counted. One seed each: differences of half a percent are noise.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from duel import machine
from ensue.config import PretrainOptions
from ensue.learn.modules import build
from ensue.learn.pretraining.trainer import HeldOut, Objective
from ensue.learn.pretraining.whole import pretrain, task_for

HERE = Path(__file__).resolve().parent
NETWORKS = {
    "2x64": {},
    "2x64 in blocks": {"blocks": True},
    "1x96": {"hidden_size": 96, "layers": 1},
    "2x96": {"hidden_size": 96},
    "3x64": {"layers": 3},
    "2x32": {"hidden_size": 32},
    "2x64, 256 steps of context": {"context_length": 256},
}


def seconds_a_step(options: PretrainOptions) -> float:
    """Processor seconds of a training step."""
    torch.set_num_threads(1)
    task = task_for(options)
    module = build(task.network())
    objective = Objective(module, task, HeldOut((), 0.0), options)
    optimizer = torch.optim.AdamW(module.parameters())
    began = 0.0
    for step in range(60):
        if step == 10:
            began = time.thread_time()
        optimizer.zero_grad()
        objective.loss(step).backward()
        optimizer.step()
    objective.close()
    return (time.thread_time() - began) / 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--folder", type=Path, default=Path("choices"))
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("names", nargs="*", help="; ".join(NETWORKS))
    given = parser.parse_args()
    where, rows = machine(), []
    for name in given.names or NETWORKS:
        options = PretrainOptions(**{"device": "cpu", **NETWORKS[name]})  # type: ignore[arg-type]
        each = seconds_a_step(options)
        options = PretrainOptions(**{"device": "cpu", "steps": int(given.seconds / each), **NETWORKS[name]})  # type: ignore[arg-type]
        result = pretrain(options, given.folder / name)
        row = {
            "network": name,
            "parameters": result.parameters,
            "ms_a_step": round(1000 * each, 1),
            "steps": options.steps,
            "loss": round(result.report.validation, 4),
            "seasonal_naive": round(result.report.baseline, 4),
        }
        rows.append(row)
        print(row, flush=True)
        text = json.dumps({"seconds": given.seconds, "networks": rows, "machine": where}, indent=1) + "\n"
        (given.out / "pretraining_choices.json").write_text(text)


if __name__ == "__main__":
    main()
