"""What the service refuses, and how: nothing a client sends breaks it or stays behind."""

import io
import json
import socket
import threading
import time
import zlib

import pandas as pd
import psutil
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import given, settings
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from serving import CLASSIC, PATIENCE, WATCHED, eventually, get, post, serving

from app.main import create_app
from app.middleware import Rules
from app.settings import Settings, SettingsError
from app.temporary import PREFIX
from boxoffice.forecasts.request import expected

JSON = {"Content-Type": "application/json"}
BATCH = "/predict/batch"
SLOW = 2  # seconds that the impatient server waits
MOST_BODY, MOST_UPLOAD, MOST_TABLE = 2_000, 1_000_000, 20_000_000


def broken_service(models):
    """A service with a route that fails."""
    settings = Settings(models=models, page=False, timeout=PATIENCE, patience=PATIENCE)
    service = create_app(settings)

    @service.get("/broken")
    def broken():
        raise RuntimeError("the secret of /etc/passwd")

    return service


@pytest.fixture(scope="module")
def client(models):
    with TestClient(broken_service(models)) as client:
        yield client


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    """One with little patience and small limits."""
    limits = {"max_body": MOST_BODY, "max_upload": MOST_UPLOAD, "max_table": MOST_TABLE}
    folder = tmp_path_factory.mktemp("server")
    with serving(models, folder, timeout=SLOW, patience=0.2, tables=1, **limits) as server:
        yield server
        assert not left(server)
        assert not [line for line in server.lines() if line["status"] == 500]


def left(server):
    """Uploads that lie on the disk."""
    return [path for path in server.temporary.glob(f"{PREFIX}*/**/*") if path.is_file()]


# Bodies


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"budget": -5}, "budget"),
        ({"budget": 0}, "budget"),
        ({"budget": 1e11}, "budget"),
        ({"budget": "237000000"}, "budget"),
        ({"budget": True}, "budget"),
        ({"budget": [1]}, "budget"),
        ({"budget": None}, "budget"),
        ({"budget": 10**400}, "budget"),
        ({"runtime": -1}, "runtime"),
        ({"runtime": 1e9}, "runtime"),
        ({"vote_avg": 10.1}, "vote_avg"),
        ({"vote_count": -1}, "vote_count"),
        ({"release_year": 2009.5}, "release_year"),
        ({"release_year": 1700}, "release_year"),
        ({"action": 2}, "action"),
        ({"action": 0.5}, "action"),
        ({"action": "yes"}, "action"),
        ({"title": "x" * 501}, "title"),
        ({"title": 5}, "title"),
        ({"release_date": "2009-02-30"}, "release_date"),
        ({"release_date": "2010-01-01", "release_year": 2009}, "release_year"),
        ({"release_date": "2100-01-02"}, "release_date"),
        ({"release_date": 20090101}, "release_date"),
        ({"genres": "Action"}, "genres"),
        ({"cast": ["A", 1.5]}, "cast"),
        ({"cast": ["x"] * 201}, "cast"),
        ({"bugdet": 5}, "bugdet"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(client, change, field):
    body = json.dumps(CLASSIC | change)
    answer = client.post("/predict/revenue", content=body, headers=JSON)
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail", "request_id"}
    (fault,) = answer.json()["detail"]
    assert fault["field"] == field
    if takes := expected(field):
        assert fault["expected"] == takes
        shown = fault["value"] if isinstance(fault["value"], str) else str(change[field])
        assert str(change[field])[:20] in shown or change[field] is None
    assert fault["message"]
    assert len(answer.content) < 2_000


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["budget", "runtime", "vote_count", "release_year", "action"])
def test_what_is_no_number_is_refused(client, number, field):
    body = json.dumps(CLASSIC).replace(f'"{field}": ', f'"{field}": {number}, "_": ')
    answer = client.post("/predict/revenue", content=body, headers=JSON)
    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["detail"]]


def test_all_faults_are_told_at_once_and_not_by_the_thousand(client):
    answer = client.post("/predict/hit", json={"avg_rating": 9, "completion_rate": "a"})
    told = {fault["field"]: fault for fault in answer.json()["detail"]}
    assert set(told) == set(WATCHED)
    assert told["avg_watch_time"]["value"] is None
    assert told["avg_rating"]["value"] == 9
    many = client.post("/predict/hit", json={f"field{n}": "x" * 9 for n in range(2_000)})
    assert many.status_code == 422
    assert len(many.json()["detail"]) == 20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe\x00",
        b'{"budget": 1, }',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"title": "\\ud800"}',
        b"x" * 60_000,
        b"cos\nsystem\n(S'ls'\ntR.",
    ],
    ids=range(12),
)
def test_what_is_no_object_of_json_is_refused(client, body):
    answer = client.post("/predict/revenue", content=body, headers=JSON)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["field"] == "body"
    assert fault["expected"] == "a JSON object"
    assert len(answer.content) < 1_000


def test_a_long_value_is_not_sent_back(client):
    answer = client.post("/predict/revenue", json=CLASSIC | {"title": "x" * 60_000})
    assert answer.status_code == 422
    assert len(answer.content) < 1_000


def test_other_types_of_body_are_refused(client):
    for path, kind in (
        ("/predict/revenue", "application/x-www-form-urlencoded"),
        ("/predict/revenue", "application/x-python-pickle"),
        ("/predict/comparables", "application/x-python-pickle"),
        ("/predict/poster", "image/jpeg"),
        (BATCH, "text/csv"),
    ):
        answer = client.post(path, content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415
        assert "expected a body of the type" in answer.json()["detail"]


def test_problems_have_one_shape(client):
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/predict/revenue", 405),
        ("DELETE", "/", 405),
        ("GET", "/broken", 500),
    ):
        answer = client.request(method, path, headers={"X-Request-ID": "mine"})
        assert answer.status_code == status
        assert set(answer.json()) == {"detail", "request_id"}
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == "mine"


@pytest.mark.parametrize("path", ["/", "/health"])
def test_probes_may_ask_for_the_head_alone(client, path):
    answer = client.head(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


def test_an_error_of_our_own_is_logged_and_not_shown(models, capfd):
    with TestClient(broken_service(models)) as client:
        answer = client.get("/broken", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (line,) = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    assert line["request_id"] == "mine"
    assert "RuntimeError: the secret" in line["exception"]


def test_a_form_that_is_broken_is_refused(client):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/predict/poster", "/predict/multimodal", BATCH):
        for body in (b"", b"nonsense", b'--x\r\nContent-Disposition: form-data; name="file"\r\n'):
            answer = client.post(path, content=body, headers=headers)
            assert answer.status_code in (400, 422)
            assert set(answer.json()) == {"detail", "request_id"}
        assert client.post(path, files={"other": b"x"}).status_code == 422


def test_a_field_where_a_file_belongs_is_refused(client):
    answer = client.post("/predict/poster", files={"file": (None, "/etc/passwd")})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == "file"


# Sizes


def pieces(size, each=1_000):
    for _ in range(size // each):
        yield b"x" * each


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/predict/revenue", MOST_BODY),
        ("/predict/poster", MOST_UPLOAD),
        ("/predict/multimodal", MOST_UPLOAD),
        (BATCH, MOST_TABLE),
        ("/nowhere", MOST_BODY),
    ],
)
@pytest.mark.parametrize("stated", [True, False], ids=["with a length", "in chunks"])
def test_a_body_beyond_the_limit_is_refused(server, path, most, stated):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = path in ("/predict/poster", "/predict/multimodal", BATCH)

    def body():
        yield head if form else b"{"
        yield from pieces(most + 200_000, each=100_000 if form else 1_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x" if form else JSON["Content-Type"]}
    content = b"".join(body()) if stated else body()
    answer = post(server.address + path, content=content, headers=headers)
    if path == "/nowhere" and not stated:
        assert answer.status_code == 404  # its body is not read
        return
    assert answer.status_code == 413
    assert f"{most:,} bytes" in answer.json()["detail"]
    assert answer.headers["X-Request-ID"]


def test_up_to_the_limit_a_body_is_read(server):
    film = CLASSIC | {"title": "x" * 400}
    body = json.dumps(film).ljust(MOST_BODY)
    answer = post(f"{server.address}/predict/revenue", content=body, headers=JSON)
    assert answer.status_code == 200


# Time


def sent(server, *parts, wait=0.0):
    """Send parts of a request, then read the answer until the end or for a while."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(wait)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
        return answer


def test_a_body_that_comes_too_slowly_is_not_waited_for(server):
    head = b"POST /predict/revenue HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    assert sent(server, head).startswith(b"HTTP/1.1 408")


def test_an_upload_that_stops_is_not_waited_for(server):
    for path in ("/predict/poster", BATCH):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        assert sent(server, head.encode()).startswith(b"HTTP/1.1 408")


def test_a_table_may_take_longer_in_all_as_long_as_it_moves(server):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"budget,release_date\r\n10000000,2001-05-05\r\n\r\n--x--\r\n"
    )
    head = (
        f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    parts = [body[start : start + 20] for start in range(0, len(body), 20)]
    assert sent(server, head.encode(), *parts, wait=SLOW / 6).startswith(b"HTTP/1.1 200")


# Uploads


def png_bomb(side):
    """A PNG that says it is a square of so many pixels a side, of one colour, in a few bytes."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((side // 8 + 1) * 1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def jpeg():
    content = io.BytesIO()
    Image.effect_noise((300, 450), 90).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture(scope="module")
def looks(client):
    """Skip where there are no media models."""
    lacking = client.get("/").json()["unavailable"]
    if lacking:
        pytest.skip(f"the media models are absent: {lacking}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png_bomb(200_000), "too large"),
        (png_bomb(8_000), "too large: 8000 x 8000 pixels"),
        (b"I am a text.\n" * 100, "not an image"),
        (b"", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"\x80\x04\x95cposix\nsystem\n.", "not an image"),
        (jpeg()[:3_000], "truncated"),
    ],
    ids=["bomb", "large", "text", "empty", "program", "svg", "pickle", "truncated"],
)
@pytest.mark.parametrize("name", ["/predict/poster", "/predict/multimodal"])
def test_what_is_no_image_or_too_large_is_refused(client, looks, name, content, message):
    field = "file" if name.endswith("poster") else "poster"
    files = {field: ("../../etc/my poster.png", content), "text": (None, "A marine.")}
    if field == "file":
        del files["text"]
    answer = client.post(name, files=files)
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["detail"]
    assert fault["field"] == field
    assert fault["value"] == "my poster.png"
    assert fault["message"] == message
    assert "/tmp" not in answer.text


@pytest.mark.parametrize(
    "content", [b"", b"I am a text.", jpeg(), b"#EXTM3U\nfile:///etc/passwd\n"]
)
def test_what_is_no_video_is_refused(client, looks, content):
    files = {"text": (None, "A marine."), "trailer": ("a.mp4", content)}
    answer = client.post("/predict/multimodal", files=files)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["field"] == "trailer"
    assert "passwd" not in answer.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"title\nAvatar\n", "budget"),
        (b"PAR1 and no more", "Parquet"),
        (b"\x00\x01\x02\x03" * 100, ""),
        (jpeg(), ""),
    ],
    ids=["empty", "columns", "half", "zeros", "image"],
)
def test_what_is_no_table_of_films_is_refused(client, content, message):
    answer = client.post(BATCH, files={"file": ("/etc/films.csv", content)})
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["detail"]
    assert fault["field"] == "file"
    assert fault["value"] == "films.csv"
    assert message in fault["message"]
    assert "boxoffice-" not in answer.text
    assert "/tmp" not in answer.text


def many_films(rows):
    films = pd.DataFrame({"budget": [10_000_000] * rows, "release_date": ["2001-05-05"] * rows})
    return films.to_csv(index=False).encode()


@pytest.mark.parametrize("when", ["while sending", "while reading"])
def test_a_client_that_goes_away_leaves_nothing(server, when):
    """Neither a file nor a thread nor its turn."""
    films = many_films(600_000)
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = form + films + b"\r\n--x--\r\n"
    head = (
        f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    threads = psutil.Process(server.process.pid).num_threads()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(head.encode() + body[: len(body) // 2])
            if when == "while reading":
                connection.sendall(body[len(body) // 2 :])
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert eventually(lambda: not left(server)), left(server)
    assert eventually(
        lambda: post(server.address + BATCH, files={"file": many_films(10)}).status_code == 200
    )
    pool = 40  # threads that wait for the next request
    assert psutil.Process(server.process.pid).num_threads() <= threads + pool
    assert not any(thread.startswith("table") for thread in thread_names(server))


def thread_names(server):
    process = f"/proc/{server.process.pid}/task"
    return [path.read_text().strip() for path in type(server.folder)(process).glob("*/comm")]


def test_a_client_that_does_not_read_is_not_waited_for(server):
    """The next one gets its turn."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body += many_films(600_000) + b"\r\n--x--\r\n"
    head = (
        f"POST {BATCH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        busy = post(server.address + BATCH, files={"file": many_films(10)})
        assert busy.status_code == 503
        assert int(busy.headers["Retry-After"]) > 0

        def turn():
            files = {"file": many_films(10)}
            return post(server.address + BATCH, files=files).status_code == 200

        assert eventually(turn)


def test_one_film_is_looked_at_at_a_time(server, looks):
    """The others wait a little, then hear when to come again."""
    answers = []

    def ask():
        answer = post(f"{server.address}/predict/poster", files={"file": ("a.jpg", jpeg())})
        answers.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]  # the first has torch to load
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 503, 504}
    busy = [answer for answer in answers if answer.status_code == 503]
    assert busy
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in busy)

    def answered():
        files = {"file": ("a.jpg", jpeg())}
        answer = post(f"{server.address}/predict/poster", files=files)
        return answer.status_code == 200

    assert eventually(answered)


def test_who_asks_a_model_that_is_being_loaded_is_told_when_to_come_again(models, looks, tmp_path):
    with serving(models, tmp_path, timeout=1, patience=PATIENCE) as server:

        def ask():
            files = {"text": (None, "A marine.")}
            return post(f"{server.address}/predict/multimodal", files=files)

        first = ask()  # torch alone takes longer to import
        assert first.status_code == 503
        assert first.json()["detail"] == (
            "the multimodal model is being loaded: try again in some seconds"
        )
        assert int(first.headers["Retry-After"]) > 0
        assert eventually(lambda: ask().status_code == 200)


def head_of(path, length):
    """The head of a request that sends a file in a form of so many bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("path", [BATCH, "/predict/poster"])
def test_a_client_that_goes_away_while_sending_is_told_from_a_broken_form(server, path):
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    before = len(server.lines())
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head_of(path, 500_000) + form + bytes(1000))
        time.sleep(SLOW / 4)

    def gone():
        return [line["status"] for line in server.lines()[before:] if line["path"] == path]

    assert eventually(gone)
    assert gone() == [499]


@pytest.fixture(scope="module")
def full_disk(models, tmp_path_factory):
    """A service whose files may not grow beyond a limit set from outside, as on a full disk."""
    with serving(models, tmp_path_factory.mktemp("full"), timeout=10) as server:
        process = psutil.Process(server.process.pid)
        process.rlimit(psutil.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        yield server


@pytest.mark.parametrize("path", [BATCH, "/predict/poster"])
def test_a_disk_that_is_full_is_told(full_disk, path):
    upload = {"file": bytes(3_000_000)}
    answer = post(full_disk.address + path, files=upload)
    assert answer.status_code == 507
    assert answer.json()["detail"] == "there is no room on the disk for the upload: try again later"
    assert not left(full_disk)
    assert get(f"{full_disk.address}/health").status_code == 200


# Settings


def test_a_page_takes_what_an_upload_may_be():
    rules = Rules(Settings(max_upload=7, max_body=5))
    taken = {path: rules.of(path).max_body for path in ("/ui", "/ui/films", "/ui/poster")}
    assert taken == {"/ui": 5, "/ui/films": 7, "/ui/poster": 7}
    assert rules.of("/ui/films/an-id/forecasts").label == "/ui/films"


def test_settings_come_from_the_environment(monkeypatch):
    assert Settings.from_env() == Settings()
    stated = {"MAX_BODY": "10", "PAGE": "0", "TIMEOUT": "1.5", "TABLES": ""}
    for name, value in stated.items():
        monkeypatch.setenv(f"BOXOFFICE_{name}", value)
    read = Settings.from_env()
    assert (read.max_body, read.page, read.timeout, read.tables) == (10, False, 1.5, 4)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("TIMEOUT", ["many", "0", "-1", "nan", "inf"]),
        ("MAX_BODY", ["1e9", "1.5", "0", "9" * 20]),
        ("PAGE", ["perhaps", "2"]),
        ("TABLES", ["0", "1000000"]),
    ],
)
def test_a_setting_out_of_bounds_is_named_with_its_value(monkeypatch, name, values):
    for value in values:
        monkeypatch.setenv(f"BOXOFFICE_{name}", value)
        with pytest.raises(SettingsError, match=f"BOXOFFICE_{name} is '{value}': Input should be"):
            Settings.from_env()


# Whatever the document allows, and what it forbids

load_all_checks()
# Elsewhere a request may be refused for what a schema can't say: that a date is of the year stated,
# that a file is an image.
SAID_WHOLE = ("/predict/hit", "/predict/segment")
OPERATIONS = [
    *(("GET", path) for path in ("/", "/health", "/metrics")),
    *(("POST", f"/predict/{name}") for name in ("revenue", "success", "comparables")),
    *(("POST", f"/predict/{name}") for name in ("hit", "segment")),
    *(("POST", f"/predict/{name}") for name in ("poster", "multimodal", "batch")),
]
# What takes no input can't be asked wrongly.
TRIALS = [(*operation, GenerationMode.POSITIVE) for operation in OPERATIONS] + [
    (*operation, GenerationMode.NEGATIVE) for operation in OPERATIONS if operation[0] == "POST"
]


@pytest.fixture(scope="module")
def described(models):
    service = create_app(Settings(models=models, page=False, timeout=PATIENCE, patience=PATIENCE))
    return schemathesis.openapi.from_asgi("/openapi.json", service)


def test_every_operation_is_tried(described):
    described.validate()
    listed = [found.ok() for found in described.get_all_operations()]
    assert sorted((one.method.upper(), one.path) for one in listed) == sorted(OPERATIONS)


@pytest.mark.parametrize(("method", "path", "mode"), TRIALS)
def test_no_request_breaks_the_service(described, method, path, mode):
    """Requests that the document allows, and requests that it forbids."""
    checks = CHECKS.get_all()
    if path not in SAID_WHOLE:
        checks = [check for check in checks if check.__name__ != "positive_data_acceptance"]

    @given(described[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    def ask(case):
        answer = case.call_and_validate(checks=checks, timeout=PATIENCE)
        assert answer.headers["x-request-id"]

    ask()
