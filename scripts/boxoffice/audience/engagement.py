"""The engagement table: one row per film, what its viewers did, and whether it was a hit.

The schema is the assignment's: `movie_id`, `avg_watch_time` (minutes), `completion_rate` (share of
the film that a viewer sees, 0-1), `ratings_count`, `avg_rating` (1-5) and `hit` (0 or 1).
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa

ID = "movie_id"
FEATURES = ["avg_watch_time", "completion_rate", "ratings_count", "avg_rating"]
TARGET = "hit"
COLUMNS = [ID, *FEATURES, TARGET]

REMEDIES = {
    "movie_id": "give every film its own whole number from 1 up",
    "avg_watch_time": "give minutes above 0",
    "completion_rate": "give a share from 0 to 1 (0.85, not 85)",
    "ratings_count": "give a whole number from 0 up",
    "avg_rating": "give stars from 1 to 5",
    "hit": "give 1 for a hit and 0 for a miss",
}

whole = pa.Check(lambda values: values % 1 == 0, name="a whole number")
SCHEMA = pa.DataFrameSchema(
    {
        "movie_id": pa.Column(float, [pa.Check.ge(1), whole], unique=True),
        "avg_watch_time": pa.Column(float, [pa.Check.gt(0), pa.Check.lt(np.inf)]),
        "completion_rate": pa.Column(float, pa.Check.in_range(0, 1)),
        "ratings_count": pa.Column(float, [pa.Check.ge(0), pa.Check.lt(np.inf), whole]),
        "avg_rating": pa.Column(float, pa.Check.in_range(1, 5)),
        "hit": pa.Column(float, pa.Check.isin([0, 1])),
    },
    strict=True,
)
WHOLE = ["movie_id", "ratings_count", "hit"]

PROXIES = {
    "movie_id": "the film's id in its source",
    "avg_watch_time": "proxy: runtime x the completion proxy, in minutes; nobody's watching was "
    "measured",
    "completion_rate": "proxy: the mean vote as a share of its maximum (vote_average / 10), which "
    "rises with the rating and holds nothing else; no completion was measured",
    "ratings_count": "proxy: vote_count, the votes on the film's page, cast long after its release",
    "avg_rating": "proxy: vote_average / 2, from ten points to five stars",
    "hit": "proxy: success, revenue > 1.5 x budget, where both are known",
}


def read_engagement(path: Path) -> pd.DataFrame:
    """Read an engagement table, a UTF-8 CSV with the columns of `COLUMNS`, and check all of it.

    Returns them in that order; counts, ids and `hit` as int64, the rest as float64. Raises
    ValueError with every fault at once: file, column, line, value and remedy.
    """
    table = _read_text(path)
    # A text that is no number becomes a missing value, one fault; `table` still knows the text.
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    try:
        checked = SCHEMA.validate(numbers, lazy=True)
    except pandera.errors.SchemaErrors as error:
        faults = _faults(error.failure_cases, table)
        raise ValueError(f"{path}: {len(faults)} fault(s)\n" + "\n".join(faults)) from error
    return checked[COLUMNS].astype(dict.fromkeys(WHOLE, "int64")).reset_index(drop=True)


def _read_text(path: Path) -> pd.DataFrame:
    """Read every cell as text, indexed by its line in the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, dtype=str, encoding="utf-8-sig", skip_blank_lines=False, index_col=False
            )
    except pd.errors.EmptyDataError:
        expected = ",".join(COLUMNS)
        raise ValueError(f"{path}: the file is empty; expected the header {expected}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(
            f"{path}: not a table of {len(COLUMNS)} comma-separated columns ({error}); "
            "give every line as many fields as the header"
        ) from error
    table.columns = table.columns.str.strip()
    table.index = pd.RangeIndex(2, len(table) + 2)  # line 1 is the header
    table = table.dropna(how="all")
    if table.empty:
        raise ValueError(f"{path}: no rows below the header; give at least one film")
    return table


def _faults(cases: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Say each failure case of pandera once, in the order of columns and lines."""
    faults = {}
    for case in cases.itertuples():
        if case.check == "column_in_dataframe":
            faults[case.failure_case, 0] = (
                f"column {case.failure_case}: missing; add it and {REMEDIES[case.failure_case]}"
            )
        elif case.check == "column_in_schema":
            faults[case.failure_case, 0] = (
                f"column {case.failure_case}: unknown; remove it (expected {','.join(COLUMNS)})"
            )
        elif pd.notna(case.index):
            line, column = int(case.index), case.column
            value = table.loc[line, column]
            said = "no value" if pd.isna(value) else f"value {value!r}"
            faults[column, line] = f"column {column}, line {line}: {said}; {REMEDIES[column]}"
    order = {column: place for place, column in enumerate(COLUMNS)}
    return [faults[key] for key in sorted(faults, key=lambda key: (order.get(key[0], -1), key[1]))]


def from_films(films: pd.DataFrame) -> pd.DataFrame:
    """Map cleaned films onto the engagement schema, through the proxies named in `PROXIES`.

    Films without a known outcome (`usable` false), or whose runtime, vote count or mean vote is
    missing or zero, have no engagement row; `len(films) - len(result)` counts them. Revenue
    decides `hit` and enters no feature. The columns read are `id`, `runtime` (minutes),
    `vote_average` (0-10), `vote_count`, `success` and `usable`.
    """
    measured = films[["runtime", "vote_average", "vote_count"]]
    kept = films[films["usable"].astype(bool) & (measured > 0).all(axis=1)]
    completion = kept["vote_average"] / 10
    return pd.DataFrame(
        {
            "movie_id": kept["id"].astype("int64"),
            "avg_watch_time": kept["runtime"] * completion,
            "completion_rate": completion,
            "ratings_count": kept["vote_count"].astype("int64"),
            "avg_rating": kept["vote_average"] / 2,
            "hit": kept["success"].astype("int64"),
        }
    ).reset_index(drop=True)
