"""Films as somebody states them, in the fields of a request, as rows of a films table."""

import math
import re
from typing import Any

import pandas as pd

from boxoffice.films.credits import BILLED, COMPANIES, CREW_ROLES, franchise_stem, text_ids
from boxoffice.films.features import AMERICA, CERTIFICATES, CLASSIC_GENRES, GENRES, column_name
from boxoffice.forecasts.film_fields import STATED_ROLES
from boxoffice.forecasts.known_names import KINDS, KnownNames

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
    title = film.get("title")
    row = {name: _number(film.get(name)) for name in ("budget", "runtime", "release_year")}
    row |= {"release_date": film.get("release_date"), **_genres(film)}
    row["franchise"] = None if title is None else _series(title)
    row["original_language"], warnings = _language(film.get("original_language"))
    row["certificate"], unknown = _certificate(film.get("certificate"))
    countries = film.get("countries")
    row["american"] = math.nan if countries is None else float(any(map(_is_america, countries)))
    warnings += unknown
    warnings += [
        f"genres: {name} is none of TMDB's"
        for name in film.get("genres") or []
        if name not in GENRES
    ]
    for role in STATED_ROLES:
        names = film.get(role)
        row[role], unknown = (None, []) if names is None else role_ids(role, names, known)
        warnings += unknown
    return row, warnings


def _genres(film: dict[str, Any]) -> dict[str, float]:
    """A flag per genre: from the list, or the classic six from their fields, or unknown."""
    listed = film.get("genres")
    flags = {genre: film.get(column_name(genre)) for genre in GENRES}
    if listed is not None:
        flags = {genre: genre in listed or bool(flag) for genre, flag in flags.items()}
    elif any(flag is not None for flag in flags.values()):
        flags |= {genre: bool(flags[genre]) for genre in CLASSIC_GENRES}
    return {f"genre_{column_name(genre)}": _number(flag) for genre, flag in flags.items()}


def _language(code: str | None) -> tuple[str | None, list[str]]:
    if code is None:
        return None, []
    wrong = not re.fullmatch(r"[A-Za-z]{2}", code)
    warning = f"original_language: {code} is no ISO 639-1 code such as en, so counts as not English"
    return code.lower(), [warning] * wrong


def _certificate(label: str | None) -> tuple[str | None, list[str]]:
    if label is None:
        return None, []
    wrong = label.upper() not in CERTIFICATES
    warning = f"certificate: {label} is none of {', '.join(CERTIFICATES)}, so counts as none"
    return label.upper(), [warning] * wrong


def _is_america(country: str) -> bool:
    return country.casefold() in ("us", "usa", "united states", AMERICA.casefold())


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _series(title: str) -> list[int]:
    stem = franchise_stem(title)
    return text_ids([stem] if stem else [])


def role_ids(role: str, names: list[str | int], known: KnownNames) -> tuple[list[int], list[str]]:
    """Ids for a role, names looked up, and a warning for each unknown name."""
    kind, most = KINDS[role], MOST[role]
    ids, warnings = [], []
    for name in names[:most]:
        found = name if isinstance(name, int) else known.find(kind, name)
        if found is not None:
            ids.append(found)
        if found is None or not known.has(kind, found):
            warnings.append(f"{role}: {name} has no track record in the training films")
    if len(names) > most:
        warnings.append(f"{role}: the first {most} count, as in the training films")
    return list(dict.fromkeys(ids)), warnings


def stated_value(part: str, film: dict[str, Any]) -> Any:
    """What a film states of a part of `drivers`: genres from flags and list, a series by title."""
    if part == "genres":
        flags = [genre for genre in CLASSIC_GENRES if film.get(column_name(genre))]
        return list(dict.fromkeys([*flags, *(film.get("genres") or [])]))
    return film.get("title" if part == "franchise" else part)
