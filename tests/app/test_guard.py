"""Headers of every answer, the optional key and the optional rate."""

import re

import pytest
from fastapi.testclient import TestClient
from serving import CLASSIC, get, post
from serving import serving as server_of

from app.guard import network
from app.main import create_app
from app.settings import Settings, SettingsError

KEY = "a key of one's own"


@pytest.fixture(scope="module")
def opened(models):
    with TestClient(create_app(Settings(models=models))) as client:
        yield client


@pytest.fixture(scope="module")
def locked(models):
    settings = Settings(models=models, key=KEY, frame_ancestors="'self' https://huggingface.co")
    with TestClient(create_app(settings)) as client:
        yield client


# Headers

PATHS = ["/", "/health", "/metrics", "/docs", "/redoc", "/openapi.json", "/ui", "/ui/films"]
PATHS += ["/ui/poster", "/ui/static/page.css", "/ui/none", "/none", "/ui/films/none"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_what_a_browser_may_do_with_it(opened, path):
    headers = opened.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = directives(headers["content-security-policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    if path not in ("/docs", "/redoc"):
        assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/ui", "no-store"), ("/ui/films", "no-store"), ("/ui/static/page.css", "no-cache")],
)
def test_browsers_store_no_page(opened, path, kept):
    assert opened.get(path).headers["cache-control"] == kept


def directives(policy):
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


@pytest.mark.parametrize(
    ("path", "request_of", "status"),
    [
        ("/predict/revenue", {"content": b"{"}, 422),
        ("/predict/revenue", {"content": b"x" * 100_000}, 413),
        ("/predict/revenue", {"json": CLASSIC}, 200),
        ("/ui", {"data": {"budget": "x"}}, 422),
        ("/ui", {"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ("/ui/films", {"files": {"file": ("a.txt", b"x")}}, 422),
    ],
)
def test_faults_have_the_headers_too(opened, path, request_of, status):
    answered = opened.post(path, **request_of)
    assert answered.status_code == status
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors" in answered.headers["content-security-policy"]


def test_what_goes_wrong_is_a_page_on_the_page_and_json_elsewhere(opened):
    page = opened.get("/ui/films/none")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-request-id"] in page.text
    assert opened.get("/none").json()["detail"] == "Not Found"
    too_large = opened.post("/ui", data={"title": "x" * 100_000})
    assert too_large.status_code == 413
    assert "the body is larger than 65,536 bytes" in too_large.text


def test_the_sites_that_may_frame_the_service_are_a_setting(locked):
    policy = directives(locked.get("/health").headers["content-security-policy"])
    assert policy["frame-ancestors"] == "'self' https://huggingface.co"


@pytest.mark.parametrize(
    "value", ["'self'; script-src *", "a\r\nX-Other: 1", "https://a, b", " ", "https://ä.org"]
)
def test_that_setting_adds_nothing_else_to_the_header(monkeypatch, value):
    monkeypatch.setenv("BOXOFFICE_FRAME_ANCESTORS", value)
    with pytest.raises(SettingsError, match="BOXOFFICE_FRAME_ANCESTORS"):
        Settings.from_env()


# The key


@pytest.mark.parametrize("path", ["/", "/metrics", "/docs", "/ui", "/ui/static/page.css", "/none"])
def test_nothing_but_health_is_told_without_the_key(locked, path):
    assert locked.get("/health").status_code == 200
    refused = locked.get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert "the key of this service is missing or wrong" in refused.text


@pytest.mark.parametrize(
    "stated",
    [
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-API-Key": KEY}},
        {"auth": ("anybody", KEY)},
        {"auth": ("", KEY)},
    ],
    ids=["bearer", "header", "basic", "basic without a name"],
)
def test_the_key_opens_in_each_way_that_it_may_be_stated(locked, stated):
    assert locked.get("/ui", **stated).status_code == 200
    assert locked.post("/predict/revenue", json=CLASSIC, **stated).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer another"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": "Bearer"},
        {"Authorization": KEY},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic "},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-API-Key": ""},
        {"X-API-Key": KEY.upper()},
    ],
    ids=repr,
)
def test_another_key_opens_nothing(locked, headers):
    refused = locked.post("/predict/revenue", json=CLASSIC, headers=headers)
    assert refused.status_code == 401
    assert refused.json()["request_id"] == refused.headers["x-request-id"]


def test_the_key_is_not_shown():
    assert KEY not in repr(Settings(key=KEY))


# The rate


def test_a_client_beyond_the_rate_is_told_when_to_come_again(models):
    with TestClient(create_app(Settings(models=models, rate="3/minute"))) as client:
        answered = [client.post("/predict/revenue", json=CLASSIC) for _ in range(5)]
        assert [each.status_code for each in answered] == [200, 200, 200, 429, 429]
        assert 1 <= int(answered[-1].headers["retry-after"]) <= 60
        assert "more than 3 per 1 minute from your address" in answered[-1].json()["detail"]
        on_page = client.post("/ui", data={"example": "0"})
        assert on_page.status_code == 429
        assert on_page.headers["content-type"].startswith("text/html")
        assert client.get("/ui").status_code == client.get("/health").status_code == 200


@pytest.mark.parametrize(("trusted", "status"), [("192.0.2.1", 429), ("127.0.0.1", 200)])
def test_only_a_named_proxy_may_name_the_client(models, tmp_path, monkeypatch, trusted, status):
    """It is named to uvicorn; nothing else looks at such headers."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    with server_of(models, tmp_path, rate="1/hour", page=1) as server:
        for number in range(2):
            headers = {"X-Forwarded-For": f"10.0.0.{number}", "X-Forwarded-Host": "example.org"}
            answered = post(f"{server.address}/predict/revenue", json=CLASSIC, headers=headers)
        assert answered.status_code == status
        assert "example.org" not in get(f"{server.address}/ui", headers=headers).text


def test_an_address_of_ipv6_counts_as_its_network():
    def of(host):
        return network({"client": (host, 1)})

    assert of("2001:db8::1") == of("2001:db8::ffff:1") != of("2001:db8:0:1::1")
    assert of("192.0.2.1") != of("192.0.2.2")
    assert of("testclient") == "testclient"
    assert network({"client": None}) == ""


def test_an_address_of_ipv4_that_is_written_as_ipv6_counts_as_itself():
    for host in ("1.2.3.4", "::ffff:1.2.3.4"):
        assert network({"client": (host, 1)}) == "1.2.3.4"


@pytest.mark.parametrize(
    "rate", ["60", "many/minute", "60/fortnight", "-1/minute", "9/second;99/day"]
)
def test_a_rate_that_can_not_be_read_is_named(monkeypatch, rate):
    monkeypatch.setenv("BOXOFFICE_RATE", rate)
    with pytest.raises(SettingsError, match=re.escape(f"BOXOFFICE_RATE is '{rate}'")):
        Settings.from_env()
