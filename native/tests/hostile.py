"""Model files, stream states and calls of the native core from somebody who means no good: answered or refused, no more.

    python native/tests/hostile.py --seconds 20 --seed 1

Each turn takes a sound model file, state or call, makes some of it untrue, signs it again where a checksum would tell, and
uses what is then loaded. What may come out of Ensue is an `EnsueError`, of the binding a `ValueError`, `TypeError` or
`MemoryError`. Anything else, a crash above all, is a failure: the turns run in a second process, which is told apart from a
crash by its end. `--native FILE` takes the extension module from there: one that was built with sanitizers, for example.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

WORDS = [0, 1, -1, 2, 3, 7, 31, 32, 64, 1000, 10**6, 10**7, 10**9, 10**9 + 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1]
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 63, 64, 10**6, 10**7, 10**9, 2**31, 2**63, 2**64, 10**40, 0.0, -0.5, 0.5, 1e-300, 1e308,
    "", "x", "day", "lstm", "linear", "residual", "Europe/Berlin", "\x00", "é" * 50, [], [0], [[]], [1, 2, 3], {},
    {"kind": "residual", "layers": []}, {"kind": "pooling", "how": "mean"}, {"kind": "nothing"},
]  # fmt: skip
REALS = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, 1e300, -1e300, 5e-324, 9e15, 1e16, 0.5, -1.0, 3.4e38]


class Choices:
    """Decisions read from bytes; when they are at an end every decision is the first."""

    def __init__(self, data: bytes) -> None:
        self._bytes: Iterator[int] = iter(data)

    def below(self, count: int) -> int:
        high, low = next(self._bytes, 0), next(self._bytes, 0)
        return (256 * high + low) % count

    def once_in(self, times: int) -> bool:
        return self.below(times) == 1

    def pick(self, among: Any) -> Any:
        return among[self.below(len(among))]

    def whole(self) -> int:
        return int(self.pick(WORDS)) * (-1 if self.once_in(4) else 1)

    def real(self) -> float:
        return float(self.pick(REALS)) if self.once_in(4) else (self.below(256) - 127.5) / 32

    def reals(self, *shape: int) -> Array:
        some = np.array([self.real() for _ in range(5)])
        return np.resize(some, shape)


def scribble(data: bytes, choices: Choices) -> bytes:
    """Some bytes others, gone, or doubled."""
    spoiled = bytearray(data)
    for _ in range(1 + choices.below(4)):
        at, length = choices.below(len(spoiled) + 1), choices.below(40)
        match choices.below(4):
            case 0:
                spoiled[at : at + 1] = bytes([choices.below(256)])
            case 1:
                del spoiled[at : at + length]
            case 2:
                spoiled[at:at] = spoiled[at : at + length]
            case _:
                del spoiled[at:]
    return bytes(spoiled)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as what it is in and its key."""
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def distort_json(value: Any, choices: Choices) -> None:
    """Some values others, gone, or somewhere else."""
    for _ in range(1 + choices.below(3)):
        everywhere = list(places(value))
        if not everywhere:
            return
        holder, key = choices.pick(everywhere)
        match choices.below(5):
            case 0:
                del holder[key]
            case 1:
                elsewhere, other = choices.pick(everywhere)
                if other in elsewhere if isinstance(elsewhere, dict) else other < len(elsewhere):
                    holder[key] = copy.deepcopy(elsewhere[other])
            case 2 if isinstance(holder[key], int) and not isinstance(holder[key], bool):
                holder[key] += choices.pick([-1, 1, 2, 63, 10**9])
            case _:
                holder[key] = copy.deepcopy(choices.pick(ODD))


def distort_arrays(arrays: dict[str, Array], choices: Choices) -> None:
    """Some arrays with other numbers, shapes, types or names."""
    for _ in range(choices.below(3)):
        name = choices.pick(sorted(arrays))
        array = arrays[name]
        match choices.below(6):
            case 0:
                del arrays[name]
            case 1:
                arrays[choices.pick(sorted(arrays))] = array
            case 2:
                arrays[name] = array.reshape(-1)[: choices.below(array.size + 2)]
            case 3:
                arrays[name] = array.astype(choices.pick(["f2", "f4", "f8", "i8"]))
            case 4 if array.dtype.kind == "i" and array.size:
                array.reshape(-1)[choices.below(array.size)] = choices.whole()
            case _ if array.dtype.kind == "f" and array.size:
                with np.errstate(over="ignore"):
                    array.reshape(-1)[choices.below(array.size)] = choices.real()


class Sound:
    """A small forecaster with a calendar, seasons and covariates, and its model file."""

    def __init__(self, folder: Path) -> None:
        from ensue.config import DataOptions, TrainOptions
        from ensue.data.frequency import Frequency
        from ensue.data.panel import Panel
        from ensue.data.schema import Covariate, Schema
        from ensue.model_file import load_model, save_model
        from ensue.reports import TrainingReport
        from ensue.tasks.forecaster_file import contents
        from ensue.tasks.forecasting import ForecastingTask, Sizes

        past, future = (Covariate("wind"), Covariate("sky", ("clear", "rain"))), (Covariate("price"),)
        schema = Schema("id", "ds", "y", past=past, future=future, frequency=Frequency("day"), seasons=(7,))
        task = ForecastingTask(schema, 5, 20, Sizes(6, 2))
        random = np.random.default_rng(1)
        shapes = task.network().parameters()
        members = [{name: random.normal(size=s).astype("f") * 0.4 for name, s in shapes.items()} for _ in range(2)]
        times = np.datetime64("2024-01-01", "us") + np.arange(30) * np.timedelta64(1, "D")
        y, beside = random.normal(size=30), np.zeros((30, 2))
        panel = Panel(
            schema, ("a",), np.array([0, 30]), np.array([30]), times, y, beside, beside[:, :1], np.zeros((1, 0))
        )
        self.path = folder / "sound.ensue"
        options = DataOptions(past=("wind", "sky"), future=("price",)), TrainOptions(horizon=5)
        save_model(self.path, *contents(task, members, panel, TrainingReport(1, 1.0, "x", 0.8, 1.0, 1), options))
        self.data = self.path.read_bytes()
        self.arrays, self.description = load_model(self.path)


def hostile_file(sound: Sound, choices: Choices) -> None:
    """A model file of which some is untrue, loaded and used."""
    from safetensors.numpy import save

    import ensue
    from ensue.model_file import FORMAT_VERSION, _canonical, _checksum

    path = sound.path.with_name("hostile.ensue")
    if choices.once_in(4):
        path.write_bytes(scribble(sound.data, choices))
    else:
        arrays, description = (
            {name: each.copy() for name, each in sound.arrays.items()},
            copy.deepcopy(sound.description),
        )
        if not choices.once_in(4):
            distort_json(description, choices)
        distort_arrays(arrays, choices)
        arrays = {name: np.ascontiguousarray(each) for name, each in arrays.items()}
        content = {"format_version": FORMAT_VERSION, "ensue_version": "0", "description": description}
        content["sha256"] = _checksum(arrays, _canonical(description))
        path.write_bytes(save(arrays, {"ensue": json.dumps(content)}))
    forecaster = ensue.load(path, weights=choices.pick(["float32", "float32", "bf16", "int8"]))
    use(forecaster.stream(), choices)


def use(stream: Any, choices: Choices) -> None:
    """Values and stamps that hardly come up, one after the other."""
    from ensue.errors import EnsueError

    for _ in range(1 + choices.below(4)):
        steps = 1 + choices.below(20)
        values: Any = choices.real() if steps == 1 else choices.reals(steps)
        stamp = choices.pick(["2024-01-31", "2024-02-29T12:00", "0001-01-01", "2031-12-30", None, choices.whole()])
        past = choices.pick([None, choices.reals(steps, 2), choices.reals(1 + choices.below(3), choices.below(4))])
        future = choices.pick([None, choices.reals(steps, 1), choices.reals(steps, choices.below(4))])
        try:
            stream.update(values, time=stamp, past=past, future=future)
            stream.forecast(1 + choices.below(30), future=future if choices.once_in(2) else None)
        except EnsueError:
            continue


def hostile_state(sound: Sound, choices: Choices) -> None:
    """A stream's state that no stream has been in."""
    import ensue
    from ensue.runtime.stream_state import load, save

    forecaster = ensue.load(sound.path)
    stream = forecaster.stream()
    use(stream, choices)
    layout = stream._predictor.records
    saved = stream.state
    if choices.once_in(4):
        saved = scribble(saved, choices)
    else:
        records = load(saved, layout).copy()
        words = records.view(np.int64)
        for _ in range(1 + choices.below(12)):
            at = choices.below(records.shape[1]) if choices.once_in(2) else choices.below(30)
            if choices.once_in(2):
                words[0, at] = choices.whole()
            else:
                records[0, at] = choices.real()
        saved = save(records, layout)
    stream.state = saved
    use(stream, choices)
    use(stream.copy(), choices)


def hostile_call(sound: Sound, choices: Choices) -> None:
    """The binding called without its Python side."""
    from ensue import _native
    from ensue.runtime.native_engine import program
    from ensue.tasks.forecasting import ForecastingTask

    network = ForecastingTask.from_json(sound.description["forecasting"]).network()
    weights = {name[10:]: each.copy() for name, each in sound.arrays.items() if name.startswith("members.0.")}
    instructions: Any = [list(map(list, each[1:])) for each in program(network)]
    kinds = [each[0] for each in program(network)]
    if choices.once_in(2):
        distort_json(instructions, choices)
    if choices.once_in(3):
        distort_arrays(weights, choices)
    made: Any = [(kind, *each) for kind, each in zip(kinds, instructions, strict=False)]
    core = _native.Network(
        made, weights, choices.pick([None, *_native.isa_names()]), choices.pick(["float32", "bf16", "int8", "x"])
    )
    batch, steps = 1 + choices.below(3), 1 + choices.below(8)

    def block(*shape: int) -> Any:
        array = choices.reals(*shape).astype(choices.pick(["f4", "f4", "f4", "f4", "f8", "i4"]))
        return choices.pick([array, array, array, array, array[..., ::2], array[:-1], array[0], None, "x", 3])

    state: Any = [block(rows, batch, size) for rows, size in core.state_shapes]
    x, anchors = block(batch, steps, core.input_size), block(batch, steps, core.anchors)
    y = block(batch, steps, core.output_size)
    lengths: Any = choices.pick(
        [None, np.array([choices.below(steps + 2) for _ in range(batch)]), np.array([choices.whole()])]
    )
    arguments = (x, anchors, state, y, lengths, not choices.once_in(4), choices.pick([1, 1, 2, 0, -1, 5000]))
    if choices.once_in(2):
        arguments += hostile_records(core.recorded, batch, steps, choices)
    for _ in range(1 + choices.below(3)):
        core.run(*arguments)
        _native.Pass(core, *arguments).run()


def hostile_records(sizes: list[int], batch: int, steps: int, choices: Choices) -> tuple[Any, Any]:
    """Arrays to record in, some of which are none."""
    traces: list[Any] = [np.zeros((6, batch, steps, size), choices.pick(["f4", "f4", "f4", "f8"])) for size in sizes]
    sums: list[Any] = [np.zeros((11, batch * size + choices.below(3)), "f8") for size in sizes]
    if choices.once_in(3):
        broken = choices.pick([traces, sums])
        at = choices.below(len(broken)) if broken else 0
        broken[at : at + 1] = choices.pick([[], [None], ["x"], [np.zeros(3)], [np.zeros((11, 0))], broken[:2]])
    return choices.pick([(traces, None), (None, sums), (traces, sums), (sums, None), (None, traces), (3, None)])


TARGETS: tuple[Callable[[Sound, Choices], None], ...] = (hostile_file, hostile_file, hostile_state, hostile_call)


def one_turn(sound: Sound, data: bytes) -> str:
    """What came of it: 'taken', or the kind of refusal. Raises what may not come up."""
    from ensue.errors import EnsueError

    choices = Choices(data)
    target = choices.pick(TARGETS)
    try:
        target(sound, choices)
    except EnsueError as error:
        if "\n" in str(error) or not str(error).endswith((".", "?", ":")):
            raise AssertionError(f"no sentence: {error!r}") from error
        return "refused"
    except (ValueError, TypeError, MemoryError):
        if target is not hostile_call:
            raise
        return "refused by the binding"
    return "taken"


def run(seconds: float, turns: int, seed: int) -> int:
    """Turn after turn; prints the seed of the turn under way, so that it is known when it ends in a crash."""
    with tempfile.TemporaryDirectory() as folder:
        sound, outcomes, start = Sound(Path(folder)), Counter[str](), time.monotonic()
        for turn in range(turns):
            if time.monotonic() - start > seconds:
                break
            sys.stdout.write(f"turn {seed + turn}\n")
            sys.stdout.flush()
            outcomes[one_turn(sound, Random(seed + turn).randbytes(600))] += 1
    sys.stdout.write(f"{outcomes.total()} turns: {', '.join(f'{n} {what}' for what, n in sorted(outcomes.items()))}\n")
    return 0 if len(outcomes) == 3 or turns == 1 else 1


def watch(arguments: list[str]) -> int:
    """The turns in a second process: its last line, or what it ended with."""
    done = subprocess.run([sys.executable, __file__, "--here", *arguments], capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1:] or ["it did not begin"]
    if done.returncode != 0:
        sys.stdout.write(f"FAILED ({done.returncode}) at {last[0]}: try `--turns 1 --seed ...` again\n{done.stderr}\n")
    else:
        sys.stdout.write(f"{last[0]}\n")
    return done.returncode


def take_native(path: str) -> None:
    """Make this file the module `ensue._native`."""
    spec = importlib.util.spec_from_file_location("ensue._native", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no extension module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["ensue._native"] = module
    spec.loader.exec_module(module)
    import ensue

    ensue._native = module  # type: ignore[attr-defined]


def main() -> int:
    """See the top."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--turns", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--native")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of numbers that nobody should have given
    if not options.here:
        return watch(sys.argv[1:])
    if options.native:
        take_native(options.native)
    return run(options.seconds, options.turns, options.seed)


if __name__ == "__main__":
    sys.exit(main())
