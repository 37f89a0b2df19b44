"""Films for `service.py`: bodies of requests, large tables, and how fast tables are scored.

Run by itself it is one measurement in a process of its own, which prints JSON:
`tables.py score TABLE OUT MODELS` or `tables.py bare TABLE MODELS`.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import trange

from boxoffice.core import paths
from boxoffice.films.companies import companies_of
from boxoffice.films.features import CLASSIC_GENRES, column_name
from boxoffice.films.votes import votes_of
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import ChunkReader
from boxoffice.forecasts.table_files import open_table
from boxoffice.forecasts.tables import score_file

CHUNK = 50_000  # rows of a table that are made at once
OVERVIEW = 18  # titles in a row, for a text of about TMDB's 305 characters
RATINGS = ("popularity", "vote_average", "vote_count")  # columns that exist after release alone
SEED = 42
THREADS = 2
BARE_ROWS = 200_000
TRIAL_ROWS = 10_000  # to find the best way to run the models
BLOCKS = (32, 128, 512, 4096)


def read_source(source: str) -> pd.DataFrame:
    """Films of a source that state all that scoring reads, in the columns of TMDB 5000.

    A column that the source lacks is made up: popularity from the votes, texts from titles.
    """
    path = paths.RAW / source / "movies.csv"
    if not path.is_file():
        sys.exit(f"{path} is missing: see `python scripts/fetch.py --help`")
    films = pd.read_csv(path, dtype={"release_date": str})
    stated = ["release_date", "vote_average", "vote_count", "title", "original_language", "genres"]
    known = (films[["budget", "revenue", "runtime"]] > 0).all(axis=1)
    known &= films[stated].notna().all(axis=1)
    known &= films["production_companies"].str.len() > len("[]")
    films = films[known].reset_index(drop=True)
    made_up = {"popularity": films["vote_count"] ** 0.4, "homepage": None, "tagline": None}
    lacking = {name: made_up[name] for name in made_up if name not in films}
    texts = {"original_title": films["title"], "overview": "", "status": "Released"}
    kinds = {"votes_of": votes_of(source), "companies_of": companies_of(source)}
    return films.assign(**lacking, **texts, **kinds)


def requests(films: pd.DataFrame) -> pd.DataFrame:
    """The fields of the classic request, and `revenue` (nominal USD), of every film."""
    genres = films["genres"].map(lambda cell: {record["name"] for record in json.loads(cell)})
    flags = {
        column_name(genre): genres.map(lambda names, genre=genre: int(genre in names))
        for genre in CLASSIC_GENRES
    }
    fields = ["budget", "popularity", "runtime", "vote_count", "revenue"]
    return films[fields].assign(
        vote_avg=films["vote_average"],
        release_year=films["release_date"].str[:4].astype(int),
        **flags,
    )


def write_bodies(films: pd.DataFrame, path: Path, count: int) -> None:
    """One JSON body per line, each of another film."""
    films = requests(films).drop(columns="revenue")
    drawn = films.sample(min(count, len(films)), random_state=SEED)
    path.write_text("".join(json.dumps(film) + "\n" for film in drawn.to_dict("records")))


def write_table(films: pd.DataFrame, path: Path, rows: int, released: bool) -> None:
    """A Parquet table of films drawn with replacement, every number and text altered.

    Popularity and votes are blank unless the films are `released`.
    """
    draw = np.random.default_rng(SEED)
    writer = None
    for start in trange(0, rows, CHUNK, desc=f"write {path.name}", leave=False):
        end = min(start + CHUNK, rows)
        chunk = altered(films, draw, end - start).assign(id=np.arange(start, end))
        if not released:
            chunk[list(RATINGS)] = np.nan
        table = pa.Table.from_pandas(chunk, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def altered(films: pd.DataFrame, draw: np.random.Generator, rows: int) -> pd.DataFrame:
    """Films like those given, no two alike: drawn rows, moved numbers and dates, mixed texts."""

    def another(name: str) -> pd.Series:
        return films[name].iloc[draw.integers(len(films), size=rows)].reset_index(drop=True)

    drawn = films.iloc[draw.integers(len(films), size=rows)].reset_index(drop=True)
    factor = np.exp(draw.normal(0, 0.2, (4, rows)))
    days = pd.to_timedelta(draw.integers(-180, 181, rows), unit="D")
    title = drawn["title"] + " " + another("title")
    companies = drawn["production_companies"].str[:-1] + ", "
    return drawn.assign(
        budget=np.ceil(drawn["budget"] * factor[0]).astype("int64"),
        revenue=np.ceil(drawn["revenue"] * factor[1]).astype("int64"),
        popularity=drawn["popularity"] * factor[2],
        vote_count=np.ceil(drawn["vote_count"] * factor[3]),
        vote_average=(drawn["vote_average"] + draw.normal(0, 0.5, rows)).clip(0, 10).round(1),
        runtime=(drawn["runtime"] + draw.integers(-9, 10, rows)).clip(lower=1.0),
        release_date=(pd.to_datetime(drawn["release_date"]) + days).dt.strftime("%Y-%m-%d"),
        title=title,
        original_title=title,
        overview=title.str.cat([another("title") for _ in range(OVERVIEW)], sep=" "),
        keywords=another("keywords"),
        production_companies=companies + another("production_companies").str[1:],
    )


def peak_memory() -> int:
    """Bytes that this process had resident at most; of itself alone, unlike `ru_maxrss`."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def score(table: str, out: str, models: str) -> dict:
    """Score a table from file to file: `rows`, `rejected`, `seconds`, `peak` (bytes)."""
    forecasts = Forecasts(Path(models))
    start = time.perf_counter()
    with Path(out).open("wb") as file:
        summary = score_file(forecasts, Path(table), "parquet", file, "parquet")
    return {
        "rows": summary.rows,
        "rejected": summary.rejected,
        "seconds": time.perf_counter() - start,
        "peak": peak_memory(),
    }


def arrays(table: Path, models: Path) -> tuple[str, np.ndarray]:
    """The feature set that answers a table's rows, and the features of the first of them."""
    forecasts = Forecasts(models)
    parts, name, rows = [], "", 0
    with open_table(table, "parquet") as opened:
        for chunk in opened.chunks(CHUNK):
            films = ChunkReader(chunk, forecasts.names, forecasts.roles).films()
            ((answering, _, features, _),) = forecasts.answering(films)
            name = answering.revenue.card["name"]
            parts.append(features.astype(np.float32))
            rows += len(features)
            if rows >= BARE_ROWS:
                break
    return name.removeprefix("revenue_"), np.concatenate(parts)[:BARE_ROWS]


def bare(table: str, models: str) -> dict:
    """ONNX Runtime alone on arrays in memory, both models, two threads, the best of many ways.

    Ways are the rows in a block, and whether blocks share both threads or each has one.
    """
    feature_set, features = arrays(Path(table), Path(models))
    files = [Path(models, f"{target}_{feature_set}.onnx") for target in ("revenue", "success")]
    sessions = {threads: [session(file, threads) for file in files] for threads in (1, THREADS)}

    def rate(way: tuple[int, int], features: np.ndarray) -> float:
        """Rows per second; asked for is the last output, a value or a probability."""
        block, threads = way
        starts = range(0, len(features), block)
        begun = time.perf_counter()
        with ThreadPoolExecutor(THREADS // threads) as pool:
            for model in sessions[threads]:
                ask = partial(model.run, [model.get_outputs()[-1].name])
                blocks = ({"X": features[start : start + block]} for start in starts)
                list(pool.map(ask, blocks))
        return len(features) / (time.perf_counter() - begun)

    trial = features[:TRIAL_ROWS]
    ways = list(product(BLOCKS, sessions))
    best = max(ways, key=lambda way: max(rate(way, trial) for _ in range(2)))
    return {
        "rate": float(np.median([rate(best, features) for _ in range(3)])),
        "block": best[0],
        "threads": "one block on each" if best[1] == 1 else "both on a block",
    }


def session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    measure = {"score": score, "bare": bare}[sys.argv[1]]
    print(json.dumps(measure(*sys.argv[2:])))
