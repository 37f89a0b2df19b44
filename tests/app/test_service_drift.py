"""The service tells how far the films that it is asked about lie from the training films."""

import asyncio
import subprocess
import sys
import threading
from itertools import cycle

import httpx
import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from serving import CLASSIC, serving

from app.drift import BY_FEATURE, MOST, AskedFilms
from boxoffice.core import paths
from boxoffice.films.money import log_prices
from boxoffice.forecasts.forecasts import FORECASTS, Forecasts
from boxoffice.live.drift import FEWEST_WATCHED, NOT_WATCHED, drift

BY_FEATURE_NAMES = {f"boxoffice_drift_{name}" for name in BY_FEATURE}


@pytest.fixture(scope="module")
def films(models):
    """Training films as requests state them: budgets and days of release."""
    known = pd.read_parquet(models / "history.parquet")
    logs = known["log_budget"] + log_prices(known["release_date"].to_numpy())
    return [
        {"budget": float(budget), "release_year": day.year, "release_date": f"{day:%Y-%m-%d}"}
        for budget, day in zip(np.exp(logs), known["release_date"], strict=True)
    ]


@pytest.fixture(scope="module")
def some(films):
    """130 of them, of all years."""
    return [films[place] for place in np.linspace(0, len(films) - 1, 130).astype(int)]


@pytest.fixture(scope="module")
def forecasts(models):
    return Forecasts(models)


class Watching:
    """What a service would answer at /metrics."""

    def __init__(self, forecasts, every=0.0):
        self.registry = CollectorRegistry()
        self.asked = AskedFilms(forecasts, self.registry, every)

    def gauges(self):
        asyncio.run(self.asked.measure())
        return gauges(generate_latest(self.registry).decode())


def gauges(text):
    """Values by name, model and feature."""
    return {
        (sample.name, sample.labels["model"], sample.labels.get("feature")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("boxoffice_drift")
    }


def number(found, model="pre_release"):
    return found["boxoffice_drift_films", model, None]


def names(found):
    return {name for name, *_ in found}


def test_few_films_give_their_number_alone(forecasts, films):
    watching = Watching(forecasts)
    assert watching.gauges() == {}
    forecasts.revenues(films[: FEWEST_WATCHED - 1])
    found = watching.gauges()
    assert number(found) == FEWEST_WATCHED - 1
    assert names(found) == {"boxoffice_drift_films"}
    forecasts.revenues(films[FEWEST_WATCHED - 1 : FEWEST_WATCHED])
    found = watching.gauges()
    assert number(found) == FEWEST_WATCHED
    assert names(found) >= {"boxoffice_drifted_features", *BY_FEATURE_NAMES}


def test_the_gauges_are_the_drift_of_what_was_asked(forecasts, some):
    watching = Watching(forecasts)
    forecasts.revenues(some)
    found = watching.gauges()
    (read,) = forecasts.read(some)
    models = read.models
    table = drift(models.training_films(), models.with_features(read.features))
    assert found["boxoffice_drifted_features", "pre_release", None] == table["drifted"].sum() > 0
    watched = {feature for name, _, feature in found if name == "boxoffice_drift_missing_share"}
    assert watched == {*models.features, *FORECASTS} - set(NOT_WATCHED)
    for gauge, (column, _) in BY_FEATURE.items():
        shown = {
            feature: value
            for (name, model, feature), value in found.items()
            if (name, model) == (f"boxoffice_drift_{gauge}", "pre_release")
        }
        assert shown == pytest.approx(table[column].dropna().to_dict())
    # Nobody is named in these requests, as in all of the training films.
    assert found["boxoffice_drift_missing_share", "pre_release", "director_count"] == 1
    assert found["boxoffice_drift_missing_share_training", "pre_release", "director_count"] == 0
    assert ("boxoffice_drift_ks", "pre_release", "director_count") not in found
    assert found["boxoffice_drift_ks", "pre_release", "log_budget"] < 0.2


def test_larger_budgets_are_seen(forecasts, some):
    found = []
    for factor in (1, 1000):
        watching = Watching(forecasts)
        forecasts.revenues([film | {"budget": factor * film["budget"]} for film in some])
        found.append(watching.gauges())
    for name in (
        ("boxoffice_drift_ks", "pre_release", "log_budget"),
        ("boxoffice_drift_wasserstein", "pre_release", "log_budget"),
        ("boxoffice_drift_unseen_share", "pre_release", "log_budget"),
        ("boxoffice_drift_wasserstein", "pre_release", FORECASTS[0]),
    ):
        assert found[1][name] > found[0][name] + 0.5


def test_each_feature_set_has_its_own_films(forecasts):
    watching = Watching(forecasts)
    forecasts.successes([CLASSIC | {"budget": 1e6 * n} for n in range(1, 141)])
    found = watching.gauges()
    assert number(found, "classic") == 140
    assert number(found) == 0
    assert {model for _, model, feature in found if feature} == {"classic"}
    assert ("boxoffice_drift_ks", "classic", "vote_count") in found


def test_a_film_that_is_asked_about_again_counts_once(forecasts, films):
    watching = Watching(forecasts)
    for _ in range(3):
        forecasts.revenues(films[:60])
        forecasts.successes(films[:60])
    found = watching.gauges()
    assert number(found) == len({tuple(film.values()) for film in films[:60]}) < FEWEST_WATCHED
    assert names(found) == {"boxoffice_drift_films"}


def test_the_last_films_count(forecasts, films):
    watching = Watching(forecasts)
    forecasts.revenues([film | {"budget": 5e9} for film in films[:500]])
    later = [film | {"budget": 1e6 + 1e3 * place} for place, film in zip(range(MOST), cycle(films))]
    forecasts.revenues(later)
    found = watching.gauges()
    assert number(found) == MOST
    assert found["boxoffice_drift_unseen_share", "pre_release", "log_budget"] == 0


def test_it_is_measured_once_in_a_while_and_only_if_films_came(forecasts, films):
    watching = Watching(forecasts, every=3600)
    forecasts.revenues(films[:120])
    before = watching.gauges()
    forecasts.revenues(films[120:240])
    assert watching.gauges() == before
    watching = Watching(forecasts)
    forecasts.revenues(films[:120])
    watching.gauges()
    found = watching.asked.found
    watching.gauges()
    assert watching.asked.found is found


def test_other_threads_may_ask_meanwhile(forecasts, films):
    watching = Watching(forecasts)
    stop, errors = threading.Event(), []

    def ask(start):
        place = start
        try:
            while not stop.is_set():
                place = (place + 10) % len(films)
                forecasts.revenues(films[place : place + 10])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(start,)) for start in (0, 900)]
    for thread in threads:
        thread.start()
    try:
        found = [watching.gauges() for _ in range(5)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(found) == 5


def test_the_service_tells_prometheus_and_nothing_of_a_film(models, films, tmp_path):
    with (
        serving(models, tmp_path) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        before = client.get("/metrics").text
        assert gauges(before) == {}
        for film in films[:110]:
            film = film | {"title": "A Secret", "director": ["Somebody Unknown"]}
            assert client.post("/predict/revenue", json=film).status_code == 200
        client.post("/predict/hit", json={})
        files = {"file": ("films.csv", "budget,release_date\n20000000,2001-01-01\n")}
        assert client.post("/predict/batch", files=files).status_code == 200
        text = client.get("/metrics").text
        found = gauges(text)
        assert number(found) == len({tuple(film.values()) for film in films[:110]})
        assert names(found) > BY_FEATURE_NAMES
        assert "Secret" not in text
        assert "Somebody" not in text
        labels = {
            label
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("boxoffice")
            for label in sample.labels
        }
        assert labels == {"model", "feature"}


def test_the_service_starts_without_scipy(models):
    program = (
        "import sys; from pathlib import Path; from app.main import create_app; "
        "from app.settings import Settings; "
        f"create_app(Settings(models=Path({str(models)!r}))); print('scipy' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
