"""How every other library is run: trained once before the first window, then asked for each window with newer history.

One thread, one seed, no covariates. Bringing the rows into a library's own format is not timed; its `fit` and
`predict` calls are. A result is one JSON file a library and set, written as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from duel_data import Array, DuelSet, load_set, origins, score

SETS = ("m4_weekly", "m4_hourly", "nn5_daily", "ETTh1", "vic_elec", "pjm_hourly")
STEPS = 500
SEED = 1
LIMIT_MINUTES = 25
RESULTS = Path(__file__).parent / "results"


class Contender(ABC):
    """A library's LSTM on one set. `prepare` and `inputs` bring rows into its format, untimed."""

    library: str
    packages: tuple[str, ...]

    def __init__(self, data: DuelSet, seed: int = SEED) -> None:
        self.data = data
        self.seed = seed

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What was chosen, beside the library's defaults."""

    @abstractmethod
    def prepare(self, histories: dict[str, Array]) -> Any:
        """The training part of every series, as `fit` wants it."""

    @abstractmethod
    def fit(self, prepared: Any) -> None:
        """500 training steps."""

    @abstractmethod
    def inputs(self, histories: dict[str, Array]) -> Any:
        """Every series up to an origin, as `predict` wants it."""

    @abstractmethod
    def predict(self, inputs: Any) -> Any:
        """The next horizon of every series, in the library's own format."""

    @abstractmethod
    def read(self, predicted: Any) -> dict[str, dict[str, Array]]:
        """id -> "mean" and, where there are bands, "lo-80" and so on; each (horizon,)."""


def filled(y: Array) -> Array:
    """Gaps filled by the last value, what comes before the first value dropped: for libraries that take no gaps."""
    seen = np.where(np.isnan(y), 0, np.arange(len(y)))
    return y[np.maximum.accumulate(seen)][int(np.argmin(np.isnan(y))) :]


def measure(contender: Contender) -> dict[str, Any]:
    """Train once, predict every window, score."""
    data = contender.data
    panels = [(window, {name: each.history for name, each in panel.items()}) for window, panel in origins(data)]
    prepared = contender.prepare(panels[0][1])
    with _clock() as training:
        contender.fit(prepared)
    forecasts, seconds, processor = {}, [], []
    for window, histories in panels:
        inputs = contender.inputs(histories)
        with _clock() as predicting:
            predicted = contender.predict(inputs)
        seconds.append(predicting["wall"])
        processor.append(predicting["cpu"])
        forecasts |= {(window, name): each for name, each in contender.read(predicted).items()}
    return {
        "scores": score(data, forecasts),
        "train_seconds": training["wall"],
        "train_cpu_seconds": training["cpu"],
        "predict_seconds": sum(seconds),
        "predict_cpu_seconds": sum(processor),
        "predict_seconds_per_window": seconds,
    }


def run(kind: type[Contender]) -> None:
    """The command line of a run: sets as arguments, all six by default; `--limit` in minutes a set."""
    options = argparse.ArgumentParser(description=f"Measure {kind.library} on the duel sets.")
    options.add_argument("sets", nargs="*", default=SETS)
    options.add_argument("--limit", type=float, default=LIMIT_MINUTES, help="processor minutes a set may take")
    options.add_argument("--seed", type=int, default=SEED)
    options.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON files")
    given = options.parse_args()
    for name in given.sets:
        data = load_set(name)
        contender = kind(data, given.seed)
        facts = {
            "library": kind.library,
            "set": name,
            "series": len(data.spans),
            "windows": data.windows,
            "horizon": data.horizon,
            "steps": STEPS,
            "seed": given.seed,
            "threads": 1,
            "settings": contender.settings(),
            "versions": {"python": platform.python_version()} | {p: version(p) for p in kind.packages},
            "machine": _machine(),
        }
        result = facts | _within(given.limit, contender)
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / f"{kind.library}-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(name, {key: result[key] for key in ("scores", "train_seconds", "predict_seconds") if key in result})
        sys.stdout.flush()


def _within(minutes: float, contender: Contender) -> dict[str, Any]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError

    # Processor time, not wall: a busy machine must not make a library look too slow to finish.
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, minutes * 60)
    try:
        return measure(contender)
    except TimeoutError:
        return {"exceeded_cpu_minutes": minutes}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def _clock() -> Iterator[dict[str, float]]:
    taken: dict[str, float] = {}
    wall, processor = time.perf_counter(), time.process_time()
    yield taken
    taken["wall"] = time.perf_counter() - wall
    taken["cpu"] = time.process_time() - processor


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
