"""What all tests share: one thread, few and repeatable Hypothesis examples, shapes checked inside `ensue.learn`."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and PyTorch start their threads
os.environ.setdefault("MKL_NUM_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

sys.path.append(str(Path(__file__).parent))  # for `some_words`

# Every call of an annotated function of these modules has its types and shapes checked while tests run. The loop is not
# among them: it speaks to protocols, which are for the type checker.
SHAPED = ("reference", "normalised", "native_op", "lstm", "modules", "losses", "windows", "forecasting")
install_import_hook([f"ensue.learn.{module}" for module in SHAPED], "beartype.beartype")

settings.register_profile("here", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the real data sets; tests that use it are marked `data`."""
    folder = os.environ.get("ENSUE_DATA")
    if not folder:
        pytest.skip("needs real data: set ENSUE_DATA to its folder")
    return Path(folder)
