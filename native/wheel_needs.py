"""What a wheel needs beside the dependencies in pyproject.toml: the build asks here.

One wheel for several Pythons does not carry nanobind's own code: that part differs from Python to Python, and comes as a
package. What is compiled where it runs carries it, and needs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def dynamic_metadata(settings: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, list[str]]:
    """More dependencies, for `ENSUE_BUILD=one-wheel` alone."""
    one_wheel = os.environ.get("ENSUE_BUILD") == "one-wheel"
    return {"dependencies": ["nanobind-backend>=1.0"] if one_wheel else []}
