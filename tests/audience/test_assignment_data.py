"""The committed engagement table of 15 films."""

import pandas as pd
import pytest

from boxoffice import paths

COLUMNS = "movie_id,avg_watch_time,completion_rate,ratings_count,avg_rating,hit"
GIVEN = [
    "1,45,0.60,1200,3.8,0",
    "2,110,0.90,8500,4.6,1",
    "3,60,0.65,2000,4.0,0",
    "4,130,0.95,12000,4.8,1",
    "5,40,0.55,900,3.6,0",
    "15,150,0.98,18000,5.0,1",
]
FILE = paths.RAW / "assignment" / "movies.csv"


@pytest.fixture(scope="module")
def films() -> pd.DataFrame:
    return pd.read_csv(FILE)


def test_header_and_given_rows_are_those_of_the_exercise():
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert lines[0] == COLUMNS
    assert [lines[row] for row in (1, 2, 3, 4, 5, 15)] == GIVEN


def test_eight_hits_and_seven_misses_in_fifteen_numbered_rows(films):
    assert films["movie_id"].tolist() == list(range(1, 16))
    assert films["hit"].value_counts().to_dict() == {1: 8, 0: 7}


def test_hits_and_misses_keep_their_ranges(films):
    hits, misses = films[films["hit"] == 1], films[films["hit"] == 0]
    assert hits["avg_watch_time"].min() >= 95
    assert hits["completion_rate"].min() >= 0.85
    assert misses["avg_watch_time"].max() <= 80
    assert misses["completion_rate"].max() <= 0.75
    assert hits["ratings_count"].min() > misses["ratings_count"].max()
    assert hits["avg_rating"].between(misses["avg_rating"].max(), 5).all()


def test_watch_time_orders_every_other_column(films):
    ranks = films.drop(columns=["movie_id", "hit"]).rank()
    assert ranks.corr().min().min() > 0.95
