"""The feature sets: what each may hold, and facts that a film's own row states."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.core.paths import RAW
from boxoffice.films.credits import ROLES
from boxoffice.films.features import (
    AFTER_RELEASE,
    CERTIFICATES,
    CLASSIC_GENRES,
    FEATURE_SETS,
    GENRES,
    IMPLAUSIBLE_BUDGET,
    POPULARITY_BEFORE,
    as_stated,
    certificate_rank,
    column_name,
    fact_columns,
    film_facts,
    genre_flags,
    input_columns,
    without_absent,
)
from boxoffice.films.schema import clean, read_source
from boxoffice.tabular.export import unit


@pytest.fixture(scope="module")
def films():
    movies, _, _ = read_source(RAW / "open_films")
    return clean(movies.iloc[:300])


@pytest.fixture(scope="module")
def complete(films):
    """Films with every column that some source has."""
    rng = np.random.default_rng(0)
    names = ("popularity", "cast_popularity", *POPULARITY_BEFORE)
    extra = {name: rng.random(len(films)) for name in names}
    films = films.assign(**extra, crew_popularity=1.0)
    return films.join(film_facts(films))


@pytest.mark.parametrize(
    ("label", "name"),
    [("Science Fiction", "science_fiction"), ("PG-13", "pg_13"), ("Drama", "drama")],
)
def test_column_name(label, name):
    assert column_name(label) == name


def test_genre_flags():
    flags = genre_flags(pd.Series([["Drama", "War"], [], ["TV Movie"]], index=[7, 8, 9]))
    assert list(flags.columns) == [f"genre_{column_name(label)}" for label in GENRES]
    assert flags.index.tolist() == [7, 8, 9]
    assert flags.loc[7][flags.loc[7] == 1].index.tolist() == ["genre_drama", "genre_war"]
    assert (flags.loc[[8, 9]] == 0).all().all()


def test_classic_genres_are_genres():
    assert set(CLASSIC_GENRES) < set(GENRES)


def test_facts_of_a_film():
    film = pd.DataFrame(
        {
            "release_date": pd.to_datetime(["2012-12-31", "2013-01-01"]),
            "budget": [IMPLAUSIBLE_BUDGET - 1.0, IMPLAUSIBLE_BUDGET],
            "original_language": ["en", "de"],
            "genres": [["Western"], []],
            "certificate": ["PG-13", "Unrated"],
            "vote_count": [0, 99],
        }
    )
    facts = film_facts(film)
    assert facts["budget_implausible"].tolist() == [1, 0]
    assert facts["weekday"].tolist() == [0, 1]  # a Monday, a Tuesday
    assert facts["english"].tolist() == [1, 0]
    assert facts["genre_western"].tolist() == [1, 0]
    assert facts["certificate_rank"].iloc[0] == 2
    assert np.isnan(facts["certificate_rank"].iloc[1])
    # The circle closes: New Year's Eve is next to New Year.
    assert facts[["season_sin", "season_cos"]].diff().iloc[1].abs().max() < 0.03
    circle = facts["season_sin"] ** 2 + facts["season_cos"] ** 2
    assert circle.to_numpy() == pytest.approx(1)


def test_facts_are_each_rows_own(films):
    """No row's facts depend on another row: nothing is fitted before the split."""
    together = film_facts(films)
    for index in films.index[::60]:
        pd.testing.assert_frame_equal(film_facts(films.loc[[index]]), together.loc[[index]])


def test_facts_are_finite_numbers(films):
    facts = film_facts(films)
    assert facts.index.equals(films.index)
    may_be_unknown = facts.columns.intersection([*AFTER_RELEASE, "certificate_rank"])
    assert np.isfinite(facts.drop(columns=may_be_unknown)).all().all()
    known = films["certificate"].isin(CERTIFICATES)
    assert known.any()
    assert (facts["certificate_rank"].notna() == known).all()


def test_certificates_are_ranked_from_the_mildest_to_the_strictest():
    labels = np.array(["R", None, "G", "NC-17", "PG-13", "X", "PG", np.nan], dtype=object)
    ranks = certificate_rank(labels)
    np.testing.assert_array_equal(ranks, [3, np.nan, 0, 4, 2, np.nan, 1, np.nan])


def test_no_certificates_in_a_source_without_them(films):
    without = films.drop(columns="certificate")
    without = without.join(film_facts(without))
    assert "certificate_rank" not in without
    assert not [name for name in fact_columns("pre_release", without) if "certificate" in name]


def test_pre_release_holds_nothing_that_comes_after_release(complete):
    names = input_columns("pre_release", complete)
    words = ("vote", "popularity", "revenue", "success")
    late = [name for name in names if any(word in name for word in words)]
    assert late == list(POPULARITY_BEFORE)  # whose snapshots are older than the release
    assert set(AFTER_RELEASE).isdisjoint(names)


def test_full_is_pre_release_and_what_comes_after(complete):
    full = fact_columns("full", complete)
    assert set(full) == {*fact_columns("pre_release", complete), *AFTER_RELEASE}
    assert len(set(full)) == len(full)


def test_classic_is_what_classic_projects_use(complete):
    names = fact_columns("classic", complete)
    numbers = ["log_budget", "popularity", "runtime", "vote_average", "vote_count"]
    assert names == [*numbers, *(f"genre_{column_name(label)}" for label in CLASSIC_GENRES)]


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_column_that_a_source_lacks_is_left_out(films, complete, feature_set):
    bare = films.join(film_facts(films))
    left_out = [name for name in fact_columns(feature_set, complete) if name not in bare]
    assert fact_columns(feature_set, bare) == [
        name for name in fact_columns(feature_set, complete) if name not in left_out
    ]
    assert all("popularity" in name for name in left_out)


def test_inputs_of_the_sets(complete):
    classic = fact_columns("classic", complete)
    assert input_columns("classic", complete) == [*classic, "release_year"]
    for feature_set in ("pre_release", "full"):
        facts = [*fact_columns(feature_set, complete), "release_year"]
        assert input_columns(feature_set, complete) == [*facts, "release_date"]
        crewed = complete.assign(**dict.fromkeys(reversed(ROLES), 0))
        assert input_columns(feature_set, crewed) == [*facts, "release_date", *ROLES]


def test_what_no_usable_film_has_is_left_out(films):
    people = pd.Series([[7]] * len(films), index=films.index)
    nobody = people.map(lambda _: [])
    table = films.join(film_facts(films)).assign(
        **dict.fromkeys(ROLES, people) | {"casting": nobody}
    )
    table = table.assign(genre_western=0.0, genre_comedy=0.0)
    assert set(table) - set(without_absent(table)) >= {"casting", "genre_western"}
    assert "genre_comedy" in without_absent(table)  # one of the classic six
    assert {"director", "genre_drama"} < set(without_absent(table))
    # Nobody learns from an unusable film, so what it alone has is absent too.
    table["usable"] = table.index != 0
    table["casting"] = nobody.where(table["usable"], people)
    assert "casting" not in without_absent(table)


# Amounts that a source states in millions


def in_dollars_and_in_millions():
    """Two films cleaned with the repair: $7M and $8M stated as 7 and 8, and a budget of $218."""
    columns = ["id", "budget", "revenue", "release_date"]
    rows = [("1", "7", "8.5", "1990-05-01"), ("2", "218", "5000000", "2005-05-01")]
    movies = pd.DataFrame(rows, columns=columns).assign(
        title="A film",
        original_language="en",
        genres="[]",
        runtime="90",
        vote_average="5",
        vote_count="9",
    )
    films = clean(movies, millions_up_to=103)
    return films.join(film_facts(films)), clean(movies)


def test_as_stated_gives_back_what_the_source_states():
    repaired, plain = in_dollars_and_in_millions()
    assert repaired["in_millions"].tolist() == [True, False]
    stated = as_stated(repaired)
    amounts = ["budget", "revenue", "log_budget", "log_revenue", "success"]
    pd.testing.assert_frame_equal(stated[amounts], plain[amounts], check_dtype=False)
    rest = repaired.columns.difference([*amounts, "budget_implausible"])
    pd.testing.assert_frame_equal(stated[rest], repaired[rest])


def test_only_a_budget_as_stated_in_millions_is_implausible():
    repaired, _ = in_dollars_and_in_millions()
    assert repaired["budget_implausible"].tolist() == [0, 1]
    assert as_stated(repaired)["budget_implausible"].tolist() == [1, 1]


def test_as_stated_leaves_the_given_films_as_they_were():
    repaired, _ = in_dollars_and_in_millions()
    before = repaired.copy()
    as_stated(repaired)
    pd.testing.assert_frame_equal(repaired, before)


def test_unknown_feature_set(films):
    with pytest.raises(ValueError, match=r"unknown feature set 'best', expected one of .*classic"):
        fact_columns("best", films)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_number_has_a_unit(complete, feature_set):
    for name in fact_columns(feature_set, complete):
        if not complete[name].dropna().isin([0, 1]).all():
            assert unit(name) != "0 or 1", name
