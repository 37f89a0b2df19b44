"""Columns in the TMDB 5000 schema become canonical columns, with the faults of each row.

Only the columns that forecasts read are checked, `id` and `revenue` are not; numbers must be in the
ranges of `request.Film`. A blank cell is unknown; a blank `votes_of` means TMDB's votes, a blank
`companies_of` production companies alone.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Annotated, NotRequired

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from boxoffice.films.companies import DEFAULT_COMPANIES, kind_of_list
from boxoffice.films.credits import (
    BILLED,
    CREW_ROLES,
    character_names,
    counted,
    franchise_ids,
    text_ids,
)
from boxoffice.films.features import certificate_rank
from boxoffice.films.normalise import known_numbers
from boxoffice.films.votes import DEFAULT_VOTES, source_of_votes
from boxoffice.forecasts.canonical import (
    COLUMN_OF_FIELD,
    UNKNOWN_GENRES,
    BeforeRelease,
    Films,
    Ids,
    country_flag,
    genre_columns,
    genre_flags_of,
    known_certificate,
    known_members,
    language_flag,
)
from boxoffice.forecasts.names import KINDS, Names
from boxoffice.forecasts.request import (
    A_DATE,
    A_TEXT,
    FIRST_FILM,
    LAST_FILM,
    MOST_TEXT,
    SHOWN,
    expected,
    limits,
)
from boxoffice.forecasts.table_files import MOST_CELL, Chunk, TableError, is_text, shown

REQUIRED_COLUMNS = ("budget", "release_date")
# column -> the field of a request that it corresponds to
FIELD_OF_COLUMN = {
    column: field for field, column in COLUMN_OF_FIELD.items() if column != "release_year"
}
SHORT_TEXTS = ("title", "original_language", "certificate")
CREDITS = ("production_companies", "cast", "crew")  # read for the pre-release models alone
TEXT_COLUMNS = (
    *SHORT_TEXTS,
    *("votes_of", "companies_of"),
    *("genres", "production_countries"),
    *CREDITS,
)
A_LIST = 'a JSON list of {"id": number, "name": text}'
_ROLE_OF_JOB = {job: role for role, (jobs, _) in CREW_ROLES.items() for job in jobs}
_COLUMN_OF_ROLE = {
    "cast": "cast",
    "characters": "cast",
    "companies": "production_companies",
    "franchise": "title",
} | dict.fromkeys(CREW_ROLES, "crew")


def check_columns(schema: pa.Schema) -> None:
    """Refuse a table that no row of can be scored.

    Raises
    ------
    TableError
        If columns are missing, occur twice or hold what can't be read.
    """
    missing = [name for name in REQUIRED_COLUMNS if name not in schema.names]
    if missing:
        raise TableError(
            f"the table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{shown(schema.names)}. A table follows the TMDB 5000 schema, and of its columns "
            f"{' and '.join(REQUIRED_COLUMNS)} are needed"
        )
    for name in ("release_date", *FIELD_OF_COLUMN, *TEXT_COLUMNS):
        if schema.names.count(name) > 1:
            raise TableError(f"the table has the column {name} more than once: keep one of them")
        if name in schema.names and not _readable(name, schema.field(name).type):
            raise TableError(
                f"the column {name} holds {schema.field(name).type}: each of its cells must be "
                f"{_cell_takes(name)}"
            )


def _cell_takes(name: str) -> str:
    if name in FIELD_OF_COLUMN:
        return expected(FIELD_OF_COLUMN[name])
    return A_DATE if name == "release_date" else "a text"


def _readable(name: str, kind: pa.DataType) -> bool:
    if is_text(kind):
        return True
    if name in FIELD_OF_COLUMN:
        return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return name == "release_date" and (pa.types.is_date(kind) or pa.types.is_timestamp(kind))


class Record(TypedDict):
    """A record in a cell of `genres`, `cast`, `crew`, ...: what is read of it."""

    name: Annotated[str, Field(max_length=MOST_CELL)]  # a limit also refuses half of a surrogate
    id: NotRequired[Annotated[int, Field(ge=-(2**63), lt=2**63)]]
    order: NotRequired[int]
    job: NotRequired[str | None]
    character: NotRequired[str | None]


# The validator itself answers in less than half of the adapter's time.
_RECORDS = TypeAdapter(list[Record], config=ConfigDict(strict=True)).validator


def records(cell: str) -> list[Record] | None:
    """The records that a cell lists, as JSON or as Python prints them; None if it doesn't."""
    if len(cell) > MOST_CELL:  # as in a CSV; lists of this length need a hundred times the memory
        return None
    try:
        return _RECORDS.validate_json(cell)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid":
            return None
    try:
        return _RECORDS.validate_python(ast.literal_eval(cell))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


class ChunkReader:
    """Reads the columns of a chunk; faults of its rows are noted on the way.

    Parameters
    ----------
    chunk : Chunk
        Of a table that `check_columns` let pass.
    names : Names
        Of the training films, whose ids may be others than the table's.
    roles : list of str
        Those that the models read.
    own_ids : bool
        Whether ids are those of the models' source. Companies that it doesn't know are then known
        to be new; else they may be spelt in another way, and count as not stated.

    Attributes
    ----------
    faults : dict of row to texts
    """

    def __init__(self, chunk: Chunk, names: Names, roles: list[str], own_ids: bool = False):
        self.rows = chunk.rows
        self.columns = set(chunk.rows.schema.names)
        self.faults = {row: list(found) for row, found in chunk.faults.items()}
        self._broken = chunk.broken  # enough is said of these rows
        self._names = names
        self._roles = roles
        self._own_ids = own_ids
        self._ids: dict[tuple[str, int | None, str], int] = {}

    def films(self) -> Films:
        """The films of the chunk in canonical columns."""
        numbers = {name: self._number(name) for name in FIELD_OF_COLUMN if name in self.columns}
        self._days = self._dates()
        numbers["release_year"] = self._days.astype("datetime64[Y]").astype("int64") + 1970.0
        for name in SHORT_TEXTS:
            cells = self._text(name)
            long = pc.fill_null(pc.greater(pc.utf8_length(cells), MOST_TEXT), False)
            self._note(np.flatnonzero(long), name, cells, A_TEXT)
        columns = known_numbers(numbers)
        votes_of = self._one_of("votes_of", source_of_votes, DEFAULT_VOTES)
        companies_of = self._one_of("companies_of", kind_of_list, DEFAULT_COMPANIES)
        columns |= genre_columns(self._listed("genres", genre_flags_of, UNKNOWN_GENRES))
        self._american = self._listed("production_countries", country_flag, np.nan)
        right = np.ones(self.rows.num_rows, dtype=bool)
        right[list(self.faults)] = False
        companies = self._text("production_companies")
        listed = pc.fill_null(pc.not_equal(companies, pa.scalar("[]", companies.type)), False)
        return Films(
            columns,
            self._days,
            right,
            self._before_release,
            votes_of,
            companies_of,
            listed.to_numpy(zero_copy_only=False),
        )

    def _before_release(self, rows: np.ndarray) -> BeforeRelease:
        return BeforeRelease(
            titles=self._cells("title", rows),
            columns={
                "american": self._american[rows],
                "english": self._coded("original_language", language_flag, float)[rows],
                "certificate_rank": certificate_rank(
                    self._coded("certificate", known_certificate, object)[rows]
                ),
            },
            roles=self._members(rows),
        )

    def _note(self, rows: np.ndarray, name: str, cells: pa.Array, takes: str) -> None:
        """Note that the cells of some rows, an array of their places, are not what they must be."""
        for row in rows.tolist():
            if row in self._broken:
                continue
            value = _stated(cells[row])
            if value is None or value != value:
                fault = f"{name} is missing: it must be {takes}"
            elif isinstance(value, str) and len(value) > MOST_CELL:
                fault = f"{name}: the cell is longer than {MOST_CELL:,} characters"
            else:
                fault = f"{name}: {str(value)[:SHOWN]} is not {takes}"
            self.faults.setdefault(row, []).append(fault)

    def _text(self, name: str) -> pa.Array:
        """A column of text, blanks as null, as is a column that is absent."""
        if name not in self.columns:
            return pa.nulls(self.rows.num_rows, pa.string())
        cells = self.rows[name]
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        if not pa.types.is_large_string(cells.type):
            cells = cells.cast(pa.string())
        blank = pc.equal(pc.binary_length(cells), 0)
        if not pc.any(blank).as_py():
            return cells
        return pc.if_else(blank, pa.scalar(None, cells.type), cells)

    def _number(self, name: str) -> np.ndarray:
        """A column of numbers, NaN where a row has none: float64 of shape (n,)."""
        cells = self.rows[name]
        if is_text(cells.type):
            cells = self._text(name)
            values = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(float, copy=True)
            stated = cells.is_valid().to_numpy(zero_copy_only=False)
        else:
            values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            stated = ~np.isnan(values)  # a NaN is how frames write that they have no value
        lowest, highest, closed = limits(FIELD_OF_COLUMN[name])
        known = ((values >= lowest) if closed else (values > lowest)) & (values <= highest)
        wrong = ~known if name in REQUIRED_COLUMNS else stated & ~known
        self._note(np.flatnonzero(wrong), name, cells, expected(FIELD_OF_COLUMN[name]))
        return np.where(known, values, np.nan)

    def _dates(self) -> np.ndarray:
        """Days of release: datetime64[D] of shape (n,), NaT where a row has none."""
        cells = self.rows["release_date"]
        if is_text(cells.type):
            cells = self._text("release_date")
            distinct, code = _distinct(cells)
            dates = pd.to_datetime(
                pd.Series(distinct, dtype=str), format="%Y-%m-%d", errors="coerce"
            )
            # The last place is that of code -1, a blank.
            dates = np.append(dates.to_numpy("datetime64[D]"), np.datetime64("NaT"))[code]
        else:
            days = _local(cells) if pa.types.is_timestamp(cells.type) else cells
            dates = days.to_numpy(zero_copy_only=False).astype("datetime64[D]")
        known = (dates >= np.datetime64(FIRST_FILM)) & (dates <= np.datetime64(LAST_FILM))
        self._note(np.flatnonzero(~known), "release_date", cells, A_DATE)
        return np.where(known, dates, np.datetime64("NaT"))

    def _coded(self, name: str, read: Callable[[str | None], object], kind: type) -> np.ndarray:
        """What a function makes of the texts of a column, asked once for each."""
        distinct, code = _distinct(self._text(name))
        return np.array([*map(read, distinct), read(None)], dtype=kind)[code]

    def _one_of(
        self, name: str, read: Callable[[str | None], str | None], default: str
    ) -> np.ndarray:
        """A column of a few known words, the default where a row has none."""
        cells = self._text(name)
        distinct, code = _distinct(cells)
        found = np.array([read(text) or "" for text in distinct] + [default])[code]
        self._note(np.flatnonzero(found == ""), name, cells, expected(name))
        return found

    def _listed(self, name: str, read: Callable[[list[str]], object], unknown) -> np.ndarray:
        """What a function makes of the names in each cell of a column of lists."""
        cells = self._text(name)
        distinct, code = _distinct(cells)
        found = [records(cell) for cell in distinct]
        right = np.array([listed is not None for listed in found] + [True])
        self._note(np.flatnonzero(~right[code]), name, cells, A_LIST)
        values = [
            unknown if listed is None else read([record["name"] for record in listed])
            for listed in found
        ]
        return np.array([*values, unknown])[code]

    def _members(self, rows: np.ndarray) -> dict[str, list[Ids | None]]:
        """The ids of each role that the models read and the table has."""
        told = [role for role in self._roles if _COLUMN_OF_ROLE[role] in self.columns]
        columns = {_COLUMN_OF_ROLE[role] for role in told}
        found: dict[str, list[Ids | None]] = {}
        if "title" in columns:
            found["franchise"] = franchise_ids(self._cells("title", rows))
        if "production_companies" in columns:
            lists = self._lists("production_companies", rows)
            found["companies"] = [self._counted("companies", listed) for listed in lists]
        if "cast" in columns:
            found |= self._cast(self._lists("cast", rows))
        if "crew" in columns:
            found |= self._crew(self._lists("crew", rows))
        return {role: found[role] for role in told}

    def _cells(self, name: str, rows: np.ndarray) -> list[str | None]:
        return self._text(name).take(pa.array(rows)).to_pylist()

    def _lists(self, name: str, rows: np.ndarray) -> Iterator[list[Record] | None]:
        for row, cell in zip(rows.tolist(), self._cells(name, rows), strict=True):
            listed = None if cell is None else records(cell)
            if listed is None and cell is not None:
                self._note(np.array([row]), name, self.rows[name], A_LIST)
            yield listed

    def _counted(self, role: str, listed: list[Record] | None) -> Ids | None:
        if listed is None:
            return None
        kind = KINDS[role]
        ids = [self._id(kind, each.get("id"), each["name"]) for each in listed]
        if self._own_ids and role == "companies":
            return counted(role, ids)
        return known_members(role, ids, self._names)

    def _id(self, kind: str, number: int | None, name: str) -> int:
        key = kind, number, name
        if key not in self._ids:
            self._ids[key] = self._names.id_of(*key)
        return self._ids[key]

    def _cast(self, lists: Iterator[list[Record] | None]) -> dict[str, list[Ids | None]]:
        """`cast`, and `characters` where those who play them are listed with them."""
        cast: list[Ids | None] = []
        characters: list[list[str] | None] = []
        for listed in lists:
            # Sources without billing have no `order`; sorting is stable and leaves them.
            billed = sorted(listed or (), key=lambda person: person.get("order", 0))[:BILLED]
            cast.append(None if listed is None else self._counted("cast", billed))
            told = listed is not None and (not billed or "character" in billed[0])
            wanted = told and "characters" in self._roles
            played = (person.get("character") for person in billed)
            characters.append(character_names(played) if wanted else None)
        ids = iter(text_ids([name for names in characters for name in names or ()]))
        numbered = [names and [next(ids) for _ in names] for names in characters]
        return {"cast": cast, "characters": numbered}

    def _crew(self, lists: Iterator[list[Record] | None]) -> dict[str, list[Ids | None]]:
        crew: dict[str, list[Ids | None]] = {role: [] for role in CREW_ROLES}
        for listed in lists:
            people: dict[str, list[Record]] = {role: [] for role in CREW_ROLES}
            for person in listed or ():
                if role := _ROLE_OF_JOB.get(person.get("job")):
                    people[role].append(person)
            for role, found in people.items():
                crew[role].append(None if listed is None else self._counted(role, found))
        return crew


def _local(times: pa.Array) -> pa.Array:
    """Timestamps as the clocks of their time zone showed them.

    Raises
    ------
    TableError
        If there is no such time zone.
    """
    try:
        return pc.local_timestamp(times)
    except pa.ArrowInvalid as error:
        raise TableError(
            f"the column release_date has an unknown time zone ({error}): store days without one"
        ) from error


def _stated(cell: pa.Scalar) -> object:
    """The value of a cell; the number behind it where it is a date that Python has none of."""
    try:
        return cell.as_py()
    except (OverflowError, ValueError, LookupError):  # too far off, or in a zone that there isn't
        return cell.value


def _distinct(cells: pa.Array) -> tuple[list[str], np.ndarray]:
    """The distinct texts of a column, and each row's place among them, -1 for a null."""
    coded = cells.dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy()
