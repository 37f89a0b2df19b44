"""One film, stated through the API, the command line, a table or the page: the same answer.

The answer is the forecast with its interval, the chance of success, the model and the comparable
films with what they earned.
"""

import io
import json
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from markupsafe import escape
from typer.testing import CliRunner

import predict
from app.main import create_app
from app.page.film import FilmAnswers, defaults, stated_film
from app.page.pictures import Scale
from app.page.words import money
from app.settings import Settings
from boxoffice.films.companies import kind_of_list
from boxoffice.films.credits import CREW_ROLES
from boxoffice.films.features import AMERICA, GENRES
from boxoffice.forecasts.tables import COMPARABLES

FILM = {
    "title": "Iron Man 3",
    "budget": 40_000_000.0,
    "runtime": 110.0,
    "release_year": 2006,
    "release_date": "2006-06-16",
    "original_language": "en",
    "certificate": "PG-13",
    "genres": ["Comedy", "Science Fiction"],
    "countries": [AMERICA],
}
RATED = {"vote_avg": 6.5, "vote_count": 20_000.0}
LISTED = {"companies_of": "distributors"}  # as the models learned them
COMPANY = "Universal Pictures"
CREW = {"writers": []}  # a table that lists a crew says of every role who has it
DIRECTOR, DIRECTOR_ID = "the best known director", "the best known director's id"
# What is stated, and how the same is stated plainly.
SAME = [
    ({}, {}),
    (RATED, RATED),
    (RATED | {"votes_of": "tmdb"}, RATED),
    (RATED | {"votes_of": ""}, RATED),
    (RATED | {"votes_of": " IMDb"}, RATED | {"votes_of": "imdb"}),
    ({"votes_of": "imdb"}, {}),
    # Spellings
    ({"countries": ["USA"]}, {}),
    ({"countries": ["us"]}, {}),
    ({"countries": ["U.S.A."]}, {}),
    ({"countries": ["United States"]}, {}),
    ({"countries": ["Germany", "united states of america "]}, {}),
    ({"countries": ["DE"]}, {"countries": ["Germany"]}),
    ({"certificate": "pg-13"}, {}),
    ({"certificate": " PG 13"}, {}),
    ({"certificate": "Rated R"}, {"certificate": "R"}),
    ({"certificate": "Not Rated"}, {"certificate": None}),
    ({"certificate": "FSK 12"}, {"certificate": None}),
    ({"original_language": "EN"}, {}),
    ({"original_language": "English"}, {}),
    ({"original_language": "en-US"}, {}),
    ({"original_language": "French"}, {"original_language": "fr"}),
    ({"original_language": "Klingonese"}, {"original_language": "xx"}),
    ({"genres": ["comedy", "sci-fi"]}, {}),
    ({"genres": ["COMEDY", "Science-Fiction", "Heist"]}, {}),
    (RATED | {"genres": ["comedy", "SCIENCE FICTION"]}, RATED),
    ({"title": "IRON MAN"}, {}),
    # Names and ids
    (CREW | {"director": [DIRECTOR_ID]}, CREW | {"director": [DIRECTOR]}),
    (CREW | {"director": [DIRECTOR.upper()]}, CREW | {"director": [DIRECTOR]}),
    (CREW | {"director": [DIRECTOR, DIRECTOR, "A"]}, CREW | {"director": [DIRECTOR]}),
    (CREW | {"director": ["A", "A", DIRECTOR]}, CREW | {"director": [DIRECTOR]}),
    (CREW | {"director": ["A", "B", DIRECTOR]}, CREW | {"director": ["A"]}),  # two count
    ({"cast": ["Nobody", DIRECTOR]}, {"cast": [DIRECTOR]}),
    ({"companies": [COMPANY, "Nobody's Pictures"]} | LISTED, {"companies": [COMPANY]} | LISTED),
    ({"companies": ["Nobody's Pictures"]} | LISTED, {"companies": None}),
    # Companies of a kind that the models have not learned
    ({"companies": [COMPANY]}, {"companies": None}),
    ({"companies": [COMPANY], "companies_of": "producers"}, {"companies": None}),
    ({"companies": [COMPANY], "companies_of": ""}, {"companies": None}),
    ({"companies": []}, {"companies": None}),
    (
        {"companies": [COMPANY], "companies_of": " Distributors"},
        {"companies": [COMPANY]} | LISTED,
    ),
    ({"companies_of": "distributors"}, {}),
    # Zeros and blanks
    ({"runtime": 0}, {"runtime": None}),
    (RATED | {"runtime": 0}, RATED | {"runtime": None}),
    ({"vote_avg": 0, "vote_count": 0}, {}),
    ({"vote_avg": 7.5, "vote_count": 0}, {}),
    ({"vote_avg": 7.5}, {}),
    ({"vote_count": 500}, {}),
    ({"title": ""}, {"title": None}),
    ({"original_language": ""}, {"original_language": None}),
    ({"certificate": ""}, {"certificate": None}),
    ({"genres": []}, {"genres": ["Heist"]}),
    (RATED | {"genres": None}, RATED | {"genres": []}),  # the classic models know no unknown genre
]
# Stated in a way that no other states: an answer of its own.
DIFFERENT = [
    *({"genres": None}, {"countries": None}, {"cast": None}, {"cast": []}),
    *({"companies": []} | LISTED, {"companies": [COMPANY]} | LISTED),
]
WRONG = [
    ({"budget": 0}, "budget"),
    ({"budget": -5}, "budget"),
    ({"budget": 2e10}, "budget"),
    ({"budget": None}, "budget"),
    ({"runtime": -1}, "runtime"),
    ({"runtime": 2001}, "runtime"),
    ({"vote_avg": 72, "vote_count": 5}, "vote"),
    ({"vote_avg": 7, "vote_count": -1}, "vote_count"),
    ({"release_date": "2006-02-30"}, "release_date"),
    ({"release_date": "16.6.2006"}, "release_date"),
    ({"release_date": "1887-12-31", "release_year": 1887}, "release_"),
    ({"votes_of": "Letterboxd"}, "votes_of"),
    ({"companies_of": "financiers"}, "companies_of"),
    ({"title": "x" * 501}, "title"),
    ({"certificate": "x" * 501}, "certificate"),
]
STATED = [
    *(film for pair in SAME for film in pair),
    *DIFFERENT,
    *(film for film, _ in WRONG),
]


PATHS = ("revenue", "success", "comparables")


@pytest.fixture(scope="module")
def director(models):
    """Name and id of the director with the most training films."""
    ids = pd.read_parquet(models / "history.parquet")["director"].explode()
    names = pd.read_parquet(models / "names.parquet").query("kind == 'person'")
    names = names.set_index("id")["name"]
    number = next(each for each in ids.value_counts().index if each in names.index)
    return names[number], int(number)


def whole(stated, director):
    """The film of a case, as a request, with a real name and a real id."""
    name, number = director
    real = {DIRECTOR: name, DIRECTOR.upper(): name.upper(), DIRECTOR_ID: number}
    film = FILM | stated
    return {
        field: [real.get(each, each) for each in value] if isinstance(value, list) else value
        for field, value in film.items()
        if value is not None
    }


def records(people, job, director):
    name, number = director
    return [
        ({"name": name, "id": number} if each == number else {"name": each}) | job
        for each in people
    ]


def as_row(film, director, write=json.dumps):
    """A request as a row of a table; lists are written by `write`."""
    row = {
        "title": film.get("title"),
        "budget": film.get("budget"),
        "release_date": film["release_date"],
        "runtime": film.get("runtime"),
        "vote_average": film.get("vote_avg"),
        "vote_count": film.get("vote_count"),
        "votes_of": film.get("votes_of"),
        "companies_of": film.get("companies_of"),
        "original_language": film.get("original_language"),
        "certificate": film.get("certificate"),
    }
    for column, field in (
        ("genres", "genres"),
        ("production_countries", "countries"),
        ("cast", "cast"),
        ("production_companies", "companies"),
    ):
        row[column] = write(records(film[field], {}, director)) if field in film else None
    crew = {role: film[role] for role in CREW_ROLES if role in film}
    if crew:
        row["crew"] = write(
            [
                record
                for role, people in crew.items()
                for record in records(people, {"job": CREW_ROLES[role][0][0]}, director)
            ]
        )
    return row


def as_form(film, learned):
    """A request as the values of the page's form, or None if it can't be entered there."""
    people = {role: film.get(role) for role in ("director", "writers", "cast", "companies")}
    on_form = (
        film.get("countries") in ([AMERICA], ["Germany"])
        and film.get("genres") is not None
        and set(film["genres"]) <= set(GENRES)
        and [] not in people.values()
        and (people["companies"] is None or kind_of_list(film.get("companies_of")) == learned)
        and kind_of_list(film.get("companies_of")) is not None
        and all(isinstance(each, str) for names in people.values() for each in names or ())
    )
    if not on_form:
        return None
    return (
        defaults(pd.Timestamp("2026-01-01").date())
        | {name: film.get(name) for name in ("runtime", "release_date", "genres")}
        | {name: film.get(name) for name in ("vote_avg", "vote_count", "original_language")}
        | {"votes_of": film.get("votes_of") or "tmdb"}
        | {name: film.get(name) or "" for name in ("title", "certificate")}
        | {
            "budget": film["budget"] / 1e6 if "budget" in film else None,
            "american": AMERICA in film["countries"],
        }
        | {role: ", ".join(names or []) for role, names in people.items()}
    )


@pytest.fixture(scope="module")
def client(models):
    with TestClient(create_app(Settings(models=models, page=False))) as client:
        yield client


@pytest.fixture(scope="module")
def tables(client, models, director, tmp_path_factory):
    """All cases as rows: scored as CSV and Parquet, by service and command, both kinds of lists."""
    folder = tmp_path_factory.mktemp("tables")
    scored = {}
    for lists, write in (("json", json.dumps), ("python", repr)):
        frame = pd.DataFrame([as_row(whole(each, director), director, write) for each in STATED])
        for kind in ("csv", "parquet"):
            path, out = folder / f"{lists}.{kind}", folder / f"{lists}-out.{kind}"
            getattr(frame, f"to_{kind}")(path, index=False)
            read = getattr(pd, f"read_{kind}")
            answer = client.post(
                "/predict/batch?comparables=true", files={"file": path.read_bytes()}
            )
            assert answer.status_code == 200, answer.text
            scored[lists, kind, "service"] = read(io.BytesIO(answer.content))
            done = CliRunner().invoke(
                predict.app, [str(path), "-o", str(out), "--models", str(models), "--comparables"]
            )
            assert done.exit_code == 0, done.output
            scored[lists, kind, "command"] = read(out)
    return scored


@pytest.fixture(scope="module")
def answers(client, forecasts, director, tables):
    """What each door answers: lists of a tuple per case, None where it is refused."""

    def of_json(revenue, success, comparables):
        ends = revenue["interval"]
        return (
            revenue["predicted_revenue"],
            ends["lower"],
            ends["upper"],
            success["probability_success"],
            revenue["model"].removeprefix("revenue_"),
            *map(in_a_cell, comparables),
        )

    def api(film):
        asked = [client.post(f"/predict/{path}", json=film) for path in PATHS]
        if {answer.status_code for answer in asked} == {422}:
            return None
        revenue, success, compared = (answer.json() for answer in asked)
        return of_json(revenue, success, compared["comparables"])

    def command(film):
        with patch.object(predict, "Forecasts", lambda *_: forecasts):  # else read for each film
            done = CliRunner().invoke(predict.app, ["--film", json.dumps(film)])
        if isinstance(done.exception, predict.RequestError):
            return None
        answer = json.loads(done.output)
        return of_json(answer["revenue"], answer["success"], answer["comparables"])

    page_answers = FilmAnswers(forecasts, Scale(forecasts.known_films))

    def page(film):
        form = as_form(film, forecasts.companies_of)
        if form is None:
            return "not on the form"
        html, _ = page_answers.answer(form)
        if "Please check the form" in html:
            return None
        stated = stated_film(form, forecasts.companies_of)
        revenue, success = forecasts.revenue(stated), forecasts.success(stated)
        comparables = forecasts.comparables(stated)["comparables"]
        assert money(revenue["predicted_revenue"]) in html
        for comparable in comparables:
            assert escape(comparable["title"]) in html
            assert money(comparable["revenue"]) in html
        return of_json(revenue, success, comparables)

    columns = ["predicted_revenue", "revenue_lower", "revenue_upper", "probability_success"]
    films = [whole(each, director) for each in STATED]
    doors = {name: list(map(door, films)) for name, door in (("api", api), ("page", page))}
    doors["command"] = list(map(command, films))
    for name, frame in tables.items():
        doors[" ".join(name)] = [
            (*row[columns].tolist(), row["model"], *row[list(COMPARABLES)])
            if pd.isna(row["error"])
            else None
            for _, row in frame.iterrows()
        ]
    return doors


def in_a_cell(film):
    """A comparable film of the API as a table names it: its revenue to three digits."""
    revenue = float(f"{film['revenue']:.3g}")
    return f"{film['title']} ({film['release_year']}), ${revenue:,.0f}"


def of_case(answers, stated):
    """The answers to a case by door; those of forms that can't state it are left out."""
    found = {name: door[STATED.index(stated)] for name, door in answers.items()}
    return {name: answer for name, answer in found.items() if answer != "not on the form"}


@pytest.mark.parametrize(("stated", "plain"), SAME, ids=[str(stated) for stated, _ in SAME])
def test_the_same_film_gets_the_same_answer_to_the_bit(answers, stated, plain):
    found = of_case(answers, stated)
    assert set(found.values()) == {answers["api"][STATED.index(plain)]}
    assert None not in found.values()
    assert len(found) >= 10


@pytest.mark.parametrize("stated", DIFFERENT, ids=str)
def test_unknown_is_not_the_same_as_nobody(answers, stated):
    found = of_case(answers, stated)
    assert len(set(found.values())) == 1
    assert None not in found.values()


@pytest.mark.parametrize(("stated", "field"), WRONG, ids=[str(film)[:60] for film, _ in WRONG])
def test_the_same_film_is_refused_everywhere(answers, tables, stated, field):
    assert set(of_case(answers, stated).values()) == {None}
    for table in tables.values():
        assert field in table["error"][STATED.index(stated)]


def test_votes_of_another_source_are_another_number(answers):
    imdb = of_case(answers, RATED | {"votes_of": "imdb"})
    tmdb = of_case(answers, RATED)
    assert all(tmdb[door] != answer for door, answer in imdb.items())


def test_companies_of_the_learned_kind_are_used(answers):
    used = of_case(answers, {"companies": [COMPANY]} | LISTED)
    ignored = of_case(answers, {"companies": [COMPANY]})
    assert all(used[door] != answer for door, answer in ignored.items())


def test_every_answer_names_five_comparable_films(answers):
    for door in answers.values():
        for answer in door:
            if answer not in (None, "not on the form"):
                assert len(set(answer[-5:])) == 5
                assert all(" (" in text and "), $" in text for text in answer[-5:])


def test_the_page_is_one_of_the_doors(answers):
    entered = [answer != "not on the form" for answer in answers["page"]]
    assert np.mean(entered) > 0.5
