"""Score a table of films in the TMDB 5000 schema: the same rows out, in order, with forecasts."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from boxoffice.films.comparables import MOST_COMPARABLES
from boxoffice.forecasts.canonical import Films
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import MOST_TEXT
from boxoffice.forecasts.table_columns import ChunkReader, check_columns
from boxoffice.forecasts.table_files import Chunk, Format, TableError, open_table, storable

__all__ = ["Format", "Summary", "TableError", "iter_scored", "score_file", "score_frame"]

ADDED = pa.schema(
    [
        ("predicted_revenue", pa.float64()),
        ("expected_revenue", pa.float64()),
        ("revenue_lower", pa.float64()),
        ("revenue_upper", pa.float64()),
        ("probability_success", pa.float64()),
        ("model", pa.string()),
        ("warnings", pa.string()),
        ("error", pa.string()),
    ]
)
COMPARABLES = tuple(f"comparable_{number}" for number in range(1, MOST_COMPARABLES + 1))
_COMPARABLES_AT = ADDED.names.index("model")  # they stand before it
CHUNK_ROWS = 16_384
# Of somebody else's file: a kilobyte of Parquet may repeat a long text in every row.
CLIENT_ROWS = 4096
THREADS = 2  # NumPy, Arrow and ONNX Runtime leave the interpreter to others while they work
AHEAD = 3  # chunks read and not yet written
EXAMPLES, REASONS = 10, 5  # rows of each kind in a summary; of them with a reason


@dataclass
class Summary:
    """What became of the rows of a table.

    `films` and `faulty` are the first rows that were scored and rejected, to be shown: the values
    of `ADDED`, `title`, and `number`, the row's place from 1.
    """

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    warned: int = 0
    films: list[dict[str, Any]] = field(default_factory=list)
    faulty: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """Why the first rows were rejected, in words."""
        return [f"row {row['number']}: {row['error']}" for row in self.faulty[:REASONS]]

    def count(self, chunk: pa.RecordBatch, faults: dict[int, list[str]]) -> None:
        """Add a chunk with its forecasts."""
        right = (row for row in range(chunk.num_rows) if row not in faults)
        for shown, rows in ((self.films, right), (self.faulty, sorted(faults))):
            for row in islice(rows, EXAMPLES - len(shown)):
                shown.append({"number": self.rows + row + 1, **_values(chunk, row)})
        self.rows += chunk.num_rows
        self.rejected += len(faults)
        self.warned += chunk.num_rows - chunk["warnings"].null_count
        self.scored += chunk.num_rows - len(faults)


def _values(chunk: pa.RecordBatch, row: int) -> dict[str, Any]:
    columns = {"title", *ADDED.names} & set(chunk.schema.names)
    values = {name: chunk[name][row].as_py() for name in columns}
    return values | {"title": (values.get("title") or "")[:MOST_TEXT]}


def score_file(
    forecasts: Forecasts,
    source: Path,
    format: Format,
    out: BinaryIO,
    out_format: Format,
    progress: Callable[[int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
    comparables: bool = False,
    own_ids: bool = False,
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
    comparables : bool
        Whether to name the five known films nearest to each, which takes longer.
    own_ids : bool
        Whether ids of companies are those of the source that the models learned from, see
        `ChunkReader`.

    Raises
    ------
    TableError
        If the table can't be scored at all.
    """
    summary = Summary()
    for piece in iter_scored(
        forecasts, source, format, out_format, chunk_rows, summary, comparables, own_ids
    ):
        out.write(piece)
        if progress:
            progress(summary.rows)
    return summary


def score_frame(forecasts: Forecasts, films: pd.DataFrame, own_ids: bool = False) -> pd.DataFrame:
    """Films with the columns that `score_file` adds, in the same order and with the same index.

    Parameters
    ----------
    films : DataFrame
        In the TMDB 5000 schema, as `score_file` takes it.
    own_ids : bool
        See `score_file`.

    Raises
    ------
    TableError
        If the table can't be scored at all.
    """
    out = io.BytesIO()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "films.parquet"
        films.reset_index(drop=True).to_parquet(path, index=False)
        score_file(forecasts, path, "parquet", out, "parquet", own_ids=own_ids)
    return pd.read_parquet(out).set_index(films.index)


def iter_scored(
    forecasts: Forecasts,
    source: Path,
    format: Format,
    out_format: Format,
    chunk_rows: int = CLIENT_ROWS,
    summary: Summary | None = None,
    comparables: bool = False,
    own_ids: bool = False,
) -> Iterator[bytes]:
    """The pieces of the file that `score_file` writes; `summary` is kept up to date.

    The columns are those of the input, then `predicted_revenue` (a typical value),
    `expected_revenue` (a mean), `revenue_lower` and `revenue_upper` (dollars of the film's time),
    `probability_success`, `model` ('classic' or 'pre_release'), `warnings` (what lies outside of
    what the models know; empty if nothing does) and `error`, which is empty where the row was
    scored. With `comparables`, `comparable_1` to
    `comparable_5` stand before `model`. Columns of these names are replaced.

    Raises
    ------
    TableError
        Before the first piece, if the table can't be scored at all; later, if it turns out broken.
    """
    sink = io.BytesIO()
    summary = summary if summary is not None else Summary()
    with open_table(source, format) as table:
        check_columns(table.schema)
        added = _added(comparables)
        passed = [place for place, name in enumerate(table.schema.names) if name not in added.names]
        # What frames note of their columns is no longer true once one of them is replaced.
        metadata = table.schema.metadata if len(passed) == len(table.schema) else None
        fields = [table.schema.field(place) for place in passed]
        schema = storable(out_format, pa.schema([*fields, *added], metadata))
        if out_format == "csv":
            writer = pa.csv.CSVWriter(sink, schema)
        else:
            writer = pq.ParquetWriter(sink, schema, compression=table.compression)
        with writer:
            chunks = table.chunks(chunk_rows)
            for chunk, faults, answers in _in_order(forecasts, chunks, comparables, own_ids):
                columns = [*(chunk.rows.column(place) for place in passed), *answers]
                batch = pa.RecordBatch.from_arrays(columns, schema.names)
                writer.write_batch(batch.cast(schema))
                summary.count(batch, faults)
                yield _taken(sink)
        yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """Empty a file in memory."""
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _in_order(
    forecasts: Forecasts, chunks: Iterator[Chunk], comparables: bool, own_ids: bool
) -> Iterator[tuple[Chunk, dict[int, list[str]], list[pa.Array]]]:
    """Score chunks in threads, a few ahead of the one that is asked for."""

    def scored(chunk: Chunk) -> tuple[Chunk, dict[int, list[str]], list[pa.Array]]:
        reader = ChunkReader(chunk, forecasts.names, forecasts.roles, own_ids)
        films = reader.films()
        answers = _answers(forecasts.score(films), reader.faults)
        # The credits of rated films, which are read for comparables alone, are no fault of a row.
        faults = dict(reader.faults)
        if comparables:
            answers[_COMPARABLES_AT:_COMPARABLES_AT] = _comparables(forecasts, films, faults)
        return chunk, faults, answers

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


def _added(comparables: bool) -> pa.Schema:
    """The columns that a scored table has more."""
    fields = list(ADDED)
    if comparables:
        fields[_COMPARABLES_AT:_COMPARABLES_AT] = [
            pa.field(name, pa.string()) for name in COMPARABLES
        ]
    return pa.schema(fields)


def _comparables(
    forecasts: Forecasts, films: Films, faults: dict[int, list[str]]
) -> list[pa.Array]:
    """The columns of `COMPARABLES`, null where a row has a fault."""
    right = np.ones(len(films), dtype=bool)
    right[list(faults)] = False
    rows = np.flatnonzero(right)
    texts = np.full((len(films), len(COMPARABLES)), None, dtype=object)
    texts[rows] = forecasts.named_comparables(films, rows)
    return [pa.array(column, pa.string()) for column in texts.T]


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
    texts = [pa.array(column, pa.string(), mask=faulty) for column in (model, answers["warnings"])]
    return [*numbers, *texts, pa.array(errors, pa.string())]
