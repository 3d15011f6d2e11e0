"""neuralforecast's LSTM with its defaults, 500 steps: a direct multi-step decoder, point forecasts."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM
from protocol import STEPS, Array, Contender, filled, run

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class NeuralForecastLSTM(Contender):
    """2 x 128 units, input of three horizons, robust scaling, MAE: all the library's defaults."""

    library = "neuralforecast"
    packages = ("neuralforecast", "torch")

    def settings(self) -> dict[str, Any]:
        return {"max_steps": STEPS, "random_seed": self.seed, "gaps": "filled by the last value"}

    def prepare(self, histories: dict[str, Array]) -> pd.DataFrame:
        parts = []
        for name, history in histories.items():
            y = filled(history).astype(np.float32)
            parts.append(pd.DataFrame({"unique_id": name, "ds": np.arange(len(y)), "y": y}))
        return pd.concat(parts, ignore_index=True)

    def fit(self, prepared: pd.DataFrame) -> None:
        quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
        model = LSTM(h=self.data.horizon, max_steps=STEPS, random_seed=self.seed, accelerator="cpu", **quiet)
        self.forecaster = NeuralForecast(models=[model], freq=1)
        self.forecaster.fit(prepared)

    def inputs(self, histories: dict[str, Array]) -> pd.DataFrame:
        # The model reads three horizons: more rows would cost it time and change nothing.
        rows = 4 * self.data.horizon
        return self.prepare({name: filled(y)[-rows:] for name, y in histories.items()})

    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame:
        return self.forecaster.predict(df=inputs)

    def read(self, predicted: pd.DataFrame) -> dict[str, dict[str, Array]]:
        rows = predicted.sort_values(["unique_id", "ds"])
        return {str(name): {"mean": part["LSTM"].to_numpy()} for name, part in rows.groupby("unique_id")}


if __name__ == "__main__":
    run(NeuralForecastLSTM)
