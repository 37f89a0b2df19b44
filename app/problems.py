"""What goes wrong, as JSON of one shape: `detail` and `request_id`."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.workers import Busy, OutOfTime
from boxoffice.forecasts.request import SHOWN, expected, first_errors

MOST_FAULTS = 20
RETRY_AFTER = "10"  # seconds


def fault(field: str, value: Any, expected: str, message: str) -> dict[str, Any]:
    """What is wrong with a field; the value is shortened, for it may be megabytes."""
    return {
        "field": _shown(field),
        "value": _shown(value),
        "expected": expected,
        "message": message,
    }


def _shown(value: Any) -> Any:
    """A value as an answer repeats it: a number, or at most 80 characters."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) < 2**53:  # so neither of infinity nor of NaN
        return value
    text = value if isinstance(value, str) else f"{value!r:.{SHOWN + 1}}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def faults_of(errors: Iterable[ErrorDetails], known: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Faults from pydantic's errors: one per field, with the values that it takes.

    `known` are the names of the fields that there are, for the answer to another one.
    """
    found = islice(first_errors(errors).items(), MOST_FAULTS)
    return [_fault(name, error, known) for name, error in found]


def _fault(name: str, error: ErrorDetails, known: Iterable[str]) -> dict[str, Any]:
    value = None if error["type"] in ("missing", "json_invalid") else error["input"]
    message = error["msg"].removeprefix("Value error, ")
    if message.startswith("Expected UploadFile"):  # FastAPI's words
        return fault(name, value, "a file", "it is a text")
    return fault(name, value, _expected(name, error, known), message)


def _expected(name: str, error: ErrorDetails, known: Iterable[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"one of the fields {', '.join(known)}"
    if takes := expected(name):
        return takes
    if name == "body":
        return "a JSON object"
    if "expected" in error.get("ctx", {}):
        return str(error["ctx"]["expected"])
    return "a field that is stated" if error["type"] == "missing" else error["msg"]


def problem(scope: Scope, status: int, detail: Any, headers: dict | None = None) -> Response:
    """The answer."""
    content = orjson.dumps({"detail": detail, "request_id": scope["request_id"]})
    return Response(content, status, headers, media_type="application/json")


def answer_problems(app: FastAPI) -> None:
    """Give every problem that an app may meet its answer."""

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        # FastAPI says first where it looked for a field: in the body, or in the query.
        errors = [each | {"loc": each["loc"][1:]} for each in error.errors()]
        return problem(request.scope, 422, faults_of(errors))

    async def failed(request: Request, error: HTTPException) -> Response:
        answer = request.scope["problem"]  # JSON, or a page
        return answer(request.scope, error.status_code, error.detail, error.headers)

    async def busy(request: Request, error: Busy) -> Response:
        return await failed(request, HTTPException(503, str(error), {"Retry-After": RETRY_AFTER}))

    async def late(request: Request, error: OutOfTime) -> Response:
        return await failed(request, HTTPException(504, str(error)))

    app.add_exception_handler(Busy, busy)
    app.add_exception_handler(OutOfTime, late)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, failed)
