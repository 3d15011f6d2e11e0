"""The curve that the native core's gates are made of: found, and measured.

    python benchmarks/gate_functions.py fit              # the best relative fit; half a minute; wants mpmath
    python benchmarks/gate_functions.py round --minutes 5   # its last bits, so that it stays within 1
    python benchmarks/gate_functions.py measure          # every float through every instruction set; ten minutes

tanh(x) is x P(u) / Q(u) with u = x^2, P and Q of degree 4. `fit` weighs points by their errors until the largest are alike
(Lawson), in 50 digits. `round` goes from there: coefficients in single precision are moved by some of their last bits, and
kept where the largest error over some thousand points, rounded as a processor rounds with and without fused multiplication,
gets smaller, and where there is an edge from which on the quotient can be held at exactly 1, never having been above.
native/vector.h holds what came out. `measure` builds native/tests/gate_functions and writes what it prints to
results/gate_functions.txt.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "gate_functions.txt"
DEGREE = 4
REACH = 8.03
"""Up to where the fit is asked for: a little beyond, all is 1."""
POINTS, ROUNDS = 300, 60

Floats = NDArray[np.float32]
Found = tuple[list[float], list[float]]


def fit() -> Found:
    """The coefficients of P and Q, lowest first, those of Q beginning with 1."""
    import mpmath as mp

    mp.mp.dps = 50
    reach = mp.mpf(str(REACH))
    points = [(mp.sin(mp.pi * (2 * k + 1) / (4 * POINTS))) ** 2 for k in range(POINTS)]  # u / reach^2, dense at the end
    wanted = [mp.tanh(reach * mp.sqrt(u)) / (reach * mp.sqrt(u)) for u in points]
    weights, before = [mp.mpf(1)] * POINTS, [mp.mpf(1)] * POINTS
    best, size = None, 2 * DEGREE + 1
    for turn in range(ROUNDS):
        left, right = mp.matrix(size, size), mp.matrix(size, 1)
        for u, f, weight, q in zip(points, wanted, weights, before, strict=True):
            scale = mp.sqrt(weight) / (f * q)
            row = [scale * u**k for k in range(DEGREE + 1)] + [-scale * f * u**k for k in range(1, DEGREE + 1)]
            for i in range(size):
                right[i] += row[i] * scale * f
                for j in range(size):
                    left[i, j] += row[i] * row[j]
        found = mp.lu_solve(left, right)
        p, q = [found[k] for k in range(DEGREE + 1)], [mp.mpf(1), *(found[DEGREE + k] for k in range(1, DEGREE + 1))]
        before = [mp.polyval(q[::-1], u) for u in points]
        errors = [abs(mp.polyval(p[::-1], u) / b / f - 1) for u, b, f in zip(points, before, wanted, strict=True)]
        if best is None or max(errors) < best[0]:
            scales = [reach ** (2 * k) for k in range(DEGREE + 1)]
            best = (
                max(errors),
                [a / s for a, s in zip(p, scales, strict=True)],
                [a / s for a, s in zip(q, scales, strict=True)],
            )
        if turn >= 5:
            total = sum(w * e for w, e in zip(weights, errors, strict=True))
            weights = [max(w * e / total * POINTS, mp.mpf(10) ** -12) for w, e in zip(weights, errors, strict=True)]
    assert best is not None
    print(f"largest relative error up to {REACH}: {mp.nstr(best[0], 4)}")
    return [float(each) for each in best[1]], [float(each) for each in best[2]]


def quotient(x: Floats, p: Floats, q: Floats, fused: bool) -> tuple[Floats, Floats]:
    """Numerator and denominator as native/vector.h computes them; the lowest coefficient of P is 1."""

    def then(a: Floats, b: Floats, c: Floats) -> Floats:
        if fused:  # a product of two floats is exact in double precision; rounding twice differs once in 2^29
            return (a.astype(np.float64) * b + c).astype(np.float32)
        return a * b + c

    u = x * x
    top, bottom = np.full_like(x, p[4]), np.full_like(x, q[4])
    for k in (3, 2, 1):
        top = then(top, u, p[k])
    for k in (3, 2, 1, 0):
        bottom = then(bottom, u, q[k])
    return then(x * u, top, x), bottom


def judged(x: Floats, exact: NDArray[np.float64], p: Floats, q: Floats) -> tuple[float, float]:
    """The largest error in units of the last place, and the edge; infinite where there is none."""
    pairs = [quotient(x, p, q, fused) for fused in (False, True)]
    near = np.arange(np.float32(7.8).view(np.uint32), np.float32(8.3).view(np.uint32), dtype=np.uint32).view(np.float32)
    ends = [quotient(near, p, q, fused) for fused in (False, True)]
    over = np.logical_or(*(top > bottom for top, bottom in ends))
    allowed = np.arange(len(near)) < (int(over.argmax()) if over.any() else len(near))
    even = np.logical_and(*(top == bottom for top, bottom in ends)) & allowed
    if not even.any():
        return np.inf, np.inf
    edge = float(near[even][-1])
    unit = np.spacing(np.nextafter(exact.astype(np.float32), np.float32(0)))
    inside = x < edge
    errors = [(np.abs(top / bottom - exact) / unit)[inside].max() for top, bottom in pairs]
    return float(max(*errors, (1 - np.tanh(edge)) * 2**24)), edge


def rounded(found: Found, minutes: float, seed: int = 1) -> None:
    """Search, and print whatever is better than before."""
    random = np.random.default_rng(seed)
    x = np.sort(np.concatenate([random.uniform(0.5, 8.3, 6000), np.exp(random.uniform(-8, 0, 1000))])).astype(
        np.float32
    )
    exact = np.tanh(x.astype(np.float64))
    best = np.float32([1.0, *found[0][1:], *found[1]])
    least, _ = judged(x, exact, best[:5], best[5:])
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        tried = best.copy()
        for place in random.choice([1, 2, 3, 4, 6, 7, 8, 9], 1 + random.integers(3), replace=False):
            reach = 20 if place in (4, 9) else 6
            tried[place : place + 1].view(np.int32)[0] += random.integers(-reach, reach + 1)
        largest, edge = judged(x, exact, tried[:5], tried[5:])
        if largest < least or np.isinf(least):
            least, best = largest, tried
            print(f"{least:.3f} ulp, edge {edge:.9g}: P {named(best[:5])}; Q {named(best[5:])}", flush=True)


def named(coefficients: Floats) -> str:
    return ", ".join(f"{each:.9g}" for each in coefficients)


def measure() -> None:
    """Every float through every table of kernels that runs here."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-DENSUE_PYTHON=OFF", "-DENSUE_NATIVE_TESTS=ON"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", folder, *options], check=True, stdout=subprocess.DEVNULL)
        build = ["cmake", "--build", folder, "--target", "gate_functions", "--parallel", "2"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        program = Path(folder) / "native" / "tests" / "gate_functions"
        done = subprocess.run([str(program), "--all"], check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(done.stdout, encoding="utf-8")
    if done.returncode != 0:
        sys.exit("The limits in native/tests/gate_functions.cpp are not kept.")


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["fit", "round", "measure"])
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    if options.what == "measure":
        return measure()
    found = fit()
    print(f"P {named(np.float32(found[0]))}\nQ {named(np.float32(found[1]))}")
    if options.what == "round":
        rounded(found, options.minutes)
    return None


if __name__ == "__main__":
    main()
