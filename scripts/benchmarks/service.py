"""Measure the service beside a constant endpoint and the classic service, and scored tables."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd
import psutil
import typer
from tabulate import tabulate
from tqdm import tqdm

from benchmarks import rivals as bench_rivals
from benchmarks import tables as bench_tables
from boxoffice.core import paths
from boxoffice.forecasts.request import AFTER_RELEASE_FIELDS

FOLDER = Path(__file__).resolve().parent
MIB = 2**20
HOST = "127.0.0.1"
BODIES = 1000  # different films that are asked about in turn
PATIENCE = 120  # seconds until a service that does not answer has failed
OPTIONS = ("--host", HOST, "--no-access-log", "--log-level", "warning")
REVENUE, SUCCESS = "/predict/revenue", "/predict/success"
Part = StrEnum("Part", ["load", "start", "tables"])


class BenchError(Exception):
    """Something can't be measured; the message says what is wrong."""


class Service(NamedTuple):
    """What uvicorn is told to serve, with one worker."""

    words: tuple[str, ...]
    environment: dict[str, str]


class Line(NamedTuple):
    """One line of the closing table."""

    what: str
    measured: str
    asked: str = ""
    met: bool | None = None


def at_least(what: str, value: float, asked: float, form: str) -> Line:
    """Whether a figure is large enough."""
    return Line(what, f"{value:{form}}", f"at least {asked:{form}}", bool(value >= asked))


def below(what: str, value: float, asked: float, digits: int, unit: str = "") -> Line:
    """Whether a figure is small enough."""
    return Line(what, f"{value:.{digits}f}{unit}", f"below {asked}{unit}", bool(value < asked))


def ours(models: Path, page: bool) -> Service:
    settings = {"BOXOFFICE_MODELS": str(models), "BOXOFFICE_PAGE": str(int(page))}
    return Service(("app.main:app",), settings)


def rival(name: str, **settings: str) -> Service:
    words = ("--app-dir", str(FOLDER.parent), "--factory", f"benchmarks.rivals:{name}")
    return Service(words, settings)


@contextmanager
def running(service: Service) -> Iterator[tuple[psutil.Process, int]]:
    """Start a service; its process and port. What it logs goes to a file."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *service.words, "--port", str(port), *OPTIONS],
            cwd=paths.ROOT,
            env=os.environ | service.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield psutil.Process(process.pid), port
        except BenchError as error:
            log.seek(0)
            name = service.words[-1]
            raise BenchError(f"{name}: {error}\n{log.read()[-2000:]}") from error
        finally:
            process.kill()
            process.wait()


def wait_for_answer(process: psutil.Process, port: int, body: str) -> None:
    """Ask until a prediction comes back."""
    until = time.monotonic() + PATIENCE
    while not answers(port, body):
        if process.status() == psutil.STATUS_ZOMBIE:
            raise BenchError("the service ended")
        if time.monotonic() > until:
            raise BenchError(f"no prediction within {PATIENCE} seconds")
        time.sleep(0.005)


def answers(port: int, body: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    with closing(connection), suppress(OSError):
        connection.request("POST", REVENUE, body, {"Content-Type": "application/json"})
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


# Load


def wrk(url: str, bodies: Path, seconds: int, connections: int = 32) -> dict[str, float]:
    """Requests per second, and latencies in milliseconds, of one run of wrk."""
    done = subprocess.run(
        [
            *("wrk", "--connections", str(connections), "--threads", "1"),
            *("--duration", f"{seconds}s", "--timeout", "30s"),
            *("--script", str(FOLDER / "films.lua"), url, "--", str(bodies)),
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stdout}{done.stderr}")
    counted = json.loads(done.stdout.splitlines()[-1])
    if counted["refused"] or counted["failed"]:
        raise BenchError(f"{url}: {counted['refused']} refused, {counted['failed']} failed")
    return {
        "rate": counted["requests"] / counted["microseconds"] * 1e6,
        "median": counted["median"] / 1e3,
        "p99": counted["p99"] / 1e3,
    }


def load(
    models: Path, forest: Path, bodies: Path, rounds: int, seconds: int, warm_ups: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Ask ours without its page, the constant and the classic service in turn, round after round.

    Returns what `wrk` measured, by `round` and `endpoint` (those services, 'ours, success' and
    'ours, before release'), and each service's bytes resident after the last round.
    """
    services = {
        "ours": ours(models, page=False),
        "constant": rival("constant"),
        "classic": rival("classic", **{bench_rivals.MODEL: str(forest)}),
    }
    with ExitStack() as stack:
        started = {name: stack.enter_context(running(each)) for name, each in services.items()}
        body = bodies.read_text().splitlines()[0]
        for process, port in started.values():
            wait_for_answer(process, port, body)
        urls = {name: f"http://{HOST}:{port}" for name, (_, port) in started.items()}
        asked = {name: (url + REVENUE, bodies) for name, url in urls.items()} | {
            "ours, success": (urls["ours"] + SUCCESS, bodies),
            "ours, before release": (urls["ours"] + REVENUE, before_release(bodies)),
        }
        for url, films in list(asked.values()) * warm_ups:
            wrk(url, films, 1)
        turns = list(product(range(rounds), asked))
        rows = [
            {"round": turn, "endpoint": name} | wrk(*asked[name], seconds)
            for turn, name in tqdm(turns, desc="load", leave=False)
        ]
        memory = {name: process.memory_info().rss for name, (process, _) in started.items()}
    return pd.DataFrame(rows), memory


def before_release(bodies: Path) -> Path:
    """The same films without popularity and votes, beside them."""
    films = [json.loads(line) for line in bodies.read_text().splitlines()]
    path = bodies.with_name("before_release.jsonl")
    for film in films:
        for name in AFTER_RELEASE_FIELDS:
            del film[name]
    path.write_text("\n".join(map(json.dumps, films)))
    return path


def load_lines(table: pd.DataFrame, memory: dict[str, int]) -> list[Line]:
    """Print what each endpoint did; the lines that compare them, medians of the rounds."""
    table = table.assign(spread=table["p99"] / table["median"])
    medians = table.groupby("endpoint", sort=False)[["rate", "median", "p99", "spread"]].median()
    medians["MiB"] = medians.index.map({name: rss / MIB for name, rss in memory.items()})
    heads = ["requests/s", "median, ms", "p99, ms", "p99 / median", "resident, MiB"]
    typer.echo(f"\n{tabulate(medians, heads, floatfmt=('', '.0f', '.2f', '.2f', '.2f', '.0f'))}")
    rate = table.pivot(index="round", columns="endpoint", values="rate")
    times = (rate["ours"] / rate["classic"]).median()
    share = rate.div(rate["constant"], axis=0).median()
    constant = "share of a constant endpoint's requests/s"
    early = f"{REVENUE} of films before release, {constant}"
    return [
        at_least(f"{REVENUE}, {constant}", share["ours"], 0.8, ".0%"),
        at_least(f"{SUCCESS}, {constant}", share["ours, success"], 0.8, ".0%"),
        at_least(early, share["ours, before release"], 0.4, ".0%"),
        at_least(f"{REVENUE}, times the classic service's", times, 30, ".0f"),
        below(f"{REVENUE}, p99 / median latency", medians.loc["ours", "spread"], 3, 2),
    ]


# Start


def start_lines(models: Path, body: str, repeats: int, warm_ups: int) -> list[Line]:
    """Seconds from the start of a process to its first prediction, and bytes resident then."""
    rows = []
    turns = list(product(range(warm_ups + repeats), (False, True)))
    for turn, page in tqdm(turns, "start", leave=False):
        begun = time.perf_counter()
        with running(ours(models, page)) as (process, port):
            wait_for_answer(process, port, body)
            seconds = time.perf_counter() - begun
            if turn >= warm_ups:  # the first one reads files that then are in the system's cache
                rows.append({"page": page, "seconds": seconds, "rss": process.memory_info().rss})
    medians = pd.DataFrame(rows).groupby("page").median()
    seconds, rss = medians.loc[False]
    page_seconds, page_rss = medians.loc[True] - medians.loc[False]
    return [
        below("start to first prediction, without page", seconds, 3, 2, " s"),
        below("resident then, without page", rss / MIB, 300, 0, " MiB"),
        Line("what the page adds", f"{page_seconds:.2f} s, {page_rss / MIB:.0f} MiB"),
    ]


# Tables


def in_process(*words: str | Path) -> dict:
    """A measurement of `tables.py` in a process of its own."""
    done = subprocess.run(
        [sys.executable, FOLDER / "tables.py", *words], capture_output=True, text=True
    )
    if done.returncode:
        raise BenchError(f"tables.py failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def table_lines(what: str, asked: float, table: Path, models: Path, repeats: int) -> list[Line]:
    """Score a table and run the bare models in turns; medians."""
    scored, bare = [], []
    for _ in tqdm(range(repeats), desc=what, leave=False):
        scored.append(in_process("score", table, table.with_name("scored.parquet"), models))
        bare.append(in_process("bare", table, models))
    if rejected := scored[0]["rejected"]:
        raise BenchError(f"{rejected} rows of {what} were rejected")
    rates = pd.Series([each["rows"] / each["seconds"] for each in scored])
    bares = pd.Series([each["rate"] for each in bare])
    peak = max(each["peak"] for each in scored)
    rows = f"{what}, {scored[0]['rows']:,} rows"
    way = f"{bare[-1]['block']} rows in a block, {bare[-1]['threads']}"
    return [
        Line(f"{rows}: from file to file", f"{rates.median():,.0f} rows/s"),
        at_least(f"{rows}: share of ONNX Runtime alone", (rates / bares).median(), asked, ".0%"),
        Line(f"{rows}: ONNX Runtime alone, {way}", f"{bares.median():,.0f} rows/s"),
        below(f"{rows}: resident at most", peak / MIB, 1024, 0, " MiB"),
    ]


def report(lines: list[Line]) -> str:
    words = {None: "", True: "yes", False: "no"}
    rows = [(*line[:-1], words[line.met]) for line in lines]
    return tabulate(rows, ["", "measured", "asked", "met"], disable_numparse=True)


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure these parts alone.")] = None,
    source: Annotated[str, typer.Option(help="Folder of data/raw with the films.")] = "open_films",
    models: Annotated[Path, typer.Option(help="Folder of the trained models.")] = paths.MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each; medians count.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Of load, per turn.")] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="Half a minute; figures mean little.")
    ] = False,
) -> None:
    """Requests per second, latency, start-up, memory, and rows per second of tables.

    It takes about seven minutes, best with nothing else on the machine.

    The load is made by wrk (Debian's package wrk), about a thousand different
    films in turn; services take turns, so that all see the same machine.
    The constant endpoint only parses the request. The classic service asks a
    pickled scikit-learn forest of 200 trees with a one-row frame per request.

    Examples:

      python scripts/benchmarks/service.py

      python scripts/benchmarks/service.py --quick

      python scripts/benchmarks/service.py --only load --rounds 9 --source tmdb5000
    """
    parts = only or list(Part)
    if Part.load in parts and not shutil.which("wrk"):
        raise BenchError("wrk is missing: `apt-get install wrk`, or leave out the load: --only ...")
    rows, coming, warm_ups = 1_000_000, 30_000, 1  # released films, films without votes
    if quick:
        rounds, seconds, rows, coming, warm_ups = 1, 1, 20_000, 2_000, 0
    models = models.resolve()
    with tempfile.TemporaryDirectory() as folder:
        films = bench_tables.read_source(source)
        bodies = Path(folder, "bodies.jsonl")
        bench_tables.write_bodies(films, bodies, BODIES)
        lines: list[Line] = []
        if Part.load in parts:
            forest = Path(folder, "forest.pickle")
            bench_rivals.train_classic(bench_tables.requests(films), forest)
            lines += load_lines(*load(models, forest, bodies, rounds, seconds, warm_ups))
        if Part.start in parts:
            body = bodies.read_text().splitlines()[0]
            lines += start_lines(models, body, rounds, warm_ups)
        if Part.tables in parts:
            for what, asked_share, count, released in (
                ("released films", 0.8, rows, True),
                ("coming films", 0.6, coming, False),
            ):
                table = Path(folder, "films.parquet")
                bench_tables.write_table(films, table, count, released)
                lines += table_lines(what, asked_share, table, models, min(rounds, 3))
        typer.echo(f"\n{report(lines)}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except BenchError as error:
        sys.exit(f"error: {error}")
