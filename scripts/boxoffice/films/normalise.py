"""One spelling per fact: what a film may be stated in, and what the models read it as.

Requests, rows of tables and rows of sources all come through here, so the same film gets the same
forecast whichever way it came.
"""

import re
from functools import lru_cache

import numpy as np

from boxoffice.films.features import AMERICA, CERTIFICATES, GENRES

# Zero is how TMDB writes that it doesn't know these (USD, USD, minutes).
ZERO_IS_UNKNOWN = ("budget", "revenue", "runtime")
NO_CERTIFICATE = frozenset(("notrated", "unrated", "nr", "notknown", "none"))
NO_LANGUAGE = "xx"  # TMDB's code for a film without words, and ours for any that isn't known

_CACHED = 4096  # spellings that are remembered
LONGEST = 100  # characters of one that can be a spelling of anything


def known_numbers(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of films with NaN where a zero means "unknown".

    Parameters
    ----------
    numbers : dict of column to array of shape (n,)
        In the units of TMDB: `budget` and `revenue` (USD), `runtime` (minutes), `vote_average`
        (0-10), `vote_count`, `popularity`. NaN is unknown; columns may be absent.

    Returns
    -------
    dict of column to array of shape (n,)
        Without votes there is no mean vote either. A column without an unknown is as it was given.
    """
    known = dict(numbers)
    for name in ZERO_IS_UNKNOWN:
        if name in known:
            known[name] = _unless(known[name] == 0, known[name])
    if "vote_average" in known and "vote_count" in known:
        known["vote_average"] = _unless(known["vote_count"] == 0, known["vote_average"])
    return known


def _unless(unknown: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(unknown, np.nan, values) if unknown.any() else values


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text[:LONGEST].casefold())


_GENRES = {_letters(genre): genre for genre in GENRES} | {"scifi": "Science Fiction"}
_CERTIFICATES = {_letters(label): label for label in CERTIFICATES}


def genre(name: str) -> str | None:
    """TMDB's name of a genre: 'sci-fi' -> 'Science Fiction'; None if it has no such genre."""
    return name if name in GENRES else _GENRES.get(_letters(name))


def certificate(label: str) -> tuple[str | None, bool]:
    """The American certificate, None for none, and whether the label is known.

    'pg 13' -> ('PG-13', True), 'Not Rated' -> (None, True), 'FSK 12' -> (None, False).
    """
    letters = _letters(label).removeprefix("rated")
    return _CERTIFICATES.get(letters), letters in _CERTIFICATES or letters in NO_CERTIFICATE


@lru_cache(_CACHED)
def _language(text: str) -> str | None:
    code = re.split(r"[-_]", text, maxsplit=1)[0]
    if re.fullmatch(r"[a-z]{2}", code):  # TMDB has codes of its own, such as cn
        return code
    import pycountry  # its table of languages takes a tenth of a second to load

    try:
        language = pycountry.languages.lookup(text)
    except LookupError:
        return None
    return getattr(language, "alpha_2", language.alpha_3)


def language(text: str) -> str | None:
    """The ISO 639 code of a language: 'EN', 'en-US' and 'English' -> 'en'; None if unknown."""
    return _language(text[:LONGEST].strip().lower())


@lru_cache(_CACHED)
def _country(text: str) -> str:
    import pycountry

    try:
        return pycountry.countries.lookup(text.replace(".", "")).alpha_2
    except LookupError:
        return text


def is_american(country: str) -> bool:
    """Whether a country is the United States: by TMDB's name, another name or an ISO 3166 code."""
    return country == AMERICA or _country(country[:LONGEST].strip()) == "US"
