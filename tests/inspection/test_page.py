"""The report's file: what it carries, how small it is, and that nothing in it can get out of its place."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from some_document import AGES, random_document, some_document

import ensue.inspection.page as page
from ensue.errors import DataError, StorageError
from ensue.inspection.page.contents import contents
from ensue.inspection.page.document import Read, Unit
from ensue.inspection.page.encoding import MISSING, SHADES, number, packed, row_shades, script_safe, shades
from ensue.inspection.page.thinning import MOST_POINTS, column_means, extremes, steps_per_column

HOSTILE = "</script><img src=x onerror=alert(1)>&{{data}}\u2028"
TYPES = {"u1": np.uint8, "u2": np.uint16, "i4": np.int32, "f4": np.float32, "f8": np.float64}


def unpacked(value):
    """What the page's scripts make of packed numbers or texts."""
    raw = gzip.decompress(base64.b64decode(value["gzip"]))
    if value["type"] == "json":
        return json.loads(raw)
    return np.frombuffer(raw, TYPES[value["type"]]).reshape(value["shape"])


def drawn(value):
    """What a heat map shows: codes as values, NaN where missing."""
    codes = np.cumsum(unpacked(value), axis=1, dtype=np.uint8)
    scale = 1.0 if value["scale"] is None else unpacked(value["scale"])[:, None]
    return np.where(codes == MISSING, np.nan, value["low"] + codes / SHADES * (value["high"] - value["low"])) * scale


def data_of(text):
    """The JSON in a page, as the page reads it."""
    (inside,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(inside)


# ---- numbers ----


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, ">f8"])
def test_arrays_come_back_as_they_were(dtype) -> None:
    values = np.array([[0, 1, 2], [100, 7, 250]]).astype(dtype)
    assert np.array_equal(unpacked(packed(values)), values)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 40)),
        elements=st.floats(0, 1, width=32) | st.just(np.nan),
    )
)
def test_a_heat_map_is_right_to_half_a_shade(values) -> None:
    np.testing.assert_allclose(drawn(shades(values, 0.0, 1.0)), values, atol=0.5 / SHADES + 1e-6)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 40)),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
    )
)
def test_a_row_of_cells_is_right_to_a_shade_of_its_own_largest(values) -> None:
    largest = np.where(np.isnan(values), 0, np.abs(values)).max(axis=1, keepdims=True)
    error = np.abs(np.nan_to_num(drawn(row_shades(values))) - np.nan_to_num(values))
    assert (error <= np.maximum(largest, 1e-30) / SHADES * 1.01).all()


def test_infinite_cells_are_shown_as_missing() -> None:
    np.testing.assert_allclose(drawn(row_shades(np.array([[np.inf, 2.0, -np.inf]]))), [[np.nan, 2.0, np.nan]])


@given(st.floats())
def test_numbers_survive_json(value) -> None:
    back = json.loads(script_safe(number(value)))
    back = np.nan if back is None else float(back)
    assert back == pytest.approx(value, rel=1e-6, nan_ok=True)


# ---- thinning ----


@given(
    arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.floats(-9, 9) | st.just(np.nan)),
    st.integers(1, 9),
)
def test_a_column_is_the_mean_of_its_steps(values, steps) -> None:
    means = column_means(values, steps)
    for column, start in enumerate(range(0, len(values), steps)):
        for unit in range(values.shape[1]):
            known = values[start : start + steps, unit]
            known = known[np.isfinite(known)]
            wanted = known.mean() if len(known) else np.nan
            assert means[unit, column] == pytest.approx(wanted, abs=1e-5, nan_ok=True)
    assert means.shape[1] == -(-len(values) // steps)


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-9, 9) | st.just(np.nan)), st.integers(2, 40))
def test_no_peak_and_no_end_is_lost(values, most) -> None:
    kept = extremes(values, most)
    assert len(kept) <= max(most, 2) + 2 or len(kept) == len(values) <= most
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0 and kept[-1] == len(values) - 1
    if np.isfinite(values).any():
        assert np.nanmax(values[kept]) == np.nanmax(values)
        assert np.nanmin(values[kept]) == np.nanmin(values)


def test_a_long_gap_stays_a_gap() -> None:
    values = np.r_[np.ones(100), np.full(100, np.nan), np.ones(100)]
    assert np.isnan(values[extremes(values, 40)]).any()


def test_columns_follow_the_budget_and_never_fall_below_what_a_screen_shows() -> None:
    assert steps_per_column(10_000, 2 * 64 * 6) == 3
    assert -(-10_000 // steps_per_column(10_000, 3 * 512 * 6)) >= 500
    assert steps_per_column(100, 10**6) == 1


# ---- what the page carries ----


def test_units_stand_by_half_life_with_their_own_gates() -> None:
    document = some_document(200, 8, 1)
    layer = replace(document.layers[0], half_life=np.array([3.0, np.nan, 7.0, np.inf, 1.0, 2.0, 5.0, 4.0]))
    (carried,) = contents(replace(document, layers=[layer]))["layers"]
    assert unpacked(carried["order"]).tolist() == [3, 2, 6, 7, 0, 5, 4, 1]
    assert unpacked(carried["half_life"]).tolist()[:3] == [np.inf, 7.0, 5.0]
    np.testing.assert_allclose(drawn(carried["maps"]["f"])[0], layer.f[:, 3], atol=0.5 / SHADES)
    np.testing.assert_allclose(drawn(carried["maps"]["c"])[1], layer.c[:, 2], atol=np.abs(layer.c[:, 2]).max() / SHADES)


def test_gates_are_counted_as_closed_and_open() -> None:
    document = some_document(2, 4, 1)
    layer = replace(document.layers[0], f=np.array([[0.05, 0.5, 0.95, 0.99], [0.0, 0.09, 0.5, 1.0]]))
    (carried,) = contents(replace(document, layers=[layer]))["layers"]
    assert unpacked(carried["closed"]).tolist() == [1, 2]
    assert unpacked(carried["open"]).tolist() == [2, 1]


def test_the_ledger_has_a_row_an_age_and_its_shares() -> None:
    document = some_document(300, 4, 1)
    (carried,) = contents(document)["layers"]
    shown = drawn(carried["ledger"])
    assert shown.shape == (len(AGES), 300)
    np.testing.assert_allclose(shown, document.layers[0].ledger.T, atol=0.5 / SHADES + 1e-6)
    np.testing.assert_allclose(shown.sum(axis=0), 1, atol=len(AGES) / SHADES)


def test_a_series_is_carried_whole_with_its_gaps() -> None:
    values = some_document().sequence.values.copy()
    values[10:20] = np.nan
    document = some_document(sequence=replace(some_document().sequence, values=values))
    carried = contents(document)["sequence"]["values"]
    assert carried["at"] is None
    np.testing.assert_array_equal(unpacked(carried["y"]), values)


def test_a_very_long_series_keeps_the_extremes_and_where_they_are() -> None:
    steps = 3 * MOST_POINTS
    values = np.random.default_rng(0).normal(size=steps)
    read = Read("y", [str(step) for step in range(steps)], values, "step")
    document = some_document(60, 1, 1, sequence=read, layers=[], ahead=None, similar=[])
    carried = contents(document)["sequence"]["values"]
    at = unpacked(carried["at"])
    assert len(at) <= MOST_POINTS + 2
    np.testing.assert_array_equal(unpacked(carried["y"]), values[at])


def test_what_was_not_measured_is_carried_as_nothing() -> None:
    document = some_document(
        ahead=None, reach=None, why=[], units=[], similar=[], probes=[], layers=[], notes=["No gradients: no PyTorch."]
    )
    carried = data_of(page.page_html(document))
    assert carried["ahead"] is None and carried["reach"] is None
    assert not any(carried[name] for name in ("why", "units", "similar", "probes", "layers"))
    assert carried["notes"] == ["No gradients: no PyTorch."]


def test_unknown_and_endless_numbers_are_told_apart() -> None:
    unit = Unit("layer 1", 0, np.inf, 0.0, 1.0, 0.5, 0.5, np.nan, -0.01, False)
    carried = data_of(page.page_html(some_document(units=[unit])))
    assert carried["units"] == [["layer 1", 0, "Infinity", 0, 1, 0.5, 0.5, None, -0.01, False, ""]]


@pytest.mark.parametrize(("steps", "units"), [(1, 1), (1, 5), (2, 1)])
def test_the_smallest_documents_have_a_page(steps, units) -> None:
    assert data_of(page.page_html(some_document(steps, units, 1)))["sequence"]["count"] == steps


# ---- the file ----


def test_ten_thousand_steps_of_two_layers_stay_small() -> None:
    """Half of the eight megabytes asked for, with traces that do not compress at all."""
    assert len(page.page_html(random_document(10_000, 64, 2))) < 4.5e6


def test_three_layers_of_512_units_stay_below_eight_megabytes() -> None:
    assert len(page.page_html(random_document(10_000, 512, 3))) < 8e6


def test_the_same_document_makes_the_same_page() -> None:
    assert page.page_html(some_document(50, 3, 1)) == page.page_html(some_document(50, 3, 1))


def test_nothing_hostile_leaves_its_place() -> None:
    document = some_document(50, 2, 1, title=HOSTILE, facts=[(HOSTILE, HOSTILE)], summary=[HOSTILE], notes=[HOSTILE])
    text = page.page_html(document)
    assert "<img" not in text
    assert data_of(text)["title"] == HOSTILE
    assert f"<title>{html.escape(HOSTILE)}</title>" in text
    assert text.count("<script") == 2 and text.count("</script>") == 2


def test_nothing_may_be_fetched_and_only_what_stands_there_runs() -> None:
    text = page.page_html(some_document(50, 2, 1))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    for part in (script, style):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "innerHTML" not in script and "insertAdjacentHTML" not in script


def test_every_script_and_style_is_in_the_page() -> None:
    static = Path(page.__file__).with_name("static")
    assert {path.stem for path in static.glob("*.js")} == set(page.SCRIPTS)
    assert {path.stem for path in static.glob("*.css")} == set(page.STYLES)


def test_a_page_is_written_whole(tmp_path) -> None:
    page.write_page(some_document(50, 2, 1), tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.page_html(some_document(50, 2, 1))


def test_a_page_that_cannot_be_written_says_why(tmp_path) -> None:
    with pytest.raises(StorageError) as caught:
        page.write_page(some_document(50, 2, 1), tmp_path / "nowhere" / "report.html")
    assert str(caught.value).endswith(": its folder does not exist: create the folder first or choose another place.")


# ---- what cannot be drawn ----


def test_a_document_without_steps_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        page.page_html(some_document(sequence=Read("y", [], np.array([]), "step")))
    assert str(caught.value) == "the document has no steps, expected one or more: there is nothing to draw."


def test_a_layer_of_another_length_is_refused() -> None:
    document = some_document(50, 2, 1)
    with pytest.raises(DataError) as caught:
        page.page_html(replace(document, layers=[replace(document.layers[0], o=document.layers[0].o[:-1])]))
    assert str(caught.value) == (
        "'o' of 'layer 1' has 49 steps, expected 50: give a value for every step of the sequence."
    )
