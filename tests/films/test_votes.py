"""Votes of one source read as another's, and the line that does it, fitted again."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.core import paths
from boxoffice.films.matching import same_films
from boxoffice.films.schema import clean, read_source
from boxoffice.films.votes import (
    INTERCEPT,
    SLOPE,
    VOTE_SOURCES,
    read_as,
    read_in_words,
    source_of_votes,
    votes_of,
)

SETTLED = 2008  # later films had not gathered their votes by 2010


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("imdb", "imdb"),
        (" IMDb ", "imdb"),
        ("TMDB", "tmdb"),
        ("", "tmdb"),
        (None, "tmdb"),
        ("Letterboxd", None),
    ],
)
def test_whose(text, expected):
    assert source_of_votes(text) == expected


def test_a_source_has_votes_of_imdb_or_tmdb():
    assert votes_of("open_films") == "imdb"
    assert votes_of("tmdb5000") == votes_of("tmdb_api") == votes_of("my_films") == "tmdb"


@pytest.mark.parametrize(("of", "to"), [("tmdb", "imdb"), ("imdb", "tmdb")])
def test_more_votes_are_never_read_as_fewer(of, to):
    counts = np.unique(np.geomspace(1, 1e9, 10_000).round())
    read = read_as(counts, of, to)
    assert (np.diff(read) >= 0).all()
    assert (read >= 1).all()
    np.testing.assert_array_equal(read, read.round())


def test_none_and_unknown_stay_what_they_are():
    counts = np.array([0.0, np.nan])
    for of in VOTE_SOURCES:
        for to in VOTE_SOURCES:
            np.testing.assert_array_equal(read_as(counts, of, to), counts)


def test_the_way_there_and_back_ends_where_it_began():
    counts = np.array([10.0, 200.0, 5_000.0, 100_000.0])
    back = read_as(read_as(counts, "tmdb", "imdb"), "imdb", "tmdb")
    np.testing.assert_allclose(back, counts, rtol=0.01)


def test_in_words():
    words = "11,800 of TMDB's, read as about 244,000 of IMDb's"
    assert read_in_words(np.array([11_800.0]), "tmdb", "imdb") == [words]


@pytest.fixture(scope="module")
def matched():
    """Films of both sources, each matched once, with votes in both."""
    if not (paths.RAW / "tmdb5000").is_dir():
        pytest.skip("data/raw/tmdb5000 is not there (python scripts/fetch.py tmdb5000)")
    tmdb, imdb = (clean(read_source(paths.RAW / name)[0]) for name in ("tmdb5000", "open_films"))
    pairs = same_films(tmdb, imdb)
    pairs = pairs[~pairs["left"].duplicated(keep=False) & ~pairs["right"].duplicated(keep=False)]
    films = pd.DataFrame(
        {
            "year": tmdb.loc[pairs["left"], "release_year"].to_numpy(),
            "tmdb": tmdb.loc[pairs["left"], "vote_count"].to_numpy(),
            "imdb": imdb.loc[pairs["right"], "vote_count"].to_numpy(),
        }
    )
    return films[(films["tmdb"] > 0) & (films["imdb"] > 0)]


def test_the_constants_are_those_of_the_matched_films(matched):
    films = matched[matched["year"] <= SETTLED]
    assert len(films) == 2286
    slope, intercept = np.polyfit(np.log10(1 + films["tmdb"]), np.log10(films["imdb"]), 1)
    assert (round(intercept, 3), round(slope, 3)) == (INTERCEPT, SLOPE)


def test_the_spread_is_as_documented(matched):
    assert (matched["imdb"] / matched["tmdb"]).median() == pytest.approx(73, abs=0.5)
    films = matched[matched["year"] <= SETTLED]
    read = read_as(films["tmdb"].to_numpy(), "tmdb", "imdb")
    residuals = np.log10(films["imdb"].to_numpy() / read)
    assert residuals.std() == pytest.approx(0.454, abs=0.001)
    assert 10 ** np.median(np.abs(residuals)) == pytest.approx(1.44, abs=0.01)
