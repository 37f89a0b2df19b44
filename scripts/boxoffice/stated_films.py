"""One film as somebody states it, in the fields of a request, as a row of a films table."""

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


def film_row(film: dict[str, Any], known: KnownNames) -> tuple[pd.DataFrame, list[str]]:
    """One film as `Forecasts.score` takes it, and a warning for each name that isn't known.

    A field that isn't stated (absent or None) makes no column.
    """
    stated = {name: value for name, value in film.items() if value is not None}
    genres = stated.get("genres", [])
    row = {
        f"genre_{column_name(genre)}": [
            float(genre in genres or bool(stated.get(column_name(genre))))
        ]
        for genre in GENRES
    }
    for name in ("budget", "runtime", "release_year"):
        if name in stated:
            row[name] = [float(stated[name])]
    if "release_date" in stated:
        row["release_date"] = pd.DatetimeIndex([stated["release_date"]])
    for name in ("original_language", "certificate"):
        if name in stated:
            row[name] = [stated[name]]
    if "countries" in stated:
        row["american"] = [float(AMERICA in stated["countries"])]
    if "title" in stated:
        stem = franchise_stem(stated["title"])
        row["franchise"] = [text_ids([stem] if stem else [])]
    warnings = [f"genres: {name} is none of TMDB's" for name in genres if name not in GENRES]
    for role in STATED_ROLES:
        if role in stated:
            row[role], unknown = role_ids(role, stated[role], known)
            warnings += unknown
    return pd.DataFrame(row), warnings


def role_ids(
    role: str, names: list[str | int], known: KnownNames
) -> tuple[list[list[int]], list[str]]:
    """A cell of ids for a role, names looked up, and a warning for each unknown name."""
    ids, warnings = [], []
    for name in names[: MOST[role]]:
        found = name if isinstance(name, int) else known.find(KINDS[role], name)
        if found is None:
            warnings.append(f"{role}: {name} has no track record in the training films")
        else:
            ids.append(found)
    return [list(dict.fromkeys(ids))], warnings


def stated_value(part: str, film: dict[str, Any]) -> Any:
    """What a film states of a part of `drivers`: genres from flags and list, a series by title."""
    if part == "genres":
        flags = [genre for genre in CLASSIC_GENRES if film.get(column_name(genre))]
        return list(dict.fromkeys([*flags, *(film.get("genres") or [])]))
    return film.get("title" if part == "franchise" else part)
