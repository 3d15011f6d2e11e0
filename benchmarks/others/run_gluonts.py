"""gluonts' DeepAR (PyTorch) with its defaults, 500 steps: the median and the bands of 100 sampled paths."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from gluonts.dataset.common import ListDataset
from gluonts.torch.model.deepar import DeepAREstimator
from lightning import seed_everything
from protocol import SEED, STEPS, Array, Contender, DuelSet, run

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

FREQUENCIES = {"1h": "h", "30m": "30min", "1d": "D", "1mo": "M"}
POSITIONS = {"m4_hourly": "h", "m4_weekly": "W"}
QUANTILES = {"mean": 0.5, "lo-80": 0.1, "hi-80": 0.9, "lo-95": 0.025, "hi-95": 0.975}
BATCHES = 50


class DeepAR(Contender):
    """2 x 40 units, context of one horizon, lags and time features by frequency: all the library's defaults."""

    library = "gluonts"
    packages = ("gluonts", "torch")

    def __init__(self, data: DuelSet, seed: int = SEED) -> None:
        super().__init__(data, seed)
        self.freq = POSITIONS.get(data.name) or FREQUENCIES[data.step]
        # Positions get a made-up first stamp, the same for all series; DeepAR wants a calendar.
        first = {name: data.times[start] for name, (start, _) in data.spans.items()}
        stamped = np.issubdtype(data.times.dtype, np.datetime64)
        self.starts = {
            name: pd.Period(pd.Timestamp(each) if stamped else "2000-01-02", self.freq) for name, each in first.items()
        }

    def settings(self) -> dict[str, Any]:
        epochs = STEPS // BATCHES
        return {"freq": self.freq, "max_epochs": epochs, "num_batches_per_epoch": BATCHES, "gaps": "its own handling"}

    def prepare(self, histories: dict[str, Array]) -> ListDataset:
        rows = [{"start": self.starts[name], "target": y, "item_id": name} for name, y in histories.items()]
        return ListDataset(rows, freq=self.freq)

    def fit(self, prepared: ListDataset) -> None:
        seed_everything(self.seed, verbose=False)
        quiet = {"enable_progress_bar": False, "logger": False, "enable_model_summary": False}
        estimator = DeepAREstimator(
            freq=self.freq,
            prediction_length=self.data.horizon,
            num_batches_per_epoch=BATCHES,
            trainer_kwargs={"max_epochs": STEPS // BATCHES, "accelerator": "cpu", **quiet},
        )
        self.predictor = estimator.train(prepared)

    def inputs(self, histories: dict[str, Array]) -> ListDataset:
        return self.prepare(histories)

    def predict(self, inputs: ListDataset) -> list[Any]:
        return list(self.predictor.predict(inputs))

    def read(self, predicted: list[Any]) -> dict[str, dict[str, Array]]:
        return {each.item_id: {name: each.quantile(q) for name, q in QUANTILES.items()} for each in predicted}


if __name__ == "__main__":
    run(DeepAR)
