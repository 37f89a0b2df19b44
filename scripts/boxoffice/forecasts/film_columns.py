"""Columns in the TMDB 5000 schema become what a forecast reads, with the faults of each row.

The rules and the meaning of a cell are those of `films.MOVIES` and `films.clean`, on arrays, for a
table may have millions of rows; and no number may be larger than a single film's request takes.
Checked are the columns that forecasts read. What stands in others, `id` and `revenue` among them,
does not matter.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from boxoffice.films.credits import ROLES, credit_roles, franchise_stem, record_ids, text_ids
from boxoffice.films.features import AMERICA, GENRES, column_name
from boxoffice.forecasts.film_fields import FIELDS, FIRST_FILM, LAST_FILM
from boxoffice.forecasts.known_names import KINDS, KnownNames
from boxoffice.forecasts.table_files import (
    MOST_CELL,
    VALUE_SHOWN,
    Chunk,
    TableError,
    is_text,
    shown,
)

REQUIRED = ("budget", "release_date")
NUMBERS = {
    "budget": FIELDS["budget"],
    "runtime": FIELDS["runtime"],
    "popularity": FIELDS["popularity"],
    "vote_average": FIELDS["vote_avg"],
    "vote_count": FIELDS["vote_count"],
}
GENRE_COLUMNS = [f"genre_{column_name(genre)}" for genre in GENRES]
PRESENT = ("title", "original_language")  # texts that may not be blank
CREDITS = ("production_companies", "cast", "crew")  # records that the pre-release model alone reads
ROLE_COLUMNS = {
    "cast": "cast",
    "characters": "cast",
    "companies": "production_companies",
    "franchise": "title",
}  # all other roles are told by the crew
TEXTS = (*PRESENT, "genres", "production_countries", *CREDITS, "certificate")

A_TEXT = "a text"
A_DATE = FIELDS["release_date"].expected
A_LIST = 'a JSON list of {"id": number, "name": text}'
LARGEST_ID = 2**63 - 1
CACHED = 1000  # characters of a cell that is remembered


@dataclass
class Films:
    """Films of a chunk that can be scored, by the model that answers, and the faults of the others.

    Attributes
    ----------
    classic, pre_release : DataFrame
        What `Forecasts.score` takes; the index is the row's place in the chunk.
    faults : dict of row to texts
    """

    classic: pd.DataFrame
    pre_release: pd.DataFrame
    faults: dict[int, list[str]] = field(default_factory=dict)


def check_columns(schema: pa.Schema) -> None:
    """Refuse a table that no row of can be scored.

    Raises
    ------
    TableError
        If columns are missing, occur twice or hold what can't be read.
    """
    missing = [name for name in REQUIRED if name not in schema.names]
    if missing:
        raise TableError(
            f"the table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{shown(schema.names)}. A table follows the TMDB 5000 schema, and of its columns "
            f"{' and '.join(REQUIRED)} are needed"
        )
    for name in ("release_date", *NUMBERS, *TEXTS):
        if schema.names.count(name) > 1:
            raise TableError(f"the table has the column {name} more than once: keep one of them")
        if name in schema.names and not _readable(name, schema.field(name).type):
            raise TableError(
                f"the column {name} holds {schema.field(name).type}: each of its cells must be "
                f"{_expected(name)}"
            )


def _expected(name: str) -> str:
    if name in NUMBERS:
        return NUMBERS[name].expected
    return A_DATE if name == "release_date" else A_TEXT


def _readable(name: str, kind: pa.DataType) -> bool:
    if is_text(kind) or pa.types.is_null(kind):
        return True
    if name in NUMBERS:
        return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return name == "release_date" and (pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def read_films(chunk: Chunk, after_release: list[str], known: KnownNames) -> Films:
    """Type the cells of a chunk, as `films.clean`, `credits.credit_roles` and `film_facts` do.

    Parameters
    ----------
    chunk : Chunk
        Of a table that `check_columns` let pass.
    after_release : list of str
        Columns that a film must have a value in for the classic model to answer.
    known : KnownNames
        The people and companies of the training films, whose ids may be others than the table's.

    Returns
    -------
    Films
        Frames with `budget` (USD), `runtime` (minutes), `popularity`, `vote_average` (0-10),
        `vote_count`, `american` (0/1), `original_language` and `certificate` where the table has
        them, `release_date`, `release_year`, and a 0/1 column per genre; for the pre-release model
        also a column of lists of ids per role that the table tells.
    """
    columns = _Columns(chunk)
    facts = columns.facts()
    right = columns.right()
    classic = right.copy()
    for name in after_release:
        classic &= ~np.isnan(facts[name]) if name in facts else False
    frame = pd.DataFrame(facts, copy=False)
    return Films(
        classic=frame if classic.all() else frame[classic],
        pre_release=columns.with_roles(frame[right & ~classic], known),
        faults=columns.faults,
    )


class _Columns:
    """The columns of a chunk; whoever reads one notes the faults that it finds."""

    def __init__(self, chunk: Chunk):
        self.names = set(chunk.rows.schema.names)
        self.rows = chunk.rows
        self.faults = {row: list(found) for row, found in chunk.faults.items()}
        self.broken = chunk.broken  # enough is said of these rows

    def facts(self) -> dict[str, np.ndarray | pd.Series]:
        """What the films themselves state, by column of the frame."""
        facts = {name: self.number(name) for name in NUMBERS if name in self.names}
        for name in ("budget", "runtime"):
            if name in facts:
                facts[name][facts[name] == 0] = np.nan
        if {"vote_average", "vote_count"} <= facts.keys():
            facts["vote_average"][facts["vote_count"] == 0] = np.nan
        facts |= self.dates()
        for name in PRESENT:
            self.check_present(name)
        for name in ("original_language", "certificate"):
            if name in self.names:
                facts[name] = self.text(name).to_pandas()
        if "genres" in self.names:
            flags = self.flags("genres", GENRES, needed=True)
            facts |= zip(GENRE_COLUMNS, flags, strict=True)
        if "production_countries" in self.names:
            (facts["american"],) = self.flags("production_countries", (AMERICA,), needed=False)
        return facts

    def right(self) -> np.ndarray:
        """Rows without a fault: bool array of shape (n,)."""
        right = np.ones(self.rows.num_rows, dtype=bool)
        right[list(self.faults)] = False
        return right

    def note(self, rows: np.ndarray, name: str, cells: pa.Array, expected: str) -> None:
        """Note that the cells of some rows, an array of their places, are not what they must be."""
        for row in rows.tolist():
            if row in self.broken:
                continue
            value = _stated(cells[row])
            if value is None or value != value:
                fault = f"{name} is missing: it must be {expected}"
            else:
                fault = f"{name}: {str(value)[:VALUE_SHOWN]} is not {expected}"
            self.faults.setdefault(row, []).append(fault)

    def text(self, name: str) -> pa.Array:
        """A column of text, blanks as null."""
        cells = self.rows[name]
        if pa.types.is_null(cells.type):
            return cells.cast(pa.string())
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        if not pa.types.is_large_string(cells.type):
            cells = cells.cast(pa.string())
        blank = pc.equal(pc.binary_length(cells), 0)
        if not pc.any(blank).as_py():
            return cells
        return pc.if_else(blank, pa.scalar(None, cells.type), cells)

    def number(self, name: str) -> np.ndarray:
        """A column of numbers, NaN where a row has none: float64 of shape (n,)."""
        cells = self.rows[name]
        if is_text(cells.type) or pa.types.is_null(cells.type):
            cells = self.text(name)
            values = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(float, copy=True)
            stated = cells.is_valid().to_numpy(zero_copy_only=False)
        else:
            values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            stated = ~np.isnan(values)  # a NaN is how frames write that they have no value
            values = values if values.flags.writeable else values.copy()
        field = NUMBERS[name]
        known = values > field.minimum if field.above_minimum else values >= field.minimum
        known &= values <= field.maximum
        wrong = ~known if field.required else stated & ~known
        self.note(np.flatnonzero(wrong), name, cells, field.expected)
        values[~known] = np.nan
        return values

    def dates(self) -> dict[str, np.ndarray]:
        """`release_date` and `release_year`."""
        cells = self.rows["release_date"]
        if is_text(cells.type) or pa.types.is_null(cells.type):
            cells = self.text("release_date")
            distinct, code = _distinct(cells)
            dates = pd.to_datetime(
                pd.Series(distinct, dtype=str), format="%Y-%m-%d", errors="coerce"
            )
            # The last place is that of code -1, a blank.
            dates = np.append(dates.to_numpy("datetime64[D]"), np.datetime64("NaT"))[code]
        else:
            dates = cells.to_numpy(zero_copy_only=False).astype("datetime64[D]")
        known = (dates >= np.datetime64(FIRST_FILM)) & (dates <= np.datetime64(LAST_FILM))
        self.note(np.flatnonzero(~known), "release_date", cells, A_DATE)
        dates = np.where(known, dates, np.datetime64("NaT"))
        year = dates.astype("datetime64[Y]").astype("int64") + 1970.0
        return {"release_date": dates.astype("datetime64[us]"), "release_year": year}

    def check_present(self, name: str) -> None:
        """Note the blanks of a column of texts."""
        cells = self.text(name) if name in self.names else pa.nulls(0)
        if cells.null_count:
            self.note(np.flatnonzero(cells.is_null()), name, cells, A_TEXT)

    def flags(self, name: str, labels: tuple[str, ...], needed: bool) -> np.ndarray:
        """Which names the rows of a column of JSON lists hold: 0/1, shape (n_labels, n).

        A blank cell holds none, or is a fault if it is needed.
        """
        cells = self.text(name)
        distinct, code = _distinct(cells)
        told = [
            _flags(cell, labels) if len(cell) > CACHED else _cached_flags(cell, labels)
            for cell in distinct
        ]
        right = np.array([found is not None for found in told] + [not needed])
        self.note(np.flatnonzero(~right[code]), name, cells, A_LIST)
        none = (0.0,) * len(labels)
        return np.array([*(found or none for found in told), none]).T[:, code]

    def with_roles(self, films: pd.DataFrame, known: KnownNames) -> pd.DataFrame:
        """Films with a column of lists of ids per role, less those whose credits have a fault."""
        if films.empty:
            return films
        places = pa.array(films.index)
        titles = self.text("title") if "title" in self.names else pa.nulls(self.rows.num_rows)
        told = {"title": titles.take(places).to_pylist()}
        for name in CREDITS:
            cells = self.text(name) if name in self.names else pa.nulls(self.rows.num_rows)
            told[name] = cells.take(places).to_pylist()
            wrong = [cell is not None and _records(cell) is None for cell in told[name]]
            self.note(films.index.to_numpy()[wrong], name, cells, A_LIST)
        table = pd.DataFrame(told, index=films.index, dtype=object)
        table = table[[row not in self.faults for row in films.index]]
        titles = table["title"].fillna("")
        roles = credit_roles(*_without_titles(table)).set_index("id")
        roles["franchise"] = _series(titles)
        people = [*table["cast"], *table["crew"]] if {"cast", "crew"} & self.names else []
        for kind, own in (
            ("person", _own_ids("person", people, known)),
            ("company", _own_ids("company", table["production_companies"], known)),
        ):
            for role in (role for role in KINDS if KINDS[role] == kind and own):
                roles[role] = roles[role].map(lambda ids, own=own: _replaced(ids, own))
        told = [role for role in ROLES if ROLE_COLUMNS.get(role, "crew") in self.names]
        return films.loc[roles.index].join(roles[told])


def _stated(cell: pa.Scalar) -> object:
    """The value of a cell; the number behind it where it is a date that Python has none of."""
    try:
        return cell.as_py()
    except (OverflowError, ValueError, LookupError):  # too far off, or in a zone that there isn't
        return cell.value


def _without_titles(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Movies and credits as `credit_roles` takes them; series are found for all titles at once."""
    table = table.assign(title="", id=table.index, movie_id=table.index)
    return table, table


def _series(titles: pd.Series) -> list[list[int]]:
    """The franchise of each title, as `credit_roles` has it: a list of one id or of none."""
    stems = titles.map(franchise_stem)
    ids = text_ids(stems.to_list())
    return [[number] if stem else [] for stem, number in zip(stems, ids, strict=True)]


def _own_ids(kind: str, cells: Iterable[str | None], known: KnownNames) -> dict[int, int]:
    """The models' id of each record in these cells whose own id is another."""
    own = {}
    for cell in filter(None, cells):
        for record in _records(cell):
            (number,) = record_ids([record])
            meant = known.id_of(kind, number, record["name"])
            if meant != number:
                own[number] = meant
    return own


def _replaced(ids: list[int], own: dict[int, int]) -> list[int]:
    return list(dict.fromkeys(own.get(number, number) for number in ids))


def _distinct(cells: pa.Array) -> tuple[list[str], np.ndarray]:
    """The distinct texts of a column, and each row's place among them, -1 for a null."""
    coded = cells.dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy()


def _records(cell: str) -> list[dict] | None:
    """The records in a cell that holds a JSON list of them, each with a name; else None."""
    if len(cell) > MOST_CELL:  # as in a CSV; lists of this length need a hundred times the memory
        return None
    try:
        records = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    if not isinstance(records, list) or not all(map(_is_record, records)):
        return None
    return records


def _flags(cell: str, labels: tuple[str, ...]) -> tuple[float, ...] | None:
    """For each label whether a record in a cell has it as `name`, or None; see `_records`."""
    records = _records(cell)
    if records is None:
        return None
    names = {record["name"] for record in records}
    return tuple(float(label in names) for label in labels)


_cached_flags = lru_cache(maxsize=4096)(_flags)  # genres and countries come again and again


def _is_record(record: object) -> bool:
    """As `films` checks them; and what `credits` would stumble over is no record either."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("name"), str)
        and _is_unicode(record["name"])
        and isinstance(record.get("id", 0), int)
        and abs(record.get("id", 0)) <= LARGEST_ID
        and isinstance(record.get("order", 0), int)
        and isinstance(record.get("character") or "", str)
        and isinstance(record.get("popularity", 0), (int, float))
    )


def _is_unicode(text: str) -> bool:
    """Whether a text can be encoded; JSON can spell half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
