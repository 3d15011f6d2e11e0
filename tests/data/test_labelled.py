"""Labelled rows: from lists and tables, divided without leaks, and what cannot be such is refused in a sentence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.channels import Channels, as_sequence
from ensue.data.labelled import Labelled, check_classes, label_all, set_aside
from ensue.data.labelled_tables import Columns, labelled_table, unlabelled_table
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError


def refusal(action: object, *arguments: object, **named: object) -> str:
    with pytest.raises(DataError) as caught:
        action(*arguments, **named)  # type: ignore[operator]
    return str(caught.value)


class TestLists:
    def test_labels_of_any_kind_become_names(self) -> None:
        assert label_all(["a", "b", "c"], [1, 2.0, True]).labels == ("1", "2", "true")

    def test_classes_are_ordered_as_people_count(self) -> None:
        assert label_all(list("abcd"), [10, 9, "x", -1]).classes == ("-1", "9", "10", "x")

    @pytest.mark.parametrize(
        ("items", "labels", "said"),
        [
            ([], [], "There are no rows, expected sequences with their labels."),
            (["a"], ["x", "y"], "1 sequences and 2 labels were given, expected equally many."),
            ("a b", ["x"], "A single text was given, expected a list of sequences and a list of their labels."),
            (["a", [1.0]], ["x", "y"], "Row 2 is of another kind than the first one, expected all texts or all numbers."),
            (["a", "b"], ["x", None],
             "Row 2 has no label, expected the name of its class: fill it in, or leave the row out."),
            (["a", "b"], ["x", float("nan")],
             "Row 2 has no label, expected the name of its class: fill it in, or leave the row out."),
            ([" ", ""], ["x", "y"], "All 2 texts are blank, expected texts with words in them."),
            ([[1.0], [[1.0, 2.0]]], ["x", "y"], "Row 2 has 2 channels and the first one 1, expected the same of all."),
            ([[1.0], []], ["x", "y"],
             "Row 2: A sequence has shape (0, 1), expected (time,) or (time, channels) with one step or more."),
            ([[1.0], [np.inf]], ["x", "y"],
             "Row 2: A sequence holds an infinite value, expected numbers: correct it, or leave it empty (NaN)."),
        ],
    )  # fmt: skip
    def test_what_cannot_be_rows_is_refused(self, items: list[object], labels: list[object], said: str) -> None:
        assert refusal(label_all, items, labels) == said

    def test_missing_values_are_counted(self) -> None:
        found = label_all([[1.0, np.nan], [2.0, 3.0]], ["x", "y"])
        assert found.findings == (
            "2 sequences of 2 to 2 steps, channel channel_1.",
            "1 values are missing; they are read as their channel's mean and marked.",
        )

    def test_a_label_never_seen_is_named_with_the_known_ones(self) -> None:
        rows = label_all(["a", "b"], ["yes", "maybe"])
        assert refusal(rows.numbers, ("no", "yes")) == (
            "Row 2 has the label 'maybe', which is not among those that were learned: 'no', 'yes'."
        )

    def test_the_digest_tells_rows_apart(self) -> None:
        digests = {
            label_all(items, labels).digest()
            for items, labels in ((["ab", "c"], "xy"), (["a", "bc"], "xy"), (["ab", "c"], "yx"))
            for labels in [list(labels)]
        }
        assert len(digests) == 3


class TestDividing:
    @given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=60), st.integers(0, 3))
    def test_every_row_is_on_one_side_and_equal_texts_on_the_same(self, texts: list[str], seed: int) -> None:
        labels = ["x" if text in "ab" else "y" for text in texts]
        rows = label_all(texts, labels)
        try:
            training, validation = set_aside(rows, seed)
        except DataError:
            assert all(len({text for text in texts if (text in "ab") is side}) < 2 for side in (True, False))
            return
        assert not set(training.items) & set(validation.items)
        assert Counter(training.items) + Counter(validation.items) == Counter(texts)
        assert set(training.labels) == set(labels)

    def test_the_same_seed_divides_in_the_same_way(self) -> None:
        rows = label_all([str(i) for i in range(50)], ["x", "y"] * 25)
        assert set_aside(rows, 1) == set_aside(rows, 1)
        assert set_aside(rows, 1) != set_aside(rows, 2)

    def test_one_row_of_each_class_cannot_be_divided(self) -> None:
        assert refusal(set_aside, label_all(["a", "b"], ["x", "y"]), 0) == (
            "Each class has one row, and some have to be set aside for validation: give more rows of each class."
        )

    def test_a_class_with_a_single_row_is_learned_from_and_said(self) -> None:
        rows = label_all(list("abcde"), ["x", "x", "y", "y", "z"])
        training, validation = set_aside(rows, 0)
        assert "z" in training.labels
        assert "z" not in validation.labels
        said = check_classes(training, validation)
        assert (
            "class 'x', 'y', 'z' has a single row to learn from: give more rows, or expect it to be mistaken." in said
        )

    def test_a_single_class_is_refused(self) -> None:
        rows = label_all(list("abcd"), ["x"] * 4)
        assert refusal(check_classes, *set_aside(rows, 0)) == (
            "All 3 rows have the label 'x', expected two classes or more to tell apart: check the column of labels."
        )

    def test_a_validation_label_that_was_never_learned_is_refused(self) -> None:
        said = refusal(check_classes, label_all(["a", "b"], ["x", "y"]), label_all(["c"], ["z"]))
        assert said == "Row 1 to validate on has the label 'z', which no row to learn from has: 'x', 'y'."


class TestTables:
    def test_a_cell_that_says_none_is_a_text(self, tmp_path: Path) -> None:
        table = tmp_path / "reviews.tsv"
        table.write_text("review\tstars\nnone of it\t1\nnone\t2\nNA\t1\n12\t1\n")
        found = labelled_table(table, Columns("review", label="stars"))
        assert found.items == ("none of it", "none", "NA", "12")
        assert found.labels == ("1", "2", "1", "1")

    def test_how_an_unusual_file_was_read_is_said(self, tmp_path: Path) -> None:
        table = tmp_path / "reviews.csv"
        table.write_bytes("an export\nreview;stars\nfine one;1\nvoilà tout;2\n".encode("cp1252"))
        found = labelled_table(table, Columns("review", label="stars"))
        assert found.items[1] == "voilà tout"
        assert found.findings[:2] == ("separator ';', encoding cp1252.", "skipped 1 line above the table.")

    def test_empty_rows_of_a_frame_are_left_out_as_blank_lines_of_a_file(self) -> None:
        frame = pl.DataFrame({"text": ["so good", None, "so bad", " "], "label": ["x", None, "y", ""]})
        found = labelled_table(frame, Columns())
        assert (found.items, found.labels) == (("so good", "so bad"), ("x", "y"))
        assert found.findings[-1] == "Left out 2 empty rows (the first is row 2)."
        frame = pl.DataFrame({"text": [None, "so good", "so bad"], "label": [None, "x", None]})
        assert refusal(labelled_table, frame, Columns("text")).startswith("Row 3 has no label")

    def test_columns_are_found(self) -> None:
        frame = pl.DataFrame({"n": [1, 2], "comment": ["so good", "so bad"], "sentiment": ["+", "-"]})
        found = labelled_table(frame, Columns())
        assert found.items == ("so good", "so bad")
        assert found.findings == ("texts in column 'comment', labels in column 'sentiment'.",)

    def test_long_tables_with_several_channels(self) -> None:
        frame = pl.DataFrame({"who": [2, 2, 1], "x": [1, 2, 3], "y": [0.5, None, 2.5], "class": ["a", "a", "b"]})
        found = labelled_table(frame, Columns(id="who"))
        assert [each.tolist() for each in found.items[1:]] == [[[3.0, 2.5]]]
        assert np.array_equal(found.items[0], [[1.0, 0.5], [2.0, np.nan]], equal_nan=True)  # type: ignore[arg-type]
        assert found.names == ("x", "y")
        assert found.labels == ("a", "b")

    def test_wide_tables_may_end_early(self) -> None:
        frame = pl.DataFrame({"t1": [1, 4], "t2": [2, 5], "t3": [3, None], "label": ["a", "b"]})
        for columns in (Columns(), Columns(values=("t*",)), Columns(values=("t1", "t2", "t3"))):
            found = labelled_table(frame, columns)
            assert [each[:, 0].tolist() for each in found.items] == [[1.0, 2.0, 3.0], [4.0, 5.0]]  # type: ignore[index]

    def test_without_labels_the_rest_is_read_the_same_way(self) -> None:
        frame = pl.DataFrame({"who": [1, 1, 2], "volt": [1.0, 3.0, 5.0], "other": [0, 0, 0]})
        channels = Channels(("volt",), (0.0,), (1.0,))
        found = unlabelled_table(frame, Columns(id="who"), channels)
        assert [each.tolist() for each in found] == [[[1.0], [3.0]], [[5.0]]]
        front_end = TextFrontEnd.learn(["a b"], TextOptions(tokens="words"))
        texts = unlabelled_table(pl.DataFrame({"text": ["so it is", None]}), Columns(), front_end)
        assert texts == ["so it is", ""]

    @pytest.mark.parametrize(
        ("table", "columns", "said"),
        [
            ({"review": ["so good"], "label": ["x"]}, Columns("reviews"),
             "there is no column 'reviews': did you mean 'review'?"),
            ({"review": ["so good"], "label": ["x"]}, Columns(label="lable"),
             "there is no column 'lable': did you mean 'label'?"),
            ({"review": ["so good"], "label": ["x"]}, Columns("review", label="review"),
             "The column 'review' is named for the texts and for the labels: name two."),
            ({"review": ["so good"], "stars": [1]}, Columns(),
             "Which column holds the labels is not plain, none has the name of one: 'review', 'stars'. Name it with label "
             "(--label)."),
            ({"one": ["so good"], "two": ["so bad"], "label": [1]}, Columns(),
             "Which column holds the texts is not plain, several could: 'one', 'two'. Name it with text (--text)."),
            ({"who": [1, 1], "x": [1, 2], "label": ["a", "b"]}, Columns(id="who"),
             "The sequence '1' has the labels 'a' and 'b', expected one label for each sequence."),
            ({"t1": ["1", "x1"], "label": ["a", "b"]}, Columns(values=("t1",)),
             "column 't1' holds 'x1' in row 2, expected a number: correct the cell or leave it empty."),
            ({"t1": [1.0, None], "label": ["a", "b"]}, Columns(),
             "Row 2 has no value, expected a sequence of numbers: leave it out."),
            ({"who": [1, None], "x": [1, 2], "label": ["a", "a"]}, Columns(id="who"),
             "column 'who' lacks an id in 1 rows: fill it in."),
            ({"who": [1, 2], "what": ["p q", "r s"], "label": ["a", "b"]}, Columns(id="who"),
             "No column but that of the labels holds numbers, expected values: name them (--values)."),
        ],
    )  # fmt: skip
    def test_a_table_that_does_not_fit_is_refused(
        self, table: dict[str, list[object]], columns: Columns, said: str
    ) -> None:
        assert refusal(labelled_table, pl.DataFrame(table), columns).removesuffix(" ") == said

    def test_rows_are_numbered_as_in_the_file(self, tmp_path: Path) -> None:
        table = tmp_path / "t.csv"
        table.write_text("text,label\nso good,x\n  ,y\nso bad,\n")
        assert refusal(labelled_table, table, Columns("text")).startswith("Row 4 has no label, expected the name of")


class TestChannels:
    def test_a_constant_channel_keeps_its_unit(self) -> None:
        channels = Channels.learn([np.array([[3.0, 0.0], [3.0, 2.0]])], ("flat", "other"))
        assert channels.read([[4.0, 1.0]]).tolist() == [[1.0, 0.0]]

    def test_gaps_are_marked_where_training_had_some(self) -> None:
        channels = Channels.learn([np.array([[1.0], [np.nan], [3.0]])], ("x",))
        assert channels.width == 2
        assert channels.read([np.nan, 3.0]).tolist() == [[0.0, 1.0], [1.0, 0.0]]

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
    def test_a_description_says_everything(self, values: list[float]) -> None:
        channels = Channels.learn([as_sequence(values)], ("x",))
        again = Channels.from_json(channels.to_json())
        assert again == channels
        assert np.array_equal(again.read(values), channels.read(values))

    def test_another_number_of_channels_is_refused(self) -> None:
        channels = Channels(("x", "y"), (0.0, 0.0), (1.0, 1.0))
        assert refusal(channels.read, [[1.0]]) == "The sequence has 1 channels, expected 2: x, y."

    def test_a_channel_without_values_is_refused(self) -> None:
        nothing = np.array([[1.0, np.nan]])
        assert (
            refusal(Channels.learn, [nothing], ("x", "y"))
            == "The channel 'y' has no value in any sequence: leave it out."
        )

    def test_a_spread_of_nothing_is_refused(self) -> None:
        with pytest.raises(
            ConfigError, match=r"^channels: a center or spread is no number, or a spread is not above 0\.$"
        ):
            Channels(("x",), (0.0,), (0.0,))


def test_taking_rows_keeps_their_labels() -> None:
    rows = Labelled(("a", "b", "c"), ("x", "y", "z"))
    assert rows.take([2, 0]) == Labelled(("c", "a"), ("z", "x"))
