"""Comparable films: the nearest by a distance that can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.films.comparables import (
    UNKNOWN_CERTIFICATE,
    Comparables,
    ComparedFacts,
    approximate_days,
    compared_facts,
    median_of_comparables,
)
from boxoffice.films.credits import franchise_ids
from boxoffice.films.features import GENRES

FILM = {
    "title": "Alien",
    "release_date": "2000-07-01",
    "budget": 50e6,
    "revenue": 100e6,
    "genres": ["Horror", "Science Fiction"],
    "certificate": "R",
    "director": [1],
    "cast": [10, 11],
    "companies": [20],
}
# The same in all but its title and its year.
TWIN = FILM | {"title": "Heat", "release_date": "1990-07-01"}


def films(*rows):
    frame = pd.DataFrame(rows)
    return frame.assign(
        release_date=pd.to_datetime(frame["release_date"]),
        log_budget=np.log(frame["budget"]),
        log_revenue=np.log(frame["revenue"]),
        franchise=franchise_ids(frame["title"].to_list()),
    )


def facts(*rows):
    return compared_facts(films(*rows))


def distance(asked, known):
    """The distance of two films, each as a dict or as facts."""
    asked = asked if isinstance(asked, ComparedFacts) else facts(asked)
    return float(Comparables(facts(known)).nearest(asked)[1][0, 0])


def unknown(**changed):
    """Facts of FILM of which some are replaced."""
    known = facts(FILM)
    return ComparedFacts(**{name: getattr(known, name) for name in known.__annotations__} | changed)


TEN_YEARS = 0.1 * 3653 / 365.25


def test_only_the_years_between_twins_count():
    assert distance(FILM, TWIN) == pytest.approx(TEN_YEARS, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "cost"),
    [
        ({"budget": 100e6}, 1),
        ({"budget": 12.5e6}, 2),
        ({"genres": ["Horror"]}, 1.5 / 2),
        ({"genres": ["Horror", "Drama"]}, 1.5 * 2 / 3),
        ({"genres": ["Drama"]}, 1.5),
        ({"genres": []}, 1.5),
        ({"certificate": "PG-13"}, 0.25),
        ({"certificate": "G"}, 0.75),
        ({"certificate": None}, 0.25),
        ({"certificate": "Not Rated"}, 0.25),
        ({"release_date": "1990-01-01"}, 0.5 + 0.1 * 181 / 365.25),
    ],
)
def test_every_difference_has_its_price(change, cost):
    assert distance(FILM, TWIN | change) == pytest.approx(TEN_YEARS + cost, abs=1e-3)


@pytest.mark.parametrize(
    ("shared", "saved"),
    [
        ({"director": [1]}, 1),
        ({"director": [9, 1]}, 1),
        ({"cast": [10]}, 0.5),
        ({"cast": [11, 10]}, 1),
        ({"companies": [20]}, 0.5),
        ({"title": "Alien 3"}, 4),
    ],
)
def test_every_name_in_common_brings_films_nearer(shared, saved):
    stranger = TWIN | {"director": [9], "cast": [99], "companies": [999]}
    everybody = TWIN | {"title": "Alien: The Beginning", "release_date": "1900-07-01"}
    known = Comparables(facts(stranger, stranger | shared, everybody))
    places, distances = known.nearest(facts(FILM))
    assert places[0, :2].tolist() == [1, 0]
    assert distances[0, 1] - distances[0, 0] == pytest.approx(saved, abs=1e-3)


def test_a_name_that_no_known_film_has_does_not_count():
    asked = FILM | {"director": [77], "cast": [10, 88], "title": "Nobody Heard of This"}
    assert distance(asked, TWIN) == pytest.approx(TEN_YEARS, abs=1e-3)


def test_a_sequel_finds_its_predecessor():
    others = [
        TWIN | {"title": f"Film {name}", "release_date": "1999-07-01", "director": [5]}
        for name in "abcdefgh"
    ]
    first = TWIN | {"title": "Alien", "budget": 11e6, "director": [6], "release_date": "1989-05-25"}
    known = Comparables(facts(*others, first))
    sequel = FILM | {"title": "Alien 2", "director": [7], "cast": [70], "companies": [71]}
    places, _ = known.nearest(facts(sequel))
    assert places[0, 0] == len(others)


@pytest.mark.parametrize(
    ("changed", "saved"),
    [
        ({"log_budget": np.array([np.nan])}, 2),
        ({"genres": np.full((1, len(GENRES)), np.nan)}, 1.5),
        ({"certificates": np.array([UNKNOWN_CERTIFICATE])}, 0.5),
        ({"days": np.array(["NaT"], dtype="datetime64[D]")}, 0.5),
        ({"roles": {"director": [None], "cast": [[10]]}}, 1),
        ({"roles": {"director": [[]], "cast": [[10]]}}, 1),
        ({"roles": {"cast": [[10]]}}, 1),
    ],
)
def test_what_is_unknown_of_the_asked_film_adds_nothing(changed, saved):
    other = TWIN | {
        "budget": 200e6,
        "genres": ["Drama"],
        "certificate": "PG",
        "director": [9],
        "release_date": "1990-01-01",
    }
    somebody = TWIN | {"release_date": "1800-01-01"}  # so that the director is known
    known = Comparables(facts(other, somebody))
    everything = unknown(roles={"director": [[1]], "cast": [[10]]})
    all_known, lacking = (
        known.nearest(asked)[1][0, 0]
        for asked in (everything, unknown(**{"roles": everything.roles} | changed))
    )
    assert all_known - lacking == pytest.approx(saved, abs=2e-3)


def test_of_six_genres_the_others_are_not_asked_for():
    flags = np.array([[float(name == "Science Fiction") for name in GENRES]])
    flags[:, GENRES.index("Horror")] = np.nan
    assert distance(unknown(genres=flags), TWIN) == pytest.approx(TEN_YEARS, abs=1e-3)


@pytest.mark.parametrize(
    ("asked", "known", "year", "itself"),
    [
        ("Alien", "Alien", 2000, True),
        ("alien", "The Alien!", 2001, True),
        ("Alien", "Alien", 1999, True),
        ("Alien", "Alien", 1998, False),
        ("Alien", "Aliens", 2000, False),
        ("千と千尋の神隠し", "千と千尋の神隠し", 2000, True),
        ("千と千尋の神隠し", "もののけ姫", 2000, False),
    ],
)
def test_a_film_is_never_its_own_comparable(asked, known, year, itself):
    other = TWIN | {"title": known, "release_date": f"{year}-03-01"}
    places, _ = Comparables(facts(other)).nearest(facts(FILM | {"title": asked}))
    assert (places[0] >= 0).sum() == (0 if itself else 1)


def test_a_film_without_a_title_may_be_like_any():
    asked = unknown(titles=[None])
    assert Comparables(facts(FILM)).nearest(asked)[0][0, 0] == 0


def test_only_earlier_films_count_where_asked_for():
    dates = ["2000-06-30", "2000-07-01", "2000-07-02", "1950-01-01"]
    known = Comparables(facts(*(TWIN | {"release_date": date} for date in dates)))
    places, distances = known.nearest(facts(FILM), earlier_only=True)
    assert places.tolist() == [[0, 3, -1, -1, -1]]
    assert np.isinf(distances[0, 2:]).all()
    assert np.isfinite(distances[0, :2]).all()
    assert set(known.nearest(facts(FILM))[0][0]) == {0, 1, 2, 3, -1}


def test_where_only_the_year_is_known_it_is_the_middle_of_it():
    days = np.array(["NaT", "2001-02-03"], dtype="datetime64[D]")
    found = approximate_days(days, np.array([1999.0, 2001.0]))
    assert found.astype(str).tolist() == ["1999-07-02", "2001-02-03"]


def random_films(n, seed):
    random = np.random.default_rng(seed)
    return [
        {
            "title": f"Film {seed} {number}" if number % 7 else "Alien 2",
            "release_date": str(np.datetime64("1970-01-01") + random.integers(0, 14_000)),
            "budget": float(np.exp(random.normal(17, 1.5))),
            "revenue": float(np.exp(random.normal(18, 2))),
            "genres": list(random.choice(GENRES, random.integers(0, 4), replace=False)),
            "certificate": random.choice(["G", "PG", "PG-13", "R", None]),
            "director": random.integers(0, 40, 1).tolist(),
            "cast": list(dict.fromkeys(random.integers(0, 100, 5).tolist())),
            "companies": list(dict.fromkeys(random.integers(0, 10, 3).tolist())),
        }
        for number in range(n)
    ]


def test_many_films_get_what_each_gets_alone():
    known = Comparables(facts(*random_films(700, seed=1)))
    asked = facts(*random_films(400, seed=2))  # more than one block
    places, distances = known.nearest(asked)
    alone = [known.nearest(asked.part(slice(row, row + 1))) for row in range(len(asked))]
    np.testing.assert_array_equal(places, np.concatenate([found for found, _ in alone]))
    np.testing.assert_array_equal(distances, np.concatenate([apart for _, apart in alone]))
    assert (np.diff(distances, axis=1) >= 0).all()


def test_none_that_is_left_out_is_nearer():
    known, asked = facts(*random_films(200, seed=1)), facts(*random_films(20, seed=2))
    five = Comparables(known).nearest(asked)[1]
    everyone = np.sort(Comparables(known).nearest(asked, most=200)[1], axis=1)
    np.testing.assert_array_equal(five, everyone[:, :5])


def test_the_median_of_comparables_is_that_of_five_earlier_films():
    revenues = [1e6, 2e6, 4e6, 8e6, 16e6]
    near = [TWIN | {"revenue": revenue} for revenue in revenues]
    far = [TWIN | {"budget": 1e4, "revenue": 9e9}] * 5
    later = [FILM | {"title": "Later", "release_date": "2001-07-01", "revenue": 9e9}] * 5
    known = films(*far, *near, *later)
    asked = films(FILM, FILM | {"release_date": "1980-01-01"})
    median = median_of_comparables(known, asked)
    assert median[0] == pytest.approx(np.log(4e6))
    assert np.isnan(median[1])
    few = median_of_comparables(films(*near[:2]), asked[:1])
    assert few[0] == pytest.approx(np.log([1e6, 2e6]).mean())


def test_a_source_without_certificates_or_people_will_do():
    plain = films(FILM, TWIN)[["title", "release_date", "log_budget", "genres"]]
    places, distances = Comparables(compared_facts(plain[1:])).nearest(compared_facts(plain[:1]))
    assert places[0, 0] == 0
    assert distances[0, 0] == pytest.approx(TEN_YEARS, abs=1e-3)
