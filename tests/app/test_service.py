"""The service: every answer is that of the models; how it starts, stops and reports."""

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from unittest.mock import patch

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from serving import CLASSIC, WATCHED, Server, eventually, serving

import app
from app import schemas
from app.main import create_app
from app.media import Media
from app.settings import Settings
from boxoffice.core import paths
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import score_file

AFTER_RELEASE = ("popularity", "vote_avg", "vote_count")
MEDIA = ("poster", "multimodal")


@pytest.fixture(scope="module")
def forecasts(models):
    return Forecasts(models)


@pytest.fixture(scope="module")
def client(models):
    settings = Settings(models=models, page=False, timeout=120, patience=120)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    with serving(models, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def without_media(models, tmp_path):
    """The tabular models alone."""
    for path in models.iterdir():
        if path.stem not in MEDIA:
            shutil.copyfile(path, tmp_path / path.name)
    return tmp_path


def asked(client, path, body):
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


# Films


def test_the_classic_request_gets_the_classic_fields(client, forecasts):
    """What clients of a classic service send and read."""
    revenue = asked(client, "/predict/revenue", CLASSIC)
    assert revenue == forecasts.revenue(CLASSIC)
    assert isinstance(revenue["predicted_revenue"], float)
    assert revenue["predicted_revenue"] == pytest.approx(np.expm1(revenue["log_revenue"]))
    assert revenue["model"] == "revenue_classic"
    success = asked(client, "/predict/success", CLASSIC)
    assert success == forecasts.success(CLASSIC)
    assert isinstance(success["success"], bool)
    total = success["probability_failure"] + success["probability_success"]
    assert total == pytest.approx(1)


def test_without_what_exists_after_release_the_pre_release_model_answers(client, forecasts):
    film = {name: value for name, value in CLASSIC.items() if name not in AFTER_RELEASE}
    for path, ask in (("revenue", forecasts.revenue), ("success", forecasts.success)):
        answer = asked(client, f"/predict/{path}", film)
        assert answer == ask(film)
        assert answer["model"] == f"{path}_pre_release"
        nulls = film | dict.fromkeys(AFTER_RELEASE)
        assert asked(client, f"/predict/{path}", nulls) == answer


def test_every_further_field_counts(client, forecasts):
    film = schemas.PRE_RELEASE_EXAMPLE
    assert asked(client, "/predict/revenue", film) == forecasts.revenue(film)
    assert asked(client, "/predict/revenue", film | {"budget": 1e6}) != forecasts.revenue(film)


def test_a_value_outside_the_training_films_is_warned_of(client):
    answer = asked(client, "/predict/revenue", CLASSIC | {"release_year": 2031})
    assert any("years after the last one" in warning for warning in answer["warnings"])
    answer = asked(client, "/predict/revenue", CLASSIC | {"runtime": 900})
    assert any("runtime is outside" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("flags", [(1, 0), (True, False), (1.0, 0.0)])
def test_flags_are_numbers_or_truths_and_numbers_may_have_a_fraction(client, flags):
    yes, no = flags
    film = CLASSIC | {"action": yes, "thriller": no, "release_year": 2009.0, "vote_count": 11800.0}
    assert asked(client, "/predict/revenue", film) == asked(client, "/predict/revenue", CLASSIC)


def test_hit_and_segment(client, forecasts):
    assert asked(client, "/predict/hit", WATCHED) == forecasts.hit(WATCHED)
    assert asked(client, "/predict/segment", WATCHED) == forecasts.segment(WATCHED)


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/predict/revenue", CLASSIC, schemas.Revenue),
        ("/predict/revenue", schemas.PRE_RELEASE_EXAMPLE, schemas.Revenue),
        ("/predict/success", CLASSIC, schemas.Success),
        ("/predict/success", schemas.PRE_RELEASE_EXAMPLE, schemas.Success),
        ("/predict/comparables", schemas.PRE_RELEASE_EXAMPLE, schemas.Comparables),
        ("/predict/hit", WATCHED, schemas.Hit),
        ("/predict/segment", WATCHED, schemas.Segment),
    ],
)
def test_answers_are_as_documented(client, path, body, model):
    answer = asked(client, path, body)
    assert model.model_validate(answer, strict=True).model_dump() == answer


def test_a_body_of_json_needs_no_content_type(client, forecasts):
    answer = client.post("/predict/revenue", content=json.dumps(CLASSIC))
    assert answer.json() == forecasts.revenue(CLASSIC)


def test_a_byte_order_mark_is_no_fault(client, forecasts):
    answer = client.post("/predict/revenue", content=b"\xef\xbb\xbf" + json.dumps(CLASSIC).encode())
    assert answer.json() == forecasts.revenue(CLASSIC)


def test_the_year_is_that_of_the_date(client):
    dated = {"budget": 2e7, "release_date": "2009-12-10"}
    both = dated | {"release_year": 2009}
    assert asked(client, "/predict/revenue", dated) == asked(client, "/predict/revenue", both)
    refused = client.post("/predict/revenue", json={"budget": 2e7, "release_date": "2100-01-02"})
    assert refused.json()["detail"][0]["message"] == "not between 1888-01-01 and 2100-01-01"


# Posters, texts and trailers


def image(colour="navy"):
    content = io.BytesIO()
    Image.new("RGB", (300, 450), colour).save(content, "JPEG")
    return content.getvalue()


def test_without_the_media_models_they_are_unavailable_and_all_else_is_not(without_media):
    with TestClient(create_app(Settings(models=without_media, page=False))) as client:
        poster = client.post("/predict/poster", files={"file": ("a.jpg", image())})
        multimodal = client.post("/predict/multimodal", files={"text": (None, "A marine.")})
        for name, answer in (("poster", poster), ("multimodal", multimodal)):
            assert answer.status_code == 503
            assert f"{name}.json is missing: run `dvc repro {name}`" in answer.json()["detail"]
            assert str(without_media) not in answer.text
        assert set(client.get("/").json()["unavailable"]) == set(MEDIA)
        assert client.post("/predict/revenue", json=CLASSIC).status_code == 200


@pytest.fixture(scope="module")
def media(models):
    media = Media(Settings(models=models))
    if media.lacking:
        pytest.skip(f"the media models are absent: {media.lacking}")
    return media


def test_a_poster_gets_the_poster_models_revenue(client, media, tmp_path):
    (tmp_path / "poster.jpg").write_bytes(image())
    answer = client.post("/predict/poster", files={"file": ("my film.jpg", image())})
    assert answer.status_code == 200, answer.text
    from boxoffice.networks.poster_model import PosterModel

    forecast = PosterModel(media.folder).predict(tmp_path / "poster.jpg")
    assert answer.json()["predicted_revenue"] == forecast["revenue"]
    assert answer.json() == asyncio.run(media.poster(tmp_path / "poster.jpg"))
    assert schemas.PosterRevenue.model_validate(answer.json()).model_dump() == answer.json()
    assert answer.json()["interval"]["lower"] < answer.json()["interval"]["upper"]


def test_a_picture_that_is_unlike_all_posters_is_warned_of(client, media):
    def unlike(content):
        answer = client.post("/predict/poster", files={"file": ("a.jpg", content)})
        return [text for text in answer.json()["warnings"] if "is unlike the posters" in text]

    noise = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (450, 300, 3), np.uint8)
    Image.fromarray(pixels).save(noise, "PNG")
    assert unlike(noise.getvalue())
    assert unlike(image())  # one colour
    learned = sorted((media.folder.parent / "data" / "synthetic" / "posters").iterdir())[:8]
    assert sum(not unlike(path.read_bytes()) for path in learned) > 4


def test_a_text_gets_the_probabilities_of_eight_classes(client, media):
    text = "A paraplegic marine is sent to the moon Pandora."
    answer = client.post("/predict/multimodal", files={"text": (None, text)})
    assert answer.status_code == 200, answer.text
    assert answer.json() == asyncio.run(media.multimodal(text))
    assert schemas.RevenueClasses.model_validate(answer.json()).model_dump() == answer.json()
    assert len(answer.json()["probabilities"]) == 8
    assert sum(answer.json()["probabilities"].values()) == pytest.approx(1)
    form = client.post(
        "/predict/multimodal",
        files={"text": (None, text), "poster": ("a.jpg", image())},
    )
    assert form.json()["probabilities"] == answer.json()["probabilities"]
    assert form.json()["warnings"][0].startswith("poster: not used")
    assert (
        "film: not given, so its facts count as those of a typical film" in form.json()["warnings"]
    )


def test_a_text_and_a_film_get_the_answer_whose_figures_are_in_the_metrics(
    client, media, forecasts, workspace
):
    film = schemas.PRE_RELEASE_EXAMPLE
    form = {"text": (None, "A marine."), "film": (None, json.dumps(film))}
    answer = client.post("/predict/multimodal", files=form)
    assert answer.status_code == 200, answer.text
    facts, warnings = forecasts.facts(film, media.facts())
    assert answer.json() == asyncio.run(media.multimodal("A marine.", facts, warnings))
    assert (
        "cast: the training films don't know Sam Worthington, who counts as not stated" in warnings
    )
    without = asyncio.run(media.multimodal("A marine."))
    assert answer.json()["probabilities"] != without["probabilities"]
    measured = answer.json()["measured"]
    metrics = json.loads((workspace / "reports" / "metrics" / "multimodal.json").read_text())
    scores = metrics["all_films"]["temporal"]["text_metadata"]
    assert measured == {
        "given": ["text", "facts"],
        "tested": "the latest films",
        "films": metrics["served"]["text_metadata"]["films"],
        "exact": scores["accuracy"],
        "one_away": scores["one_away_accuracy"],
        "chance": 0.125,
    }
    alone = without["measured"]
    assert alone["given"] == ["text"]
    assert alone["exact"] == metrics["served"]["text"]["exact"]


def test_the_facts_of_a_film_are_those_of_the_revenue_model(media, forecasts):
    """Every fact is found, and is the one that the pre-release model of revenue reads."""
    film = schemas.PRE_RELEASE_EXAMPLE
    facts, warnings = forecasts.facts(film, media.facts())
    (answering,) = forecasts.read([film])
    assert answering.models.features == media.facts()
    np.testing.assert_array_equal(facts, answering.features[0])
    assert not any("not used" in warning for warning in warnings)


def test_a_rated_film_is_read_as_before_its_release(client, media):
    rated = {"text": (None, "A marine."), "film": (None, json.dumps(CLASSIC))}
    unrated = {name: value for name, value in CLASSIC.items() if name not in AFTER_RELEASE}
    without = {"text": (None, "A marine."), "film": (None, json.dumps(unrated))}
    first, second = (
        client.post("/predict/multimodal", files=files).json() for files in (rated, without)
    )
    assert first == second


@pytest.mark.parametrize(
    ("film", "field"),
    [
        ("no JSON", "film"),
        ("[1, 2]", "film"),
        ('{"budget": -5, "release_year": 2009}', "budget"),
        ('{"budget": 5}', "release_year"),
        ('{"budget": 5, "release_year": 2009, "poster": 1}', "poster"),
    ],
)
def test_a_wrong_film_beside_a_text_is_told_of(client, film, field):
    answer = client.post(
        "/predict/multimodal", files={"text": (None, "A marine."), "film": (None, film)}
    )
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["detail"]] == [field]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/predict/poster", "file"),
        ("/predict/multimodal", "trailer"),
        ("/predict/batch", "file"),
    ],
)
def test_a_text_where_a_file_belongs_is_told_so(client, path, field):
    answer = client.post(path, files={"text": (None, "A marine."), field: (None, "a.jpg")})
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"field": field, "value": "a.jpg", "expected": "a file", "message": "it is a text"}
    ]


@pytest.fixture(scope="module")
def trailer(workspace):
    trailers = sorted((workspace / "data" / "synthetic" / "trailers").glob("*.*"))
    if not trailers:
        pytest.skip("no trailer was rendered")
    return trailers[0]


def test_a_trailer_that_the_model_does_not_read_is_warned_of(client, media, trailer):
    answer = client.post(
        "/predict/multimodal",
        files={"text": (None, "A marine."), "trailer": ("a.mp4", trailer.read_bytes())},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == asyncio.run(media.multimodal("A marine.", trailer=trailer))
    without = asyncio.run(media.multimodal("A marine."))
    assert answer.json()["probabilities"] == without["probabilities"]
    assert answer.json()["measured"] == without["measured"]
    (warning,) = set(answer.json()["warnings"]) - set(without["warnings"])
    assert warning.startswith("trailer: not used")
    assert "drawn stand-ins" in warning


def test_a_trailer_is_looked_at_where_the_model_learned_from_real_ones(
    media, models, trailer, tmp_path, monkeypatch
):
    """The exported model, with a network that also reads video and audio."""
    from boxoffice.networks.layers import FusionNetwork, save_network

    card = media.cards["multimodal"]
    widths = card["widths"] | {"video": 2 * 1280, "audio": 480_000}
    poster = media.cards["poster"]
    scores = card["metrics"]["text"]
    changed = {
        "widths": widths,
        "image_encoder": {"arguments": poster["encoder"]["arguments"]},
        "media": "real",
        "unread": {"poster": "it learned from no posters"},
        "metrics": {"text": scores, "text_video_audio": scores | {"exact": 0.5}},
    }
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    save_network("multimodal", FusionNetwork(widths, card["fusion"]), card | changed)
    media = Media(Settings(models=tmp_path))
    with_trailer, without = (
        asyncio.run(media.multimodal("A marine.", trailer=each)) for each in (trailer, None)
    )
    assert with_trailer["probabilities"] != without["probabilities"]
    assert with_trailer["measured"]["given"] == ["text", "video", "audio"]
    assert with_trailer["measured"]["exact"] == 0.5
    assert not any(warning.startswith("trailer") for warning in with_trailer["warnings"])


# Tables


@pytest.fixture(scope="module")
def films():
    """A few hundred real films and, in the middle, two with faults."""
    movies = pd.read_csv(paths.RAW / "open_films" / "movies.csv").head(300)
    movies.loc[100, "budget"] = -5
    movies.loc[200, "release_date"] = "no date"
    return movies


def written(films, format):
    content = io.BytesIO()
    if format == "csv":
        films.to_csv(content, index=False)
    else:
        films.to_parquet(content, index=False)
    return content.getvalue()


def read(content, format):
    return (pd.read_csv if format == "csv" else pd.read_parquet)(io.BytesIO(content))


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_table_comes_back_as_the_command_line_has_it(client, forecasts, films, format, tmp_path):
    table = tmp_path / "films"
    table.write_bytes(written(films, format))
    expected = io.BytesIO()
    score_file(forecasts, table, format, expected, format)
    answer = client.post("/predict/batch", files={"file": ("films.txt", table.read_bytes())})
    assert answer.status_code == 200, answer.text
    assert answer.content == expected.getvalue()
    scored = read(answer.content, format)
    assert scored["title"].tolist() == films["title"].tolist()
    faulty = scored["error"].notna() & (scored["error"] != "")
    assert faulty[faulty].index.tolist() == [100, 200]
    assert "budget" in scored.loc[100, "error"]
    assert scored.loc[~faulty, "predicted_revenue"].notna().all()


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", "csv"),
        ("", "application/vnd.apache.parquet", "parquet"),
        ("", "text/html, application/vnd.apache.parquet;q=0.5", "parquet"),
        ("?format=parquet", "text/csv", "parquet"),
        ("?format=csv", "application/vnd.apache.parquet", "csv"),
    ],
)
def test_a_table_comes_back_in_the_format_asked_for(client, films, query, accept, expected):
    answer = client.post(
        f"/predict/batch{query}",
        files={"file": ("films.csv", written(films, "csv"))},
        headers={"Accept": accept},
    )
    assert answer.status_code == 200, answer.text
    kinds = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
    assert answer.headers["content-type"].partition(";")[0] == kinds[expected]
    assert answer.headers["content-disposition"] == f'attachment; filename="scored.{expected}"'
    assert len(read(answer.content, expected)) == len(films)


# The service itself


def test_it_says_what_runs(client, forecasts):
    answer = client.get("/").json()
    assert schemas.Welcome.model_validate(answer).model_dump() == answer
    sources = {model["name"]: model["source"] for model in answer["models"]}
    assert {
        name: card["source"] for name, card in forecasts.cards.items()
    }.items() <= sources.items()
    assert client.get("/health").json() == {"status": "ok"}
    assert {client.get(path).status_code for path in answer["documentation"]} == {200}


def test_the_version_is_the_projects():
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    assert app.__version__ == project["version"]


def test_every_field_is_documented_with_an_example(client):
    document = client.get("/openapi.json").json()
    fields = {
        f"{name}.{field}": said
        for name, schema in document["components"]["schemas"].items()
        for field, said in schema.get("properties", {}).items()
    }
    assert [name for name, said in fields.items() if "description" not in said] == []
    unexplained = [name for name, said in fields.items() if "examples" not in said]
    assert [name for name in unexplained if not name.startswith("Body_")] == []  # uploads
    for path, methods in document["paths"].items():
        for said in methods.values():
            assert said["description"], path
    for name in ("revenue", "success", "hit", "segment"):
        body = document["paths"][f"/predict/{name}"]["post"]["requestBody"]["content"]
        for example in body["application/json"]["examples"].values():
            assert client.post(f"/predict/{name}", json=example["value"]).status_code == 200


def test_a_request_keeps_its_id_and_else_gets_one(client):
    assert client.get("/", headers={"X-Request-ID": "a-1.b:2"}).headers["X-Request-ID"] == "a-1.b:2"
    made = {client.get("/health").headers["X-Request-ID"] for _ in range(50)}
    assert len(made) == 50
    for insane in ("a b", "x" * 200, '{"a":1}', ""):
        kept = client.get("/", headers={"X-Request-ID": insane}).headers["X-Request-ID"]
        assert kept != insane
        assert len(kept) == 32
    refused = client.post("/predict/revenue", json={}, headers={"X-Request-ID": "mine"})
    assert refused.json()["request_id"] == refused.headers["X-Request-ID"] == "mine"


def counted(address):
    families = text_string_to_metric_families(httpx.get(f"{address}/metrics").text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_count_requests_by_route(server):
    before = counted(server.address)
    for _ in range(3):
        httpx.post(f"{server.address}/predict/revenue", json=CLASSIC)
    httpx.post(f"{server.address}/predict/revenue", json={})
    httpx.get(f"{server.address}/some/secret/path")
    after = counted(server.address)

    def more(*name):
        return after[name] - before.get(name, 0)

    assert more("http_requests_total", "POST", "/predict/revenue", "200") == 3
    assert more("http_requests_total", "POST", "/predict/revenue", "422") == 1
    assert more("http_requests_total", "GET", "other", "404") == 1
    assert more("http_request_duration_seconds_count", "/predict/revenue") == 4
    assert after[("http_requests_in_progress",)] == 1  # the one that asks
    assert not any("secret" in str(name) for name in after)
    assert after[("process_resident_memory_bytes",)] > 0


def test_each_request_is_one_line_of_json(server):
    name = f"test-{time.monotonic_ns()}"
    headers = {"X-Request-ID": name}
    httpx.post(f"{server.address}/predict/revenue", json=CLASSIC, headers=headers)
    assert eventually(lambda: any(line["request_id"] == name for line in server.lines()))
    (line,) = [line for line in server.lines() if line["request_id"] == name]
    assert line["method"] == "POST"
    assert line["path"] == "/predict/revenue"
    assert line["status"] == 200
    assert line["bytes_in"] > 0
    assert 0 < line["seconds"] < 30
    assert line["timestamp"].endswith("Z")
    said = [json.loads(text) for text in server.errors().splitlines()]  # uvicorn's own
    assert any("startup complete" in line["event"] for line in said)


def test_torch_is_not_loaded_at_start(server):
    files = psutil.Process(server.process.pid).memory_maps()
    loaded = " ".join(file.path for file in files)
    assert "onnxruntime" in loaded
    assert "libtorch" not in loaded
    assert "sklearn" not in loaded


# Starting and stopping


@pytest.mark.parametrize("name", ["revenue_classic.onnx", "success_pre_release.json", "hit.onnx"])
def test_a_missing_model_stops_the_start(without_media, name):
    (without_media / name).unlink()
    assert_no_start(without_media, name)


@pytest.mark.parametrize("name", ["revenue_classic.onnx", "history.parquet", "segments.onnx"])
def test_an_altered_model_stops_the_start(without_media, name):
    content = bytearray((without_media / name).read_bytes())
    content[len(content) // 2] ^= 1
    (without_media / name).write_bytes(content)
    assert_no_start(without_media, name)


def test_an_altered_network_stops_the_start(models, media, tmp_path):
    shutil.copytree(models, tmp_path / "models")
    with open(tmp_path / "models" / "poster.safetensors", "ab") as file:
        file.write(b"x")
    assert_no_start(tmp_path / "models", "poster.safetensors")


def assert_no_start(models, named):
    """What uvicorn asks for ends the process, with one line that says why."""
    settings = {"BOXOFFICE_MODELS": str(models), "BOXOFFICE_PAGE": "0"}
    with patch.dict(os.environ, settings), pytest.raises(SystemExit) as ended:
        app.main.__getattr__("app")
    (line,) = ended.value.code.splitlines()
    assert line.startswith("The service can't start: ")
    assert named in line


def test_a_setting_that_is_no_number_stops_the_start(models, tmp_path):
    """The process says so in that line, and there is no traceback."""
    server = Server(models, tmp_path, max_body="many").start()
    try:
        assert server.process.wait(60) not in (0, None)
    finally:
        server.stop()
    (line,) = server.errors().splitlines()
    assert line.startswith("The service can't start: ")
    assert "BOXOFFICE_MAX_BODY" in line


def test_a_killed_service_answers_again(models, tmp_path):
    server = Server(models, tmp_path).start().wait()
    try:
        first = httpx.post(f"{server.address}/predict/revenue", json=CLASSIC).json()
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        server.start().wait()
        assert httpx.post(f"{server.address}/predict/revenue", json=CLASSIC).json() == first
    finally:
        server.stop()


def test_a_stopped_service_finishes_what_it_has_begun(models, tmp_path):
    server = Server(models, tmp_path).start().wait()
    try:
        body = json.dumps(CLASSIC).encode()
        head = f"POST /predict/revenue HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(head.encode() + body[:20])
            assert eventually(lambda: counted(server.address)[("http_requests_in_progress",)] == 2)
            server.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: "Shutting down" in server.errors())
            connection.sendall(body[20:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["model"] == "revenue_classic"
        assert server.process.wait(20) in (0, -signal.SIGTERM)
    finally:
        server.stop()


def test_the_module_is_read_without_models():
    done = subprocess.run(
        [sys.executable, "-c", "import app.main, sys; print('torch' in sys.modules)"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n", done.stderr
