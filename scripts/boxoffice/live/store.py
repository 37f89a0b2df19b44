"""Store of dated facts: what was known of films, people and revenues on which day.

A table is a folder of Parquet files, its parts. A write adds one part, and none is ever changed.
Names of parts (day, number of the write on that day, hash of the content) sort in the order in
which facts became known. DuckDB reads them, DVC keeps them.

A row states all facts of its key: a column that it lacks is unknown from then on.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from boxoffice.core.files import SourceError, replacing

KEYS = {"films": "id", "people": "person_id", "revenues": "id"}  # of each table

_PART = re.compile(r"\d{4}-\d\d-\d\d-\d{3}-[0-9a-f]{12}\.parquet")
_COLUMN = re.compile("[a-z][a-z0-9_]*")
_TAKEN = {"as_of", "file_index"}  # the store's own; DuckDB's number of a file
_WAIT = 60  # seconds for another writer
_TYPES = {
    pa.string(): "text",
    pa.float64(): "a number",
    pa.bool_(): "true or false",
    pa.date32(): "a date",
}

# Facts with the number of their part, from 0 in the order of writing: a date with finer steps.
_FACTS = "SELECT *, file_index::BIGINT AS _part FROM read_parquet($parts, union_by_name = true)"


class StoreError(SourceError):
    """Facts can't be written or read; the message names table and column, and the remedy."""


class Store:
    """Tables of dated facts in a folder.

    Parameters
    ----------
    folder : Path
        data/store/<source>; the first write makes it.

    Notes
    -----
    Keys are text. Other cells are text, numbers (read back as floats), booleans or dates.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def write(self, table: str, rows: pd.DataFrame, as_of: date) -> int:
        """Add facts as they were read on a day, in one new part.

        Rows equal to the latest known facts of their key are left out, so that writing twice
        changes nothing. Of two rows of a key on one day the one that was written later holds.

        Returns
        -------
        int
            Number of rows that were new. Without any no part is written.

        Raises
        ------
        StoreError
            If the table is unknown; a key is missing, not text or there twice; a column has another
            type than in the store; or new facts are dated before known ones, as they would change
            what was known on a day.
        """
        folder = self._folder(table)
        if rows.empty:
            return 0
        new = _typed(rows, table)
        day = _day(as_of)
        with self._only_writer():
            parts = _parts(folder)
            fresh = _changed(new, [part for part in parts if _day_of(part) <= day], table)
            if not fresh.num_rows:
                return 0
            if parts and day < _day_of(parts[-1]):
                raise StoreError(
                    f"{folder} has facts of {_day_of(parts[-1])}, and those of {day} can't be put "
                    "behind them: date facts by the day on which they were read"
                )
            number = 1 + sum(_day_of(part) == day for part in parts)
            _add(fresh, folder, day, number)
        return fresh.num_rows

    def latest(self, table: str, as_of: date | None = None) -> pd.DataFrame:
        """The last facts of every key that were known on a day, by default all.

        Returns
        -------
        DataFrame
            A row per key, in the order of the keys, with the day of its facts in `as_of`. Parts
            dated after the given day are not read.
        """
        parts = _parts(self._folder(table))
        if as_of is not None:
            parts = [part for part in parts if _day_of(part) <= _day(as_of)]
        key = KEYS[table]
        if not parts:
            return pd.DataFrame({key: pd.Series(dtype="str"), "as_of": _no_days(0)})
        return _query(f"{_latest(key)} ORDER BY {key}", parts)

    def as_of_join(self, left: pd.DataFrame, table: str, on: str, at: str) -> pd.DataFrame:
        """Add to each row the facts that were known at its own date.

        Parameters
        ----------
        left : DataFrame
        table : str
        on : str
            Column of `left` with keys of the table, as text.
        at : str
            Column of `left` with dates. Facts dated that day are known; state the day before to
            leave them out.

        Returns
        -------
        DataFrame
            `left` with its rows and index as they are, and the table's columns but its key,
            `as_of` among them. They are missing where nothing was known.

        Raises
        ------
        StoreError
            If the table is unknown, keys are not text, dates can't be read, or a column of the
            table is one of `left` too.
        """
        parts = _parts(self._folder(table))
        key = KEYS[table]
        keys, until = _keys(left, on), _dates(left, at)
        if not parts:
            return _beside(left, pd.DataFrame({"as_of": _no_days(len(left))}), table)
        days = np.array([_day_of(part) for part in parts], dtype="datetime64[us]")
        last = np.searchsorted(days, until.to_numpy("datetime64[us]"), side="right") - 1
        asked = {"row": np.arange(len(left)), "key": keys, "last": np.where(until.isna(), -1, last)}
        facts = _query(
            f"""SELECT facts.* EXCLUDE ({key}, _part)
            FROM asked ASOF LEFT JOIN ({_FACTS}) AS facts
            ON asked.key = facts.{key} AND asked.last >= facts._part
            ORDER BY asked.row""",
            parts,
            asked=pa.table(asked),
        )
        return _beside(left, facts, table)

    def list(self) -> pd.DataFrame:
        """Tables with their number of parts and of rows, and the days of the first and last."""
        return pd.DataFrame([self._summary(table) for table in KEYS])

    def _summary(self, table: str) -> dict:
        parts = _parts(self._folder(table))
        if not parts:
            return {"table": table, "parts": 0, "rows": 0, "first": None, "last": None}
        rows = _query(f"SELECT count(*) AS rows FROM ({_FACTS})", parts)["rows"].item()
        first, last = _day_of(parts[0]), _day_of(parts[-1])
        return {"table": table, "parts": len(parts), "rows": rows, "first": first, "last": last}

    def _folder(self, table: str) -> Path:
        if table not in KEYS:
            raise StoreError(f"{table!r} is no table of the store: it has {', '.join(KEYS)}")
        return self.folder / table

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=_WAIT):
                yield
        except Timeout as error:
            raise StoreError(
                f"another process writes to {self.folder}: try again when it is done"
            ) from error


def _parts(folder: Path) -> list[Path]:
    """Parts in the order in which they were written."""
    parts = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))
    for part in parts:
        if not _PART.fullmatch(part.name):
            raise StoreError(f"{part} is not named as the store names its parts: move it elsewhere")
    return parts


def _day_of(part: Path) -> date:
    return date.fromisoformat(part.name[:10])


def _day(as_of: date) -> date:
    return pd.Timestamp(as_of).date()


def _no_days(rows: int) -> pd.Series:
    return pd.Series([pd.NaT] * rows, dtype="datetime64[us]")


def _query(sql: str, parts: list[Path], **tables: pa.Table) -> pd.DataFrame:
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        try:
            return connection.execute(sql, {"parts": [str(part) for part in parts]}).df()
        except duckdb.Error as error:
            raise _unreadable(parts, error) from error


def _latest(key: str) -> str:
    return f"""SELECT * EXCLUDE (_part) FROM ({_FACTS})
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _part DESC) = 1"""


def _changed(new: pa.Table, parts: list[Path], table: str) -> pa.Table:
    """The rows that differ from the latest facts of these parts, by key."""
    key = KEYS[table]
    if not parts:
        return new.sort_by(key)
    known = _types(parts)
    for field in new.schema:
        if (before := known.get(field.name, field.type)) != field.type:
            raise StoreError(
                f"{table}: {field.name} is {_TYPES[field.type]}, but {_TYPES[before]} in "
                f"{parts[0].parent}: write it as it is there"
            )
    columns = sorted({*new.column_names, *known})
    changed = _query(
        f"""SELECT {_or_null(columns, new.column_names)} FROM new
        EXCEPT SELECT {_or_null(columns, known)} FROM ({_latest(key)})
        ORDER BY "{key}" """,
        parts,
        new=new,
    )
    return pa.Table.from_pandas(changed, schema=new.schema, preserve_index=False)


def _types(parts: list[Path]) -> dict[str, pa.DataType]:
    """Type of every column of facts that any of these parts has."""
    try:
        schema = pa.unify_schemas([pq.read_schema(part) for part in parts])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _unreadable(parts, error) from error
    return {field.name: field.type for field in schema if field.name != "as_of"}


def _unreadable(parts: list[Path], error: Exception) -> StoreError:
    what = str(error).splitlines()[0]  # DuckDB's own quote the query
    return StoreError(
        f"{parts[0].parent} can't be read: {what}. Bring it back: `dvc checkout data/store.dvc`"
    )


def _or_null(columns: list[str], present: Collection[str]) -> str:
    return ", ".join(f'"{name}"' if name in present else f'NULL AS "{name}"' for name in columns)


def _add(rows: pa.Table, folder: Path, day: date, number: int) -> None:
    for dead in folder.glob(".*.part.parquet"):  # of a writer that was killed
        dead.unlink()
    rows = rows.append_column("as_of", pa.array([day] * len(rows), pa.date32()))
    content = pa.BufferOutputStream()
    pq.write_table(rows.replace_schema_metadata(), content)
    content = content.getvalue().to_pybytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    with replacing(folder / f"{day}-{number:03}-{digest}.parquet") as path:
        path.write_bytes(content)


def _typed(rows: pd.DataFrame, table: str) -> pa.Table:
    """Rows as text, numbers, booleans and dates, after a check of their keys.

    Columns without any value are left out.
    """
    for name in rows:
        if not (isinstance(name, str) and _COLUMN.fullmatch(name)) or name in _TAKEN:
            raise StoreError(f"{table}: {name!r} can't be a column of facts: rename or drop it")
    key = KEYS[table]
    if key not in rows:
        raise StoreError(f"{table}: the rows lack the column {key}, their key")
    _check_keys(rows[key], table)
    columns = {name: _column(rows[name], f"{table}: {name}") for name in rows}
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _check_keys(keys: pd.Series, table: str) -> None:
    text = keys.map(lambda key: isinstance(key, str) and key != "").to_numpy(bool)
    if not text.all():
        at = (~text).argmax()
        raise StoreError(
            f"{table}: {keys.name} of row {at} is {keys.iloc[at]!r}: keys are text and never blank"
        )
    if (twice := keys.duplicated().to_numpy()).any():
        at = twice.argmax()
        raise StoreError(
            f"{table}: {keys.name} {keys.iloc[at]!r} is there twice (again in row {at}): "
            "write one row per key"
        )


def _column(values: pd.Series, name: str) -> pa.Array | None:
    """Values in one of the types of facts; None if all are missing."""
    try:
        column = pa.array(values, from_pandas=True)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            column = column.cast(pa.float64())
    except (ValueError, TypeError) as error:  # Arrow's own are both
        raise StoreError(f"{name} can't be stored: {error}") from error
    if column.null_count == len(column):
        return None
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if column.type not in _TYPES:
        raise StoreError(f"{name} is {column.type}: facts are {', '.join(_TYPES.values())}")
    return column


def _keys(left: pd.DataFrame, on: str) -> pa.Array:
    keys = pa.array(left[on].astype(object), from_pandas=True)
    if not (pa.types.is_string(keys.type) or pa.types.is_null(keys.type)):
        raise StoreError(f"{on} of the rows to join is {keys.type}: keys are text")
    return keys.cast(pa.string())


def _dates(left: pd.DataFrame, at: str) -> pd.Series:
    if left[at].dtype.kind in "iuf" and left[at].notna().any():  # pandas takes them for nanoseconds
        raise StoreError(f"{at} of the rows to join holds numbers, not dates")
    try:
        return pd.to_datetime(left[at], format="ISO8601")
    except (ValueError, TypeError) as error:
        raise StoreError(f"{at} of the rows to join holds what is no date: {error}") from error


def _beside(left: pd.DataFrame, facts: pd.DataFrame, table: str) -> pd.DataFrame:
    if both := sorted(set(left) & set(facts)):
        raise StoreError(
            f"{', '.join(both)}: a column of the rows to join and of {table}. Rename or drop it"
        )
    return pd.concat([left, facts.set_axis(left.index)], axis=1)
