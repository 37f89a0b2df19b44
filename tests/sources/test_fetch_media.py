"""`scripts/fetch.py posters|trailers`, against a server that behaves like TMDB and a video site."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import commands
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tqdm import tqdm
from typer.testing import CliRunner, Result

import fetch
from boxoffice.core import paths
from boxoffice.core.files import SourceError
from boxoffice.sources import tmdb5000, tmdb_api, tmdb_media
from boxoffice.sources.tmdb_api import Key, Movie, ServiceFault, Tmdb, Unavailable, Video

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ0ZXN0In0.c2lnbmF0dXJl"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
FETCH = [sys.executable, paths.ROOT / "scripts" / "fetch.py"]


def picture(colour: str, form: str = "JPEG") -> bytes:
    file = BytesIO()
    Image.new("RGB", (34, 51), colour).save(file, form)
    return file.getvalue()


def make_video(path: Path, sound_only: bool = False) -> bytes:
    """A second of film with sound."""
    with av.open(path, "w") as container:
        if not sound_only:
            video = container.add_stream("libx264", rate=8)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16000)
        for shade in range(0, 0 if sound_only else 240, 30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8))
            container.mux(video.encode(frame))
        if not sound_only:
            container.mux(video.encode())
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        container.mux(audio.encode(sound))
        container.mux(audio.encode())
    return path.read_bytes()


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> bytes:
    return make_video(tmp_path_factory.mktemp("video") / "video.mp4")


# -------------------------------------------------------------------------------------- server


class Answer:
    """What the server sends: `sent` is less than the whole where it breaks off."""

    def __init__(self, body=b"", status=200, kind="image/jpeg", sent=None, **headers):
        self.body, self.status, self.kind, self.headers = body, status, kind, headers
        self.sent = len(body) if sent is None else sent

    @classmethod
    def of(cls, content, status=200):
        return cls(json.dumps(content).encode(), status, "application/json")


NOT_FOUND = Answer.of({"success": False, "status_code": 34, "status_message": "No."}, 404)
WRONG_KEY = Answer.of({"success": False, "status_code": 7, "status_message": "Invalid key."}, 401)
DOWN = Answer(b"", 503, "text/plain")
DROPPED = Answer()  # the connection is closed without a word


class World(ThreadingHTTPServer):
    """TMDB, its images and a video site on one port. `first[path]` is sent before `pages[path]`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.pages: dict[str, Answer] = {}
        self.first: dict[str, list[Answer]] = defaultdict(list)
        self.searches: list[dict] = []  # films that the search knows
        self.asked: Counter[str] = Counter()
        self.signed: dict[str, tuple] = {}  # path -> api_key and Authorization, as last sent
        self.queries: dict[str, dict] = {}
        self.half_sent, self.go_on = threading.Event(), threading.Event()
        self.pages["/3/configuration"] = Answer.of(
            {"images": {"secure_base_url": f"{self.url}/t/p/", "poster_sizes": ["w92", "w342"]}}
        )

    def film(self, number: int, poster: Answer | None = None, videos=(), **details) -> None:
        path = details.pop("poster_path", f"/{number}.jpg")
        self.pages[f"/3/movie/{number}"] = Answer.of(
            {"id": number, "poster_path": path, "videos": {"results": list(videos)}} | details
        )
        if poster:
            self.pages[f"/t/p/w342{path}"] = poster

    def posters(self, *numbers: int) -> None:
        for number in numbers:
            self.film(number, Answer(picture(f"hsl({number % 360}, 80%, 50%)")))


class Handler(BaseHTTPRequestHandler):
    server: World

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked[parts.path] += 1
        self.server.queries[parts.path] = query
        signature = query.get("api_key"), self.headers.get("Authorization")
        self.server.signed[parts.path] = signature
        if parts.path.startswith("/3/") and signature not in [
            (KEY, None),
            (None, f"Bearer {TOKEN}"),
        ]:
            return self.send(WRONG_KEY)
        if self.server.first[parts.path]:
            return self.send(self.server.first[parts.path].pop(0))
        if parts.path == "/3/search/movie":
            return self.send(self.search(query))
        return self.send(self.server.pages.get(parts.path, NOT_FOUND))

    do_HEAD = do_GET

    def search(self, query: dict) -> Answer:
        """As TMDB does: any film whose title contains the words, of that year in any country."""
        found = [
            film
            for film in self.server.searches
            if query["query"].lower() in film["title"].lower()
            and query["year"] in film.get("years", [film["release_date"][:4]])
        ]
        return Answer.of({"page": 1, "results": found})

    def send(self, answer: Answer) -> None:
        if answer is DROPPED:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if answer.sent < 0:  # half, and the other half when the test says so
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.server.half_sent.set()
            self.server.go_on.wait(60)
            answer = Answer(answer.body[len(answer.body) // 2 :])
        self.wfile.write(answer.body[: answer.sent])

    def log_message(self, *_):
        pass

    def handle(self):
        # The client was killed, or waited no longer.
        with suppress(BrokenPipeError, ConnectionResetError):
            super().handle()


@pytest.fixture
def world():
    server = World()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def tmdb(world):
    with Tmdb(Key(KEY), f"{world.url}/3", rate=1000, backoff=0) as service:
        yield service


# -------------------------------------------------------------------------------------- source


def write_source(folder: Path, films: list[dict]) -> str:
    """A source in the TMDB 5000 schema; returns what `--source` takes."""
    plain = {
        "budget": 1, "genres": "[]", "original_language": "en", "production_companies": "[]",
        "release_date": "2001-05-04", "revenue": 1, "runtime": 90, "vote_average": 5,
        "vote_count": 1,
    }  # fmt: skip
    folder.mkdir(parents=True)
    rows = [plain | {"title": f"Film {film['id']}"} | film for film in films]
    pd.DataFrame(rows).to_csv(folder / "movies.csv", index=False)
    return str(folder)


def numbered(folder: Path, *numbers: int) -> str:
    return write_source(folder, [{"id": number} for number in numbers])


def posters_of(tmdb, tmp_path, *numbers) -> tmdb_media.FetchSummary:
    """Fetch posters of films with these TMDB ids into `tmp_path/posters`."""
    if not (tmp_path / "source").exists():
        numbered(tmp_path / "source", *numbers)
    films = tmdb_media.films_of(str(tmp_path / "source"), "tmdb")
    return tmdb_media.fetch_posters(films, tmp_path / "posters", tmdb)


def held(folder: Path) -> list[str]:
    """Everything in a folder, temporary files too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def reasons(summary: tmdb_media.FetchSummary) -> dict[int, str]:
    table = pd.read_csv(summary.table)
    return dict(zip(table["id"], table["reason"], strict=True))


def arguments(what: str, source: str, to: Path, *others) -> list[str]:
    return [what, "--source", source, "--to", str(to), "--ids", "tmdb", "--rate", "1000", *others]


def variables(world: World, key: str = KEY) -> dict[str, str]:
    return {
        tmdb_api.KEY_VARIABLE: key,
        "TMDB_API_ADDRESS": f"{world.url}/3",
        "TRAILER_ADDRESS": f"{world.url}/watch/{{key}}.mp4",
    }


def in_process(world: World, *arguments, key: str = KEY) -> Result:
    """The command without what `__main__` adds, which turns errors into messages."""
    return CliRunner().invoke(
        fetch.app, arguments, env=variables(world, key), catch_exceptions=False
    )


# ------------------------------------------------------------------------------------- posters


def test_posters_are_named_by_film_and_their_bytes_are_unchanged(world, tmp_path, tmdb):
    world.posters(19995, 285)
    summary = posters_of(tmdb, tmp_path, 19995, 285)
    assert (summary.fetched, summary.there, summary.skipped) == (2, 0, 0)
    for number in (19995, 285):
        sent = world.pages[f"/t/p/w342/{number}.jpg"].body
        assert (tmp_path / "posters" / f"{number}.jpg").read_bytes() == sent
    assert held(tmp_path / "posters") == ["19995.jpg", "285.jpg"]
    assert held(tmp_path) == ["posters", "posters.skipped.csv", "source"]


@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".png"), ("WEBP", ".webp")])
def test_a_poster_is_named_by_what_it_is_whatever_its_address_says(
    world, tmp_path, tmdb, form, suffix
):
    world.film(7, Answer(picture("red", form)))
    posters_of(tmdb, tmp_path, 7)
    assert held(tmp_path / "posters") == [f"7{suffix}"]


@pytest.mark.parametrize(
    ("key", "signature"), [(KEY, (KEY, None)), (TOKEN, (None, f"Bearer {TOKEN}"))]
)
def test_the_key_goes_to_the_api_as_its_kind_wants_and_to_no_image(world, tmp_path, key, signature):
    world.posters(7)
    with Tmdb(Key(key), f"{world.url}/3", rate=1000) as service:
        posters_of(service, tmp_path, 7)
    assert world.signed == {
        "/3/configuration": signature,
        "/3/movie/7": signature,
        "/t/p/w342/7.jpg": (None, None),
    }


def test_what_is_there_is_not_asked_for_again(world, tmp_path, tmdb):
    world.posters(1, 2, 4)
    (tmp_path / "posters").mkdir()
    (tmp_path / "posters" / "1.JPEG").write_bytes(picture("red"))
    first = posters_of(tmdb, tmp_path, 1, 2, 3, 4)
    assert (first.fetched, first.there, first.skipped) == (2, 1, 1)
    world.asked.clear()
    world.posters(3)
    second = posters_of(tmdb, tmp_path)
    assert (second.fetched, second.there, second.skipped) == (1, 3, 0)
    assert set(world.asked) == {"/3/configuration", "/3/movie/3", "/t/p/w342/3.jpg"}


def test_every_film_without_a_poster_has_its_reason_and_the_others_arrive(world, tmp_path, tmdb):
    page = b"<!doctype html><title>Sign in</title>"
    noise = BytesIO()
    Image.effect_noise((342, 513), 60).save(noise, "JPEG")
    world.posters(1, 9)
    world.film(2, poster_path=None)
    world.film(4)
    world.film(5, Answer(page, kind="text/html"))
    world.film(6, Answer(picture("red", "GIF")))
    world.film(7, Answer(noise.getvalue()[:9000]))
    world.film(8, Answer(b""))
    summary = posters_of(tmdb, tmp_path, *range(1, 10))
    assert held(tmp_path / "posters") == ["1.jpg", "9.jpg"]
    assert (summary.fetched, summary.skipped) == (2, 7)
    expected = {
        2: "no poster",
        3: "no such film (404)",
        4: "image service answered 404",
        5: "not a JPEG",
        6: "not a JPEG",
        7: "truncated",
        8: "not a JPEG",
    }
    found = reasons(summary)
    assert found.keys() == expected.keys()
    for number, said in expected.items():
        assert said in found[number]


def test_a_faulty_row_of_the_source_is_skipped_with_its_reason(world, tmp_path, tmdb):
    world.posters(1, 2)
    source = write_source(
        tmp_path / "source", [{"id": 1}, {"id": 2, "release_date": "soon"}, {"id": "tt3"}]
    )
    films = tmdb_media.films_of(source, "tmdb")
    summary = tmdb_media.fetch_posters(films, tmp_path / "posters", tmdb)
    table = pd.read_csv(summary.table)
    assert held(tmp_path / "posters") == ["1.jpg"]
    assert table["id"].tolist() == ["2", "tt3"]
    assert table["title"].tolist() == ["Film 2", "Film tt3"]
    assert "soon" in table["reason"][0] and "whole number" in table["reason"][1]


def test_limit_takes_the_first_films(world, tmp_path, tmdb):
    world.posters(5, 3, 4)
    films = tmdb_media.films_of(numbered(tmp_path / "source", 5, 3, 4), "tmdb", limit=2)
    tmdb_media.fetch_posters(films, tmp_path / "posters", tmdb)
    assert held(tmp_path / "posters") == ["3.jpg", "5.jpg"]


def test_an_unknown_size_is_answered_with_those_there_are(tmp_path, tmdb):
    films = tmdb_media.films_of(numbered(tmp_path / "source", 1), "tmdb")
    with pytest.raises(SourceError, match="size w343, but of w92, w342"):
        tmdb_media.fetch_posters(films, tmp_path / "posters", tmdb, "w343")


# -------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("path", ["/3/configuration", "/3/movie/7", "/t/p/w342/7.jpg"])
@pytest.mark.parametrize(
    "faults",
    [
        [Answer(b"", 500)],
        [DOWN, DOWN, DOWN],
        [Answer(b"", 429), DROPPED, DROPPED],
        [Answer(picture("red"), sent=100), Answer(picture("red"), sent=100)],
    ],
    ids=["500", "three times 503", "429 and closed", "broken off twice"],
)
def test_a_fault_that_passes_costs_nothing(world, tmp_path, tmdb, path, faults):
    world.posters(7)
    world.first[path] = list(faults)
    summary = posters_of(tmdb, tmp_path, 7)
    assert (summary.fetched, summary.skipped) == (1, 0)
    assert world.asked[path] == len(faults) + 1


class Impatient(Handler):
    """Answers 429 for a film until the second that it told to wait is over."""

    def send(self, answer):
        if self.path.startswith("/3/movie/"):
            self.server.first_asked = getattr(self.server, "first_asked", time.monotonic())
            if time.monotonic() < self.server.first_asked + 1:
                answer = Answer(b"", 429, Retry_After="1")
        super().send(answer)


def test_retry_after_is_honoured(world, tmp_path, tmdb):
    world.RequestHandlerClass = Impatient
    world.posters(7)
    assert posters_of(tmdb, tmp_path, 7).fetched == 1
    assert world.asked["/3/movie/7"] == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Answer(b"", 500), "image service answered 500"),
        (Answer(b"", 429), "image service answered 429"),
        (DROPPED, "no connection"),
        (Answer(picture("red"), sent=100), "broke off"),
    ],
    ids=["500", "429", "closed", "broken off"],
)
def test_a_fault_that_stays_skips_the_film_alone(world, tmp_path, tmdb, fault, reason):
    world.posters(1, 3)
    world.film(2, fault)
    summary = posters_of(tmdb, tmp_path, 1, 2, 3)
    assert held(tmp_path / "posters") == ["1.jpg", "3.jpg"]
    assert reason in reasons(summary)[2]


def test_a_server_that_stops_answering_is_given_up(world, tmp_path):
    world.posters(1, 2)
    world.pages["/t/p/w342/1.jpg"].sent = -1
    with Tmdb(Key(KEY), f"{world.url}/3", rate=1000, backoff=0, timeout=0.2) as service:
        summary = posters_of(service, tmp_path, 1, 2)
    assert held(tmp_path / "posters") == ["2.jpg"]
    assert "no connection" in reasons(summary)[1] or "in time" in reasons(summary)[1]


def test_a_service_that_fails_film_after_film_ends_the_run(world, tmp_path, tmdb):
    last = 1 + tmdb_media.FAULTS_IN_A_ROW
    world.posters(1, last + 1)
    for number in range(2, last + 1):
        world.pages[f"/3/movie/{number}"] = DOWN
    with pytest.raises(SourceError, match="films in a row") as raised:
        posters_of(tmdb, tmp_path, *range(1, last + 2))
    assert "503" in str(raised.value) and "posters fetched: 1;" in str(raised.value)
    assert held(tmp_path / "posters") == ["1.jpg"]
    assert pd.read_csv(tmp_path / "posters.skipped.csv")["id"].tolist() == [*range(2, last + 1)]
    assert f"/3/movie/{last + 1}" not in world.asked


def test_films_that_tmdb_lacks_never_end_the_run(world, tmp_path, tmdb):
    last = 2 + 2 * tmdb_media.FAULTS_IN_A_ROW
    world.posters(last)
    assert posters_of(tmdb, tmp_path, *range(1, last + 1)).skipped == last - 1
    assert held(tmp_path / "posters") == [f"{last}.jpg"]


class Strict(Handler):
    """Refuses the third request within half a second."""

    times: list[float]

    def send(self, answer):
        now = time.monotonic()
        self.times.append(now)
        refused = sum(now - time < 0.5 for time in self.times) > 2
        super().send(Answer(b"", 400) if refused else answer)


@pytest.mark.parametrize(("rate", "refused"), [(2, 0), (1000, 2)])
def test_requests_keep_to_the_rate(world, tmp_path, rate, refused):
    world.RequestHandlerClass = type("Handler", (Strict,), {"times": []})
    world.posters(7)
    found = []
    with Tmdb(Key(KEY), f"{world.url}/3", rate=rate) as service:
        for _ in range(4):
            try:
                service.ask("movie/7", Movie)
            except Unavailable as error:
                found.append(str(error))
    assert found == ["TMDB answered 400 Bad Request"] * refused


# ----------------------------------------------------------------------------------------- key


def test_no_message_log_or_file_holds_the_key(world, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    world.posters(1, 2, 3, 4)
    world.pages["/3/movie/1"] = DROPPED
    world.pages["/3/movie/2"] = DOWN
    world.pages["/3/movie/3"].sent = 10
    world.first["/3/movie/4"] = [Answer(b"", 429)] * 10
    said = []
    with Tmdb(Key(KEY), f"{world.url}/3", rate=1000, backoff=0) as service:
        table = posters_of(service, tmp_path, 1, 2, 3, 4).table
        said.append(table.read_text())
        assert said[0].count("\n") == 5
    for address in (f"{NOWHERE}/3", "http://no-such-host.invalid/3", "not an address"):
        with Tmdb(Key(KEY), address, backoff=0) as service, pytest.raises(SourceError) as raised:
            posters_of(service, tmp_path)
        said.append(str(raised.value))
    assert KEY not in "".join(said) + caplog.text + repr(service.__dict__)


def test_without_a_key_the_command_says_how_to_get_one(world, tmp_path):
    run = arguments("posters", numbered(tmp_path / "source", 1), tmp_path / "to")
    with pytest.raises(SourceError) as raised:
        in_process(world, *run, key=" ")
    for said in ("TMDB_API_KEY", "themoviedb.org", "Settings, API"):
        assert said in str(raised.value)
    assert held(tmp_path) == ["source"] and not world.asked


def test_a_wrong_key_is_said_at_once_and_not_shown(world, tmp_path):
    wrong = "f" * 32
    source = numbered(tmp_path / "source", 1)
    words = arguments("trailers", source, tmp_path / "to")
    result = commands.run("fetch.py", *words, **variables(world, wrong))
    assert result.returncode == 1
    for said in ("error: ", "refuses the key in TMDB_API_KEY", "themoviedb.org"):
        assert said in result.stderr
    assert "Traceback" not in result.stderr and wrong not in result.stderr + result.stdout
    assert held(tmp_path) == ["source"] and dict(world.asked) == {"/3/configuration": 1}


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\tb"])
def test_what_can_be_no_key_is_not_sent_or_shown(monkeypatch, key):
    monkeypatch.setenv(tmdb_api.KEY_VARIABLE, key)
    with pytest.raises(SourceError, match="copy it anew") as raised:
        tmdb_api.key_from_environment()
    assert key not in str(raised.value)


def test_a_network_that_is_down_is_said_at_once(tmp_path):
    with Tmdb(Key(KEY), NOWHERE, backoff=0) as service, pytest.raises(SourceError) as raised:
        posters_of(service, tmp_path, 1)
    for said in (NOWHERE, "Connection refused", "Check the network"):
        assert said in str(raised.value)
    assert held(tmp_path) == ["source"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(b"<html>Log in</html>"), "the answer: Invalid JSON"),
        (Answer(b"\xff\xfe"), "the answer: Invalid JSON"),
        (Answer(b"[" * 100_000), "the answer: Invalid JSON"),
        (Answer.of([1]), "the answer: Input should be an object"),
        (Answer.of({"images": []}), "images: Input should be an object"),
        (Answer.of({"images": {}}), "images.secure_base_url: Field required"),
        (
            Answer.of({"images": {"secure_base_url": "x", "poster_sizes": "w342"}}),
            "images.poster_sizes: Input should be a valid array",
        ),
    ],
)
def test_what_is_not_tmdb_is_not_taken_for_it(world, tmp_path, answer, fault):
    world.pages["/3/configuration"] = answer
    words = arguments("posters", numbered(tmp_path / "source", 1), tmp_path / "posters")
    done = commands.run("fetch.py", *words, **variables(world))
    assert done.returncode == 1
    assert f"what answers at {world.url}/3/configuration is not TMDB ({fault}" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ([], "the answer: Input should be an object"),
        ({"poster_path": "/1.jpg"}, "id: Field required"),
        ({"id": 1, "poster_path": 5}, "poster_path: Input should be a valid string"),
        ({"id": 1, "videos": None}, "videos: Input should be an object"),
        ({"id": 1, "videos": {"results": {}}}, "videos.results: Input should be a valid array"),
        ({"id": 1, "videos": {"results": [{"type": "Trailer"}]}}, "videos.results.0.key: Field"),
    ],
)
def test_a_malformed_film_is_skipped_with_what_was_expected(world, tmp_path, answer, fault):
    world.posters(2)
    world.pages["/3/movie/1"] = Answer.of(answer)
    address = f"{world.url}/3".replace("//", "//me:secret@")
    with Tmdb(Key(KEY), address, rate=1000, backoff=0) as tmdb:
        for fetched in (posters_of, partial(trailers_of, world)):
            said = reasons(fetched(tmdb, tmp_path, 1, 2))[1]
            shown = address.replace("me:secret", "***")
            assert f"what answers at {shown}/movie/1 is not TMDB ({fault}" in said
    assert held(tmp_path / "posters") == ["2.jpg"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"results": {}}, "results: Input should be a valid array"),
        ({"results": [5]}, "results.0: Input should be an object"),
        ({"results": [{"title": "Cube"}]}, "results.0.id: Field required"),
        ({"results": [{"id": 1, "title": 5}]}, "results.0.title: Input should be a valid string"),
    ],
)
def test_a_malformed_search_is_a_fault_of_the_service(world, tmdb, answer, fault):
    world.first["/3/search/movie"] = [Answer.of(answer)]
    with pytest.raises(ServiceFault, match=re.escape(fault)):
        tmdb_api.find_film(tmdb, "Cube", 2001)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"nothing/movies\.csv is missing.*scripts/fetch\.py"):
        tmdb_media.films_of(str(tmp_path / "nothing"))


# ---------------------------------------------------------------------------------- title, year


def known(number: int, title: str, released: str, votes: int = 0, **others) -> dict:
    return {
        "id": number, "title": title, "original_title": title, "release_date": released,
        "vote_count": votes,
    } | others  # fmt: skip


@pytest.mark.parametrize(
    ("title", "films", "expected"),
    [
        ("The Host", [known(1, "The Host", "2001-07-27")], 1),
        ("Amelie", [known(1, "Amelie!", "2001-04-25"), known(2, "Amelie Two", "2001-01-01")], 1),
        ("Cube", [known(1, "The Cube", "2000-12-31")], 1),
        ("Cube", [known(1, "Cube", "2002-01-01")], 1),
        ("Cube", [known(1, "Cube", "2000-09-09", years=["2000", "2001"])], 1),
        ("Cube", [known(1, "Cube", "2001-01-01", 9), known(2, "Cube", "2001-01-01", 900)], 2),
        ("Cube", [known(1, "Cube", "2001-01-01"), known(2, "Cube", "2001-01-01", 10)], 2),
        ("Cube", [known(1, "Die Cube", "2001-01-01", original_title="Cube")], 1),
    ],
    ids=[
        "same", "punctuation", "year before", "year after", "released later elsewhere",
        "far more votes", "the other has none", "original title",
    ],
)  # fmt: skip
def test_a_film_is_found_by_title_and_year(world, tmdb, title, films, expected):
    world.searches = films
    assert tmdb_api.find_film(tmdb, title, 2001) == expected


@pytest.mark.parametrize(
    ("title", "films", "reason"),
    [
        ("Cube", [], "no film with this title of 2000 to 2002"),
        ("Cube", [known(1, "Cube", "2003-01-01")], "no film with this title"),
        ("Cube", [known(1, "Cube", "1999-12-31", years=["2001"])], "no film with this title"),
        ("Cube", [known(1, "Cube Zero", "2001-01-01")], "no film with this title"),
        ("Cube", [known(1, "Cube", "", years=["2001"])], "no film with this title"),
        ("Cube", [known(1, "Cube", "2001-01-01", 5), known(2, "Cube", "2001-05-05", 9)], "2, 1"),
        ("七人の侍", [known(1, "...", "2001-01-01")], "no Latin letter"),
    ],
    ids=["none", "two years", "re-release", "longer title", "no date", "two alike", "no letters"],
)
def test_a_film_that_is_not_surely_found_is_skipped(world, tmdb, title, films, reason):
    world.searches = films
    with pytest.raises(Unavailable, match=reason):
        tmdb_api.find_film(tmdb, title, 2001)


def test_posters_found_by_title_are_named_by_the_sources_id(world, tmp_path, tmdb):
    world.posters(19995)
    world.searches = [known(19995, "Avatar", "2009-12-15")]
    rows = [
        {"id": 3, "title": "Avatar", "release_date": "2009-12-18"},
        {"id": 4, "title": "Avatar: the book", "release_date": "2009-12-18"},
    ]
    films = tmdb_media.films_of(write_source(tmp_path / "source", rows))
    summary = tmdb_media.fetch_posters(films, tmp_path / "posters", tmdb)
    assert held(tmp_path / "posters") == ["3.jpg"]
    assert "no film with this title" in reasons(summary)[4]


@pytest.mark.parametrize(
    ("name", "ids", "expected"),
    [
        ("tmdb5000", None, True),
        ("tmdb5000", "title", False),
        ("open_films", None, False),
        ("open_films", "tmdb", True),
    ],
)
def test_only_tmdb5000_has_tmdbs_ids_unless_said_otherwise(
    tmp_path, monkeypatch, name, ids, expected
):
    monkeypatch.setattr(paths, "RAW", tmp_path)
    monkeypatch.setattr(tmdb5000, "TMDB5000", tmp_path / "tmdb5000")
    numbered(tmp_path / name, 1)
    assert tmdb_media.films_of(name, ids).have_tmdb_ids is expected


# ------------------------------------------------------------------------------------ trailers


def listed(key: str, **others) -> dict:
    """A video as TMDB lists it."""
    return {
        "key": key, "type": "Trailer", "site": "YouTube", "iso_639_1": "en", "official": True,
        "published_at": "2010-05-05T10:00:00.000Z",
    } | others  # fmt: skip


def trailers_of(world, tmdb, tmp_path, *numbers) -> tmdb_media.FetchSummary:
    """Fetch trailers of films with these TMDB ids into `tmp_path/trailers`."""
    if not (tmp_path / "source").exists():
        numbered(tmp_path / "source", *numbers)
    films = tmdb_media.films_of(str(tmp_path / "source"), "tmdb")
    site = f"{world.url}/watch/{{key}}.mp4"
    return tmdb_media.fetch_trailers(films, tmp_path / "trailers", tmdb, site, 0, 0)


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        ([listed("a", official=False), listed("b")], ["b", "a"]),
        ([listed("a"), listed("b", iso_639_1="fr")], ["b", "a"]),
        ([listed("a", iso_639_1="fr", official=False), listed("b")], ["b", "a"]),
        ([listed("a", published_at="2020-01-01"), listed("b")], ["b", "a"]),
        ([listed("a", published_at=None), listed("b")], ["b", "a"]),
        ([listed("a", type="Teaser"), listed("b", site="Vimeo"), listed("c", iso_639_1="de")], []),
        ([{"type": "Trailer", "site": "YouTube", "iso_639_1": "en", "key": "a"}], ["a"]),
        ([], []),
    ],
    ids=[
        "official", "own language", "official before language", "oldest", "date known",
        "no trailer", "few facts", "nothing",
    ],
)  # fmt: skip
def test_trailers_are_tried_from_the_best_down(videos, expected):
    assert tmdb_media.trailer_keys([Video(**video) for video in videos], "fr") == expected


def test_a_trailer_arrives_unchanged_named_by_film(world, tmp_path, tmdb, video):
    tmp_path = tmp_path / "100 %(id)s"
    world.film(7, videos=[listed("abc-_1")])
    world.pages["/watch/abc-_1.mp4"] = Answer(video, kind="video/mp4")
    summary = trailers_of(world, tmdb, tmp_path, 7)
    assert (summary.fetched, summary.there, summary.skipped) == (1, 0, 0)
    assert (tmp_path / "trailers" / "7.mp4").read_bytes() == video
    assert held(tmp_path) == ["source", "trailers", "trailers.skipped.csv"]
    assert world.queries["/3/movie/7"]["include_video_language"] == "en,en"
    assert world.signed["/watch/abc-_1.mp4"] == (None, None)


def test_trailers_that_are_there_are_not_asked_for_again(world, tmp_path, tmdb, video):
    for number in (1, 2, 3):
        world.film(number, videos=[listed(f"v{number}")])
        world.pages[f"/watch/v{number}.mp4"] = Answer(video, kind="video/mp4")
    del world.pages["/watch/v2.mp4"]
    (tmp_path / "trailers").mkdir()
    (tmp_path / "trailers" / "1.webm").write_bytes(video)
    assert trailers_of(world, tmdb, tmp_path, 1, 2, 3)[:3] == (1, 1, 1)
    world.asked.clear()
    world.pages["/watch/v2.mp4"] = Answer(video, kind="video/mp4")
    assert trailers_of(world, tmdb, tmp_path)[:3] == (1, 2, 0)
    assert set(world.asked) == {"/3/configuration", "/3/movie/2", "/watch/v2.mp4"}


def test_the_next_trailer_is_tried_where_the_best_is_gone(world, tmp_path, tmdb, video):
    world.film(7, videos=[listed("gone"), listed("other", official=False)])
    world.pages["/watch/other.mp4"] = Answer(video, kind="video/mp4")
    assert trailers_of(world, tmdb, tmp_path, 7).fetched == 1


def test_every_film_without_a_trailer_has_its_reason(world, tmp_path, tmdb, video):
    sound = make_video(tmp_path / "sound.mp4", sound_only=True)
    contents = {
        3: Answer(b"<!doctype html><title>Not available</title>", kind="text/html"),
        4: Answer(b"not a video " * 99, kind="video/mp4"),
        5: Answer(sound, kind="video/mp4"),
        6: Answer(video, kind="video/mp4", sent=len(video) // 2),
        7: Answer(video, kind="video/mp4"),
        8: Answer(b"", 503),
    }
    world.film(1)
    for number in range(2, 9):
        world.film(number, videos=[listed(f"v{number}")])
        world.pages[f"/watch/v{number}.mp4"] = contents.get(number, NOT_FOUND)
    summary = trailers_of(world, tmdb, tmp_path, *range(1, 9))
    assert held(tmp_path / "trailers") == ["7.mp4"]
    assert held(tmp_path) == ["sound.mp4", "source", "trailers", "trailers.skipped.csv"]
    found = reasons(summary)
    expected = {
        1: "lists no trailer",
        2: "v2: ",
        3: "Unsupported URL",
        4: "not a video",
        5: "no video track",
        6: "more expected",
        8: "503",
    }
    assert found.keys() == expected.keys()
    for number, said in expected.items():
        assert said in found[number]
    assert "404" in found[2]


def test_a_fault_of_the_site_is_told_from_a_video_that_is_gone(world, tmp_path, video):
    world.pages["/cut.mp4"] = Answer(video, kind="video/mp4", sent=99)
    world.pages["/down.mp4"] = DOWN
    world.pages["/refused.mp4"] = Answer(b"", 403)
    bar = tqdm(disable=True)
    addresses = [f"{world.url}/{name}.mp4" for name in ("cut", "down", "refused")]
    for address in (*addresses, f"{NOWHERE}/a.mp4"):
        with pytest.raises(ServiceFault):
            tmdb_media.download_video(address, tmp_path / "to", "7", bar, backoff=0)
    with pytest.raises(Unavailable) as raised:
        tmdb_media.download_video(f"{world.url}/gone.mp4", tmp_path / "to", "7", bar, backoff=0)
    assert not isinstance(raised.value, ServiceFault)
    assert held(tmp_path) == []


def test_the_bar_shows_the_megabytes_of_a_trailer(world, tmp_path, video):
    world.pages["/a.mp4"] = Answer(video, kind="video/mp4")
    with open(tmp_path / "terminal", "w+") as terminal:
        with tqdm(file=terminal, total=1) as bar:
            tmdb_media.download_video(f"{world.url}/a.mp4", tmp_path / "to", "7", bar)
        terminal.seek(0)
        assert "7: 0.0 MB" in terminal.read()


# ------------------------------------------------------------------------------ stop and go on


def first_whole_second_half(world: World, what: str, video: bytes) -> str:
    """Films 1 and 2; of the second's file, half is sent. Returns the suffix of files."""
    world.posters(1, 2)
    if what == "posters":
        world.pages["/t/p/w342/2.jpg"].sent = -1
        return ".jpg"
    for number in (1, 2):
        world.film(number, videos=[listed(f"v{number}")])
        world.pages[f"/watch/v{number}.mp4"] = Answer(video * 50, kind="video/mp4")
    world.pages["/watch/v2.mp4"].sent = -1
    return ".mp4"


def stopped(process, how):
    """What a process says that is stopped; as people do, again if it doesn't end at once."""
    for _ in range(12):
        process.send_signal(how)
        try:
            return process.communicate(timeout=10)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("it goes on")


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("posters", signal.SIGKILL),
        ("trailers", signal.SIGINT),
        ("trailers", signal.SIGKILL),
    ],
)
def test_a_run_that_was_stopped_half_way_goes_on(world, tmp_path, video, what, how):
    suffix = first_whole_second_half(world, what, video)
    source, to = numbered(tmp_path / "source", 1, 2), tmp_path / "to"
    run = arguments(what, source, to, *(["--pause", "0"] if what == "trailers" else []))
    process = subprocess.Popen(
        [*FETCH, *run], env=os.environ | variables(world), stderr=subprocess.PIPE, text=True
    )
    assert world.half_sent.wait(60)
    assert process.poll() is None  # it waits for the other half
    said = stopped(process, how)
    assert process.returncode != 0
    assert held(to) == [f"1{suffix}"]
    if how == signal.SIGINT:
        assert f"{what} fetched: 1;" in said and "Traceback" not in said
        assert held(tmp_path) == ["source", "to", "to.skipped.csv"]

    world.go_on.set()
    world.asked.clear()
    for page in world.pages.values():
        page.sent = len(page.body)
    assert f"{what}: 1 fetched, 1 there before, 0 skipped" in in_process(world, *run).stdout
    assert held(to) == [f"1{suffix}", f"2{suffix}"]
    assert held(tmp_path) == ["source", "to", "to.skipped.csv"]
    assert "/3/movie/1" not in world.asked


# ------------------------------------------------------------------------------------- command


def test_the_command_says_what_it_did_and_what_to_do_next(world, tmp_path):
    world.posters(1)
    to = tmp_path / "to"
    result = in_process(world, *arguments("posters", numbered(tmp_path / "source", 1, 2), to))
    assert result.exit_code == 0
    for said in (
        f"posters: 1 fetched, 0 there before, 1 skipped (reasons in {to}.skipped.csv)",
        f"set poster.dir of params.yaml to {to}",
        tmdb_api.ATTRIBUTION,
    ):
        assert said in result.stdout


@pytest.mark.parametrize("what", ["posters", "trailers"])
def test_help_shows_examples_the_key_and_tmdbs_words(world, what):
    said = " ".join(in_process(world, what, "--help").stdout.split())
    assert f"python scripts/fetch.py {what} --source tmdb5000" in said
    assert "TMDB_API_KEY" in said and tmdb_api.ATTRIBUTION in said


def test_git_ignores_what_is_fetched():
    for path in ("data/raw/posters/tmdb5000/5.jpg", "data/raw/trailers/open_films.skipped.csv"):
        found = subprocess.run(["git", "check-ignore", "-q", path], cwd=paths.ROOT, check=False)
        assert found.returncode == 0, path
