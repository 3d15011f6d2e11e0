"""Forecasting: fitted in the learning wing, used through the runtime, saved as one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensue.config import QUANTILES, DataOptions, TrainOptions
from ensue.errors import DataError, ModelFileError, NotFittedError, UsageError, nearest
from ensue.given import as_tuple, frame_of, kind_of, like_given, percents, series_of
from ensue.reports import Progress, TrainingReport

if TYPE_CHECKING:
    from ensue.data.panel import Panel
    from ensue.data.schema import Schema
    from ensue.evaluation import Backtest
    from ensue.inspection.trace import Trace
    from ensue.inspection.whole import Inspection
    from ensue.pretrained import Pretrained
    from ensue.runtime.predictor import Predictor
    from ensue.runtime.stream import ForecastStream
    from ensue.runtime.stream_batch import StreamBatch
    from ensue.tasks.forecasting import ForecastingTask


class Forecaster:
    """Learns a table of series and forecasts what comes next, with bands.

    One network is trained over all series. Whatever is not said about the table is found in it, and told in `findings_`.

    Args:
        horizon: steps ahead to be good at; any number of steps can be predicted.
        target, time, id: columns to forecast, of time, and telling series apart.
        past, future, static: covariates known up to now, known ahead, and constant within a series.
        freq, season: spacing of the rows ('hour', '30min', 'day', ...) and season lengths in steps.
        duplicates: rows of the same id and time: 'error', 'first' or 'mean'.
        holidays: country code whose public holidays are given to the network.
        preset, steps, seed, threads, device: how to train; see `ensue.config.TrainOptions`.

    After `fit`: `findings_` (what was found in the table), `report_` (how training went). After `predict`:
    `prediction_findings_` (what was found in its table, and what to know of the forecast).

    >>> import numpy as np, ensue
    >>> wave = np.sin(np.arange(300) / 4)
    >>> forecaster = ensue.Forecaster(horizon=5, steps=20, preset="fast").fit(wave)
    >>> forecaster.predict(levels=[80]).shape
    (5, 5)
    """

    def __init__(
        self,
        *,
        horizon: int = 30,
        target: str | None = None,
        time: str | None = None,
        id: str | None = None,
        past: Sequence[str] = (),
        future: Sequence[str] = (),
        static: Sequence[str] = (),
        freq: str | None = None,
        season: Sequence[int] | None = None,
        duplicates: str = "error",
        holidays: str | None = None,
        preset: str = "default",
        steps: int | None = None,
        seed: int = 0,
        threads: int | None = None,
        device: str = "auto",
        **recipe: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "recipe", "__class__")}
        self._pretrained: Pretrained | None = None
        self._set(given | recipe)

    @classmethod
    def pretrained(cls, *, horizon: int | None = None, folder: str | Path | None = None, **options: Any) -> Forecaster:
        """The bundled forecaster, which needs no training: it predicts, backtests, streams and inspects at once.

        Every table is read anew, and what was found in it is told in `prediction_findings_`. `fit` goes on learning from
        it on a table, and keeps what it was where that is better on the windows set aside.

        Args:
            horizon: steps ahead; None: two seasons of the table, or what its length allows (30 for `fit`).
            folder: another one that `ensue pretrain` has left there.
            options: the other arguments of `Forecaster`.

        Raises `ModelFileError` where its file is missing or another than its card says.

        >>> import numpy as np, ensue
        >>> ensue.Forecaster.pretrained(season=[25]).predict(np.sin(np.arange(100) * 2 * np.pi / 25), horizon=3).shape
        (3, 7)
        """
        from ensue.pretrained import pretrained

        forecaster = cls(**options if horizon is None else options | {"horizon": horizon})
        forecaster._pretrained = pretrained(horizon, None if folder is None else Path(folder))
        return forecaster

    @classmethod
    def from_options(cls, data: DataOptions, train: TrainOptions) -> Forecaster:
        """A forecaster from option objects, such as `ensue.config.load_config` returns."""
        forecaster = cls()
        forecaster._data, forecaster._train = data, train
        return forecaster

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every argument and its value, in the way of scikit-learn."""
        return {each.name: getattr(options, each.name) for options in self._options() for each in fields(options)}

    def set_params(self, **changed: Any) -> Forecaster:
        """Change arguments; a fitted model stays as it was fitted."""
        self._set(self.get_params() | changed)
        if self._pretrained is not None and "horizon" in changed:
            self._pretrained = replace(self._pretrained, horizon=changed["horizon"])
        return self

    def fit(
        self,
        df: Any,
        *,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | Forecaster | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Forecaster:
        """Train on a table: a pandas, Polars or PyArrow frame, a row of numbers, or the path of a file.

        Args:
            checkpoint: file to write while training, and to go on from with `resume`.
            start_from: a forecaster, or its file, to go on learning from; "bundled" for the one that needs no training.
            progress: called after every step.

        Ctrl-C keeps the best network so far and returns; `report_.stopped` is then 'interrupted'. Raises `DataError` for a
        table that cannot be used and `TrainingError` when the loss is no longer a number.
        """
        panel, self.findings_ = self._training_panel(df)
        self._learn(panel, checkpoint=checkpoint, resume=resume, start_from=start_from, progress=progress)
        self.findings_ += self._kept()
        self._sample = kind_of(df)
        return self

    def predict(
        self,
        df: Any = None,
        *,
        horizon: int | None = None,
        levels: Sequence[float] = (80, 95),
        future: Any = None,
        thorough: bool = False,
    ) -> Any:
        """Forecast what comes after the last row of each series.

        Args:
            df: newer history, or series never seen; None goes on from the training data.
            horizon: steps ahead.
            levels: central bands in percent, such as 80 and 95.
            future: a table of covariates known ahead, where they are not rows of `df` with an empty target.
            thorough: ask twice, once with the values upside down, and give the mean; twice the time.

        Returns a frame of the same kind as `df` (as the training table without one) with the id, the time and the
        columns `ensue`, `ensue-lo-80`, `ensue-hi-80`, ... Raises `UsageError` for a horizon or levels that cannot be
        and `DataError` for a table that cannot be used or covariates that stop early.
        """
        from ensue.runtime.frames import forecast_frame
        from ensue.runtime.predictor import both_ways, check_horizon, warnings_of
        from ensue.tasks.forecasting import levels_between

        horizon = None if horizon is None else check_horizon(horizon)
        levels_between(QUANTILES, percents(levels))  # what can be refused at once is refused before any work
        predictor, panel = self._ready(df, future, horizon)
        horizon = horizon or predictor.task.horizon
        wanted = levels_between(predictor.task.levels, percents(levels))
        quantiles = both_ways(predictor, panel, horizon) if thorough else predictor.predict(panel, horizon)
        self.prediction_findings_ = (*panel.findings, *warnings_of(self._trained_for(predictor), panel, horizon))
        frame = forecast_frame(panel, quantiles, predictor.task.levels, wanted)
        return like_given(frame, self._sample if df is None else df, panel.schema.id)

    def backtest(
        self,
        df: Any = None,
        *,
        windows: int | None = None,
        levels: Sequence[float] = (80, 95),
        baselines: Sequence[str] = (),
        refit: bool = True,
        progress: Callable[[Progress], None] | None = None,
    ) -> Backtest:
        """How good the forecasts would have been at the last `windows` origins, beside seasonal naive.

        With `refit` a network of the same options is trained on what lies before the first origin, so that nothing
        scored was ever learned from; this forecaster stays as it is. Without, the fitted network is used, and windows
        it has learned from are refused.

        Args:
            df: the table; None takes what the model file keeps of the training data, where that is long enough.
            windows: one horizon apart; 8 unless given, or as many as half of the history has room for where the
                forecaster is a pretrained one.
            baselines: 'ets' and 'theta', beside seasonal naive (extra `baselines`).
        """
        from ensue.backtesting import backtest

        return backtest(self, df, windows, percents(levels), tuple(baselines), refit, progress)

    def stream(self, df: Any = None, *, id: str | None = None, static: Sequence[float] | None = None) -> ForecastStream:
        """A stream that reads values as they come; with a table, it begins after the rows of the series `id` in it.

        `static` are the static covariates of a stream that begins empty: numbers, or the codes of categories.
        """
        from ensue.runtime.stream import ForecastStream

        if df is None and id is None and self._is_fitted:
            return ForecastStream(self._fitted(), static)
        if static is not None:
            raise UsageError("static is given beside a table, which tells it already: leave one of them out.")
        predictor, panel = self._ready(df)
        return ForecastStream.after(predictor, panel, series_of(panel, id, "a stream"))

    def trace(self, df: Any = None, *, id: str | None = None, steps: int = 10_000) -> Trace:
        """Every gate of every step while it reads the series `id` of a table; see `ensue.inspection.trace.Trace`.

        Args:
            df: the table; None takes what the model file keeps of the training data.
            id: the series, where the table has several.
            steps: so many at the end of the series.

        >>> import numpy as np, ensue
        >>> forecaster = ensue.Forecaster(horizon=5, steps=2, preset="fast").fit(np.sin(np.arange(300) / 4))
        >>> forecaster.trace(steps=100)
        Trace(100 steps from 200 to 299, layer 1 of 32 units)
        """
        from ensue.inspection.reading import read_series

        predictor, panel = self._ready(df)
        return read_series(predictor, panel, series_of(panel, id, "a trace"), steps).trace

    def inspect(
        self,
        df: Any = None,
        *,
        id: str | None = None,
        at: Any = None,
        ahead: int = 1,
        probe: Sequence[str] = (),
        steps: int = 10_000,
    ) -> Inspection:
        """Look inside while it reads a series: what the gates did, what is in memory since when, how far back it looks.

        Args:
            df: the table; None takes what the model file keeps of the training data.
            id: the series, where the table has several.
            at: the step whose forecast is explained, a stamp of the table (or a position, where it has no stamps); None: the
                last of the `ahead` that are not known yet.
            ahead: forecasts so many steps ahead are measured and explained.
            probe: columns of numbers to look for in the memory.
            steps: so many at the end of the series are shown; what is measured does not depend on it.

        `print(inspection)` says what was found, `inspection.report("report.html")` draws it. Raises `DataError` for a
        step, a series or a column that is not there.
        """
        from ensue.inspection.asking import question
        from ensue.inspection.forecaster import inspect_forecaster

        predictor, panel = self._ready(df)
        series = series_of(panel, id, "a look inside")
        asked = question(panel, series, at=at, ahead=ahead, steps=steps)
        columns = self._columns(df, panel, series, as_tuple("probe", probe))
        self.inspection_findings_ = panel.findings
        weights = self._weights if self._is_fitted or self._pretrained is None else self._pretrained.parts.weights
        return inspect_forecaster(predictor, weights[0], panel, replace(asked, columns=columns))

    @property
    def schema(self) -> Schema:
        """What the columns of the tables it was fitted on are."""
        return self._fitted().task.schema

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels it has learned, as the columns of a stream's answers have them."""
        if self._pretrained is not None and not self._is_fitted:
            return self._pretrained.parts.task.levels
        return self._fitted().task.levels

    def streams(self, count: int | None = None, *, df: Any = None, threads: int | None = None) -> StreamBatch:
        """Many streams side by side: `count` new ones, or with a table one after the rows of each of its series."""
        from ensue.runtime.stream_batch import StreamBatch

        if (count is None) == (df is None):
            raise UsageError(
                "streams() takes how many streams there are to be, or df=, a table to begin after: give one."
            )
        if count is not None:
            return StreamBatch(self._fitted(), count, threads=threads)
        predictor, panel = self._ready(df)
        return StreamBatch.after(predictor, panel, threads=threads)

    def save(self, path: str | Path) -> None:
        """Write the one model file, whole or not at all."""
        from ensue.model_file import save_model
        from ensue.tasks.forecaster_file import contents

        weights, description = contents(self._fitted().task, self._weights, self._recent, self.report_, self._options())
        save_model(path, weights, description)

    def describe(self) -> dict[str, Any]:
        """What the fitted forecaster is, as plain values; of a pretrained one, what holds for every table."""
        if self._pretrained is not None and not self._is_fitted:
            return self._pretrained.describe()
        predictor = self._fitted()
        task = predictor.task
        return {
            "task": "forecasting",
            "target": task.schema.target,
            "time": task.schema.time,
            "id": task.schema.id,
            "covariates": {
                "past": [each.name for each in task.schema.past],
                "future": [each.name for each in task.schema.future],
                "static": [each.name for each in task.schema.static],
            },
            "frequency": task.schema.frequency.name,
            "seasons": list(task.schema.seasons),
            "horizon": task.horizon,
            "context_length": task.context_length,
            "rows_read": task.memory,
            "quantile_levels": list(task.levels),
            "networks": len(predictor.engines),
            "parameters": task.network().parameter_count * len(predictor.engines),
            "training": self.report_.to_json(),
            "series": {name: str(end) for name, end in self._ends.items()},
        }

    def _set(self, params: Mapping[str, Any]) -> None:
        names = {each.name: options for options in (DataOptions, TrainOptions) for each in fields(options)}
        for name in params:
            if name not in names:
                raise UsageError(f"Forecaster has no argument '{name}': {nearest(name, names)}")
        tuples = {"past", "future", "static", "season"}
        values: dict[str, Any] = {
            name: as_tuple(name, value) if name in tuples and value is not None else value
            for name, value in params.items()
        }
        self._data = DataOptions(**{name: value for name, value in values.items() if names[name] is DataOptions})
        self._train = TrainOptions(**{name: value for name, value in values.items() if names[name] is TrainOptions})

    def _options(self) -> tuple[DataOptions, TrainOptions]:
        return self._data, self._train

    def _training_panel(self, df: Any) -> tuple[Panel, tuple[str, ...]]:
        from ensue.data.roles import find_roles
        from ensue.data.series import build_panel

        frame, findings = frame_of(df)
        schema = find_roles(frame, self._data)
        panel = build_panel(frame, schema, duplicates=self._data.duplicates)
        return panel, (*findings, *schema.findings, *panel.findings)

    def _learn(self, panel: Panel, **how: Any) -> None:
        """Train on a panel and keep what predicting from here on needs."""
        from ensue.estimators.base import needs_torch

        with needs_torch():
            from ensue.learn.forecasting import fit

        from ensue.runtime.engine import Engine
        from ensue.runtime.predictor import Predictor
        from ensue.tasks.forecaster_file import ends, recent

        before = self._begins_with(how.pop("start_from", None))
        checkpoint = how.pop("checkpoint", None)
        fitted = fit(
            panel, self._train, start_from=before, checkpoint=None if checkpoint is None else Path(checkpoint), **how
        )
        network = fitted.task.network()
        self._weights = fitted.weights
        self._predictor = Predictor(fitted.task, tuple(Engine(network, weights) for weights in fitted.weights))
        self.report_ = TrainingReport.of(fitted.reports)
        self._recent = recent(panel, fitted.task.memory)
        self._ends = ends(panel)

    def _begins_with(self, start: str | Path | Forecaster | None) -> tuple[ForecastingTask, Any] | None:
        """The task and the weights that training goes on from, where it does."""
        if start == "bundled":
            from ensue.pretrained import pretrained

            self._pretrained = pretrained(None)
            start = None
        if isinstance(start, (str, Path)):
            start = _forecaster_of(start)
        if start is not None and start._is_fitted:
            return start._fitted().task, start._weights
        begun = self._origin() if start is None else start._pretrained
        return None if begun is None else (begun.parts.task, begun.parts.weights)

    def _origin(self) -> Pretrained | None:
        """The pretrained forecaster that training begins with, as that of a fine-tuned model from its file did."""
        if self._pretrained is None and self._is_fitted and self._predictor.task.slots is not None:
            from ensue.pretrained import pretrained

            self._pretrained = pretrained(None)
        return self._pretrained

    def _kept(self) -> tuple[str, ...]:
        """What became of the bundled forecaster's weights in training."""
        curve = self.report_.curve
        if self._pretrained is None or not curve or curve[0][0] != 0:
            return ()
        from ensue.pretrained import what_became

        return (what_became(self.report_),)

    @property
    def _is_fitted(self) -> bool:
        return hasattr(self, "_predictor")

    @property
    def _untrained(self) -> Pretrained | None:
        """The pretrained forecaster that answers for every table, as long as none was learned from."""
        return None if self._is_fitted else self._pretrained

    def _ready(self, df: Any, future: Any = None, horizon: int | None = None) -> tuple[Predictor, Panel]:
        """What predicts, and the table as it reads it."""
        untrained = self._untrained
        if untrained is None:
            return self._fitted(), self._panel_to_predict(df, future)
        if future is not None:
            raise UsageError(
                "Future values of covariates are given, which the bundled forecaster cannot use: train on the table, with "
                "Forecaster.pretrained(future=[names]).fit(df) or ensue train forecast --from bundled --future NAMES."
            )
        return untrained.before(df, self._data, horizon)

    def _trained_for(self, predictor: Predictor) -> ForecastingTask:
        """The task with the horizon that training asked for."""
        untrained = self._untrained
        return predictor.task if untrained is None else replace(predictor.task, horizon=untrained.parts.task.horizon)

    def _panel_to_predict(self, df: Any, future: Any) -> Panel:
        """The panel of a table read as in training; None gives the remembered rows."""
        from ensue.data.future_frames import with_future
        from ensue.data.series import build_panel

        ahead, told = (None, ()) if future is None else frame_of(future)
        if df is None:
            panel = self._recent if ahead is None else with_future(self._recent, ahead)
            return replace(panel, findings=(*told, *panel.findings))
        frame, said = frame_of(df)
        schema = self._predictor.task.schema
        if schema.id is None and not schema.wide and "unique_id" in frame.columns and frame["unique_id"].n_unique() > 1:
            raise DataError(
                f"The table has {frame['unique_id'].n_unique()} series by 'unique_id', and the model was trained on a table "
                "without ids: predict them one at a time without that column, or train on a table with ids."
            )
        panel = build_panel(frame, schema, duplicates=self._data.duplicates, future=ahead, for_training=False)
        return replace(panel, findings=(*said, *told, *panel.findings))

    def _columns(self, df: Any, panel: Panel, series: int, names: Sequence[str]) -> dict[str, Any]:
        """Columns of a table over the history of one of its series, on the same steps as its target."""
        if not names:
            return {}
        if df is None:
            raise UsageError("probe is given without df, the table that holds its columns: give both.")
        from ensue.inspection.asking import column

        frame, _ = frame_of(df)
        return {name: column(frame, panel, series, name, self._data.duplicates) for name in names}

    def _panel_to_score(self, df: Any, refit: bool) -> tuple[Panel, tuple[str, ...]]:
        """The panel of a backtest, and what was found in its table."""
        if df is not None and refit:
            return self._training_panel(df)
        self._fitted()
        panel = self._panel_to_predict(df, None)
        return panel, panel.findings

    def _refitted(self, panel: Panel, progress: Callable[[Progress], None] | None) -> Forecaster:
        """A forecaster of the same options, trained on another panel."""
        other = Forecaster.from_options(self._data, self._train)
        other._pretrained = self._origin()
        other._learn(panel, start_from=None, checkpoint=None, progress=progress)
        return other

    def _fitted(self) -> Predictor:
        if self._untrained is not None:
            raise NotFittedError(
                "The bundled forecaster is part of the package and knows no table yet: call fit(df) first."
            )
        if not self._is_fitted:
            raise NotFittedError("This Forecaster has not been fitted: call fit(df) first, or ensue.load(path).")
        return self._predictor


def _forecaster_of(path: str | Path) -> Forecaster:
    """Of a file that training is to begin from."""
    from ensue.estimators import load

    model = load(path)
    if not isinstance(model, Forecaster):
        task = model.describe()["task"]
        raise ModelFileError(f"{path} holds a {task} model, expected a forecaster to begin from.")
    return model


def restored(arrays: dict[str, Any], description: dict[str, Any], path: str | Path, weights: str) -> Forecaster:
    """The forecaster of a model file's contents."""
    from ensue.runtime.engine import Engine, slower
    from ensue.runtime.predictor import Predictor
    from ensue.tasks.forecaster_file import restore

    parts = restore(arrays, description)
    forecaster = Forecaster.from_options(parts.data, parts.train)
    forecaster.findings_, forecaster._sample = slower(), None
    if not len(parts.recent):  # of `ensue pretrain`: it has learned from no table
        from ensue.pretrained import Pretrained

        if weights != "float32":
            raise UsageError(f"weights is '{weights}', and {path} is a pretrained forecaster, read as 'float32' only.")
        forecaster._pretrained = Pretrained(parts)
        return forecaster
    network = parts.task.network()
    forecaster._weights = parts.weights
    forecaster._predictor = Predictor(parts.task, tuple(Engine(network, each) for each in parts.weights))
    forecaster._recent, forecaster._ends, forecaster.report_ = parts.recent, parts.ends, parts.report
    if weights != "float32":
        from ensue.runtime.fewer_bits import in_fewer_bits, measure

        full = forecaster._predictor
        forecaster._predictor = in_fewer_bits(full, parts.weights, weights)
        forecaster.findings_ += (measure(full, forecaster._predictor, parts.recent, weights).sentence(),)
    return forecaster
