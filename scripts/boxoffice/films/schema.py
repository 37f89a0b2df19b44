"""Read a source in the TMDB 5000 schema, set aside its faulty rows, and clean the rest."""

import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from boxoffice.core.files import SourceError
from boxoffice.films.features import AMERICA
from boxoffice.films.money import MILLION, SUCCESS_MULTIPLE, log_amounts
from boxoffice.films.normalise import certificate, genre, is_american, known_numbers, language

_FIRST_FILM, _LAST_FILM = "1888-01-01", "2100-01-01"
_MOST = 10_000_000_000  # dollars, minutes, votes: more is a slip


def _amount(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text, errors="coerce").between(0, _MOST)


def _whole_number(text: pd.Series) -> pd.Series:
    # One spelling per number that fits int64, as 7 and 07 would pass for two films.
    return text.str.fullmatch(r"0|[1-9][0-9]{0,17}")


def _date(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").between(_FIRST_FILM, _LAST_FILM)


def _named_records(cell: str) -> bool:
    """Whether a cell holds a JSON list of objects, each with a name; id and order are whole."""
    try:
        records = json.loads(cell)
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits; too deep
        return False
    return isinstance(records, list) and all(
        isinstance(record, dict)
        and isinstance(record.get("name"), str)
        and isinstance(record.get("id", 0), int)
        and abs(record.get("id", 0)) < 2**63
        and isinstance(record.get("order", 0), int)
        for record in records
    )


_ID = pa.Check(_whole_number, error="a whole number")
_AMOUNT = pa.Check(_amount, error=f"a number from 0 to {_MOST:,}")
_DATE = pa.Check(_date, error=f"a date YYYY-MM-DD between {_FIRST_FILM} and {_LAST_FILM}")
_RECORDS = pa.Check(
    _named_records, element_wise=True, error='a JSON list of {"id": number, "name": text}'
)
_REQUIRED_VALUE = "present"  # pandera calls this check not_nullable


def _key() -> pa.Column:
    return pa.Column(str, _ID, unique=True, report_duplicates="exclude_first")


# Check cells as text, so that a failed conversion can't hide another fault.
MOVIES = pa.DataFrameSchema(
    {
        "id": _key(),
        "title": pa.Column(str),
        "original_language": pa.Column(str),
        "release_date": pa.Column(str, _DATE),
        "genres": pa.Column(str, _RECORDS),
        "production_companies": pa.Column(str, _RECORDS, nullable=True),
        **{
            name: pa.Column(str, _AMOUNT, nullable=True)
            for name in ("budget", "revenue", "runtime", "vote_average", "vote_count")
        },
        "popularity": pa.Column(str, _AMOUNT, nullable=True, required=False),
        "production_countries": pa.Column(str, _RECORDS, nullable=True, required=False),
        "overview": pa.Column(str, nullable=True, required=False),
        "certificate": pa.Column(str, nullable=True, required=False),
    }
)
_CREDITS = pa.DataFrameSchema(
    {
        "movie_id": _key(),
        "cast": pa.Column(str, _RECORDS, nullable=True),
        "crew": pa.Column(str, _RECORDS, nullable=True),
    }
)
NUMERIC_COLUMNS = ["budget", "revenue", "runtime", "popularity", "vote_average", "vote_count"]
_CHECKS_IN_WORDS = {"not_nullable": _REQUIRED_VALUE, "field_uniqueness": "unique"}


def read_text(path: Path) -> pd.DataFrame:
    """Read a UTF-8 CSV with every cell as text, blanks as missing.

    Raises SourceError if the file is missing, empty, not UTF-8 or not a CSV.
    """
    if not path.exists():
        raise SourceError(
            f"{path} is missing: bring the source with `python scripts/fetch.py`, "
            "or set data.source in params.yaml to a folder of data/raw"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
        table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, na_values=[""])
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path} is not UTF-8 (line {line}): save it as UTF-8 and try again"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise SourceError(f"{path} is empty: fetch it anew") from error
    except pd.errors.ParserError as error:
        raise SourceError(f"{path} is not a readable CSV: {error}. Fetch it anew") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise SourceError(
            f"{path} is not a readable CSV: its rows have more cells than its header has names"
        )
    return table


def _faults(table: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    """List the faults of a table, one row each: row label, column, value, what was expected.

    Raises SourceError if columns are missing or the table is empty.
    """
    if table.empty:
        raise SourceError(f"{path} has a header and no rows: fetch it anew")
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return pd.DataFrame(columns=["row", "column", "value", "expected"])
    missing = cases.loc[cases["check"] == "column_in_dataframe", "failure_case"]
    if len(missing):
        raise SourceError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{', '.join(table.columns)}. A source follows the TMDB 5000 schema"
        )
    # A column without a single value also fails as a whole; its blanks are reported by row.
    cases = cases[cases["index"].notna()]
    return pd.DataFrame(
        {
            "row": cases["index"].astype(int),
            "column": cases["column"],
            "value": cases["failure_case"].astype(str).str.slice(0, 80),
            "expected": cases["check"].replace(_CHECKS_IN_WORDS),
        }
    ).sort_values(["row", "column", "expected"], ignore_index=True)


def _rejected(path: Path, ids: pd.Series, reasons: pd.Series) -> pd.DataFrame:
    """Rows of a file, by their row labels, as `set_aside` returns the faulty ones."""
    return pd.DataFrame(
        {
            "file": path.name,
            "line": reasons.index + 2,
            "id": ids.to_numpy(),
            "reason": reasons.to_numpy(),
        }
    )


def set_aside(
    table: pd.DataFrame, schema: pa.DataFrameSchema, path: Path, key: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a table into the rows that fit the schema and the rejected ones with their reasons.

    The latter have a row per faulty row: file, line (of the CSV, the header is line 1 and a quoted
    line break is not counted), id, reason. Raises SourceError if columns are missing or every row
    has a fault.
    """
    found = _faults(table, schema, path)
    reasons = (found["column"] + ": " + found["value"] + " is not " + found["expected"]).where(
        found["expected"] != _REQUIRED_VALUE, found["column"] + " is missing"
    )
    reasons = reasons.groupby(found["row"]).agg("; ".join)
    rejected = _rejected(path, table.loc[reasons.index, key], reasons)
    if len(rejected) == len(table):
        raise SourceError(
            f"{path} has no row without a fault; line {rejected['line'].iloc[0]}: "
            f"{rejected['reason'].iloc[0]}. A source follows the TMDB 5000 schema"
        )
    return table.drop(index=reasons.index), rejected


def read_source(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read `movies.csv` and `credits.csv` of a source.

    Raises SourceError if a file is missing, empty, not UTF-8, lacks a column or has no row without
    a fault, or if no credits are of a film. Returns both tables' rows that fit the schema, cells as
    text, and the other rows, with reasons (see `set_aside`). Credits of no film are among these.
    """
    films, people = folder / "movies.csv", folder / "credits.csv"
    movies, bad_movies = set_aside(read_text(films), MOVIES, films, "id")
    credits, bad_credits = set_aside(read_text(people), _CREDITS, people, "movie_id")
    known = credits["movie_id"].isin([*movies["id"], *bad_movies["id"]])
    if not known.any():
        raise SourceError(
            f"{people} has no movie_id that is an id of {films}: both files must be of one source, "
            "so fetch them anew"
        )
    strangers = credits.loc[~known, "movie_id"]
    of_no_film = _rejected(
        people, strangers, "movie_id: " + strangers + f" is no id of {films.name}"
    )
    rejected = pd.concat([bad_movies, bad_credits, of_no_film], ignore_index=True)
    return movies, credits[known], rejected


def record_names(cells: pd.Series) -> pd.Series:
    """The `name` of every record in a column of JSON lists, a blank cell being an empty list."""
    return cells.fillna("[]").map(lambda cell: [record["name"] for record in json.loads(cell)])


def _with_known_spellings(films: pd.DataFrame) -> pd.DataFrame:
    """The films with the spellings that requests are read as, too; others stay as they are."""
    readers = {
        "original_language": lambda text: language(text) or text,
        "certificate": lambda label: certificate(label)[0] or label,
        "genres": lambda names: [genre(name) or name for name in names],
        "countries": lambda names: [AMERICA if is_american(name) else name for name in names],
    }
    read = {
        name: films[name].map(reader, na_action="ignore")
        for name, reader in readers.items()
        if name in films
    }
    return films.assign(**read)


def clean(movies: pd.DataFrame, millions_up_to: float = 0) -> pd.DataFrame:
    """Typed films with targets, from the text cells that `read_source` kept.

    Zeros that mean "unknown" become missing values and spellings become TMDB's, as `normalise` has
    it. Films are ordered by release date and id, and indexed 0..n-1.

    Parameters
    ----------
    millions_up_to : float
        A film whose budget and revenue are both at most so many dollars states them in millions
        (7 for 7 million); 0 repairs none.

    Returns
    -------
    DataFrame
        `id`, `title`, `release_date`, `release_year`, `release_month`, `budget` and `revenue`
        (nominal USD), `in_millions` (whether the source states both in millions), those of
        `log_amounts`, `usable` (both known), `success`, `runtime` (minutes), `vote_average` (0-10),
        `vote_count`, `genres` (list of names), `original_language`; `popularity`, `overview`,
        `certificate` where the source has them, `countries` (list of names) likewise.
    """
    numbers = movies[[name for name in NUMERIC_COLUMNS if name in movies]].apply(pd.to_numeric)
    numbers = numbers.assign(**known_numbers(dict(numbers.items())))
    in_millions = (numbers[["budget", "revenue"]] <= millions_up_to).all(axis=1)
    for name in ("budget", "revenue"):
        numbers[name] = numbers[name].where(~in_millions, numbers[name] * MILLION)
    released = pd.to_datetime(movies["release_date"], format="%Y-%m-%d")
    optional = {}
    if "production_countries" in movies:
        optional["countries"] = record_names(movies["production_countries"])
    texts = movies[[name for name in ("overview", "certificate") if name in movies]]
    films = pd.DataFrame(
        {
            "id": movies["id"].astype("int64"),
            "title": movies["title"],
            "release_date": released,
            "release_year": released.dt.year.astype("int64"),
            "release_month": released.dt.month.astype("int64"),
            "original_language": movies["original_language"],
            "genres": record_names(movies["genres"]),
            **optional,
            **numbers,
            **texts,
            "in_millions": in_millions,
            "usable": numbers["budget"].notna() & numbers["revenue"].notna(),
            "success": numbers["revenue"] > SUCCESS_MULTIPLE * numbers["budget"],
        }
    )
    films = _with_known_spellings(films).assign(**log_amounts(films))
    return films.sort_values(["release_date", "id"], ignore_index=True)
