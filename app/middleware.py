"""The middleware of every request: its id, its limits, its log line and its metrics.

All of it is one ASGI middleware, because every layer around a forecast costs time.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import getrandbits
from time import perf_counter
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.guard import Guard
from app.problems import problem
from app.settings import Settings

VALID_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CLIENT_GONE = 499  # nginx's status for a client that closed the connection; only in the log
MAX_PATH = 200  # characters of a path in the log
JSON, FORM = "application/json", "multipart/form-data"
FIELDS = "application/x-www-form-urlencoded"
FILMS = ("revenue", "success", "comparables", "hit", "segment")
MEDIA = ("poster", "multimodal")
OTHERS = ("/", "/metrics", "/openapi.json")
# Content security policies: nothing but what each of them needs, and no script inside of HTML...
NOTHING = "default-src 'none'"
OF_PAGE = (
    f"{NOTHING}; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; form-action 'self'; base-uri 'none'"
)
# ...except of Swagger UI and ReDoc, which show nothing that a client has sent.
OF_DOCUMENTATION = (
    f"{NOTHING}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' data:; worker-src 'self' blob:; base-uri 'none'"
)
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Rule:
    """Limits of the requests to a path."""

    label: str  # name of the path in the metrics
    max_body: int  # bytes
    timeout: float | None  # seconds for the whole request; of a stream, between two pieces
    headers: Headers  # of every answer
    body: str | None = None  # its content type: JSON, FORM or FIELDS
    stream: bool = False
    open: bool = False  # without a key, at any rate
    problem: Callable[..., Response] = problem  # how it answers what goes wrong


class Rules:
    """The rule of each path."""

    def __init__(self, settings: Settings):
        time, small, upload = settings.timeout, settings.max_body, settings.max_upload
        api = _headers(settings, NOTHING)
        documentation = _headers(settings, OF_DOCUMENTATION)
        rules = [
            Rule("/predict/batch", settings.max_table, time, api, FORM, stream=True),
            *(Rule(f"/predict/{name}", upload, time, api, FORM) for name in MEDIA),
            *(Rule(f"/predict/{name}", small, time, api, JSON) for name in FILMS),
            *(Rule(path, small, time, api) for path in OTHERS),
            *(Rule(path, small, time, documentation) for path in ("/docs", "/redoc")),
            Rule("/health", small, time, api, open=True),
        ]
        if settings.page:
            rules += _page_rules(settings)
        self._by_path = {rule.label: rule for rule in rules}
        self._other = Rule("other", small, time, api)

    def of(self, path: str) -> Rule:
        """The rule of a path, without the prefix that the service is mounted at."""
        rule = self._by_path.get(path)
        if rule is None and path.startswith("/ui/"):  # what lies below a part of the page
            rule = self._by_path.get("/".join(path.split("/", 3)[:3]))
        return rule or self._other


def _page_rules(settings: Settings) -> list[Rule]:
    from app.page.problem import problem_page  # with the page off, its templates aren't needed

    time, small, upload = settings.timeout, settings.max_body, settings.max_upload
    # Else a browser may show somebody's forecast after they have left, or an old stylesheet.
    headers, unkept = _headers(settings, OF_PAGE), (b"cache-control", b"no-store")
    page = {"headers": (*headers, unkept), "problem": problem_page}
    static = page | {"headers": (*headers, (b"cache-control", b"no-cache"))}
    return [
        Rule("/ui", small, time, body=FIELDS, **page),
        Rule("/ui/films", upload, time, body=FORM, stream=True, **page),
        Rule("/ui/poster", upload, time, body=FORM, **page),
        Rule("/ui/static", small, time, **static),
    ]


def _headers(settings: Settings, policy: str) -> Headers:
    policy = f"{policy}; frame-ancestors {settings.frame_ancestors}"
    return (
        (b"content-security-policy", policy.encode("latin-1")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    )


class Metrics:
    """Counts and durations of requests, for Prometheus."""

    def __init__(self):
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._requests = Counter(
            "http_requests", "Requests.", ("method", "path", "status"), registry=self.registry
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.open = Gauge(
            "http_requests_in_progress", "Requests not answered yet.", registry=self.registry
        )
        self._counters = cache(self._labelled)  # looking labels up takes longer than counting

    def count(self, method: str, label: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        if method not in METHODS:  # clients may invent methods; they get no label of their own
            method = "other"
        requests, durations = self._counters(method, label, status)
        requests.inc()
        durations.observe(seconds)

    def _labelled(self, method: str, label: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, label, status), self._durations.labels(label)


class Traffic:
    """The middleware. Everything but HTTP requests passes through unchanged."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, log):
        self.app = app
        self.rules, self.metrics, self.log = Rules(settings), metrics, log
        self.guard = Guard(settings) if settings.key or settings.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        exchange = Exchange(scope, receive, send, self.rules.of(path), self.guard)
        self.metrics.open.inc()
        try:
            await exchange.run(self.app)
        finally:
            self.metrics.open.dec()
            self._report(exchange)

    def _report(self, exchange: "Exchange") -> None:
        scope, seconds = exchange.scope, perf_counter() - exchange.begin
        self.metrics.count(scope["method"], exchange.rule.label, exchange.status, seconds)
        client = scope.get("client")
        log = self.log.error if exchange.error else self.log.info
        log(
            "request",
            request_id=exchange.id,
            method=scope["method"],
            path=scope["path"][:MAX_PATH],
            status=exchange.status,
            seconds=round(seconds, 6),
            bytes_in=exchange.received,
            client=client[0] if client else None,
            exc_info=exchange.error,
        )


class Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, rule: Rule, guard: Guard | None):
        self.begin = perf_counter()
        self.scope, self._receive, self._send, self.rule = scope, receive, send, rule
        self.guard = None if rule.open else guard
        self.status, self.received, self.error = 0, 0, None
        self.complete = False  # whether the whole body has been received

    async def run(self, app: ASGIApp) -> None:
        """Let the app answer, within the limits."""
        headers = dict(self.scope["headers"])
        given = headers.get(b"x-request-id", b"")
        valid = VALID_ID.fullmatch(given)
        self.id = self.scope["request_id"] = given.decode() if valid else f"{getrandbits(128):032x}"
        self.scope["problem"] = self.rule.problem
        try:
            if self.guard is not None:
                self.guard.check(self.scope, headers)
            self._check_head(headers)
            async with asyncio.timeout(None if self.rule.stream else self.rule.timeout) as limit:
                await app(self.scope, self.receive, self.send)
        except HTTPException as refusal:
            await self._answer(refusal.status_code, refusal.detail, refusal.headers)
        except TimeoutError as error:
            if not limit.expired():
                await self._fail(error)
            elif self.complete:
                await self._answer(504, f"no answer within {self.rule.timeout:g} seconds")
            else:
                await self._answer(408, f"the body took longer than {self.rule.timeout:g} seconds")
        except ClientDisconnect:
            self.status = CLIENT_GONE
        except Exception as error:
            await self._fail(error)
        self.status = self.status or CLIENT_GONE

    async def receive(self) -> Message:
        """Receive the next piece of the body, within the limits."""
        if self.rule.stream and not self.complete:
            try:
                async with asyncio.timeout(self.rule.timeout):
                    message = await self._receive()
            except TimeoutError as error:
                reason = f"nothing came of the body for {self.rule.timeout:g} seconds"
                raise HTTPException(408, reason) from error
        else:
            message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self.rule.max_body:
                raise self._too_large()
            self.complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer, whose head gets the rule's headers and the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                *self.rule.headers,
                (b"x-request-id", self.id.encode()),
            ]
        if not self.rule.stream:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self.rule.timeout):
                await self._send(message)
        except TimeoutError as error:  # the client doesn't read
            raise ClientDisconnect from error

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.rule.max_body:
            raise self._too_large()
        kind = headers.get(b"content-type")
        if self.rule.body is None or kind is None or self.scope["method"] != "POST":
            return
        essence = kind.partition(b";")[0].strip().lower().decode("latin-1")
        if essence != self.rule.body and not (self.rule.body == JSON and essence.endswith("+json")):
            raise HTTPException(415, f"expected a body of the type {self.rule.body}")

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is larger than {self.rule.max_body:,} bytes")

    async def _fail(self, error: Exception) -> None:
        """Answer 500: the log gets the whole error, the client only the request's id."""
        self.error = error
        await self._answer(500, "the service failed; its log says how, under this request's id")

    async def _answer(self, status: int, detail: Any, headers: dict | None = None) -> None:
        if self.status:  # an answer has begun; the server closes the connection to cut it short
            self.status = status
            return
        answer = self.rule.problem(self.scope, status, detail, headers)
        await answer(self.scope, self.receive, self.send)
