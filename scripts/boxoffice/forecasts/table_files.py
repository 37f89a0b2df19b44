"""Read and write tables of films as streams, chunk by chunk: CSV and Parquet, in order.

What can't be read of a row is a fault of that row alone. Text that isn't UTF-8 comes out with
U+FFFD in place of what couldn't be read.

CSVs are split by Python's csv, not by pyarrow.csv: that takes everything after a quote left open
for one cell, up to the end of its block, and can't start again at the next line.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Self, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from boxoffice.forecasts.request import SHOWN

Format = Literal["csv", "parquet"]

MOST_CELL = csv.field_size_limit()  # characters: 131,072; the longest of TMDB 5000 has 62,970
MOST_LINE = 2**22  # characters of a row
MOST_LINES = 100  # of a row, so that one open quote costs no more than so many lines read twice
MOST_COLUMNS = 1000  # of a CSV, whose short rows are filled up
CHUNK_BYTES = 2**24  # of text in one chunk
COMPRESSION = "snappy"  # of Parquet
READ_AHEAD = 2**16  # bytes
NAMES_SHOWN = 30

OPEN_QUOTE = "a quote is not closed, or not doubled inside a cell"


class TableError(ValueError):
    """A table that can't be scored at all; the message says what is wrong and the remedy."""


@dataclass
class Chunk:
    """Some rows of a table, and what is wrong with those that couldn't be read as they are.

    Cells of `broken` rows of a CSV can't be told apart: some may stand in the wrong column.
    """

    rows: pa.RecordBatch
    faults: dict[int, list[str]]  # by place in the chunk
    broken: frozenset[int] = frozenset()


def shown(names: list[str]) -> str:
    """A list of columns for a message, cut where it is long."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(name[:SHOWN] for name in names[:NAMES_SHOWN]) + more


def is_text(kind: pa.DataType) -> bool:
    """Whether a column's type is text, as is that of a column without any value."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return kind in (pa.string(), pa.large_string(), pa.string_view(), pa.null())


@contextmanager
def open_table(source: Path, format: Format) -> Iterator["CsvTable | ParquetTable"]:
    """Open a table and read what its columns are.

    Raises
    ------
    TableError
        If it is missing, empty, or not of this format.
    """
    kinds = {"csv": CsvTable, "parquet": ParquetTable}
    if format not in kinds:
        raise ValueError(f"unknown format {format!r}, expected csv or parquet")
    try:
        file = source.open("rb")
    except FileNotFoundError as error:
        raise TableError("the file is missing: give the path of a CSV or Parquet file") from error
    with file:
        yield kinds[format](file)


def _text_column(name: str, cells: list[str | None], faults: dict[int, list[str]]) -> pa.Array:
    """Cells with surrogates in place of what isn't UTF-8 become text, with a fault in their row."""
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        texts = [cell and _as_utf8(cell) for cell in cells]
    for row, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        if text != cell:
            faults.setdefault(row, []).append(f"{name}: {text[:SHOWN]} is not UTF-8")
    return pa.array(texts, pa.string())


def _as_utf8(text: str) -> str:
    """Put U+FFFD in place of surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# Parquet


class ParquetTable:
    """A Parquet file; `row_count` is its number of rows, `compression` what suits its columns."""

    def __init__(self, file: BinaryIO):
        try:
            # Without pre-buffering a row group, which may be the whole file, is read page by page.
            self.file = pq.ParquetFile(file, pre_buffer=False, buffer_size=READ_AHEAD)
        except (pa.ArrowException, OSError) as error:
            raise TableError(
                f"this is not a readable Parquet file ({error}): write it anew"
            ) from error
        self.schema = self.file.schema_arrow
        self.row_count = self.file.metadata.num_rows
        self.compression = dict.fromkeys(_well_compressed(self.file.metadata), COMPRESSION)

    def chunks(self, most_rows: int) -> Iterator[Chunk]:
        """The rows in order, at most so many at a time.

        Raises
        ------
        TableError
            If the file is broken further on.
        """
        done = 0
        try:
            for batch in self.file.iter_batches(batch_size=self._rows_at_a_time(most_rows)):
                yield _readable(batch)
                done += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise TableError(
                f"the Parquet file is broken after row {done:,} ({error}): write it anew"
            ) from error

    def _rows_at_a_time(self, most: int) -> int:
        groups = [self.file.metadata.row_group(i) for i in range(self.file.num_row_groups)]
        widest = max(
            (group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1
        )
        return max(1, min(most, int(CHUNK_BYTES / max(widest, 1))))


def _well_compressed(metadata: pq.FileMetaData) -> list[str]:
    """Columns that compression halves; for others it takes more time than the forecasts."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    return [
        column.path_in_schema
        for column in columns
        if 2 * column.total_compressed_size <= column.total_uncompressed_size
    ]


def _readable(batch: pa.RecordBatch) -> Chunk:
    """Check that text columns are UTF-8, which not all writers do."""
    columns, faults = batch.columns, {}
    for place, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
        if not is_text(column.type):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            contents = column.cast(pa.large_binary()).to_pylist()
            cells = [
                None if content is None else content.decode("utf-8", "surrogateescape")
                for content in contents
            ]
            columns[place] = _text_column(name, cells, faults).cast(batch.schema.types[place])
    return Chunk(pa.RecordBatch.from_arrays(columns, schema=batch.schema), faults)


# CSV


class CsvTable:
    """A CSV file, every cell as text, a blank one as null; `row_count` isn't known."""

    row_count = None
    compression = COMPRESSION

    def __init__(self, file: BinaryIO):
        # Bytes that are no UTF-8 become surrogates, which tell them from all that is.
        self.text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        self.names = self._header()
        self.schema = pa.schema([(name, pa.string()) for name in self.names])

    def _header(self) -> list[str]:
        reader = csv.reader(_Lines(self.text), strict=True)
        try:
            names = next((cells for cells in reader if cells), None)
        except csv.Error as error:
            raise TableError(f"the header is not that of a CSV: {_in_words(error)}") from error
        if names is None:
            raise TableError("the file is empty: it needs a header and rows")
        header = "".join(names)
        if _as_utf8(header) != header or "\0" in header:
            raise TableError("the file is not UTF-8: save it as UTF-8 and try again")
        if len(names) > MOST_COLUMNS:
            raise TableError(f"the table has {len(names):,} columns: leave out what isn't needed")
        return names

    def chunks(self, most_rows: int) -> Iterator[Chunk]:
        """The rows in order, at most so many at a time."""
        rows, faults, size = [], {}, 0
        for cells, fault, characters in _records(self.text, len(self.names)):
            if fault:
                faults[len(rows)] = [fault]
            rows.append(cells)
            size += characters + 8 * len(cells)  # text, and a pointer for each cell
            if len(rows) >= most_rows or size >= CHUNK_BYTES:
                yield self._chunk(rows, faults)
                rows, faults, size = [], {}, 0
        if rows:
            yield self._chunk(rows, faults)

    def _chunk(self, rows: list[list[str]], faults: dict[int, list[str]]) -> Chunk:
        broken = frozenset(faults)
        columns = [
            _text_column(name, [cell or None for cell in cells], faults)
            for name, cells in zip(self.names, zip(*rows, strict=True), strict=True)
        ]
        return Chunk(pa.RecordBatch.from_arrays(columns, schema=self.schema), faults, broken)


class _Lines:
    """The lines of a text, of which those of a faulty row can be given back."""

    def __init__(self, text: TextIO):
        self.text = text
        self.back = deque()
        self.begin()

    def begin(self) -> None:
        """Forget the lines taken so far: a new row begins."""
        self.taken, self.size = [], 0

    def give_back(self) -> None:
        """Give all lines taken back but the first."""
        self.back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self.back.popleft() if self.back else self.text.readline(MOST_LINE)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self.size += len(line)
        if self.size >= MOST_LINE:
            while line and not line.endswith(("\n", "\r")):
                line = self.text.readline(MOST_LINE)
            raise csv.Error(f"the row is longer than {MOST_LINE:,} characters")
        if len(self.taken) > MOST_LINES:
            raise csv.Error("too many lines")
        return line


def _records(text: TextIO, width: int) -> Iterator[tuple[list[str], str | None, int]]:
    """The rows of a CSV after its header: `width` cells, what is wrong or None, characters.

    A row that can't be read must not take others with it: where a quote was left open, what it
    swallowed is read anew, from the second line on.
    """
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            fault = _in_words(error) if len(lines.taken) == 1 else OPEN_QUOTE
            lines.give_back()
        else:
            if cells is None:
                return
            if len(cells) == width:
                yield cells, None, lines.size
                continue
            if not cells:  # a blank line
                continue
            fault = f"the row has {len(cells)} cells, the header has {width}"
            if _swallowed_rows(lines.taken, width):
                fault = OPEN_QUOTE
                lines.give_back()
        cells = _cells(lines.taken)
        yield (cells + [""] * width)[:width], fault, lines.size


def _swallowed_rows(taken: list[str], width: int) -> bool:
    """Whether a right row begins in one of the lines after the first."""
    try:
        return any(len(cells) == width for cells in csv.reader(taken[1:]))
    except csv.Error:
        return False


def _cells(taken: list[str]) -> list[str]:
    """What can be read of a faulty row."""
    line = "".join(taken).rstrip("\r\n")
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # a cell that is too long, or a line break: what stands before it
        return next(csv.reader([line[:MOST_CELL].partition("\n")[0].rstrip("\r")]), [])[:-1]


def _in_words(error: csv.Error) -> str:
    message = str(error)
    if message.startswith("field larger"):
        return f"a cell is longer than {MOST_CELL:,} characters"
    return message if message.startswith("the row") else OPEN_QUOTE


# Writing


def storable(format: Format, schema: pa.Schema) -> pa.Schema:
    """The schema that a file of this format gets for a table.

    Raises
    ------
    TableError
        If the format can't hold a column.
    """
    if format == "parquet":
        return schema
    fields = []
    for column in schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        try:
            pa.array([], kind).cast(pa.string())
            as_text = kind not in (pa.binary(), pa.large_binary())
        except pa.ArrowNotImplementedError:
            as_text = False
        if not as_text:
            raise TableError(
                f"the column {column.name} holds {kind}, which a CSV can't: ask for Parquet"
            )
        fields.append(column.with_type(pa.string() if is_text(kind) else kind))
    return pa.schema(fields)
