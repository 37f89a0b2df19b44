"""One film or many: which model answers, with what, and what it warns of."""

import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from boxoffice.core.model_files import ModelFileError
from boxoffice.films.credits import MOST
from boxoffice.films.money import log_prices
from boxoffice.films.votes import read_as
from boxoffice.forecasts.canonical import from_requests
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import (
    AFTER_RELEASE_FIELDS,
    CLASSIC_FIELDS,
    Engagement,
    Film,
    example,
)
from boxoffice.tabular.export import run_model

# Inside every training range; the models' source has no popularity.
FILM = {
    "budget": 40_000_000,
    "runtime": 110,
    "vote_avg": 6.5,
    "vote_count": 20_000,
    "votes_of": "imdb",
    "release_year": 1999,
    "action": 1,
    "comedy": 1,
}
UPCOMING = {name: value for name, value in FILM.items() if name not in AFTER_RELEASE_FIELDS}
STARS = {"director": ["Steven Spielberg"], "release_date": "1999-06-18", "title": "A Film"}


def known_person(models):
    """The director with the most training films: name key and id."""
    directors = pd.read_parquet(models / "history.parquet")["director"].explode()
    number = int(directors.value_counts().index[0])
    table = pd.read_parquet(models / "names.parquet")
    person = table[(table["kind"] == "person") & (table["id"] == number)]
    return person["key"].item(), number


def test_importing_it_loads_nothing_that_the_service_does_not_ship():
    heavy = ("sklearn", "scipy", "matplotlib", "pandera", "torch", "skl2onnx", "xgboost", "onnx")
    program = (
        "import sys, boxoffice.forecasts.forecasts, boxoffice.forecasts.tables; "
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_classic_model_answers_where_votes_are_stated(forecasts):
    answer = forecasts.revenue(FILM)
    assert answer["model"] == "revenue_classic"
    assert answer["warnings"] == []
    assert answer["predicted_revenue"] == pytest.approx(math.expm1(answer["log_revenue"]))
    interval = answer["interval"]
    assert interval["lower"] < answer["predicted_revenue"] < interval["upper"]
    assert interval["nominal"] == forecasts.cards["revenue_classic"]["interval"]["nominal"]
    assert forecasts.success(FILM)["model"] == "success_classic"


def test_the_pre_release_model_answers_where_they_are_left_out(forecasts):
    assert forecasts.revenue(UPCOMING)["model"] == "revenue_pre_release"
    assert forecasts.success(UPCOMING)["model"] == "success_pre_release"
    assert forecasts.revenue(UPCOMING)["warnings"] == []
    left_out = UPCOMING | dict.fromkeys(AFTER_RELEASE_FIELDS)  # None is left out, too
    assert forecasts.revenue(left_out) == forecasts.revenue(UPCOMING)


def test_some_of_the_votes_are_not_enough_and_that_is_said(forecasts):
    answer = forecasts.revenue(UPCOMING | {"vote_avg": 7.0})
    assert answer["model"] == "revenue_pre_release"
    assert answer["warnings"] == [
        "vote_avg not used: without vote_count the pre-release model answers"
    ]
    assert answer["predicted_revenue"] == forecasts.revenue(UPCOMING)["predicted_revenue"]


def test_a_film_that_nobody_voted_for_is_one_before_release(forecasts):
    """As TMDB has films to come: no votes, and a mean of 0."""
    answer = forecasts.revenue(FILM | {"vote_count": 0, "vote_avg": 0})
    assert answer["model"] == "revenue_pre_release"
    assert answer["warnings"] == ["nobody has voted yet: the pre-release model answers"]
    assert answer["log_revenue"] == forecasts.revenue(UPCOMING)["log_revenue"]


def test_a_number_that_no_training_film_has_is_not_used_and_that_is_said(forecasts):
    answer = forecasts.revenue(FILM | {"popularity": 80.0})
    assert answer["warnings"] == ["popularity is not used: the training films' source has none"]
    assert answer["log_revenue"] == forecasts.revenue(FILM)["log_revenue"]


def test_votes_of_another_source_are_translated_and_that_is_said(forecasts):
    tmdb = FILM | {"vote_count": 400, "votes_of": "tmdb"}
    answer = forecasts.revenue(tmdb)
    translated = read_as(np.array([400.0]), "tmdb", "imdb")[0]
    assert answer["warnings"] == [
        "vote_count: 400 of TMDB's, read as about 21,600 of IMDb's, whose votes the model learned"
    ]
    same = forecasts.revenue(FILM | {"vote_count": translated})
    assert answer["log_revenue"] == same["log_revenue"]
    assert answer["drivers"][0]["effect"] == same["drivers"][0]["effect"]
    assert forecasts.success(tmdb)["warnings"] == answer["warnings"]


def test_votes_are_tmdbs_unless_stated(forecasts):
    film = FILM | {"vote_count": 11_800}
    stated = forecasts.revenue(film | {"votes_of": "tmdb"})
    answer = forecasts.revenue(film | {"votes_of": None})
    assert answer["log_revenue"] == stated["log_revenue"]
    hint = "; state votes_of if they are IMDb's"
    assert answer["warnings"] == [warning + hint for warning in stated["warnings"]]
    (driver,) = (each for each in answer["drivers"] if each["name"] == "vote_count")
    assert driver["value"] == "11,800 of TMDB's, read as about 244,000 of IMDb's"


def test_a_model_must_say_whose_votes_it_learned(models, tmp_path):
    folder = with_card(models, tmp_path, "revenue_classic", votes=None)
    with pytest.raises(ModelFileError, match="has None for its votes"):
        Forecasts(folder)


def known_company(models):
    """The company with the most training films."""
    number = int(pd.read_parquet(models / "history.parquet")["companies"].explode().mode()[0])
    table = pd.read_parquet(models / "names.parquet").query("kind == 'company'")
    return table.set_index("id")["key"][number]


def test_companies_of_another_kind_count_as_not_stated_and_that_is_said(forecasts, models):
    company = {"companies": [known_company(models)]}
    without = forecasts.revenue(UPCOMING)
    for stated in ({}, {"companies_of": None}, {"companies_of": "producers"}):
        answer = forecasts.revenue(UPCOMING | company | stated)
        assert answer["warnings"] == [
            "companies are not used: they are taken for production companies alone, but the model "
            "learned from lists of the distributor and production companies; if that is what this "
            "list holds, state companies_of: distributors"
        ]
        assert answer["log_revenue"] == without["log_revenue"]
        assert answer["drivers"] == without["drivers"]
        assert forecasts.comparables(UPCOMING | company | stated) == forecasts.comparables(UPCOMING)
        success = forecasts.success(UPCOMING | company | stated)
        assert success["warnings"] == answer["warnings"]
        facts, warnings = forecasts.facts(UPCOMING | company | stated, ["companies_count"])
        assert np.isnan(facts[0])
        assert warnings == answer["warnings"]


def test_companies_of_the_learned_kind_are_used(forecasts, models):
    company = {"companies": [known_company(models)], "companies_of": "distributors"}
    answer = forecasts.revenue(UPCOMING | company)
    assert answer["warnings"] == []
    assert answer["log_revenue"] != forecasts.revenue(UPCOMING)["log_revenue"]
    facts, warnings = forecasts.facts(UPCOMING | company, ["companies_count"])
    assert facts[0] > 0
    assert warnings == []


def test_a_company_that_is_not_used_need_not_be_known(forecasts):
    (warning,) = forecasts.revenue(UPCOMING | {"companies": ["Nobody's Pictures"]})["warnings"]
    assert warning.startswith("companies are not used")


def with_card(models, folder, name, **changes):
    """A copy of the models, one of whose cards is changed; None leaves a key out."""
    shutil.copytree(models, folder, dirs_exist_ok=True)
    card = json.loads((models / f"{name}.json").read_text()) | changes
    card = {key: value for key, value in card.items() if value is not None}
    (folder / f"{name}.json").write_text(json.dumps(card))
    return folder


def test_a_model_that_learned_production_companies_uses_those(forecasts, models, tmp_path):
    folder = with_card(models, tmp_path, "revenue_pre_release", companies="producers")
    others, company = Forecasts(folder), {"companies": [known_company(models)]}
    assert others.companies_of == "producers"
    used = others.revenue(UPCOMING | company)
    learned = forecasts.revenue(UPCOMING | company | {"companies_of": "distributors"})
    assert (used["log_revenue"], used["warnings"]) == (learned["log_revenue"], [])
    answer = others.revenue(UPCOMING | company | {"companies_of": "distributors"})
    assert answer["log_revenue"] == others.revenue(UPCOMING)["log_revenue"]
    (warning,) = answer["warnings"]
    assert warning.endswith("state companies_of: producers")


def test_a_model_must_say_which_companies_it_learned(models, tmp_path):
    folder = with_card(models, tmp_path, "revenue_pre_release", companies=None)
    with pytest.raises(ModelFileError, match="has None for its companies"):
        Forecasts(folder)


def test_a_value_outside_the_training_range_is_named(forecasts):
    for change, field in (
        ({"budget": 9e9}, "budget"),
        ({"runtime": 900}, "runtime"),
        ({"vote_count": 900_000_000}, "vote_count"),
    ):
        for film in (FILM, UPCOMING):
            if field in film:
                (warning,) = forecasts.revenue(film | change)["warnings"]
                assert warning.startswith(f"{field} is outside the training films' range, ")
                assert forecasts.success(film | change)["warnings"] == [warning]


def test_a_film_of_another_age_is_answered_as_of_the_last_known_years_and_that_is_said(forecasts):
    for film in (FILM, UPCOMING):
        far, farther = (forecasts.revenue(film | {"release_year": year}) for year in (2060, 2090))
        assert far["log_revenue"] == farther["log_revenue"]
        (warning,) = farther["warnings"]
        assert "more than 9 years after the last ones that the model knows, of 2010" in warning


@pytest.mark.parametrize("film", [FILM, UPCOMING])
def test_a_runtime_beyond_those_of_known_films_counts_as_the_longest(forecasts, film):
    card = forecasts.cards["revenue_pre_release"]
    (longest,) = (each["maximum"] for each in card["features"] if each["name"] == "runtime")
    at_the_end, *beyond = (
        forecasts.revenue(film | {"runtime": minutes}) for minutes in (longest, 600, 2000)
    )
    for answer in beyond:
        assert answer["predicted_revenue"] == at_the_end["predicted_revenue"]
        (warning,) = answer["warnings"]
        assert warning.startswith("runtime is outside the training films' range, ")
        assert warning.endswith(" it counts as the end of it")


def test_a_budget_that_is_meant_in_millions_is_warned_of(forecasts):
    for film in (FILM, UPCOMING):
        for answer in (forecasts.revenue, forecasts.success):
            said = " ".join(answer(film | {"budget": 300})["warnings"])
            assert "the budget is below $10,000: it is read in dollars, not in millions" in said


def test_the_ends_of_a_range_are_inside(forecasts):
    """Cards hold six digits, so the largest budget may lie a little beyond."""
    for model in ("revenue_classic", "revenue_pre_release"):
        features = {each["name"]: each for each in forecasts.cards[model]["features"]}
        largest = features["log_budget"]["maximum"]
        film = FILM if model == "revenue_classic" else UPCOMING
        middle = np.array([f"{film['release_year']}-07-02"], dtype="datetime64[D]")
        budget = math.expm1(largest * (1 + 5e-7) + log_prices(middle)[0])
        assert forecasts.revenue(film | {"budget": budget})["warnings"] == []


def test_zero_minutes_are_an_unknown_runtime(forecasts):
    without = {name: value for name, value in UPCOMING.items() if name != "runtime"}
    zero, absent = forecasts.revenue(UPCOMING | {"runtime": 0}), forecasts.revenue(without)
    assert zero["log_revenue"] == absent["log_revenue"]
    zero, absent = (
        forecasts.revenue(FILM | {"runtime": 0}),
        forecasts.revenue({name: value for name, value in FILM.items() if name != "runtime"}),
    )
    assert zero["log_revenue"] == absent["log_revenue"]


def test_people_are_found_by_name_or_by_id(forecasts, models):
    name, number = known_person(models)
    by_name = forecasts.revenue(UPCOMING | {"director": [name.title()]})
    by_id = forecasts.revenue(UPCOMING | {"director": [number]})
    assert by_name["warnings"] == by_id["warnings"] == []
    assert by_name["log_revenue"] == by_id["log_revenue"]
    (read,) = forecasts.read([UPCOMING | {"director": [name], "release_year": 2006}])
    names = [each["name"] for each in forecasts.cards["revenue_pre_release"]["features"]]
    assert read.features[0, names.index("director_count")] > 0


def test_an_unknown_name_counts_as_not_stated_and_that_is_said(forecasts):
    answer = forecasts.revenue(UPCOMING | {"director": ["Nobody At All"]})
    assert answer["warnings"] == [
        "director: the training films don't know Nobody At All, who counts as not stated"
    ]
    unstated = forecasts.revenue(UPCOMING | {"director": None})
    assert answer["log_revenue"] == unstated["log_revenue"]


def test_as_many_of_a_role_count_as_in_the_pipeline(forecasts):
    cast = sorted(forecasts.names.ids["person"])[:20]
    films = from_requests([UPCOMING | {"cast": cast}], forecasts.names)
    assert films.before_release(np.array([0])).roles["cast"] == [cast[: MOST["cast"]]]


def test_what_is_not_stated_moves_nothing(forecasts):
    """It is taken as typical; an empty list says that nobody is known."""
    bare = {"budget": 40_000_000, "release_year": 1999}
    told = {driver["name"] for driver in forecasts.revenue(bare)["drivers"]}
    assert told <= {"budget", "release_year"}
    (read,) = forecasts.read([bare | {"genres": [], "cast": []}])
    names = [each["name"] for each in forecasts.cards["revenue_pre_release"]["features"]]
    unknown = dict(zip(names, np.isnan(read.features[0]), strict=True))
    assert not unknown["genre_action"]
    assert not unknown["cast_count"]
    (read,) = forecasts.read([bare])
    unknown = dict(zip(names, np.isnan(read.features[0]), strict=True))
    assert unknown["genre_action"]
    assert unknown["cast_count"]


def test_genres_may_be_stated_by_the_classic_flags_or_by_name(forecasts):
    bare = {"budget": 40_000_000, "release_year": 1999}
    flagged, listed = (
        forecasts.read([bare | stated])
        for stated in ({"comedy": 1}, {"genres": ["Comedy"], "action": 0})
    )
    names = [each["name"] for each in forecasts.cards["revenue_pre_release"]["features"]]
    place = {name: names.index(f"genre_{name}") for name in ("comedy", "action", "drama")}
    ((flagged,), (listed,)) = (next(read).features for read in (flagged, listed))
    assert flagged[place["comedy"]] == listed[place["comedy"]] == 1
    assert flagged[place["action"]] == listed[place["action"]] == 0
    assert np.isnan(flagged[place["drama"]])  # the flags say nothing of it
    assert listed[place["drama"]] == 0


@pytest.mark.parametrize(
    ("stated", "same", "warning"),
    [
        ({"original_language": "EN"}, {"original_language": "en"}, None),
        ({"original_language": "English"}, {"original_language": "en"}, None),
        ({"original_language": "Klingonese"}, {"original_language": "xx"}, "no ISO 639 code"),
        ({"certificate": "pg-13"}, {"certificate": "PG-13"}, None),
        ({"certificate": "FSK 12"}, {"certificate": None}, "certificate: FSK 12 is none of"),
        ({"countries": ["USA"]}, {"countries": ["United States of America"]}, None),
        (
            {"director": [123456789]},
            {"director": None},
            "don't know 123456789, who counts as not stated",
        ),
        ({"cast": list(range(9))}, {"cast": list(range(5))}, "cast: the first 5 count"),
        ({"genres": ["Heist"]}, {"genres": []}, "genres: Heist is none of TMDB's"),
    ],
)
def test_other_spellings_are_understood_or_warned_of(forecasts, stated, same, warning):
    answer, plain = (forecasts.revenue(UPCOMING | change) for change in (stated, same))
    assert answer["log_revenue"] == plain["log_revenue"]
    new = set(answer["warnings"]) - set(plain["warnings"])
    assert [words for words in new if warning and warning in words] or (not warning and not new)


def test_a_typical_value_is_told_of_what_one_feature_speaks_of(forecasts):
    """A budget before release is one in the market of its time."""
    (rated,) = [
        d for d in forecasts.revenue(FILM | {"budget": 2e8})["drivers"] if d["name"] == "budget"
    ]
    assert rated["typical"].startswith("$")
    (coming,) = [
        d for d in forecasts.revenue(UPCOMING | {"budget": 2e8})["drivers"] if d["name"] == "budget"
    ]
    assert coming["typical"] is None
    assert coming["words"].startswith("budget $200,000,000: revenue × ")


def test_an_effect_of_the_classic_model_is_found_by_asking_again(forecasts):
    answer = forecasts.revenue(FILM | {"runtime": 180})
    (runtime,) = [driver for driver in answer["drivers"] if driver["name"] == "runtime"]
    typical = float(runtime["typical"].removesuffix(" minutes"))
    again = forecasts.revenue(FILM | {"runtime": typical})
    assert runtime["effect"] == pytest.approx(answer["log_revenue"] - again["log_revenue"])


def test_drivers_are_signed_sorted_and_in_words(forecasts):
    for answer in (forecasts.revenue(FILM), forecasts.success(UPCOMING | STARS)):
        sizes = [abs(driver["effect"]) for driver in answer["drivers"]]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) <= 5
    cheap, dear = (
        {d["name"]: d for d in forecasts.revenue(FILM | {"budget": budget})["drivers"]}["budget"]
        for budget in (200_000, 180_000_000)
    )
    assert cheap["effect"] < 0 < dear["effect"]
    assert cheap["words"].startswith("budget $200,000 (typically $")
    assert "revenue × 0." in cheap["words"]


def test_probabilities_sum_to_one_and_decide(forecasts):
    for film in (FILM, UPCOMING, UPCOMING | STARS):
        answer = forecasts.success(film)
        total = answer["probability_failure"] + answer["probability_success"]
        assert total == pytest.approx(1)
        assert answer["success"] == (answer["probability_success"] >= 0.5)


def test_many_films_are_answered_as_each_alone(forecasts):
    """Both models in one table, in order."""
    films = [
        FILM | {"budget": 1e6 * (1 + n), "runtime": 80 + n, "comedy": n % 2} for n in range(300)
    ]
    for n, film in enumerate(films):
        if n % 3:
            del film["vote_count"]
    scored = forecasts.score(from_requests(films, forecasts.names))
    assert scored["rated"].tolist() == [n % 3 == 0 for n in range(300)]
    for n in (0, 1, 2, 3, 297, 298, 299):
        alone, row = forecasts.revenue(films[n]), {name: scored[name][n] for name in scored}
        assert row["predicted_revenue"] == pytest.approx(alone["predicted_revenue"], rel=1e-12)
        assert row["revenue_lower"] == pytest.approx(alone["interval"]["lower"], rel=1e-12)
        assert row["revenue_upper"] == pytest.approx(alone["interval"]["upper"], rel=1e-12)
        assert row["probability_success"] == forecasts.success(films[n])["probability_success"]


def test_films_are_answered_together_as_alone(forecasts, models):
    """Whatever they come beside, and in order: what is stated of one says nothing of another."""
    _, number = known_person(models)
    films = [
        FILM,
        UPCOMING | STARS,
        UPCOMING,
        UPCOMING | {"director": [number], "cast": [], "genres": ["War"], "countries": []},
        FILM | {"budget": 9e9, "popularity": 3.0},
        UPCOMING | {"vote_avg": 5.0, "runtime": None, "certificate": "R"},
        *(FILM | {"budget": 1e6 * n, "runtime": 90 + n} for n in range(1, 150)),
    ]
    for one, many in (
        (forecasts.revenue, forecasts.revenues),
        (forecasts.success, forecasts.successes),
    ):
        assert many(films) == [one(film) for film in films]
        assert many(films[::-1]) == many(films)[::-1]
    assert forecasts.revenues([]) == []


def test_hit_and_segment_are_the_models_answers(forecasts, models):
    film = example(Engagement)
    features = np.array([list(film.values())])
    hit = run_model(models / "hit.onnx", features)
    answer = forecasts.hit(film)
    assert answer["hit_probability"] == pytest.approx(float(hit["probabilities"][0, 1]))
    assert answer["hit"] == bool(hit["label"][0])
    number = int(run_model(models / "segments.onnx", features)["label"][0])
    segment = forecasts.segment(film)
    assert segment["segment"] == forecasts.cards["segments"]["segments"][number]
    assert answer["warnings"] == segment["warnings"] == []


def test_engagement_and_popularity_run_from_0_to_1_over_the_training_range(forecasts):
    features = forecasts.cards["segments"]["features"]
    for end, score in (("minimum", 0.0), ("maximum", 1.0)):
        segment = forecasts.segment({each["name"]: each[end] for each in features})
        assert segment["engagement"] == pytest.approx(score)
        assert segment["popularity"] == pytest.approx(score)
    watched = {each["name"]: each["minimum"] for each in features}
    watched["avg_watch_time"] = features[0]["maximum"]
    assert forecasts.segment(watched)["engagement"] == pytest.approx(0.5)
    assert forecasts.segment(watched)["popularity"] == pytest.approx(0.0)


def test_an_audience_outside_the_training_range_is_named(forecasts):
    film = example(Engagement) | {"ratings_count": 10**6}
    for answer in (forecasts.hit(film), forecasts.segment(film)):
        (warning,) = answer["warnings"]
        assert warning.startswith("ratings_count is outside the training films' range, ")


def test_known_films_are_the_training_films(forecasts):
    films = forecasts.known_films
    assert list(films) == ["title", "release_year", "revenue"]
    card = forecasts.cards["revenue_classic"]
    assert len(films) == card["training_rows"]
    assert films["revenue"].min() > 0


def test_the_example_of_the_classic_request_is_answered(forecasts):
    answer = forecasts.revenue({name: example(Film)[name] for name in CLASSIC_FIELDS})
    assert answer["predicted_revenue"] > 0
