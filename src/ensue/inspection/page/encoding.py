"""Numbers as text that a page can carry: compressed bytes, shades of a heat map, and JSON that no label can break out of.

The page takes them apart again in `static/decode.js`; what stands here and there has to agree.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Packed = dict[str, Any]

SHADES = 254
"""The darkest shade; 0 is the lightest, and `MISSING` stands for what is no number."""
MISSING = 255


def packed(values: NDArray[Any]) -> Packed:
    """An array as its type, its shape and its compressed bytes, little-endian.

    >>> packed(np.array([1, 2, 3], np.uint8))["type"]
    'u1'
    """
    array = np.ascontiguousarray(values)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {"type": array.dtype.str[1:], "shape": list(array.shape), "gzip": _gzip(array.tobytes())}


def packed_texts(texts: Sequence[str]) -> Packed:
    """Texts as compressed JSON: thousands of stamps shrink to a tenth."""
    return {"type": "json", "gzip": _gzip(json.dumps([str(text) for text in texts]).encode())}


def shades(values: Floats, low: float, high: float) -> Packed:
    """A heat map in shades of one byte each.

    Args:
        values: What is shown, `(row, column)`; what is not finite becomes `MISSING`.
        low, high: What the first and the last shade stand for; no finite value lies outside.
    """
    share = (values - low) / (high - low)
    known = np.isfinite(share)
    codes = np.where(known, np.rint(np.where(known, share, 0) * SHADES), MISSING).astype(np.uint8)
    # What changes slowly compresses well as differences along time.
    return {**packed(np.diff(codes, axis=1, prepend=np.uint8(0))), "low": low, "high": high, "scale": None}


def row_shades(values: Floats) -> Packed:
    """A heat map of what has a sign and no bounds: each row in shades from minus to plus its own largest size.

    Args:
        values: What is shown, `(row, column)`; what is not finite becomes `MISSING`.
    """
    sizes = np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=1)
    scale = np.where(sizes > 0, sizes, 1.0).astype(np.float32)
    return {**shades(values / scale[:, None], -1.0, 1.0), "scale": packed(scale)}


def number(value: float) -> float | str | None:
    """A number as JSON can hold it: None for NaN, a word for infinity; seven digits are more than anybody reads.

    >>> number(1 / 3), number(math.nan), number(-math.inf)
    (0.3333333, None, '-Infinity')
    """
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.7g}")


def numbers(values: Sequence[float] | Floats) -> list[float | str | None]:
    return [number(float(value)) for value in values]


def script_safe(value: Any) -> str:
    """JSON that can stand in a page's script element: nothing in it opens or closes an element.

    >>> script_safe("</script>")
    '"\\\\u003c/script\\\\u003e"'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _gzip(raw: bytes) -> str:
    """Gzip without a time stamp or a name, so that the same document makes the same page."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return base64.b64encode(compressor.compress(raw) + compressor.flush()).decode("ascii")
