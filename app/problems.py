"""What goes wrong, as JSON of one shape: `detail` and `request_id`."""

from collections.abc import Iterable
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from boxoffice.film_fields import FIELDS, SHOWN

MOST_FAULTS = 20
SOURCES = ("body", "query")  # what FastAPI puts before the name of a field


class Refused(Exception):
    """A request can't be understood, for these faults."""

    def __init__(self, *faults: dict[str, Any]):
        super().__init__(faults[0]["message"])
        self.faults = list(faults)


def fault(field: str, value: Any, expected: str, message: str) -> dict[str, Any]:
    """What is wrong with a field; the value is shortened, for it may be megabytes."""
    return {
        "field": shown(field),
        "value": shown(value),
        "expected": expected,
        "message": message,
    }


def shown(value: Any) -> Any:
    """A value as an answer repeats it: a number, or at most 80 characters."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) < 2**53:  # so neither of infinity nor of NaN
        return value
    text = value if isinstance(value, str) else f"{value!r:.{SHOWN + 1}}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def faults_of(errors: list[dict[str, Any]], known: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Faults from pydantic's errors: one per field, with the values that it takes.

    Parameters
    ----------
    known : names
        The fields that there are, for the answer to another one.
    """
    faults: dict[str, dict[str, Any]] = {}
    for error in errors:
        places = [str(place) for place in error["loc"]]
        if places and places[0] in SOURCES:
            places = places[1:]
        name = places[0] if places and error["type"] != "json_invalid" else "body"
        if name in faults:
            continue
        value = None if error["type"] in ("missing", "json_invalid") else error["input"]
        message = error["msg"].removeprefix("Value error, ")
        faults[name] = fault(name, value, _expected(name, error, known), message)
        if len(faults) == MOST_FAULTS:
            break
    return list(faults.values())


def _expected(name: str, error: dict[str, Any], known: Iterable[str]) -> str:
    if error["type"] == "extra_forbidden":
        return f"one of the fields {', '.join(known)}"
    if name in FIELDS:
        return FIELDS[name].expected
    if name == "body":
        return "a JSON object"
    if "ctx" in error and "expected" in error["ctx"]:
        return str(error["ctx"]["expected"])
    return "a field that is stated" if error["type"] == "missing" else error["msg"]


def problem(status: int, detail: Any, request_id: str, headers: dict | None = None) -> Response:
    """The answer."""
    content = orjson.dumps({"detail": detail, "request_id": request_id})
    return Response(content, status, headers, media_type="application/json")


def answer_problems(app: FastAPI) -> None:
    """Give every problem that an app may meet its answer."""

    async def refused(request: Request, error: Refused) -> Response:
        return problem(422, error.faults, request.scope["request_id"])

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(422, faults_of(error.errors()), request.scope["request_id"])

    async def failed(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, error.detail, request.scope["request_id"], error.headers)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, failed)
