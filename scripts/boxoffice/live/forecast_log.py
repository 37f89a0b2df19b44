"""The forecast log: what was forecast of a film, by which model, on which day, from which facts.

A CSV that only grows. In git, its history shows that forecasts were written down before release.
"""

import hashlib
import json
from io import StringIO
from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError, replacing

KEY = ["film_id", "version"]
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
    text = path.read_text(encoding="utf-8") if path.exists() else ",".join(LOG_COLUMNS) + "\n"
    try:
        if not text.endswith("\n"):
            raise ValueError("its last line is not whole")
        texts = dict.fromkeys([*KEY, "title", "facts"], str)
        log = pd.read_csv(StringIO(text), dtype=texts, keep_default_na=False)
        lacking = [name for name in LOG_COLUMNS if name not in log]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        for name in ("release_date", "as_of"):
            log[name] = pd.to_datetime(log[name], format="%Y-%m-%d")
        for name in ("budget", *AMOUNTS, "probability_success"):
            log[name] = pd.to_numeric(log[name]).astype(float)
            if log[name].isna().any():
                raise ValueError(f"line {log[name].isna().argmax() + 2} has no {name}")
    except ValueError as error:
        raise SourceError(
            f"{path} is no forecast log ({error}): restore it with `git checkout`"
        ) from error
    return log


def is_new(films: pd.DataFrame, log: pd.DataFrame) -> pd.Series:
    """Whether a version's last line about each film is of other facts, or there is none.

    `films` has the columns of `KEY` and `facts`.
    """
    last = log.drop_duplicates(KEY, keep="last")
    said = films[KEY].merge(last[[*KEY, "facts"]], on=KEY, how="left")["facts"]
    return (said.to_numpy() != films["facts"]).astype(bool)


def append(path: Path, lines: pd.DataFrame) -> int:
    """Add what a version has not said last of a film, and return how many lines that are.

    A model forecasts a film once from the same facts, and anew when they have changed. What the
    log holds stays as it is, to the byte. Dollars are written whole, chances to four digits.
    """
    lines = lines[is_new(lines, read_log(path))].drop_duplicates(KEY, keep="last")
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
