"""Many clients at once, some of whom send nonsense: every answer is right, and memory stays flat.

BOXOFFICE_SOAK_SECONDS=60 makes the short run a long one.
"""

import asyncio
import io
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pandas as pd
import psutil
import pytest
from serving import CLASSIC, PATIENCE, WATCHED, serving

from app import schemas
from boxoffice.core import paths
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import score_file

SECONDS = float(os.environ.get("BOXOFFICE_SOAK_SECONDS", "8"))
CLIENTS = 100
MALFORMED_EVERY = 10
WARM = 0.3  # share of the time after which memory must not grow
MOST_GROWTH = 16 * 2**20  # bytes
SEED = 4


@dataclass
class Trial:
    """A request, the status it must get, and the body of the answer where that is known."""

    method: str
    path: str
    status: int
    answer: bytes | dict | None = None
    sent: dict = field(default_factory=dict)
    upload: bytes | None = None

    def body(self):
        """What is sent; a form is used up when it is sent."""
        if self.upload is None:
            return self.sent
        form = aiohttp.FormData()
        form.add_field("file", self.upload, filename="films.csv")
        return {"data": form}


def right_trials(forecasts, folder):
    draw = random.Random(SEED)
    for _ in range(60):
        film = CLASSIC | {
            "budget": draw.randrange(10**5, 3 * 10**8),
            "runtime": draw.randrange(60, 200),
            "vote_avg": draw.randrange(10, 100) / 10,
            "vote_count": draw.randrange(20, 10**5),
            "release_year": draw.randrange(1950, 2030),
            "action": draw.randrange(2),
        }
        early = {k: v for k, v in film.items() if k not in ("popularity", "vote_avg", "vote_count")}
        watched = WATCHED | {"ratings_count": draw.randrange(10**5)}
        for path, ask, body in (
            ("/predict/revenue", forecasts.revenue, film),
            ("/predict/success", forecasts.success, film),
            ("/predict/revenue", forecasts.revenue, early),
            ("/predict/comparables", forecasts.comparables, early),
            ("/predict/hit", forecasts.hit, watched),
            ("/predict/segment", forecasts.segment, watched),
        ):
            yield Trial("POST", path, 200, ask(body), {"json": body})
    early = schemas.PRE_RELEASE_EXAMPLE
    yield Trial("POST", "/predict/success", 200, forecasts.success(early), {"json": early})
    yield Trial("GET", "/health", 200, {"status": "ok"})
    yield table_trial(forecasts, folder)


def table_trial(forecasts, folder):
    table, scored = folder / "films.csv", io.BytesIO()
    pd.read_csv(paths.RAW / "open_films" / "movies.csv").head(30).to_csv(table, index=False)
    score_file(forecasts, table, "csv", scored, "csv")
    return Trial("POST", "/predict/batch", 200, scored.getvalue(), upload=table.read_bytes())


def malformed_trials():
    kind = {"Content-Type": "application/json"}
    whole = json.dumps(CLASSIC)
    for path in ("/predict/revenue", "/predict/success"):
        for body, status in (
            (whole[: len(whole) // 2], 422),
            (whole.replace("237000000", "NaN"), 422),
            (whole.replace("237000000", '"237000000"'), 422),
            (whole.replace("budget", "bugdet"), 422),
            ("[" * 10_000, 422),
            ("", 422),
            (whole.ljust(100_000), 413),
        ):
            yield Trial("POST", path, status, sent={"data": body, "headers": kind})
    yield Trial("POST", "/predict/hit", 422, sent={"json": {"avg_rating": 99}})
    yield Trial("POST", "/predict/hit", 415, sent={"data": {"avg_rating": 4}})
    yield Trial("POST", "/predict/batch", 422, upload=b"no table")
    yield Trial("POST", "/predict/multimodal", 422, upload=b"no text beside")
    yield Trial("GET", "/predict/revenue", 405)
    yield Trial("GET", "/nowhere", 404)


def wrong(trial, status, content):
    """What is wrong with an answer, if anything."""
    if status != trial.status:
        return f"{trial.method} {trial.path}: {status}, not {trial.status}"
    if isinstance(trial.answer, bytes) and content != trial.answer:
        return f"{trial.path}: another table"
    if isinstance(trial.answer, dict) and json.loads(content) != trial.answer:
        return f"{trial.path}: {content[:200]}"
    if trial.status >= 400 and set(json.loads(content)) != {"detail", "request_id"}:
        return f"{trial.path}: {content[:200]}"
    return None


async def ask_until(end, number, client, right, malformed, seen, faults):
    draw = random.Random(SEED + number)
    turn = number
    while time.monotonic() < end:
        turn += 1
        trial = draw.choice(malformed if turn % MALFORMED_EVERY == 0 else right)
        async with client.request(trial.method, trial.path, **trial.body()) as answer:
            content = await answer.read()
        seen[answer.status] += 1
        fault = wrong(trial, answer.status, content)
        if fault:
            faults.append(fault)


async def resident(process, begin, end):
    """Bytes of memory, ten times a second, from when the service is warm."""
    taken = []
    while time.monotonic() < end:
        if time.monotonic() > begin + WARM * (end - begin):
            taken.append(process.memory_info().rss)
        await asyncio.sleep(0.1)
    return taken


async def soaked(server, right, malformed):
    seen, faults = Counter(), []
    begin = time.monotonic()
    end = begin + SECONDS
    each = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(server.address, connector=each) as client:
        memory, *_ = await asyncio.gather(
            resident(psutil.Process(server.process.pid), begin, end),
            *(
                ask_until(end, number, client, right, malformed, seen, faults)
                for number in range(CLIENTS)
            ),
        )
    return seen, faults, memory


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    with serving(models, tmp_path_factory.mktemp("server"), patience=PATIENCE) as server:
        yield server


def test_many_clients_get_right_answers_in_the_same_memory(server, models, tmp_path):
    right = list(right_trials(Forecasts(models), tmp_path))
    malformed = list(malformed_trials())
    seen, faults, memory = asyncio.run(soaked(server, right, malformed))
    tenth = len(memory) // 10 or 1
    before, after = sorted(memory[:tenth])[tenth // 2], sorted(memory[-tenth:])[tenth // 2]
    print(
        f"{SECONDS:g} s, {CLIENTS} clients, {sum(seen.values()):,} requests, {dict(seen)}; "
        f"resident {before / 2**20:.1f} MiB when warm, {after / 2**20:.1f} MiB at the end"
    )
    assert faults == []
    assert not [status for status in seen if status >= 500]
    malformed_share = sum(count for status, count in seen.items() if status >= 400)
    assert malformed_share / sum(seen.values()) == pytest.approx(1 / MALFORMED_EVERY, abs=0.03)
    assert after - before < MOST_GROWTH
    assert {line["status"] for line in server.lines()} <= {200, 404, 405, 413, 415, 422}
    assert not [path for path in server.temporary.rglob("*") if path.is_file()]
