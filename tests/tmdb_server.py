"""A server that answers like TMDB: its API and its daily exports."""

import json
import threading
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

KEY = "0123456789abcdef0123456789abcdef"


def person(number: int, **others) -> dict:
    """Somebody in the credits, with all that TMDB says of them."""
    return {
        "adult": False, "gender": 2, "id": number, "known_for_department": "Acting",
        "name": f"Person {number}", "original_name": f"Person {number}", "popularity": 1.5,
        "profile_path": None, "credit_id": f"52fe425bc3a36847f8{number:06d}",
    } | others  # fmt: skip


def film(number: int, day: str = "2000-06-15", **others) -> dict:
    """A film as /movie/ID tells it with its parts."""
    return {
        "adult": False, "backdrop_path": None, "belongs_to_collection": None, "budget": 63000000,
        "genres": [{"id": 18, "name": "Drama"}], "homepage": "", "id": number,
        "imdb_id": f"tt{number:07d}", "original_language": "en", "original_title": f"Film {number}",
        "overview": "A story.", "popularity": 58.072, "poster_path": "/p.jpg",
        "production_companies": [
            {"id": 508, "logo_path": None, "name": "Regency", "origin_country": "US"}
        ],
        "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
        "release_date": day, "revenue": 100853753, "runtime": 139,
        "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
        "status": "Released", "tagline": "", "title": f"Film {number}", "video": False,
        "vote_average": 8.4, "vote_count": 24173,
        "credits": {
            "cast": [person(1, cast_id=4, character="Jack Reed", order=0)],
            "crew": [person(2, department="Directing", job="Director")],
        },
        "release_dates": {"results": [released("US", "R", 3)]},
        "keywords": {"keywords": [{"id": 825, "name": "support group"}]},
        "videos": {"results": []},
    } | others  # fmt: skip


def released(country: str, certification: str, kind: int, day: str = "2000-06-15") -> dict:
    told = {
        "certification": certification, "iso_639_1": "", "note": "",
        "release_date": f"{day}T00:00:00.000Z", "type": kind,
    }  # fmt: skip
    return {"iso_3166_1": country, "release_dates": [told]}


def refusal(code: int, said: str) -> bytes:
    return json.dumps({"status_code": code, "status_message": said, "success": False}).encode()


class Service(ThreadingHTTPServer):
    """TMDB's API and its exports on one port.

    `first[path]` holds answers (status, body, headers) that are sent before the right one; a body
    that is cut off states more bytes than it has. A film may be a function of its number.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.films: dict[int, dict] = {}
        self.days: dict[int, str] = {}  # of release, of the films that discover lists
        self.per_page = 20
        self.changes: dict[str, list[int]] = {}
        self.exports: dict[str, bytes] = {}
        self.first: dict[str, list[tuple]] = defaultdict(list)
        self.answered: Counter[str] = Counter()  # requests answered in full, without the key
        self.count = 0
        self.before = lambda count: None  # called before each answer

    def add(self, *films: dict) -> None:
        for each in films:
            self.films[each["id"]] = each
            self.days[each["id"]] = each["release_date"]

    def number_asked(self, start: str = "") -> int:
        return sum(n for path, n in self.answered.items() if path.startswith(start))

    def answer(self, path: str, query: dict) -> tuple[int, bytes]:
        if path.startswith("/p/exports/"):
            body = self.exports.get(path.rsplit("/", 1)[1])
            return (403, b"<Error>AccessDenied</Error>") if body is None else (200, body)
        if query.pop("api_key", None) != KEY:
            return 401, refusal(7, "Invalid API key: You must be granted a valid key.")
        if path == "/3/discover/movie":
            first, last = query["primary_release_date.gte"], query["primary_release_date.lte"]
            assert query["with_release_type"] == "2|3" and query["include_adult"] == "false"
            found = sorted((d, n) for n, d in self.days.items() if first <= d <= last)
            return self.page([number for _, number in found], query)
        if path == "/3/movie/changes":
            first, last = query["start_date"], query["end_date"]
            if date.fromisoformat(last) - date.fromisoformat(first) > timedelta(days=14):
                return 422, refusal(20, "Invalid date range: no longer than 14 days.")
            found = [n for day, ids in self.changes.items() if first <= day <= last for n in ids]
            return self.page(found, query)
        told = self.films.get(int(path.rsplit("/", 1)[1]))
        if told is None:
            return 404, refusal(34, "The resource you requested could not be found.")
        parts = query.get("append_to_response", "").split(",")
        left = {"credits", "release_dates", "keywords", "videos"}.difference(parts)
        return 200, json.dumps({k: v for k, v in told.items() if k not in left}).encode()

    def page(self, found: list[int], query: dict) -> tuple[int, bytes]:
        page = int(query["page"])
        if page > 500:
            return 400, refusal(22, "Invalid page: Pages start at 1 and max at 500.")
        shown = found[(page - 1) * self.per_page : page * self.per_page]
        told = {
            "page": page,
            "results": [{"adult": None, "id": number} for number in shown],
            "total_pages": -(-len(found) // self.per_page),
            "total_results": len(found),
        }
        return 200, json.dumps(told).encode()


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which waits 40 ms between head and body

    def do_GET(self):
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path.startswith("/p/") and query:
            raise AssertionError("the key goes to the exports")
        self.server.before(self.server.count)
        if self.server.first[parts.path]:
            self.send(*self.server.first[parts.path].pop(0))
            return
        self.send(*self.server.answer(parts.path, query))
        self.server.answered[f"{parts.path}?{urlencode(query)}"] += 1
        self.server.count += 1

    def send(self, status: int, body: bytes, headers: dict | None = None) -> None:
        headers = {"Content-Length": str(len(body))} | (headers or {})
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if headers["Content-Length"] != str(len(body)):
            self.close_connection = True

    def log_message(self, *_):
        pass

    def handle(self):
        with suppress(BrokenPipeError, ConnectionResetError):
            super().handle()


@contextmanager
def serving_tmdb():
    """A `Service` that runs."""
    server = Service()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
