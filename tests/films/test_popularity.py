"""Popularity before a release comes from a snapshot taken before it, and from no other."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.films.credits import BILLED, credit_roles
from boxoffice.films.features import POPULARITY_BEFORE, fact_columns
from boxoffice.films.popularity import latest_before, popularity_before

DAYS = st.integers(0, 60).map(lambda n: np.datetime64("2026-01-01") + n)


def snapshot(folder, day, popularity):
    folder.mkdir(exist_ok=True)
    table = pd.DataFrame({"id": list(popularity), "popularity": list(popularity.values())})
    table.astype({"popularity": float}).to_parquet(folder / f"{day}.parquet")


def record(number, **others):
    return {"id": number, "name": f"Person {number}"} | others


def films(*released, cast=(1, 2), crew=((3, "Director"),)):
    movies = pd.DataFrame(
        {
            "id": [str(number) for number in range(1, len(released) + 1)],
            "title": "A Film",
            "production_companies": "[]",
            "release_date": released,
        }
    )
    credits = pd.DataFrame(
        {
            "movie_id": movies["id"],
            "cast": json.dumps([record(number) for number in cast]),
            "crew": json.dumps([record(number, job=job) for number, job in crew]),
        }
    )
    return movies, credits


@given(st.lists(DAYS, unique=True), st.lists(DAYS, min_size=1))
def test_the_latest_snapshot_strictly_before_the_release_counts(taken, released):
    taken = np.sort(np.array(taken, dtype="datetime64[D]"))
    released = np.array(released, dtype="datetime64[D]")
    for place, day in zip(latest_before(taken, released), released, strict=True):
        earlier = taken[taken < day]
        assert place == len(earlier) - 1
        assert place == -1 or taken[place] == earlier.max()


def test_an_unknown_release_has_no_snapshot_before_it():
    taken = np.array(["2026-01-01"], dtype="datetime64[D]")
    assert latest_before(taken, np.array(["NaT"], dtype="datetime64[D]")).tolist() == [-1]


def test_a_snapshot_of_the_release_day_or_later_never_gets_in(tmp_path):
    movies, credits = films("2026-03-01", "2026-03-02", "2026-03-09", "2026-04-01")
    snapshot(tmp_path, "2026-03-01", {1: 1.0, 2: 2.0, 3: 4.0})
    snapshot(tmp_path, "2026-03-08", {1: 10.0, 3: 40.0, 9: 7.0})
    before = credit_roles(movies, credits, tmp_path)
    np.testing.assert_array_equal(before["cast_popularity_before"], [np.nan, 3.0, 10.0, 10.0])
    np.testing.assert_array_equal(before["crew_popularity_before"], [np.nan, 4.0, 40.0, 40.0])
    # Whatever is written down on a day of release or after changes nothing for that film.
    for day, unmoved in (("2026-04-01", 4), ("2026-03-09", 3), ("2026-03-02", 2)):
        snapshot(tmp_path, day, {1: 1e6, 2: 1e6, 3: 1e6})
        after = credit_roles(movies, credits, tmp_path)
        pd.testing.assert_frame_equal(after[:unmoved], before[:unmoved])


@pytest.mark.parametrize("there", [True, False])
def test_without_a_snapshot_before_any_release_the_columns_are_left_out(tmp_path, there):
    movies, credits = films("2026-03-01")
    if there:
        snapshot(tmp_path / "people", "2026-03-01", {1: 1.0})
        (tmp_path / "people" / ".2026-02-01.parquet.7.part.parquet").write_bytes(b"killed")
    table = credit_roles(movies, credits, tmp_path / "people")
    pd.testing.assert_frame_equal(table, credit_roles(movies, credits))


def test_sums_are_over_the_cast_and_the_key_crew_who_count_each_once(tmp_path):
    people = {number: 10.0**number for number in range(1, 10)}
    crew = (
        (1, "Director"), (1, "Screenplay"), (2, "Producer"), (3, "Production Manager"),
        (4, "Unit Production Manager"), (5, "Novel"), (6, "Editor"), (7, "Executive Producer"),
    )  # fmt: skip
    movies, credits = films("2026-03-02", cast=range(1, 9), crew=crew)
    snapshot(tmp_path, "2026-03-01", people)
    (row,) = credit_roles(movies, credits, tmp_path).to_dict("records")
    assert row["cast_popularity_before"] == sum(people[n] for n in range(1, BILLED + 1))
    assert row["crew_popularity_before"] == sum(people[n] for n in range(1, 6))


def test_popularity_before_reads_no_more_than_it_needs(tmp_path):
    snapshot(tmp_path, "2026-01-01", dict.fromkeys(range(10000), 1.0))
    people = pd.DataFrame({"cast": [[1, 2], [], [-5]]}, index=[7, 8, 9])
    released = np.array(["2026-01-02"] * 3, dtype="datetime64[D]")
    sums = popularity_before(tmp_path, people, released)
    assert sums.index.tolist() == [7, 8, 9]
    np.testing.assert_array_equal(sums["cast_popularity_before"], [2.0, np.nan, np.nan])


def test_they_are_features_before_release_where_a_source_has_them():
    table = pd.DataFrame(columns=["log_budget", *POPULARITY_BEFORE, "cast_popularity"])
    assert fact_columns("pre_release", table) == ["log_budget", *POPULARITY_BEFORE]
    assert fact_columns("full", table)[-1] == "cast_popularity"
    assert fact_columns("classic", table) == ["log_budget"]
