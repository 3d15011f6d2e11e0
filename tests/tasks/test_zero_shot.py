"""A pretrained task put before tables: seasons, spacing, what needs training, and how far ahead is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.config import QUANTILES
from ensue.data.frequency import Frequency
from ensue.data.schema import Covariate, Schema
from ensue.errors import UsageError
from ensue.tasks.forecasting import ForecastingTask, Sizes, levels_between
from ensue.tasks.zero_shot import CALLED, MOST_AHEAD, in_slots, put_before, usual_horizon

TASK = ForecastingTask(Schema(None, None, "y"), 96, 64, Sizes(8, 1), widths=(1.1,) * 13, slots=2, alone=True)
DAILY = Schema("shop", "day", "sold", frequency=Frequency("day"), seasons=(7, 365), nonnegative=True)


def test_the_task_takes_the_tables_columns_and_keeps_its_network() -> None:
    task, said = put_before(TASK, DAILY, 14)
    assert (task.schema, task.horizon, task.widths, task.slots) == (DAILY, 14, TASK.widths, 2)
    assert task.network() == TASK.network()
    assert said == (CALLED,)
    assert CALLED == "the bundled forecaster, pretrained on made sequences: nothing was learned from this table."


def test_of_more_seasons_than_there_is_room_for_the_shortest_are_told() -> None:
    schema, said = in_slots(replace(DAILY, seasons=(48, 336, 17_532)), 2)
    assert schema.seasons == (48, 336)
    assert said == ("the pretrained network has room for 2 seasons: 17532 steps are left out.",)
    assert put_before(TASK, replace(DAILY, seasons=(48, 336, 17_532)), 14)[1] == (CALLED, *said)


def test_a_season_of_one_step_takes_no_room() -> None:
    schema, said = in_slots(replace(DAILY, seasons=(1, 7, 365)), 2)
    assert set(schema.seasons) - {1} == {7, 365} and said == ()
    assert put_before(TASK, replace(DAILY, seasons=(1, 7, 365)), 14)[0].reader.seasons == (7, 365)


def test_irregular_rows_are_read_as_equal_steps_and_that_is_said() -> None:
    irregular = replace(DAILY, frequency=Frequency("irregular", 1_000_000), seasons=())
    task, said = put_before(TASK, irregular, 12)
    assert task.network() == TASK.network()
    assert said == (CALLED, "rows have no regular spacing and are read as equal steps.")


@pytest.mark.parametrize("role", ["past", "future", "static"])
def test_covariates_need_training(role: str) -> None:
    with pytest.raises(UsageError) as raised:
        put_before(TASK, replace(DAILY, **{role: (Covariate("price"), Covariate("sky", ("clear",)))}), 14)
    assert str(raised.value) == (
        "The bundled forecaster reads the target alone, and covariates (price, sky) were named: leave them out, or train on "
        "the table with fit(df), on the command line with ensue train forecast --from bundled."
    )


def test_holidays_need_training() -> None:
    with pytest.raises(UsageError) as raised:
        put_before(TASK, replace(DAILY, holidays="US"), 14)
    assert str(raised.value) == (
        "The bundled forecaster reads the target alone, and holidays were named: leave them out, or train on the table "
        "with fit(df), on the command line with ensue train forecast --from bundled."
    )


@pytest.mark.parametrize(
    ("seasons", "expected"),
    [((24, 168), 48), ((12,), 24), ((7, 365), 14), ((4,), 8), ((52,), 52), ((48, 336), 48), ((288,), 96), ((), 12)],
)
def test_people_ask_for_two_seasons_or_for_one_that_is_long(seasons: tuple[int, ...], expected: int) -> None:
    assert usual_horizon(replace(DAILY, seasons=seasons), 10_000) == expected


@given(st.lists(st.integers(1, 1000), max_size=3), st.integers(1, 10_000))
def test_a_usual_horizon_is_within_a_third_of_the_history(seasons: list[int], rows: int) -> None:
    horizon = usual_horizon(replace(DAILY, seasons=tuple(sorted(seasons))), rows)
    assert 1 <= horizon <= min(MOST_AHEAD, max(1, rows / 3))


def test_a_share_is_no_percent() -> None:
    with pytest.raises(UsageError) as raised:
        levels_between(QUANTILES, (0.8,))
    assert str(raised.value) == "level 0.8 was asked for, expected percents: give 80, for example."
