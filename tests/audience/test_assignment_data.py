"""The committed engagement table of 15 films."""

import pandas as pd
import pytest

from boxoffice.core import paths

COLUMNS = "movie_id,avg_watch_time,completion_rate,ratings_count,avg_rating,hit"
GIVEN = [
    "1,45,0.60,1200,3.8,0",
    "2,110,0.90,8500,4.6,1",
    "3,60,0.65,2000,4.0,0",
    "4,130,0.95,12000,4.8,1",
    "5,40,0.55,900,3.6,0",
    "6,120,0.92,10000,4.7,1",
    "7,95,0.85,6000,4.4,1",
    "8,50,0.58,1100,3.7,0",
    "9,140,0.97,15000,4.9,1",
    "10,70,0.70,3000,4.1,0",
    "11,115,0.91,9000,4.6,1",
    "12,48,0.57,1000,3.6,0",
    "13,125,0.93,11000,4.8,1",
    "14,80,0.75,4000,4.2,0",
    "15,150,0.98,18000,5.0,1",
]
FILE = paths.RAW / "assignment" / "movies.csv"


@pytest.fixture(scope="module")
def films() -> pd.DataFrame:
    return pd.read_csv(FILE)


def test_the_table_is_that_of_the_exercise():
    assert FILE.read_text(encoding="utf-8").splitlines() == [COLUMNS, *GIVEN]


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
