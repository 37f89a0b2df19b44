"""`make bench` measures what it says: different films, right rows, services that answer."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
import psutil
import pytest
from fastapi.testclient import TestClient

from benchmarks import rivals as bench_rivals
from benchmarks import service as bench_service
from benchmarks import tables as bench_tables
from benchmarks.service import BenchError, Line, Part
from boxoffice.core import paths
from boxoffice.forecasts.request import CLASSIC_FIELDS, faults

COMMAND = [sys.executable, paths.ROOT / "scripts" / "benchmarks" / "service.py"]
needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


@pytest.fixture(scope="module")
def films():
    return bench_tables.read_source("open_films")


@pytest.fixture(scope="module")
def bodies(films, tmp_path_factory):
    path = tmp_path_factory.mktemp("bodies") / "bodies.jsonl"
    bench_tables.write_bodies(films, path, bench_service.BODIES)
    return path


def test_bodies_are_a_thousand_different_classic_requests(bodies):
    lines = bodies.read_text().splitlines()
    assert len(set(lines)) == bench_service.BODIES
    for line in lines:
        film = json.loads(line)
        assert set(film) == set(CLASSIC_FIELDS) == set(bench_rivals.Film.model_fields)
        assert faults(film) == []


class Recorder(BaseHTTPRequestHandler):
    """Keeps the bodies that it is sent, and refuses all after the tenth if told so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        refused = self.server.refuses and len(self.server.bodies) > 10
        self.send_response(422 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def recorder():
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.bodies, server.refuses = [], False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@needs_wrk
def test_wrk_posts_a_different_film_each_time(recorder, bodies):
    url = f"http://127.0.0.1:{recorder.server_port}/predict/revenue"
    measured = bench_service.wrk(url, bodies, seconds=1, connections=1)
    first = recorder.bodies[: bench_service.BODIES]
    assert len(set(first)) == len(first) > 50
    assert set(first) <= set(bodies.read_text().splitlines())
    assert 0 < measured["median"] <= measured["p99"]
    assert measured["rate"] == pytest.approx(len(recorder.bodies), rel=0.5)


@needs_wrk
def test_a_refused_request_is_no_measurement(recorder, bodies):
    recorder.refuses = True
    with pytest.raises(BenchError, match="refused"):
        bench_service.wrk(f"http://127.0.0.1:{recorder.server_port}/", bodies, 1, connections=1)


def test_the_rivals_answer_with_the_classic_fields(films, bodies, tmp_path, monkeypatch):
    forest = tmp_path / "forest.pickle"
    bench_rivals.train_classic(bench_tables.requests(films).head(100), forest)
    monkeypatch.setenv(bench_rivals.MODEL, str(forest))
    asked = [json.loads(line) for line in bodies.read_text().splitlines()[:20]]
    answers = {}
    for rival in (bench_rivals.constant, bench_rivals.classic):
        client = TestClient(rival())
        found = [client.post("/predict/revenue", json=film).json() for film in asked]
        assert all(set(answer) == {"predicted_revenue", "log_revenue"} for answer in found)
        answers[rival.__name__] = {answer["predicted_revenue"] for answer in found}
    assert len(answers["constant"]) == 1
    assert len(answers["classic"]) > 10


@pytest.mark.parametrize(("released", "model"), [(True, "classic"), (False, "pre_release")])
def test_a_table_is_different_films_that_can_all_be_scored(
    films, models, tmp_path, released, model
):
    path = tmp_path / "films.parquet"
    bench_tables.write_table(films, path, 300, released)
    table = pd.read_parquet(path)
    for name in ("title", "overview", "production_companies", "budget", "id"):
        assert table[name].nunique() > 250
    assert table[list(bench_tables.RATINGS)].notna().all(axis=None) == released
    scored = bench_tables.score(str(path), str(tmp_path / "scored.parquet"), str(models))
    assert (scored["rows"], scored["rejected"]) == (300, 0)
    assert set(pd.read_parquet(tmp_path / "scored.parquet")["model"]) == {model}
    feature_set, features = bench_tables.arrays(path, models)
    assert feature_set == model
    assert len(features) == 300
    again = tmp_path / "again.parquet"
    bench_tables.write_table(films, again, 300, released)
    assert again.read_bytes() == path.read_bytes()


def test_peak_memory_is_of_this_process_alone():
    """A child's `ru_maxrss` would count what its parent held when it was started."""
    ballast = bytearray(psutil.Process().memory_info().rss // 2 + 2**28)
    words = "from benchmarks.tables import peak_memory; print(peak_memory())"
    done = subprocess.run(
        [sys.executable, "-c", words],
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 2**24 < int(done.stdout) < len(ballast) + 2**28


def test_a_service_that_does_not_start_is_told_with_its_words(tmp_path, bodies):
    with (
        pytest.raises(BenchError, match="revenue_classic"),
        bench_service.running(bench_service.ours(tmp_path, page=False)) as (process, port),
    ):
        bench_service.wait_for_answer(process, port, bodies.read_text().splitlines()[0])
    assert not process.is_running()


def test_the_report_says_what_is_met():
    lines = [Line("a", "1", "2", True), Line("b", "3", "4", False), Line("c", "5")]
    printed = [line.split() for line in bench_service.report(lines).splitlines()]
    assert printed[0] == ["measured", "asked", "met"]
    assert printed[2:] == [["a", "1", "2", "yes"], ["b", "3", "4", "no"], ["c", "5"]]


def test_the_command_measures_every_part(models):
    parts = [part for part in Part if part != Part.load or shutil.which("wrk")]
    only = [word for part in parts for word in ("--only", part)]
    done = subprocess.run(
        [*COMMAND, "--quick", "--models", models, *only], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    words = ["start to first prediction", "what the page adds", "released films", "coming films"]
    if Part.load in parts:
        words += ["/predict/revenue, times the classic service's", "/predict/success, share"]
    assert all(each in done.stdout for each in words), done.stdout


def test_without_wrk_it_says_where_to_get_it(tmp_path):
    done = subprocess.run(COMMAND, capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "apt-get install wrk" in done.stderr


def test_help_has_examples():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "python scripts/benchmarks/service.py --quick" in done.stdout
