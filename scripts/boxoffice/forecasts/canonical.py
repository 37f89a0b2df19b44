"""Films in canonical columns: what requests and tables become before features are made of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np

from boxoffice.films.companies import kind_of_list
from boxoffice.films.credits import MOST, counted, franchise_ids
from boxoffice.films.features import (
    CERTIFICATES,
    CLASSIC_GENRES,
    GENRES,
    certificate_rank,
    column_name,
    genre_column,
)
from boxoffice.films.normalise import certificate, genre, is_american, known_numbers, language
from boxoffice.films.votes import VOTE_SOURCES, read_as, source_of_votes
from boxoffice.forecasts.names import KINDS, Names

# request field -> canonical column
COLUMN_OF_FIELD = {
    "budget": "budget",
    "runtime": "runtime",
    "popularity": "popularity",
    "vote_avg": "vote_average",
    "vote_count": "vote_count",
    "release_year": "release_year",
}
GENRE_FIELDS = {genre: column_name(genre) for genre in CLASSIC_GENRES}
UNKNOWN_GENRES = (math.nan,) * len(GENRES)

Ids = list[int]


@dataclass
class BeforeRelease:
    """What only the pre-release models and the search for comparable films read, of n films.

    Attributes
    ----------
    titles : list of str or None, length n
    columns : dict of array of shape (n,)
        `english` and `american` (0/1), `certificate_rank`; NaN is unknown.
    roles : dict of role to list of n lists of ids
        None is unknown; so is a role that is absent.
    """

    titles: list[str | None]
    columns: dict[str, np.ndarray]
    roles: dict[str, list[Ids | None]]


@dataclass
class Films:
    """Films in canonical columns.

    Attributes
    ----------
    columns : dict of array of shape (n,)
        `budget` (USD), `runtime` (minutes), `popularity`, `vote_average` (0-10), `vote_count`,
        `release_year` and `genre_<name>` (0/1); NaN, or an absent column, is unknown.
    days : array of datetime64[D], shape (n,)
        Of release; NaT where only the year is known.
    right : bool array of shape (n,)
        Films without a fault, which can be answered.
    before_release : function of row numbers to BeforeRelease
        Reads the rest of some films, for names take long to look up.
    votes_of : array of str, shape (n,)
        Whose votes `vote_count` counts, 'imdb' or 'tmdb'.
    companies_of : array of str, shape (n,)
        Which companies the films list, 'producers' or 'distributors'.
    lists_companies : bool array of shape (n,)
    """

    columns: dict[str, np.ndarray]
    days: np.ndarray
    right: np.ndarray
    before_release: Callable[[np.ndarray], BeforeRelease]
    votes_of: np.ndarray
    companies_of: np.ndarray
    lists_companies: np.ndarray

    def __len__(self) -> int:
        return len(self.columns["budget"])


def with_votes_of(films: Films, source: str | None) -> Films:
    """The films with every `vote_count` read as that of one source, see `votes.read_as`."""
    if source is None or "vote_count" not in films.columns or (films.votes_of == source).all():
        return films
    count = films.columns["vote_count"].copy()
    for other in VOTE_SOURCES.keys() - {source}:
        rows = films.votes_of == other
        count[rows] = read_as(count[rows], other, source)
    return replace(
        films,
        columns=films.columns | {"vote_count": count},
        votes_of=np.full(len(films), source),
    )


def with_companies_of(films: Films, learned: str | None) -> Films:
    """The films without companies of another kind than a model learned, see `films.companies`."""
    if learned is None or (films.companies_of == learned).all():
        return films

    def before_release(rows: np.ndarray) -> BeforeRelease:
        known = films.before_release(rows)
        if "companies" not in known.roles:
            return known
        same = (films.companies_of[rows] == learned).tolist()
        listed = zip(known.roles["companies"], same, strict=True)
        companies = [ids if kept else None for ids, kept in listed]
        return replace(known, roles=known.roles | {"companies": companies})

    learned_by_all = np.full(len(films), learned)
    return replace(films, before_release=before_release, companies_of=learned_by_all)


def genre_columns(flags: np.ndarray) -> dict[str, np.ndarray]:
    """Flags of shape (n, n_genres) as canonical columns."""
    return {genre_column(genre): flags[:, place] for place, genre in enumerate(GENRES)}


def language_flag(text: str | None) -> float:
    """Whether a film is in English, NaN if its language isn't stated."""
    return math.nan if not text else float(language(text) == "en")


def country_flag(countries: list[str] | None) -> float:
    """Whether a film is American, NaN if its countries aren't stated."""
    return math.nan if countries is None else float(any(map(is_american, countries)))


def known_certificate(label: str | None) -> str | None:
    """A film's certificate, None if it is unknown."""
    return certificate(label)[0] if label else None


_PLACE_OF_GENRE = {name: place for place, name in enumerate(GENRES)}


def genre_flags_of(names: list[str]) -> tuple[float, ...]:
    """A flag for each of TMDB's genres."""
    flags = [0.0] * len(GENRES)
    for name in map(genre, names):
        if name:
            flags[_PLACE_OF_GENRE[name]] = 1.0
    return tuple(flags)


# Requests


def from_requests(films: list[dict[str, Any]], names: Names) -> Films:
    """Films as the fields of `request.Film` state them; None and absent are unknown."""
    numbers = {
        column: np.array([film.get(field) for film in films], dtype=float)
        for field, column in COLUMN_OF_FIELD.items()
    }
    flags = np.array([_genre_flags(film) for film in films])
    return Films(
        columns=known_numbers(numbers) | genre_columns(flags),
        days=np.array([film.get("release_date") for film in films], dtype="datetime64[D]"),
        right=np.ones(len(films), dtype=bool),
        before_release=lambda rows: _before_release([films[row] for row in rows.tolist()], names),
        votes_of=np.array([source_of_votes(film.get("votes_of")) for film in films]),
        companies_of=np.array([kind_of_list(film.get("companies_of")) for film in films]),
        lists_companies=np.array([bool(film.get("companies")) for film in films]),
    )


def _genre_flags(film: dict[str, Any]) -> tuple[float, ...]:
    """From the list, or the six from their fields."""
    listed = film.get("genres")
    flags = tuple([film.get(field) for field in GENRE_FIELDS.values()])
    if listed is None:
        return _classic_flags(flags)
    return genre_flags_of([*listed, *compress(GENRE_FIELDS, flags)])


@lru_cache(3 ** len(GENRE_FIELDS))  # there are 729 ways to state six flags
def _classic_flags(stated: tuple[int | None, ...]) -> tuple[float, ...]:
    """Of the other genres the six fields say nothing."""
    if set(stated) == {None}:
        return UNKNOWN_GENRES
    known = set(compress(GENRE_FIELDS, stated))
    return tuple(float(name in known) if name in GENRE_FIELDS else math.nan for name in GENRES)


def _before_release(films: list[dict[str, Any]], names: Names) -> BeforeRelease:
    labels = [known_certificate(film.get("certificate")) for film in films]
    titles = [film.get("title") or None for film in films]
    roles: dict[str, list[Ids | None]] = {}
    if any(titles):
        roles["franchise"] = franchise_ids(titles)
    for role, kind in KINDS.items():
        stated = [film.get(role) for film in films]
        if any(people is not None for people in stated):
            roles[role] = [
                None if people is None else known_members(role, _ids(kind, people, names), names)
                for people in stated
            ]
    return BeforeRelease(
        titles=titles,
        columns={
            "english": np.array([language_flag(film.get("original_language")) for film in films]),
            "american": np.array([country_flag(film.get("countries")) for film in films]),
            "certificate_rank": certificate_rank(np.array(labels, dtype=object)),
        },
        roles=roles,
    )


def known_members(role: str, ids: Ids, names: Names) -> Ids | None:
    """Those of a role who count and whom the training films know; None if they know none of them.

    A name may be unknown because it is new or spelt in another way. Either says little, so nobody
    but strangers is as good as nobody stated.
    """
    stated = counted(role, ids)
    trained_on = names.ids[KINDS[role]]
    known = [number for number in stated if number in trained_on]
    return known if known or not stated else None


def _ids(kind: str, people: list[str | int], names: Names) -> Ids:
    return [each if isinstance(each, int) else names.id_of(kind, None, each) for each in people]


def spelling_warnings(film: dict[str, Any], names: Names) -> list[str]:
    """A warning for each text of a request that nothing is known by."""
    warnings = []
    text, label = film.get("original_language"), film.get("certificate")
    if text and language(text) is None:
        warnings.append(
            f"original_language: {text} is no ISO 639 code or name of a language, so counts as "
            "not English"
        )
    if label and not certificate(label)[1]:
        warnings.append(
            f"certificate: {label} is none of {', '.join(CERTIFICATES)}, so counts as not stated"
        )
    warnings += [
        f"genres: {name} is none of TMDB's"
        for name in film.get("genres") or ()
        if genre(name) is None
    ]
    for role, kind in KINDS.items():
        if not (people := film.get(role)):
            continue
        most = MOST[role]
        warnings += [
            f"{role}: the training films don't know {each}, who counts as not stated"
            for each, number in zip(people[:most], _ids(kind, people[:most], names), strict=True)
            if not names.has(kind, number)
        ]
        if len(people) > most:
            warnings.append(f"{role}: the first {most} count, as in the training films")
    return warnings


def stated_value(part: str, film: dict[str, Any]) -> Any:
    """What a film states of a part of `drivers`: genres from flags and list, a series by title."""
    if part == "genres":
        flags = [genre for genre, field in GENRE_FIELDS.items() if film.get(field)]
        return list(dict.fromkeys([*flags, *(film.get("genres") or [])]))
    return film.get("title" if part == "franchise" else part)
