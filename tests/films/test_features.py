"""The feature sets: what each may hold, and facts that a film's own row states."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.films.credits import ROLES
from boxoffice.films.features import (
    AFTER_RELEASE,
    CLASSIC_GENRES,
    FEATURE_SETS,
    GENRES,
    IMPLAUSIBLE_BUDGET,
    column_name,
    fact_columns,
    film_facts,
    genre_flags,
    input_columns,
    without_absent,
)
from boxoffice.films.schema import clean, read_source
from boxoffice.paths import RAW
from boxoffice.tabular.export import unit


@pytest.fixture(scope="module")
def films():
    movies, _, _ = read_source(RAW / "open_films")
    return clean(movies.iloc[:300])


@pytest.fixture(scope="module")
def complete(films):
    """Films with every column that some source has."""
    rng = np.random.default_rng(0)
    extra = {name: rng.random(len(films)) for name in ("popularity", "cast_popularity")}
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
            "certificate": ["PG-13", None],
            "vote_count": [0, 99],
        }
    )
    facts = film_facts(film)
    assert facts["budget_implausible"].tolist() == [1, 0]
    assert facts["weekday"].tolist() == [0, 1]  # a Monday, a Tuesday
    assert facts["english"].tolist() == [1, 0]
    assert facts["genre_western"].tolist() == [1, 0]
    assert facts["certificate_pg_13"].tolist() == [1, 0]
    assert facts["certificate_r"].tolist() == [0, 0]
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
    assert np.isfinite(facts.drop(columns=facts.columns.intersection(AFTER_RELEASE))).all().all()


def test_no_certificates_in_a_source_without_them(films):
    without = films.drop(columns="certificate")
    without = without.join(film_facts(without))
    assert not [name for name in without if name.startswith("certificate_")]
    assert not [name for name in fact_columns("pre_release", without) if "certificate" in name]


def test_pre_release_holds_nothing_that_comes_after_release(complete):
    names = input_columns("pre_release", complete)
    words = ("vote", "popularity", "revenue", "success")
    assert not [name for name in names if any(word in name for word in words)]
    assert set(AFTER_RELEASE).isdisjoint(names)


def test_full_is_pre_release_and_what_comes_after(complete):
    full = fact_columns("full", complete)
    assert set(full) == {*fact_columns("pre_release", complete), *AFTER_RELEASE}
    assert len(set(full)) == len(full)


def test_classic_is_what_classic_projects_use(complete):
    names = fact_columns("classic", complete)
    numbers = ["log_budget", "popularity", "runtime", "vote_average", "vote_count", "release_year"]
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
    assert input_columns("classic", complete) == fact_columns("classic", complete)
    for feature_set in ("pre_release", "full"):
        facts = fact_columns(feature_set, complete)
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


def test_unknown_feature_set(films):
    with pytest.raises(ValueError, match=r"unknown feature set 'best', expected one of .*classic"):
        fact_columns("best", films)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_every_number_has_a_unit(complete, feature_set):
    for name in fact_columns(feature_set, complete):
        if not complete[name].dropna().isin([0, 1]).all():
            assert unit(name) != "0 or 1", name
