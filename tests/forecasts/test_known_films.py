"""Comparable films in answers: those of the pipeline's frames, in dollars of the film's year."""

import io

import numpy as np
import pandas as pd
import pytest

from boxoffice.core.model_files import ModelFileError
from boxoffice.films.comparables import Comparables, compared_facts
from boxoffice.films.money import log_prices, usd_in_words
from boxoffice.forecasts.comparables import KnownFilms
from boxoffice.forecasts.names import KINDS
from boxoffice.forecasts.tables import score_file

ROLES = ("director", "cast", "companies")


@pytest.fixture(scope="module")
def films(films):
    """Usable films with logs of real dollars."""
    prices = log_prices(films["release_date"].to_numpy("datetime64[D]"))
    return films.assign(
        log_budget=np.log1p(films["budget"]) - prices,
        log_revenue=np.log1p(films["revenue"]) - prices,
        price=prices,
    )


@pytest.fixture(scope="module")
def known(films, models):
    """The films that the models learned from."""
    ids = pd.read_parquet(models / "history.parquet")["id"]
    return films.set_index("id").loc[ids].reset_index()


def request_of(film):
    request = {
        "title": film["title"],
        "budget": float(film["budget"]),
        "release_year": int(film["release_year"]),
        "release_date": f"{film['release_date']:%Y-%m-%d}",
        "genres": list(film["genres"]),
        **{role: [int(each) for each in film[role]] for role in KINDS if role in film},
        "companies_of": "distributors",
    }
    if not pd.isna(film.get("certificate")):
        request["certificate"] = film["certificate"]
    return request


def test_a_request_gets_the_films_that_the_frame_gets_and_what_they_earned(forecasts, films, known):
    asked = films.iloc[::20].reset_index(drop=True)
    places, _ = Comparables(compared_facts(known)).nearest(compared_facts(asked))
    answers = forecasts.all_comparables([request_of(film) for _, film in asked.iterrows()])
    for row, answer in enumerate(answers):
        nearest = known.iloc[places[row]]
        told = pd.DataFrame(answer["comparables"])
        assert told["title"].tolist() == nearest["title"].tolist()
        assert told["release_year"].tolist() == nearest["release_year"].tolist()
        # Nominal dollars of then, by the prices of now over those of then.
        inflation = np.exp(asked["price"][row] - nearest["price"]).to_numpy()
        np.testing.assert_allclose(told["revenue"], (nearest["revenue"] + 1) * inflation, atol=1)
        np.testing.assert_allclose(told["budget"], (nearest["budget"] + 1) * inflation, atol=1)
        assert (
            asked["title"][row]
            not in told.loc[
                (told["release_year"] - asked["release_year"][row]).abs() <= 1, "title"
            ].to_list()
        )


def test_why_says_what_two_films_share(forecasts, known):
    """Of a made-up sequel to the film with the most namesakes of its series."""
    series = known["franchise"].map(lambda ids: ids[0] if len(ids) else None)
    film = known[series == series.value_counts().index[0]].sort_values("release_date").iloc[-1]
    sequel = request_of(film) | {"release_year": 2015, "release_date": "2015-06-19"}
    found = {each["title"]: each["why"] for each in forecasts.comparables(sequel)["comparables"]}
    why = found[film["title"]].split(", ")
    assert why[0] == "same series"
    for role, words in (("director", "same director"), ("companies", "same company")):
        assert (words in why) == bool(len(film[role]))
    for genre in film["genres"]:
        assert genre in found[film["title"]]
    assert why[-1].startswith("made for $")


def test_what_is_not_stated_is_not_said_to_be_shared(forecasts):
    answer = forecasts.comparables({"budget": 4e7, "release_year": 2005})
    for film in answer["comparables"]:
        assert film["why"] == f"made for {usd_in_words(film['budget'])}"
        assert film["budget"] == pytest.approx(4e7, rel=0.3)


def test_credits_that_can_not_be_read_are_no_fault_of_a_rated_film(forecasts, tmp_path):
    row = {
        "title": "A Film",
        "budget": 4e7,
        "release_date": "2005-06-17",
        "vote_average": 7.0,
        "vote_count": 500,
        "popularity": 10.0,
        "cast": "nobody knows",
    }
    rows = [row, row | {"vote_count": None}, row | {"cast": None}]
    pd.DataFrame(rows).to_csv(tmp_path / "films.csv", index=False)
    scored = []
    for comparables in (False, True):
        out = io.BytesIO()
        summary = score_file(
            forecasts, tmp_path / "films.csv", "csv", out, "csv", comparables=comparables
        )
        assert (summary.scored, summary.rejected) == (2, 1)
        scored.append(pd.read_csv(io.BytesIO(out.getvalue())))
    plain, named = scored
    pd.testing.assert_frame_equal(named[list(plain)], plain)
    assert plain["error"].notna().tolist() == [False, True, False]
    assert named["comparable_1"].notna().tolist() == [True, False, True]
    assert named["comparable_1"][0] == named["comparable_1"][2]


def test_a_history_of_an_older_export_is_refused(models):
    history = pd.read_parquet(models / "history.parquet")
    with pytest.raises(ModelFileError, match="lacks the column genres: run `dvc repro`"):
        KnownFilms(history.drop(columns="genres"))
