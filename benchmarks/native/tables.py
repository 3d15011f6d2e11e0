"""What `report.py` writes of the native core: each recorded result as a table, and what was asked beside what was reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import asked
import page
from page import Result, Row

HOW = (
    "Contenders take turns in one process with the same number of threads; medians of the turns, ratios are medians of the "
    "ratios within a round (in the JSON: what a tenth lies below and above). A ratio above 1: ours is faster. GFLOP/s: "
    "8 H (I + H) a row and step, three times that in training. One layer; in Python unless said otherwise."
)


def sections(folder: Path) -> list[str]:
    """The page about the native core; nothing where nothing was recorded."""
    found = {path.stem.removeprefix("native_"): json.loads(path.read_text()) for path in folder.glob("native_*.json")}
    made = [make(found[name]) for name, make in SECTIONS.items() if name in found]
    if not made:
        return []
    head = "\n".join(["## The native core", HOW, "", page.where(found)])
    return [head, page.table(("asked", "reached", "worst at", ""), asked.lines(found)), *made]


# ---- a table each ----------------------------------------------------------------------------------------------------


def _step(result: Result) -> str:
    heads: tuple[str, ...] = (
        "I",
        "H",
        "ours us",
        "10-90 %",
        "p50 / p99",
        "GFLOP/s",
        "Eigen us",
        "x",
        "bf16 us",
        "int8 us",
    )
    heads += ("from Python us", "LSTMCell us", "x", "x from Python", "ONNX Runtime us", "x from Python")
    lines = []
    for row in result["rows"]:
        times, ratios = row["times"], row["over_ours"]
        ours, from_python = times["ours"], times["python"]["us"]
        node = times.get("onnxruntime")
        lines.append(
            [
                *(row["I"], row["H"], f"**{ours['us']:.3f}**", f"{ours['low']:.3f}-{ours['high']:.3f}"),
                *(f"{ours['p50']:.3f} / {ours['p99']:.3f}", f"{row['gflops']:.1f}"),
                *(page.us(times, "eigen"), page.ratio(ratios, "eigen"), page.us(times, "bf16"), page.us(times, "int8")),
                *(f"{from_python:.3f}", page.us(times, "LSTMCell"), page.ratio(ratios, "LSTMCell")),
                *(f"{times['LSTMCell']['us'] / from_python:.1f}", page.us(times, "onnxruntime")),
                "-" if node is None else f"{node['us'] / from_python:.1f}",
            ]
        )
    text = (
        f"One step, batch 1, one thread, {result['isa']}. Ours, bf16, int8 and Eigen {result['eigen']} (a plain loop in the "
        "manner of RTNeural, same compiler flags) inside C++; the others from Python. p50 and p99: steps timed one by one, "
        "without what the clock shows around nothing."
    )
    return page.section("step", "One step", text, result, page.table(heads, lines))


def _block(result: Result) -> str:
    times = sorted({row["T"] for row in result["rows"]})
    by_size = page.grouped(result["rows"], ("I", "H"))
    lines = [
        (*size, *(_block_cell(found.get(time)) for time in times))
        for size, found in ((size, {row["T"]: row for row in rows}) for size, rows in by_size.items())
    ]
    text = "T steps of one stream in one call, one thread: us a step of ours; times of `nn.LSTM` / of ONNX Runtime."
    heads = ("I", "H", *(f"T {each}" for each in times))
    return page.section("block", "A block of a stream", text, result, page.table(heads, lines))


def _block_cell(row: Row | None) -> str:
    if row is None:
        return "-"
    ratios = " / ".join(page.ratio(row["over_ours"], name) for name in ("nn.LSTM", "onnxruntime"))
    return f"{row['times']['ours']['us'] / row['T']:.3f}; {ratios}"


def _forward(result: Result) -> str:
    text = (
        "Times of `torch.nn.LSTM` under inference_mode over those of the runtime's engine / over those of the module; "
        "GFLOP/s of the engine (percent of the sgemm)."
    )
    return _grid("forward", "Batched forward", text, result, _forward_cell)


def _forward_cell(each: Row, peak: float) -> str:
    engine, module = asked.over_engine(each), asked.over_module(each)
    return f"**{engine:.2f}** / {module:.2f}; {each['gflops']:.0f} ({100 * each['gflops'] / peak:.0f} %)"


def _train(result: Result) -> str:
    text = "Forward and backward: times of `torch.nn.LSTM` over ours; GFLOP/s of ours (percent of the sgemm)."
    return _grid("train", "A training step", text, result, _train_cell)


def _train_cell(each: Row, peak: float) -> str:
    faster = each.get("ours_over_1_thread")
    beside = f"; {1 / faster['ratio']:.2f} x one thread" if faster else ""
    share = 100 * each["gflops"] / peak
    return f"**{each['over_ours']['nn.LSTM']['ratio']:.2f}**; {each['gflops']:.0f} ({share:.0f} %){beside}"


def _grid(name: str, title: str, text: str, result: Result, cell: Callable[[Row, float], str]) -> str:
    """A table for each number of threads: sizes by time."""
    parts = []
    times = sorted({row["T"] for row in result["rows"]})
    for threads, peak in result["sgemm_gflops"].items():
        lines = []
        for size, rows in page.grouped(result["rows"], ("I", "H", "B")).items():
            found = {row["T"]: row["by_threads"].get(threads) for row in rows}
            lines.append((*size, *(cell(each, peak) if (each := found.get(time)) else "-" for time in times)))
        heads = ("I", "H", "B", *(f"T {each}" for each in times))
        parts.append(f"{threads} thread(s), sgemm {peak:.0f} GFLOP/s:\n\n{page.table(heads, lines)}")
    return page.section(name, title, text, result, "\n\n".join(parts))


def _new_shapes(result: Result) -> str:
    lines = [
        [
            *(row["threads"], row["part"], *(f"{row['us_a_thousand'][side]:.0f}" for side in ("ours", "nn.LSTM"))),
            *(f"**{row['over_ours']['ratio']:.2f}**", *(_new(row, side) for side in ("ours", "nn.LSTM"))),
        ]
        for row in result["rows"]
    ]
    heads = ("threads", "part", "ours us", "nn.LSTM us", "x", "ours: new over known", "nn.LSTM: new over known")
    text = (
        "Forward and backward, H = I = 64, batch (16 to 64) and time (16 to 128) drawn for every step: us for a thousand "
        "rows and steps; at the right, how many times as long a shape took the first time as the second."
    )
    return page.section("new_shapes", "Batches of ever new shapes", text, result, page.table(heads, lines))


def _new(row: Row, side: str) -> str:
    return f"{row['new_over_known'][side]['ratio']:.2f}" if "new_over_known" in row else ""


def _lengths(result: Result) -> str:
    lines = [
        [
            *(threads, row["H"], f"{each['times']['ours']['us'] / 1e3:.2f}", f"{each['gflops']:.0f}"),
            *(page.ratio(each["over_ours"], name) for name in ("packed", "padded")),
        ]
        for threads in result["sgemm_gflops"]
        for row in result["rows"]
        if (each := row["by_threads"].get(threads))
    ]
    text = (
        f"Forward and backward, 64 rows of 1 to 128 steps, {100 * result['share_inside']:.0f} % of them inside the lengths. "
        "Beside `torch.nn.LSTM` with `pack_padded_sequence`, and over the padding, which answers less."
    )
    heads = ("threads", "H", "ours ms", "GFLOP/s", "packed x", "padded x")
    return page.section("lengths", "Rows of different lengths", text, result, page.table(heads, lines))


def _forecaster_stream(result: Result) -> str:
    rows = [row for row in result["rows"] if "us_a_unit" in row]
    single = [row for row in result["rows"] if "native" in row]
    lines = [
        (row["what"], side, f"{us:.2f}", f"{us * row['units'] / 1e3:.3f}", page.ratio(row["over_native"], side))
        for row in rows
        for side, us in row["us_a_unit"].items()
    ]
    for row in single:
        each = row["native"]
        lines.append((row["what"], "native", f"p50 {each['p50']:.2f}, p99 {each['p99']:.2f}", "", ""))
    text = (
        "Two layers of 64 units, hourly values, calendar and seasons, from Python; NumPy: with ENSUE_EXECUTOR=numpy. "
        f"A state has {result['state_bytes']:,} bytes."
    )
    heads = ("what", "side", "us (a stream)", "ms a call", "x native")
    return page.section("forecaster_stream", "A whole forecaster streams", text, result, page.table(heads, lines))


def _flat(result: Result) -> str:
    names = {"forecaster": "forecaster us", "network": "network us"}
    by_steps = page.grouped(result["rows"], ("steps",))
    lines = []
    for (steps,), rows in by_steps.items():
        found = {row["what"]: row for row in rows}
        chosen = [(found[name]["times"]["ours"]["us"], found[name]["over_first"]["ratio"]) for name in names]
        lines.append((f"{steps:,}", *(f"{us:.3f} ({ratio:.3f})" for us, ratio in chosen)))
    text = "A step after so many (and over that after the first 100), from Python; 2 x 64 units."
    return page.section(
        "flat", "The cost of a step is flat", text, result, page.table(("steps read", *names.values()), lines)
    )


def _watch(result: Result) -> str:
    lines = [
        [
            *(row["H"], row["I"], row["B"], row["T"], "yes" if row["layer_norm"] else "no"),
            f"{row['times']['forward']['us']:.0f}",
            *(f"{100 * (row['over_forward'][name]['ratio'] - 1):+.1f}" for name in ("watch", "trace")),
        ]
        for row in result["rows"]
    ]
    text = "What looking inside costs beside `forward`, from Python; asked for sums: below 5 %."
    heads = ("H", "I", "B", "T", "layer norm", "forward us", "sums %", "trace %")
    return page.section("watch", "Sums and traces", text, result, page.table(heads, lines))


SECTIONS: dict[str, Callable[[Result], str]] = {
    "step": _step,
    "block": _block,
    "flat": _flat,
    "forecaster_stream": _forecaster_stream,
    "forward": _forward,
    "train": _train,
    "new_shapes": _new_shapes,
    "lengths": _lengths,
    "watch": _watch,
}
