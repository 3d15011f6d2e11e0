"""What stands beside every figure: the machine, the versions, the instruction set, the threads, the speed of its sgemm.

GFLOP/s of an LSTM count 8 H (I + H) a row and step, three times that with the way back; the sgemm is PyTorch's `mm` of
squares, measured before and after in the same process with the same number of threads.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from timing import python_side, take_turns  # noqa: E402

from duel import machine  # noqa: E402
from ensue import _native  # noqa: E402

SEED = 0
HIDDEN = (16, 32, 64, 128, 256, 512)


class Run:
    """One script at work: its options, what it was measured on, and where its rows go.

    Options of every script: `--quick` (few sizes, few rounds, to see that it runs), `--threads`, `--out FOLDER` (without it
    benchmarks/results, and with `--quick` nothing is written).
    """

    def __init__(self, name: str, doc: str | None, threads: tuple[int, ...] = (1,)) -> None:
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--quick", action="store_true", help="few sizes and few rounds; nothing is written")
        parser.add_argument(
            "--threads", type=int, nargs="+", default=threads, help="numbers of threads to measure with"
        )
        parser.add_argument("--out", type=Path, help="folder for the result")
        options = parser.parse_args()
        self.name, self.quick = name, options.quick
        self.threads = tuple(each for each in options.threads if each <= (os.cpu_count() or 1))
        self._out = options.out or (None if self.quick else HERE.parent / "results")
        self._began = time.perf_counter()
        torch.manual_seed(SEED)
        self.machine = conditions()
        self.peaks = {each: [sgemm_peak(each, self.quick)] for each in self.threads}
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in self.machine.items()))
        for each, (peak,) in self.peaks.items():
            print(f"sgemm with {each} thread(s): {peak:.1f} GFLOP/s", flush=True)

    def rounds(self) -> dict[str, int]:
        """What `take_turns` is given beside its seconds."""
        return {"least": 2, "most": 3} if self.quick else {}

    def write(self, rows: Any, **more: Any) -> None:
        """The rows, and what they were measured on, as benchmarks/results/native_NAME.json."""
        for each, peaks in self.peaks.items():
            peaks.append(sgemm_peak(each, self.quick))
        result = {
            "machine": self.machine,
            "seed": SEED,
            "sgemm_gflops": {str(each): round(max(peaks), 1) for each, peaks in self.peaks.items()},
            "sgemm_each": {str(each): [round(peak, 1) for peak in peaks] for each, peaks in self.peaks.items()},
            "seconds": round(time.perf_counter() - self._began, 1),
            **more,
            "rows": rows,
        }
        print(f"{self.name}: {result['seconds']} s; sgemm before and after {result['sgemm_each']}")
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            (self._out / f"native_{self.name}.json").write_text(json.dumps(result, indent=1) + "\n")


def conditions() -> dict[str, str]:
    """The machine as every benchmark has it, and what only these ask about."""
    found = machine()
    status = subprocess.run(
        ["git", "status", "--porcelain", "src", "native"], cwd=HERE.parents[1], capture_output=True, text=True
    ).stdout
    found["commit"] = found["commit"].rstrip("+") + ("+" if status.strip() else "")
    found.pop("threads")  # said by each row
    found["isa"] = _native.kernels().name
    found["isas here"] = " ".join(_native.isa_names())
    found["torch's cpu"] = torch.backends.cpu.get_cpu_capability()
    found["torch's libraries"] = _libraries(torch.__config__.parallel_info())
    for module in ("onnxruntime", "onnx"):
        if find_spec(module) is not None:
            found[module] = __import__(module).__version__
    return found


def _libraries(parallel: str) -> str:
    """What PyTorch computes with and divides work by, in a few words of its own."""
    named = (
        r"(OpenMP) \d+ \(a\.k\.a\. OpenMP ([\d.]+)\)",
        r"(Math Kernel Library) Version (\S+?)-",
        r"(MKL-DNN) (v[\d.]+)",
    )
    found = (re.search(pattern, parallel) for pattern in named)
    return " ".join(" ".join(match.groups()) for match in found if match)


def sgemm_peak(threads: int, quick: bool = False) -> float:
    """GFLOP/s of the fastest turn of PyTorch's products of squares of 256 to 1024: the best this machine has shown."""
    torch.set_num_threads(threads)
    sides = {}
    for size in (512,) if quick else (256, 512, 768, 1024):
        a, b, c = (torch.randn(size, size) for _ in "abc")
        sides[str(size)] = python_side(lambda a=a, b=b, c=c: torch.mm(a, b, out=c))  # type: ignore[misc]
    timings = take_turns(sides, 0.1 if quick else 1.0)
    return max(2 * int(size) ** 3 / min(timing.turns) / 1e9 for size, timing in timings.items())


def flops(input_size: int, hidden: int, rows: int = 1) -> float:
    """Of the LSTM's products over so many rows and steps."""
    return 8.0 * hidden * (input_size + hidden) * rows


def check_close(what: str, given: Any, expected: Any, allowed: float) -> float:
    """The largest difference of two contenders' answers; raises `SystemExit` where they do not compute the same."""
    difference = float(np.abs(np.asarray(given) - np.asarray(expected)).max())
    if not difference <= allowed:
        raise SystemExit(f"{what}: answers differ by {difference:.2g}, expected at most {allowed:.2g}.")
    return difference
