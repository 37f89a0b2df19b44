"""Score a table of films in the TMDB 5000 schema: the same rows out, in order, with forecasts."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from boxoffice.films.features import CLASSIC_GENRES, column_name
from boxoffice.forecasts.film_columns import Films, check_columns, read_films
from boxoffice.forecasts.forecasts import AFTER_RELEASE, Forecasts
from boxoffice.forecasts.table_files import (
    Chunk,
    Format,
    Pieces,
    TableError,
    open_table,
    open_writer,
    storable,
)

__all__ = ["Format", "Summary", "TableError", "iter_scored", "score_file"]

NUMBERS = ("predicted_revenue", "revenue_lower", "revenue_upper", "probability_success")
ADDED = pa.schema(
    [
        *((name, pa.float64()) for name in NUMBERS),
        ("model", pa.string()),
        ("error", pa.string()),
    ]
)
GENRES = [f"genre_{column_name(genre)}" for genre in CLASSIC_GENRES]
CHUNK_ROWS = 65_536
# Of somebody else's file: a kilobyte of Parquet may repeat a long text in every row.
CLIENT_ROWS = 4096
THREADS = 2  # NumPy, Arrow and ONNX Runtime leave the interpreter to others while they work
AHEAD = 3  # chunks read and not yet written
REASONS = 5


@dataclass
class Summary:
    """What became of the rows of a table; `reasons` are those of the first rejected rows."""

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def count(self, films: int, faults: dict[int, list[str]]) -> None:
        """Add a chunk."""
        for row in sorted(faults)[: REASONS - len(self.reasons)]:
            self.reasons.append(f"row {self.rows + row + 1}: {'; '.join(faults[row])}")
        self.rows += films
        self.rejected += len(faults)
        self.scored += films - len(faults)


def score_file(
    forecasts: Forecasts,
    source: Path,
    format: Format,
    out: BinaryIO,
    out_format: Format,
    progress: Callable[[int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Summary:
    """Write a table with a forecast, or what is wrong, in each row.

    Parameters
    ----------
    source : Path
        A table in the TMDB 5000 schema, of which `budget` and `release_date` are needed; `cast` and
        `crew` of its credits and `certificate` are read where they are columns.
    progress : callable, optional
        Is told the number of rows done so far, after each chunk.
    chunk_rows : int
        Rows that are scored at once; fewer where rows are long. A few chunks are in memory.

    Raises
    ------
    TableError
        If the table can't be scored at all.
    """
    summary = Summary()
    for _ in _written(forecasts, source, format, out_format, chunk_rows, summary, out):
        if progress:
            progress(summary.rows)
    return summary


def iter_scored(
    forecasts: Forecasts,
    source: Path,
    format: Format,
    out_format: Format,
    chunk_rows: int = CLIENT_ROWS,
    summary: Summary | None = None,
) -> Iterator[bytes]:
    """The pieces of the file that `score_file` writes; `summary` is kept up to date.

    The columns are those of the input, then `predicted_revenue`, `revenue_lower` and
    `revenue_upper` (nominal USD), `probability_success`, `model` ('classic' or 'pre_release') and
    `error`, which is empty where the row was scored. Columns of these names are replaced.

    Raises
    ------
    TableError
        Before the first piece, if the table can't be scored at all; later, if it turns out broken.
    """
    sink = Pieces()
    summary = summary if summary is not None else Summary()
    for _ in _written(forecasts, source, format, out_format, chunk_rows, summary, sink):
        yield sink.take()


def _written(
    forecasts: Forecasts,
    source: Path,
    format: Format,
    out_format: Format,
    chunk_rows: int,
    summary: Summary,
    sink: BinaryIO | Pieces,
) -> Iterator[None]:
    """Write chunk after chunk, and at last what closes the file."""
    with open_table(source, format) as table:
        check_columns(table.schema)
        passed = _passed_through(table.schema)
        schema = storable(out_format, _with_added(table.schema, passed))
        with open_writer(out_format, schema, sink, table.compression) as writer:
            for chunk, films, forecast in _in_order(forecasts, table.chunks(chunk_rows)):
                columns = [chunk.rows.column(place) for place in passed]
                columns += _answers(forecast, films.faults)
                writer.write_batch(_batch(columns, schema))
                summary.count(chunk.rows.num_rows, films.faults)
                yield
        yield


def _passed_through(schema: pa.Schema) -> list[int]:
    """The places of the columns that come out as they went in."""
    return [place for place, name in enumerate(schema.names) if name not in ADDED.names]


def _with_added(schema: pa.Schema, passed: list[int]) -> pa.Schema:
    # What frames note of their columns is no longer true once one of them is replaced.
    metadata = schema.metadata if len(passed) == len(schema) else None
    return pa.schema([*(schema.field(place) for place in passed), *ADDED], metadata=metadata)


def _batch(columns: list[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        column if column.type == kind else column.cast(kind)
        for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _in_order(
    forecasts: Forecasts, chunks: Iterator[Chunk]
) -> Iterator[tuple[Chunk, Films, pd.DataFrame]]:
    """Score chunks in threads, a few ahead of the one that is asked for."""
    needed = [
        column
        for column in AFTER_RELEASE.values()
        if any(
            feature["name"] == column for feature in forecasts.cards["revenue_classic"]["features"]
        )
    ]

    def scored(chunk: Chunk) -> tuple[Chunk, Films, pd.DataFrame]:
        films = read_films(chunk, needed, forecasts.names)
        return chunk, films, _forecast(forecasts, films, chunk.rows.num_rows)

    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="table")
    waiting: deque[Future] = deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(scored, chunk))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _forecast(forecasts: Forecasts, films: Films, rows: int) -> pd.DataFrame:
    """Forecasts for the rows of a chunk, in order; missing where a row has a fault."""
    frames = [frame for frame in (films.classic, films.pre_release) if len(frame)]
    if not frames:
        return pd.DataFrame(index=range(rows), columns=[*NUMBERS, "model"])
    scored = [forecasts.score(frame.iloc[_alike(frame)]) for frame in frames]
    return pd.concat(scored).reindex(range(rows))


def _alike(films: pd.DataFrame) -> np.ndarray:
    """An order of films that puts those side by side that are alike.

    They take the same ways through the trees, and a processor that guesses which way comes next
    then answers in little more than half the time.
    """
    genres = sum(
        films[name].to_numpy() * 2**place for place, name in enumerate(GENRES) if name in films
    )
    scales = [
        np.floor(np.log2(1 + films[name].to_numpy()))
        for name in ("runtime", "budget", "vote_count")
        if name in films
    ]
    decade = films["release_year"].to_numpy() // 10
    return np.lexsort([genres + np.zeros(len(films)), decade, *scales])  # the last counts most


def _answers(forecast: pd.DataFrame, faults: dict[int, list[str]]) -> list[pa.Array]:
    """The columns of `ADDED`."""
    errors = pa.nulls(len(forecast), pa.string())
    if faults:
        texts = ["; ".join(faults[row]) if row in faults else None for row in range(len(forecast))]
        errors = pa.array(texts, pa.string())
    schema = pa.schema(list(ADDED)[:-1])
    told = pa.Table.from_pandas(forecast[schema.names], schema, preserve_index=False)
    return [*(column.combine_chunks() for column in told.columns), errors]
