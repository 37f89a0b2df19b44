"""Films as somebody states them, in the fields of a request, as rows of a films table."""

import math
from typing import Any

import pandas as pd

from boxoffice.credits import BILLED, COMPANIES, CREW_ROLES, franchise_stem, text_ids
from boxoffice.features import AMERICA, CLASSIC_GENRES, GENRES, column_name
from boxoffice.film_fields import STATED_ROLES
from boxoffice.known_names import KINDS, KnownNames

# How many of a role count, as in the pipeline.
MOST = {"cast": BILLED, "companies": COMPANIES} | {
    role: most for role, (_, most) in CREW_ROLES.items()
}


def film_rows(
    films: list[dict[str, Any]], known: KnownNames
) -> tuple[pd.DataFrame, list[list[str]]]:
    """Films as `Forecasts.score` takes them, and for each a warning per name that isn't known.

    A field that isn't stated, absent or None, is unknown in the table.
    """
    rows, warnings = zip(*(_row(film, known) for film in films), strict=True)
    table = pd.DataFrame.from_records(rows)
    table["release_date"] = pd.to_datetime(table["release_date"], format="%Y-%m-%d")
    return table, list(warnings)


def _row(film: dict[str, Any], known: KnownNames) -> tuple[dict[str, Any], list[str]]:
    genres = film.get("genres") or []
    row = {name: _number(film.get(name)) for name in ("budget", "runtime", "release_year")}
    row |= {name: film.get(name) for name in ("release_date", "original_language", "certificate")}
    for genre in GENRES:
        name = column_name(genre)
        row[f"genre_{name}"] = float(genre in genres or bool(film.get(name)))
    countries, title = film.get("countries"), film.get("title")
    row["american"] = math.nan if countries is None else float(AMERICA in countries)
    row["franchise"] = None if title is None else _series(title)
    warnings = [f"genres: {name} is none of TMDB's" for name in genres if name not in GENRES]
    for role in STATED_ROLES:
        names = film.get(role)
        row[role], unknown = (None, []) if names is None else role_ids(role, names, known)
        warnings += unknown
    return row, warnings


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _series(title: str) -> list[int]:
    stem = franchise_stem(title)
    return text_ids([stem] if stem else [])


def role_ids(role: str, names: list[str | int], known: KnownNames) -> tuple[list[int], list[str]]:
    """Ids for a role, names looked up, and a warning for each unknown name."""
    ids, warnings = [], []
    for name in names[: MOST[role]]:
        found = name if isinstance(name, int) else known.find(KINDS[role], name)
        if found is None:
            warnings.append(f"{role}: {name} has no track record in the training films")
        else:
            ids.append(found)
    return list(dict.fromkeys(ids)), warnings


def stated_value(part: str, film: dict[str, Any]) -> Any:
    """What a film states of a part of `drivers`: genres from flags and list, a series by title."""
    if part == "genres":
        flags = [genre for genre in CLASSIC_GENRES if film.get(column_name(genre))]
        return list(dict.fromkeys([*flags, *(film.get("genres") or [])]))
    return film.get("title" if part == "franchise" else part)
