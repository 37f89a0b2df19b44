"""Comparable films: the known films nearest to one that is asked about.

The distance of two films is a sum of terms that a studio would argue with, each in units of "twice
the budget":

    |log2 of the ratio of their real budgets|
    + 1.5 x share of their genres that only one of them has (Jaccard distance)
    + 0.25 x steps between their certificates (G, PG, PG-13, R, NC-17)
    + 0.25 x (1 - cos of the angle between their days on the circle of the year)
    + 0.1 x years between their releases
    + for each role, its weight x share of the asked film's names that the known film lacks
      (`ROLE_WEIGHTS`: series 4, director 1, cast 1, companies 0.5)

What is not known of the asked film adds nothing, and a name that no known film has doesn't count.
A known film without a certificate counts as one step away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from boxoffice.films.careers import flat_pairs
from boxoffice.films.credits import title_key
from boxoffice.films.features import CERTIFICATES, GENRES, approximate_days, calendar_facts
from boxoffice.films.matching import YEARS_APART

MOST_COMPARABLES = 5
GENRES_WEIGHT = 1.5
CERTIFICATE_STEP = 0.25
SEASON_WEIGHT = 0.5
YEAR_WEIGHT = 0.1
ROLE_WEIGHTS = {"franchise": 4.0, "director": 1.0, "cast": 1.0, "companies": 0.5}
UNKNOWN_CERTIFICATE = len(CERTIFICATES)
_BLOCK = 2**17  # distances computed at once

_COUNTS = np.arange(len(GENRES) + 1)
# By the numbers of genres that both of two films have, and that either has.
_GENRE_COSTS = (GENRES_WEIGHT * (1 - _COUNTS[:, None] / np.maximum(_COUNTS, 1))).astype(np.float32)
_GENRE_COSTS[:, 0] = 0

_Lists = Sequence[Sequence[int] | None]  # of ids; None is unknown


@dataclass(frozen=True)
class ComparedFacts:
    """What n films are compared by.

    Attributes
    ----------
    titles : sequence of str or None, length n
    days : array of datetime64[D], shape (n,)
        Of release; NaT where only the year is known.
    years : array of shape (n,)
        Of release.
    log_budget : array of shape (n,)
        Natural log of real USD, see `money`; NaN is unknown.
    genres : array of shape (n, len(GENRES))
        0/1 in the order of `GENRES`; NaN is unknown.
    certificates : int array of shape (n,)
        Places in `CERTIFICATES`, or `UNKNOWN_CERTIFICATE`.
    roles : dict of role to n lists of ids
        Those of `ROLE_WEIGHTS`; None is unknown, and so is a role that is absent.
    """

    titles: Sequence[str | None]
    days: np.ndarray
    years: np.ndarray
    log_budget: np.ndarray
    genres: np.ndarray
    certificates: np.ndarray
    roles: dict[str, _Lists]

    def __len__(self) -> int:
        return len(self.years)

    def part(self, rows: slice) -> "ComparedFacts":
        """The facts of some of the films."""
        return ComparedFacts(
            self.titles[rows],
            self.days[rows],
            self.years[rows],
            self.log_budget[rows],
            self.genres[rows],
            self.certificates[rows],
            {role: lists[rows] for role, lists in self.roles.items()},
        )


def compared_facts(films: pd.DataFrame) -> ComparedFacts:
    """The facts of cleaned films, or of `history.parquet`.

    Parameters
    ----------
    films : DataFrame
        `title`, `release_date`, `log_budget` (natural log of real USD), `genres` (lists of names)
        and, where the source has them, `certificate` and the roles of `ROLE_WEIGHTS`.
    """
    certificates = films.get("certificate", pd.Series(None, index=films.index, dtype=object))
    place = {label: number for number, label in enumerate(CERTIFICATES)}
    return ComparedFacts(
        titles=films["title"].to_list(),
        days=films["release_date"].to_numpy("datetime64[D]"),
        years=films["release_date"].dt.year.to_numpy(),
        log_budget=films["log_budget"].to_numpy(float),
        genres=np.array([[name in names for name in GENRES] for names in films["genres"]], float),
        certificates=certificates.map(place).fillna(UNKNOWN_CERTIFICATE).to_numpy(int),
        roles={role: films[role].to_list() for role in ROLE_WEIGHTS if role in films},
    )


class Comparables:
    """Known films among which the nearest ones are found.

    Parameters
    ----------
    known : ComparedFacts of m films
        Their budgets and days are known.
    """

    def __init__(self, known: ComparedFacts):
        self._days = known.days
        self._years = known.years
        self._dates = _in_years(known.days)
        self._budgets = _log2(known.log_budget)
        self._genres = _bits(known.genres == 1)
        self._season = _on_circle(known.days)
        self._certificates = _certificate_costs()[:, known.certificates]
        self._members = {role: _Members(lists) for role, lists in known.roles.items()}
        self._titled: dict[str, list[int]] = {}
        for place, title in enumerate(known.titles):
            self._titled.setdefault(_same_title(title), []).append(place)

    def nearest(
        self, asked: ComparedFacts, most: int = MOST_COMPARABLES, earlier_only: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the known films nearest to each of n films, the nearest first.

        A film is not compared with itself: a known film of the same title, released within a year.

        Parameters
        ----------
        asked : ComparedFacts of n films
        most : int
            How many to find.
        earlier_only : bool
            Whether only films released strictly before the asked one count, as in a backtest.

        Returns
        -------
        places : int array of shape (n, most)
            Places among the known films; -1 where there are fewer.
        distances : array of shape (n, most)
            See the module; infinite where there are fewer.
        """
        places = np.full((len(asked), most), -1)
        distances = np.full((len(asked), most), np.inf, dtype=np.float32)
        step = max(1, _BLOCK // max(1, len(self._years)))
        for start in range(0, len(asked), step):
            rows = slice(start, start + step)
            found, apart = _smallest(self._distances(asked.part(rows), earlier_only), most)
            places[rows, : found.shape[1]] = np.where(np.isinf(apart), -1, found)
            distances[rows, : apart.shape[1]] = apart
        return places, distances

    def _distances(self, asked: ComparedFacts, earlier_only: bool) -> np.ndarray:
        """Distances of shape (n, m), infinite for films that don't count."""
        days = approximate_days(asked.days, asked.years)
        total = _apart(_log2(asked.log_budget), self._budgets)
        total += YEAR_WEIGHT * _apart(_in_years(days), self._dates)
        total += self._certificates[asked.certificates]
        total += self._genre_costs(asked.genres)
        total += self._season_costs(asked.days)
        for role, members in self._members.items():
            if role in asked.roles:
                members.add_costs(total, asked.roles[role], ROLE_WEIGHTS[role])
        if earlier_only:
            total[days[:, None] <= self._days] = np.inf
        for row, title in enumerate(asked.titles):
            for place in self._titled.get(_same_title(title), ()) if title else ():
                if abs(self._years[place] - asked.years[row]) <= YEARS_APART:
                    total[row, place] = np.inf
        return total

    def _genre_costs(self, flags: np.ndarray) -> np.ndarray:
        """Compare the genres that are known of the asked films."""
        asked, known = _bits(flags == 1)[:, None], _bits(~np.isnan(flags))[:, None]
        both = np.bitwise_count(asked & self._genres)
        either = np.bitwise_count((asked | self._genres) & known)
        return _GENRE_COSTS[both, either]

    def _season_costs(self, days: np.ndarray) -> np.ndarray:
        (sin, cos), (known_sin, known_cos) = _on_circle(days), self._season
        cosine = sin[:, None] * known_sin + cos[:, None] * known_cos
        return np.where(np.isnat(days)[:, None], 0, SEASON_WEIGHT / 2 * (1 - cosine))


class _Members:
    """Who has a role in which of m films."""

    def __init__(self, lists: _Lists):
        film, ids = flat_pairs(lists)
        order = np.argsort(ids, kind="stable")
        self._ids, self._films = ids[order], film[order]

    def add_costs(self, total: np.ndarray, lists: _Lists, weight: float) -> None:
        """Add the weight times the share of each film's ids that a known film lacks.

        Parameters
        ----------
        total : array of shape (n, m)
            Changed in place.
        lists : n lists of ids
            One that is unknown or empty adds nothing; ids of no known film don't count.
        """
        row, ids = flat_pairs(lists)
        low, high = (np.searchsorted(self._ids, ids, side) for side in ("left", "right"))
        row, low, count = (values[high > low] for values in (row, low, high - low))
        names = np.bincount(row, minlength=len(lists))
        total += np.where(names > 0, weight, 0)[:, None].astype(np.float32)
        # Every film of every name: places low, low + 1, ..., high - 1 of each.
        row = np.repeat(row, count)
        place = np.arange(len(row)) + np.repeat(low - (np.cumsum(count) - count), count)
        share = (weight / names[row]).astype(np.float32)
        np.subtract.at(total, (row, self._films[place]), share)


def median_of_comparables(known: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """Forecast films by the median of what their five nearest earlier films earned.

    Parameters
    ----------
    known, asked : DataFrame
        As for `compared_facts`; `known` also has `log_revenue` (natural log of real USD).

    Returns
    -------
    array of shape (n_asked,)
        Natural log of real USD, NaN where no known film was released earlier.
    """
    places, _ = Comparables(compared_facts(known)).nearest(compared_facts(asked), earlier_only=True)
    log_revenue = np.append(known["log_revenue"].to_numpy(float), np.nan)  # at -1: no film
    medians = np.full(len(asked), np.nan)
    some = places[:, 0] >= 0
    medians[some] = np.nanmedian(log_revenue[places[some]], axis=1)
    return medians


def _smallest(distances: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the smallest of each row, in order; of equal ones the first."""
    most = min(most, distances.shape[1])
    places = np.sort(np.argpartition(distances, most - 1, axis=1)[:, :most], axis=1)
    values = np.take_along_axis(distances, places, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(values, order, axis=1)


def _apart(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Absolute differences of shape (n, m), 0 where the asked value is NaN."""
    apart = np.abs(asked[:, None] - known)
    apart[np.isnan(asked)] = 0
    return apart


def _log2(log_values: np.ndarray) -> np.ndarray:
    return (log_values / np.log(2)).astype(np.float32)


def _in_years(days: np.ndarray) -> np.ndarray:
    return (days.astype("int64") / 365.25).astype(np.float32)


def _on_circle(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    facts = calendar_facts(days)
    return tuple(facts[name].astype(np.float32) for name in ("season_sin", "season_cos"))


def _bits(flags: np.ndarray) -> np.ndarray:
    """Flags of shape (n, n_genres) as the bits of a number: shape (n,)."""
    return (flags << np.arange(len(GENRES))).sum(axis=1).astype(np.uint32)


def _certificate_costs() -> np.ndarray:
    """Costs by the places of the asked film's and the known film's certificate."""
    places = np.arange(UNKNOWN_CERTIFICATE + 1)
    steps = np.abs(places[:, None] - places)
    steps[:, UNKNOWN_CERTIFICATE] = 1
    steps[UNKNOWN_CERTIFICATE] = 0
    return (CERTIFICATE_STEP * steps).astype(np.float32)


def _same_title(title: str) -> str:
    """What spellings of a title share, also of one without Latin letters."""
    return title_key(title) or title.strip().casefold()
