"""A challenger beside the champion in a real service: clients can't tell, metrics and log can."""

import asyncio
import json
import shutil

import aiohttp
import psutil
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from releases import another, known_films
from serving import CLASSIC, PATIENCE, Server, eventually, get, post, serving

from app import schemas
from app.logs import service_log
from app.settings import Settings
from app.shadow import MOST_WAITING, Shadow
from boxoffice.forecasts.forecasts import Forecasts

EARLY = schemas.PRE_RELEASE_EXAMPLE
FILMS = [EARLY, EARLY | {"budget": 90_000_000}, CLASSIC]


@pytest.fixture(scope="module")
def challenger(models, workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("challenger") / "models"
    another(models, known_films(workspace), folder)
    stated = {"version": "v1.1.0", "role": "challenger"}
    (folder / "version.json").write_text(json.dumps(stated))
    return folder


@pytest.fixture(scope="module")
def shadowed(models, challenger, tmp_path_factory):
    with serving(models, tmp_path_factory.mktemp("shadowed"), shadow=challenger) as server:
        yield server


def samples(server):
    families = text_string_to_metric_families(get(f"{server.address}/metrics").text)
    return [sample for family in families for sample in family.samples]


def outcomes(server):
    """How many films the challenger was to forecast, by outcome."""
    return {
        sample.labels["outcome"]: int(sample.value)
        for sample in samples(server)
        if sample.name == "boxoffice_shadow_forecasts_total"
    }


def settled(server):
    """The outcomes, once each answered film has one."""
    asked = {"method": "POST", "path": "/predict/revenue", "status": "200"}

    def answered():
        return sum(
            each.value
            for each in samples(server)
            if each.name == "http_requests_total" and each.labels == asked
        )

    assert eventually(lambda: sum(outcomes(server).values()) == answered())
    return outcomes(server)


def lines(server, event="shadow"):
    return [line for line in server.lines() if line["event"] == event]


def ask(server, film):
    return post(f"{server.address}/predict/revenue", json=film)


def test_clients_see_no_difference(models, shadowed, tmp_path):
    with serving(models, tmp_path) as alone:
        for film in FILMS:
            with_shadow, without = ask(shadowed, film), ask(alone, film)
            assert with_shadow.content == without.content
            assert set(with_shadow.headers) == set(without.headers)
        assert get(f"{shadowed.address}/").json() == get(f"{alone.address}/").json()
        assert outcomes(alone) == {}


def test_log_and_metrics_hold_the_challengers_forecasts(models, challenger, shadowed):
    before, logged = settled(shadowed)["answered"], len(lines(shadowed))
    for film in FILMS:
        assert ask(shadowed, film).status_code == 200
    assert settled(shadowed) == {"answered": before + len(FILMS), "dropped": 0, "failed": 0}
    assert eventually(lambda: len(lines(shadowed)) == logged + len(FILMS))
    theirs, ours = Forecasts(challenger), Forecasts(models)
    for film, line in zip(FILMS, lines(shadowed)[logged:], strict=True):
        expected = theirs.revenue(film)["predicted_revenue"]
        assert line["challenger_revenue"] == pytest.approx(expected, rel=1e-6)
        assert line["champion_revenue"] == ours.revenue(film)["predicted_revenue"]
        assert line["challenger"] == "v1.1.0"
        assert line["model"] == ours.revenue(film)["model"]
        assert film.get("title", "revenue") not in line  # of a film, its forecasts alone
    assert lines(shadowed)[logged]["log_ratio"] != 0
    assert lines(shadowed)[-1]["log_ratio"] == pytest.approx(0, abs=1e-5)  # same classic models


def test_a_refused_film_is_not_forecast(shadowed):
    before = settled(shadowed)
    assert ask(shadowed, EARLY | {"budget": -1}).status_code == 422
    assert post(f"{shadowed.address}/predict/success", json=EARLY).status_code == 200
    assert ask(shadowed, EARLY).status_code == 200
    assert settled(shadowed)["answered"] == before["answered"] + 1


async def flood(address, count):
    async with aiohttp.ClientSession() as session:

        async def one(number):
            film = EARLY | {"budget": 10**7 + number}
            async with session.post(f"{address}/predict/revenue", json=film) as answer:
                return answer.status

        return await asyncio.gather(*map(one, range(count)))


def test_films_are_dropped_where_the_challenger_is_slow(models, challenger, tmp_path):
    """Its process starts with the first film, which takes a second."""
    count = 3 * MOST_WAITING
    with serving(models, tmp_path, shadow=challenger) as server:
        assert set(asyncio.run(flood(server.address, count))) == {200}
        found = settled(server)
        assert sum(found.values()) == count
        assert found["dropped"] > 0
        assert found["failed"] == 0
        assert found["answered"] >= MOST_WAITING


def test_a_challenger_that_does_not_load_is_given_a_rest(models, challenger, tmp_path):
    shutil.copytree(challenger, tmp_path / "models")
    with (tmp_path / "models" / "revenue_pre_release.onnx").open("ab") as file:
        file.write(b"x")
    with serving(models, tmp_path, shadow=tmp_path / "models") as server:
        assert ask(server, EARLY).json() == Forecasts(models).revenue(EARLY)
        assert settled(server)["failed"] == 1
        assert eventually(lambda: lines(server, "shadow failed"))
        assert ask(server, EARLY).status_code == 200
        assert settled(server) == {"answered": 0, "dropped": 1, "failed": 1}
        assert "revenue_pre_release.onnx" in server.errors()


def test_a_challenger_is_started_again(models, challenger, tmp_path, monkeypatch):
    """At once if its process was killed while it waited; after a failure when it has rested."""
    monkeypatch.setattr("app.shadow.REST", 1.0)
    shutil.copytree(challenger, tmp_path / "models")
    model, registry = tmp_path / "models" / "hit.onnx", CollectorRegistry()
    shadow = Shadow(Settings(shadow=tmp_path / "models"), "v1.0.0", registry, service_log())
    answer = Forecasts(models).revenue(EARLY)

    def count(outcome):
        return registry.get_sample_value("boxoffice_shadow_forecasts_total", {"outcome": outcome})

    async def until_one_more(outcome):
        before = count(outcome)
        async with asyncio.timeout(PATIENCE):
            while count(outcome) == before:
                shadow.follow(EARLY, answer)
                await asyncio.sleep(0.2)

    def kill():
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()

    async def lives():
        await until_one_more("answered")
        kill()
        await until_one_more("answered")
        right = model.read_bytes()
        model.write_bytes(b"wrong")
        kill()
        await until_one_more("failed")
        await until_one_more("dropped")
        model.write_bytes(right)
        await until_one_more("answered")

    asyncio.run(lives())


def test_a_folder_without_models_stops_the_start(models, tmp_path):
    server = Server(models, tmp_path, shadow=tmp_path / "none").start()
    server.process.wait(60)
    assert server.process.returncode == 1
    assert "none/revenue_pre_release.json is missing" in server.errors()
