"""A Hugging Face Hub on this machine: as much of it as a push to a Space asks for.

It takes commits (NDJSON) and models (Xet's blocks), and keeps every request. What it can't show is
whether the real Hub would build what was pushed.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

LARGE = (".onnx", ".parquet", ".safetensors")  # as .gitattributes of a new Space has them
THERE = (".gitattributes", "models/of_last_year.onnx")  # files of the Space before the push
STORAGE_TOKEN = "xet_token"


class Request(NamedTuple):
    """What a client sent."""

    method: str
    path: str
    authorization: str | None
    body: bytes


class Hub(ThreadingHTTPServer):
    """The server.

    Attributes
    ----------
    requests : list of Request
    refusal : tuple of int and str or None
        Status and message that it answers a new Space with, if any.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.requests, self.refusal = [], None

    def sent(self, part):
        """Requests whose path holds this text."""
        return [request for request in self.requests if part in request.path]

    def commits(self):
        """The lines of each commit, by key."""
        for request in self.sent("/commit/"):
            lines = {}
            for line in request.body.splitlines():
                operation = json.loads(line)
                lines.setdefault(operation["key"], []).append(operation["value"])
            yield lines

    def answer(self, request):
        """Status and JSON."""
        path = urlsplit(request.path).path
        if path.startswith("/cas/"):
            return self.store(path, request)
        if path == "/api/repos/create" and self.refusal:
            status, message = self.refusal
            return status, {"error": message}
        if path == "/api/repos/create":
            asked = json.loads(request.body)
            return 200, {"url": f"{self.address}/spaces/{asked['organization']}/{asked['name']}"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if "/tree/" in path:
            return 200, [
                {"type": "file", "path": name, "size": 1, "oid": "1" * 40} for name in THERE
            ]
        if "/preupload/" in path:
            return 200, {"files": [_mode(file) for file in json.loads(request.body)["files"]]}
        if "/xet-write-token/" in path:
            expires = 4_102_444_800  # in the year 2100
            cas = f"{self.address}/cas"
            return 200, {"casUrl": cas, "accessToken": STORAGE_TOKEN, "exp": expires}
        if "/commit/" in path:
            address = f"{self.address}/{path.removeprefix('/api/').replace('main', '0' * 40)}"
            return 200, {"success": True, "commitOid": "0" * 40, "commitUrl": address}
        return 404, {"error": "not found"}

    def store(self, path, request):
        """What Xet's storage says."""
        if request.method == "POST" and "/v1/xorbs/" in path:
            return 200, {"was_inserted": True}
        if request.method == "POST" and path.endswith("/v1/shards"):
            return 200, {"result": 1}
        return 404, {"error": "not found"}  # of a block: it is not there yet


def _mode(file):
    mode = "lfs" if file["path"].endswith(LARGE) else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers.get("Authorization"), body)
        self.server.requests.append(request)
        status, answer = self.server.answer(request)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def running_hub():
    """A Hub that answers, stopped when the block ends."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
