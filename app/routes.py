"""A route for one JSON body in and one JSON answer out, without what it does not need."""

from codecs import BOM_UTF8
from typing import Any, get_type_hints

import orjson
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.problems import faults_of

TYPE = (b"content-type", b"application/json")


class JsonRoute(APIRoute):
    """Reads the body into the model of the endpoint's only parameter, and writes a dict.

    It is documented as any other route. FastAPI would parse and check the body in two steps, solve
    dependencies that there are none of, and check the answer against its model: all that takes
    longer than the forecast. That answers fit their models is tested.
    """

    def __init__(self, path: str, endpoint, **settings: Any):
        super().__init__(path, endpoint, **settings)
        self._model = next(iter(get_type_hints(endpoint).values()))
        self._fields = list(self._model.model_fields)
        self.app = self.answer

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole of a request, as ASGI has it."""
        body = (await _body(receive)).removeprefix(BOM_UTF8)  # editors of Windows write one
        try:
            asked = self._model.model_validate_json(body)
        except ValidationError as error:
            faults = faults_of(error.errors(include_url=False), self._fields)
            raise HTTPException(422, faults) from error
        content = orjson.dumps(await self.endpoint(asked))
        length = (b"content-length", b"%d" % len(content))
        await send({"type": "http.response.start", "status": 200, "headers": [TYPE, length]})
        await send({"type": "http.response.body", "body": content})


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
