"""Votes of one source read as another's, by the line that was measured."""

import json

import numpy as np
import pytest

from boxoffice.core import paths
from boxoffice.films import votes
from boxoffice.films.votes import (
    INTERCEPT,
    SLOPE,
    VOTE_SOURCES,
    read_as,
    read_in_words,
    source_of_votes,
    votes_of,
)


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
def measured():
    """What `scripts/transfer.py` measured."""
    path = paths.REPORTS / "tmdb5000" / "metrics" / "transfer.json"
    return json.loads(path.read_text(encoding="utf-8"))["votes"]


def test_the_constants_are_those_that_were_measured(measured):
    assert (round(measured["intercept"], 3), round(measured["slope"], 3)) == (INTERCEPT, SLOPE)


def test_the_module_tells_what_was_measured(measured):
    spread, mean = measured["spread"], measured["mean_vote"]
    told = " ".join(votes.__doc__.split())
    for words in (
        f"IMDb's number is {measured['median_ratio']:.0f} times TMDB's (median)",
        f"log10(IMDb) = {INTERCEPT} + {SLOPE} log10(1 + TMDB)",
        f"on {measured['fitted_on']:,} films released up to {measured['until']}",
        f"standard deviation of {spread['line']:.3f} in tenfold cross-validation",
        f"a factor of {10 ** spread['line']:.1f}, though half",
        f"within a factor of {measured['median_factor']:.2f}: some",
        f"some {measured['share_off_by_10']:.0%}".replace("%", " % of the open films"),
        f"differ by {mean['difference']:.2f} on average and correlate at {mean['correlation']:.2f}",
        f"from {mean['rmse']:.2f} to {mean['rmse_of_line']:.2f}",
    ):
        assert words in told
    assert spread["line"] - min(spread.values()) < 0.001
