"""The forecast log: lines are added once and never change."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.core.files import SourceError
from boxoffice.live.forecast_log import LOG_COLUMNS, append, facts_hash, read_log


def lines(*films, version="v1.0.0", facts="a", as_of="2026-11-20"):
    """Lines about films of these ids."""
    return pd.DataFrame(
        {
            "film_id": list(films),
            "title": [f'The "{film}", and others' for film in films],
            "release_date": "2026-12-18",
            "budget": 2e7,
            "as_of": as_of,
            "role": "champion",
            "version": version,
            "model": "revenue_pre_release",
            "facts": facts,
            "predicted_revenue": 31_234_567.89,
            "expected_revenue": 5e7,
            "revenue_lower": 1e6,
            "revenue_upper": 1.5e8,
            "probability_success": 0.123456,
        }
    )[LOG_COLUMNS]


def test_a_line_reads_as_it_was_written(tmp_path):
    path = tmp_path / "forecasts.csv"
    assert append(path, lines("007", "12")) == 2
    log = read_log(path)
    assert log["film_id"].tolist() == ["007", "12"]
    assert log["title"].tolist() == ['The "007", and others', 'The "12", and others']
    first = log.iloc[0]
    assert (first["predicted_revenue"], first["probability_success"]) == (31_234_568, 0.1235)
    assert first["as_of"] == pd.Timestamp("2026-11-20")


def test_lines_are_added_once_and_never_change(tmp_path):
    path = tmp_path / "forecasts.csv"
    append(path, lines("1", "2"))
    before = path.read_bytes()
    assert append(path, lines("1", "2", as_of="2026-11-27")) == 0
    assert path.read_bytes() == before
    assert append(path, lines("2", "3", "3", as_of="2026-11-27")) == 1
    assert append(path, lines("1", version="v1.1.0")) == 1
    assert append(path, lines("1", facts="b")) == 1
    assert append(path, lines("1", facts="b")) == 0
    assert append(path, lines("1", facts="a")) == 1  # as they were before
    assert path.read_bytes().startswith(before)
    assert len(read_log(path)) == 6


def test_there_is_no_log_yet(tmp_path):
    log = read_log(tmp_path / "forecasts.csv")
    assert log.empty and (pd.Timestamp("2026-11-20") - log["release_date"]).dt.days.empty


@pytest.mark.parametrize("torn", [1, 30, 75])
def test_a_line_that_is_not_whole_is_told(tmp_path, torn):
    path = tmp_path / "forecasts.csv"
    append(path, lines("1", "2"))
    path.write_bytes(path.read_bytes()[:-torn])
    with pytest.raises(SourceError, match="last line is not whole"):
        append(path, lines("3"))


def test_a_line_without_an_amount_is_told(tmp_path):
    path = tmp_path / "forecasts.csv"
    append(path, lines("1"))
    path.write_text(path.read_text().replace(",31234568,", ",,"))
    with pytest.raises(SourceError, match="line 2 has no predicted_revenue"):
        read_log(path)


def test_a_failed_write_leaves_the_log_as_it_was(tmp_path):
    path = tmp_path / "forecasts.csv"
    append(path, lines("1"))
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        append(path, lines("2").assign(title="\ud800"))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["forecasts.csv"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("film_id,version\n1,2\n", "lacks title"),
        (",".join(LOG_COLUMNS) + "\n" + "x," * 13 + "x\n", "no forecast log"),
        ("", "no forecast log"),
        ("film_id", "no forecast log"),
    ],
)
def test_another_file_is_no_log(tmp_path, text, said):
    path = tmp_path / "forecasts.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=said):
        append(path, lines("1"))
    assert path.read_text() == text


@given(st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), min_size=1))
def test_the_same_facts_have_the_same_hash(row):
    forth, back = pd.DataFrame([row]), pd.DataFrame([dict(reversed(row.items()))])
    assert facts_hash(forth).tolist() == facts_hash(back).tolist()
    unknown = pd.DataFrame([row | {"another": None}])
    assert facts_hash(unknown).tolist() == facts_hash(forth).tolist()
    changed = pd.DataFrame([row | {next(iter(row)): "changed"}])
    assert facts_hash(changed).tolist() != facts_hash(forth).tolist()
