"""The forecast log: what was forecast of a film, by which model, on which day, from which facts.

A CSV that only grows. In git, its history shows that forecasts were written down before release.
"""

import hashlib
import json
from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError, replacing

KEY = ["film_id", "version", "facts"]  # a model forecasts a film once from the same facts
AMOUNTS = ["predicted_revenue", "expected_revenue", "revenue_lower", "revenue_upper"]
LOG_COLUMNS = [
    *("film_id", "title", "release_date", "budget", "as_of", "role", "version", "model", "facts"),
    *AMOUNTS,
    "probability_success",
]
_DIGITS = 16  # of a hash: a film has few sets of facts


def facts_hash(films: pd.DataFrame) -> pd.Series:
    """A hash of what each film's row states, the same whatever the order of the columns."""
    stated = films[sorted(films)].astype(object).where(films.notna(), None)
    texts = (
        json.dumps({name: value for name, value in row.items() if value is not None}, default=str)
        for row in stated.to_dict("records")
    )
    digests = [hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] for text in texts]
    return pd.Series(digests, index=films.index, dtype=object)


def read_log(path: Path) -> pd.DataFrame:
    """The lines of a log, none if there is no file: text, but numbers and dates where they belong.

    Raises
    ------
    SourceError
        If the file is no log.
    """
    if not path.exists():
        return pd.DataFrame(columns=LOG_COLUMNS)
    try:
        log = pd.read_csv(path, dtype=dict.fromkeys([*KEY, "title"], str), keep_default_na=False)
        lacking = [name for name in LOG_COLUMNS if name not in log]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        for name in ("release_date", "as_of"):
            log[name] = pd.to_datetime(log[name], format="%Y-%m-%d")
        for name in ("budget", *AMOUNTS, "probability_success"):
            log[name] = pd.to_numeric(log[name])
    except ValueError as error:
        raise SourceError(
            f"{path} is no forecast log ({error}): restore it with `git checkout`"
        ) from error
    return log


def append(path: Path, lines: pd.DataFrame) -> int:
    """Add the lines whose `KEY` the log doesn't have, and return how many these were.

    What the log holds stays as it is, to the byte. Dollars are written whole, chances to four
    digits.
    """
    known = pd.MultiIndex.from_frame(read_log(path)[KEY])
    lines = lines[~pd.MultiIndex.from_frame(lines[KEY]).isin(known)].drop_duplicates(KEY)
    if lines.empty:
        return 0
    lines = lines[LOG_COLUMNS].assign(
        **lines[AMOUNTS].round().astype("int64"),
        probability_success=lines["probability_success"].round(4),
    )
    before = path.read_bytes() if path.exists() else b""
    added = lines.to_csv(index=False, header=not before, lineterminator="\n")
    with replacing(path) as temporary:
        temporary.write_bytes(before + added.encode())
    return len(lines)
