"""What every request goes through: its id, its limits, its line in the log, and the metrics.

One ASGI middleware does all of it, for each layer around a forecast costs a share of its time.
"""

import asyncio
import re
from dataclasses import dataclass
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
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import problem
from app.settings import Settings

SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
GONE = 499  # the client went away; a status for the log alone, as nginx has it
MOST_PATH = 200  # characters of a path in the log
JSON, FORM = "application/json", "multipart/form-data"


@dataclass(frozen=True)
class Rule:
    """What holds for requests to a path.

    Attributes
    ----------
    label : str
        Its name in the metrics.
    most : int
        Bytes of the body.
    timeout : float or None
        Seconds for the whole request; None for what streams, where `pause` counts.
    pause : float or None
        Seconds between two pieces of what streams.
    body : str or None
        The type of its body: JSON or FORM.
    """

    label: str
    most: int
    timeout: float | None
    pause: float | None
    body: str | None = None


class Rules:
    """The rule of each path."""

    def __init__(self, settings: Settings):
        time = settings.timeout
        self._by_path = {
            path: Rule(path, settings.max_body, time, time)
            for path in ("/", "/health", "/metrics", "/docs", "/redoc", "/openapi.json")
        }
        for name in ("revenue", "success", "hit", "segment"):
            path = f"/predict/{name}"
            self._by_path[path] = Rule(path, settings.max_body, time, time, JSON)
        for name in ("poster", "multimodal"):
            path = f"/predict/{name}"
            self._by_path[path] = Rule(path, settings.max_upload, time, time, FORM)
        path = "/predict/batch"
        self._by_path[path] = Rule(path, settings.max_table, None, time, FORM)
        self._page = Rule("/ui", settings.max_upload, None, None)
        self._other = Rule("other", settings.max_body, time, time)

    def of(self, path: str) -> Rule:
        rule = self._by_path.get(path)
        if rule is not None:
            return rule
        return self._page if path == "/ui" or path.startswith("/ui/") else self._other


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
            "http_requests_in_progress",
            "Requests that are not answered yet.",
            registry=self.registry,
        )
        self._children: dict[tuple, tuple] = {}  # looking labels up takes longer than counting

    def count(self, method: str, label: str, status: int, seconds: float) -> None:
        children = self._children.get((method, label, status))
        if children is None:
            named = method if method in METHODS else "other"
            children = (
                self._requests.labels(named, label, str(status)),
                self._durations.labels(label),
            )
            if named == method:
                self._children[method, label, status] = children
        requests, durations = children
        requests.inc()
        durations.observe(seconds)


class Traffic:
    """The middleware; HTTP requests only, other traffic passes."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, log):
        self.app = app
        self.rules, self.metrics, self.log = Rules(settings), metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        exchange = Exchange(scope, receive, send, self.rules.of(path))
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
        say = self.log.error if exchange.error else self.log.info
        say(
            "request",
            request_id=exchange.id,
            method=scope["method"],
            path=scope["path"][:MOST_PATH],
            status=exchange.status,
            seconds=round(seconds, 6),
            bytes_in=exchange.received,
            client=client[0] if client else None,
            **({"exc_info": exchange.error} if exchange.error else {}),
        )


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_receive",
        "_send",
        "begin",
        "complete",
        "error",
        "id",
        "received",
        "rule",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, rule: Rule):
        self.begin = perf_counter()
        self.scope, self._receive, self._send, self.rule = scope, receive, send, rule
        self.status, self.received, self.error = 0, 0, None
        self.complete = False  # whether all of the body has come

    async def run(self, app: ASGIApp) -> None:
        headers = dict(self.scope["headers"])
        given = headers.get(b"x-request-id")
        sane = given is not None and SANE_ID.fullmatch(given)
        self.id = self.scope["request_id"] = given.decode() if sane else f"{getrandbits(128):032x}"
        try:
            self._require_fitting(headers)
            async with asyncio.timeout(self.rule.timeout) as limit:
                await app(self.scope, self.receive, self.send)
        except HTTPException as refusal:
            await self._answer(refusal.status_code, refusal.detail)
        except TimeoutError as error:
            if not limit.expired():
                await self._fail(error)
            elif self.complete:
                await self._answer(504, f"no answer within {self.rule.timeout:g} seconds")
            else:
                await self._answer(408, f"the body took longer than {self.rule.timeout:g} seconds")
        except ClientDisconnect:
            self.status = GONE
        except Exception as error:
            await self._fail(error)
        if self.status == 0:
            self.status = GONE

    def _require_fitting(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self.rule.most:
            raise self._too_large()
        kind = headers.get(b"content-type")
        if self.rule.body is None or kind is None or self.scope["method"] != "POST":
            return
        essence = kind.partition(b";")[0].strip().lower().decode("latin-1")
        if essence != self.rule.body and not (self.rule.body == JSON and essence.endswith("+json")):
            raise HTTPException(415, f"expected a body of the type {self.rule.body}")

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is larger than {self.rule.most:,} bytes")

    async def receive(self) -> Message:
        """The next piece of the body, within the limits."""
        if self.rule.timeout is None and not self.complete:
            message = await self._within_pause(self._receive())
        else:
            message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self.rule.most:
                raise self._too_large()
            self.complete = not message.get("more_body", False)
        return message

    async def _within_pause(self, receiving) -> Message:
        try:
            async with asyncio.timeout(self.rule.pause):
                return await receiving
        except TimeoutError as error:
            raise HTTPException(
                408, f"nothing came of the body for {self.rule.pause:g} seconds"
            ) from error

    async def send(self, message: Message) -> None:
        """A piece of the answer; its head gets the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.id.encode())]
        if self.rule.timeout is not None:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self.rule.pause):
                await self._send(message)
        except TimeoutError as error:  # a client that doesn't read
            raise ClientDisconnect from error

    async def _fail(self, error: Exception) -> None:
        """An error of our own: the log has all of it, the client only the request's id."""
        self.error = error
        await self._answer(500, "the service failed; its log says how, under this request's id")

    async def _answer(self, status: int, detail: Any) -> None:
        if self.status:  # too late: the server closes the connection, for the answer isn't whole
            self.status = status
            return
        await problem(status, detail, self.id)(self.scope, self.receive, self.send)
