"""Forecasts must make sense: tests of behaviour, not of figures."""

import json
from datetime import date

import numpy as np
import pytest

from boxoffice.core import paths
from boxoffice.films.money import log_prices
from boxoffice.forecasts.forecasts import MOST_APART, Forecasts
from boxoffice.forecasts.request import faults

FILM = {
    "budget": 60_000_000,
    "runtime": 118,
    "release_year": 2005,
    "release_date": "2005-06-17",
    "certificate": "PG-13",
    "genres": ["Action", "Adventure"],
    "original_language": "en",
    "countries": ["US"],
}
VOTES = {"vote_avg": 6.9, "vote_count": 3000}


@pytest.fixture(scope="module")
def default_forecasts():
    if not (paths.MODELS / "revenue_pre_release.json").exists():
        pytest.skip("no models here: `make repro` writes them")
    return Forecasts()


def typical(forecasts, films):
    return np.array([answer["predicted_revenue"] for answer in forecasts.revenues(films)])


def real(forecasts, films):
    """Typical revenues in dollars of one month."""
    days = np.array([film["release_date"] for film in films], dtype="datetime64[D]")
    return typical(forecasts, films) / np.exp(log_prices(days))


def with_year(film, year):
    return film | {"release_year": year, "release_date": f"{year}-06-17"}


@pytest.mark.parametrize("votes", [{}, VOTES], ids=["before release", "after release"])
@pytest.mark.parametrize("year", range(1990, 2031, 5))
def test_a_larger_budget_never_means_less_revenue(forecasts, year, votes):
    film = with_year(FILM, year) | votes
    films = [film | {"budget": float(budget)} for budget in np.geomspace(1e5, 4e8, 60)]
    rows = [
        [answer["predicted_revenue"], answer["expected_revenue"]]
        + [answer["interval"][end] for end in ("lower", "upper")]
        for answer in forecasts.revenues(films)
    ]
    logs = np.log(rows)
    assert (np.diff(logs, axis=0) > -1e-4).all()
    assert rows[-1][0] > 2 * rows[0][0]


def test_large_budgets_are_told_apart(default_forecasts):
    film = with_year(FILM, date.today().year + 1)
    small, large = typical(default_forecasts, [film | {"budget": usd} for usd in (1.5e8, 3e8)])
    assert large > 1.5 * small


def test_a_film_of_next_year_is_no_stranger_than_one_of_the_last_known_year(forecasts):
    known = forecasts.cards["revenue_pre_release"]["trained_until"]
    last, to_come = (with_year(FILM, year) for year in (int(known[:4]), 2027))
    day = np.array([last["release_date"], to_come["release_date"]], dtype="datetime64[D]")
    to_come["budget"] *= float(np.exp(np.diff(log_prices(day))[0]))
    before, after = real(forecasts, [last, to_come])
    assert after == pytest.approx(before, rel=0.25)


def test_what_is_left_out_counts_as_typical(forecasts):
    (answer,) = forecasts.revenues([FILM | {"director": ["Steven Spielberg"]}])
    effects = {driver["name"]: driver["effect"] for driver in answer["drivers"]}
    left_out = {"runtime", "certificate", "director"} & effects.keys()
    assert left_out
    for name in left_out:
        film = {key: value for key, value in FILM.items() if key != name}
        film |= {} if name == "director" else {"director": ["Steven Spielberg"]}
        (without,) = forecasts.revenues([film])
        change = answer["log_revenue"] - without["log_revenue"]
        assert abs(change) <= abs(effects[name]) + 1e-4


@pytest.mark.parametrize(
    "stranger",
    [
        {"companies": ["My New Studio LLC"], "companies_of": "distributors"},
        {"director": ["Nobody Anybody Knows"]},
        {"cast": ["Somebody Else Entirely", "And Another One"]},
        {"writers": ["Nobody Ever Read"]},
        {"certificate": "XYZ"},
    ],
    ids=lambda stated: next(iter(stated)),
)
def test_an_unknown_name_counts_as_not_stated(forecasts, stranger):
    film = {name: value for name, value in FILM.items() if name not in stranger}
    without, stated = typical(forecasts, [film, film | stranger])
    assert stated == without


def test_a_stranger_beside_known_people_changes_nothing(forecasts):
    known = {"cast": ["Tom Hanks"]}
    alone, among = typical(forecasts, [FILM | known, FILM | {"cast": ["Tom Hanks", "Qq Zz"]}])
    assert alone == among


def test_the_order_of_people_means_nothing_where_all_of_them_count(forecasts):
    writers = ["Joel Coen", "Ethan Coen", "Nora Ephron"]
    one, other = typical(
        forecasts, [FILM | {"writers": writers}, FILM | {"writers": writers[::-1]}]
    )
    assert one == pytest.approx(other, rel=1e-6)


def random_film(rng):
    year = int(rng.integers(1985, 2031))
    film = with_year(FILM, year) | {
        "budget": float(np.exp(rng.uniform(np.log(2e5), np.log(3e8)))),
        "runtime": int(rng.integers(80, 180)),
        "genres": rng.choice(["Drama", "Comedy", "Horror", "Action", "Family"], 2, False).tolist(),
        "certificate": str(rng.choice(["PG", "PG-13", "R"])),
    }
    if rng.random() < 0.3:
        film |= {"vote_avg": float(rng.uniform(4, 9)), "vote_count": int(rng.integers(10, 9000))}
    return film


def test_the_chance_of_success_and_the_interval_never_contradict_each_other(forecasts):
    rng = np.random.default_rng(0)
    films = [random_film(rng) for _ in range(300)]
    assert [faults(film) for film in films] == [[]] * 300
    revenues, successes = forecasts.revenues(films), forecasts.successes(films)
    for film, revenue, success in zip(films, revenues, successes, strict=True):
        goal, ends = 1.5 * film["budget"], revenue["interval"]
        tail, chance = (1 - ends["nominal"]) / 2, success["probability_success"]
        if goal < ends["lower"]:
            assert chance >= 1 - tail - MOST_APART - 0.02
        if goal > ends["upper"]:
            assert chance <= tail + MOST_APART + 0.02


def test_the_mean_is_above_the_typical_value_and_both_lie_within_the_interval(forecasts):
    rng = np.random.default_rng(1)
    for answer in forecasts.revenues([random_film(rng) for _ in range(100)]):
        ends = answer["interval"]
        assert ends["lower"] < answer["predicted_revenue"] < ends["upper"]
        assert answer["expected_revenue"] > ends["lower"]


def test_small_and_distant_films_are_warned_about(forecasts):
    (answer,) = forecasts.revenues([with_year(FILM, 2035) | {"budget": 200_000}])
    said = " ".join(answer["warnings"])
    assert "years after the last one" in said
    assert "with so small a budget" in said


def test_twenty_films_that_nobody_learned_from_are_told_within_a_factor_of_two(default_forecasts):
    """All films of 2011-2016 by six directors, typed in by hand: chosen by no success of theirs."""
    films = json.loads((paths.ROOT / "tests" / "forecasts" / "films_2011_2016.json").read_text())
    known = default_forecasts.known_films
    assert not known["title"][known["release_year"] > 2010].isin([f["title"] for f in films]).any()
    earned = np.array([film.pop("earned") for film in films])
    assert len(films) == 20
    off = np.abs(np.log(typical(default_forecasts, films) / earned))
    assert np.exp(np.median(off)) <= 2
