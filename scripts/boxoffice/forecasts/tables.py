"""Score a table of films in the TMDB 5000 schema: the same rows out, in order, with forecasts."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import ChunkReader, check_columns
from boxoffice.forecasts.table_files import Chunk, Format, TableError, open_table, storable

__all__ = ["Format", "Summary", "TableError", "iter_scored", "score_file"]

ADDED = pa.schema(
    [
        ("predicted_revenue", pa.float64()),
        ("expected_revenue", pa.float64()),
        ("revenue_lower", pa.float64()),
        ("revenue_upper", pa.float64()),
        ("probability_success", pa.float64()),
        ("model", pa.string()),
        ("error", pa.string()),
    ]
)
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
    for piece in iter_scored(forecasts, source, format, out_format, chunk_rows, summary):
        out.write(piece)
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

    The columns are those of the input, then `predicted_revenue` (a typical value),
    `expected_revenue` (a mean), `revenue_lower` and `revenue_upper` (dollars of the film's time),
    `probability_success`, `model` ('classic' or 'pre_release') and
    `error`, which is empty where the row was scored. Columns of these names are replaced.

    Raises
    ------
    TableError
        Before the first piece, if the table can't be scored at all; later, if it turns out broken.
    """
    sink = io.BytesIO()
    summary = summary if summary is not None else Summary()
    with open_table(source, format) as table:
        check_columns(table.schema)
        passed = [place for place, name in enumerate(table.schema.names) if name not in ADDED.names]
        # What frames note of their columns is no longer true once one of them is replaced.
        metadata = table.schema.metadata if len(passed) == len(table.schema) else None
        fields = [table.schema.field(place) for place in passed]
        schema = storable(out_format, pa.schema([*fields, *ADDED], metadata))
        if out_format == "csv":
            writer = pa.csv.CSVWriter(sink, schema)
        else:
            writer = pq.ParquetWriter(sink, schema, compression=table.compression)
        with writer:
            for chunk, faults, answers in _in_order(forecasts, table.chunks(chunk_rows)):
                columns = [*(chunk.rows.column(place) for place in passed), *answers]
                batch = pa.RecordBatch.from_arrays(columns, schema.names)
                writer.write_batch(batch.cast(schema))
                summary.count(chunk.rows.num_rows, faults)
                yield _taken(sink)
        yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """Empty a file in memory."""
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _in_order(
    forecasts: Forecasts, chunks: Iterator[Chunk]
) -> Iterator[tuple[Chunk, dict[int, list[str]], list[pa.Array]]]:
    """Score chunks in threads, a few ahead of the one that is asked for."""

    def scored(chunk: Chunk) -> tuple[Chunk, dict[int, list[str]], list[pa.Array]]:
        reader = ChunkReader(chunk, forecasts.names, forecasts.roles)
        answers = forecasts.score(reader.films())
        return chunk, reader.faults, _answers(answers, reader.faults)

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


def _answers(answers: dict[str, np.ndarray], faults: dict[int, list[str]]) -> list[pa.Array]:
    """The columns of `ADDED`; those of a row with a fault are null, but for its error."""
    rows = len(answers["rated"])
    faulty = np.zeros(rows, dtype=bool)
    faulty[list(faults)] = True
    numbers = [pa.array(answers[name], mask=faulty) for name in ADDED.names[:5]]
    model = np.where(answers["rated"], "classic", "pre_release").astype(object)
    errors = [None] * rows
    for row, found in faults.items():
        errors[row] = "; ".join(found)
    return [*numbers, pa.array(model, pa.string(), mask=faulty), pa.array(errors, pa.string())]
