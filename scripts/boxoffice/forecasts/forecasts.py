"""Ask the exported models about films.

The API, its page, tables and the command line all answer through this module.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from boxoffice.core import paths
from boxoffice.core.model_files import ExportedModel, ModelFileError, checked_bytes
from boxoffice.films import companies, votes
from boxoffice.films.forecast_errors import FARTHEST, ForecastErrors
from boxoffice.films.history import FILES, TRAINING_FEATURES, check_history
from boxoffice.films.money import BASE, SUCCESS_MULTIPLE, log_prices
from boxoffice.forecasts.canonical import (
    COLUMN_OF_FIELD,
    Films,
    from_requests,
    spelling_warnings,
    stated_value,
    with_companies_of,
    with_votes_of,
)
from boxoffice.forecasts.drivers import (
    WORDS,
    Drivers,
    factor_words,
    part_of,
    point_words,
    value_words,
)
from boxoffice.forecasts.features import Past, features_of, release_days
from boxoffice.forecasts.names import Names
from boxoffice.forecasts.request import AFTER_RELEASE_FIELDS, Engagement

# The chance of success may differ from what the forecast of revenue and its errors imply, but by no
# more than this: the two answers must not contradict each other.
MOST_APART = 0.1
MOST_LOG_USD = 30.0  # 10^13 USD: more says nothing, and still more is no number
SMALL_BUDGET = 10_000_000  # USD; of smaller films, a revenue is on record above all if it is high
IN_MILLIONS = 10_000  # USD; a smaller number is likely meant in thousands or millions
EDGE = 1e-5  # cards hold six digits: so far beyond its range, relatively, a value is still inside
FORECASTS = ("log_revenue_forecast", "success_forecast")  # beside the features in tables of both


def _short_words(field: str, value: float) -> str:
    """To four digits, for cards hold logarithms to six: $20,000,000 and not $19,999,142."""
    return value_words(field, float(f"{value:.4g}"))


# Features that requests state: the field, and a value of the feature in words.
_STATED = {
    **{
        column: (field, partial(_short_words, field))
        for field, column in COLUMN_OF_FIELD.items()
        if field != "release_year"  # it is held at the latest years of training
    },
    "log_budget": ("budget", lambda value: _short_words("budget", np.expm1(value))),
    **{name: (name, "{:,g}".format) for name in Engagement.model_fields},
}
_UNITS = {"log_budget": f" in dollars of {BASE}"}


class FilmModels:
    """Revenue and success models of one feature set, which read the same features."""

    def __init__(self, feature_set: str, folder: Path):
        self.feature_set, self._folder = feature_set, folder
        self.revenue = ExportedModel(f"revenue_{feature_set}", folder)
        self.success = ExportedModel(f"success_{feature_set}", folder)
        self.features = self.revenue.features
        if self.success.features != self.features:
            raise ModelFileError(
                f"{folder}/success_{feature_set}.json names other features than "
                f"revenue_{feature_set}.json: run `dvc repro`"
            )
        # NaN has the models put the exact median; cards round all but a 0.
        self.drivers = Drivers(self.features, np.where(self.revenue.median == 0, 0.0, np.nan))
        self.errors = _errors(self.revenue.card, folder)
        self.votes = _learned(self.revenue, folder, "votes", "vote_count", votes.VOTE_SOURCES)
        self.companies = _learned(
            self.revenue, folder, "companies", "companies_count", companies.COMPANY_LISTS
        )
        self.latest_year = self.revenue.maximum[self.features.index("release_year")]
        self.ranges = _ranges(self.revenue)
        # Of several features, as those of a budget in the market of its time, no value is typical.
        parts = [part_of(feature) for feature in self.features]
        self.typical = {
            part: _STATED[feature][1](median) + _UNITS.get(feature, "")
            for feature, part, median in zip(self.features, parts, self.revenue.median, strict=True)
            if feature in _STATED and parts.count(part) == 1
        }

    def in_usd(self, log_revenue: np.ndarray, log_price: np.ndarray) -> dict[str, np.ndarray]:
        """Forecasts (log of real USD) in nominal USD, the means, and the ends of the intervals."""
        lower, upper = self.errors.interval(log_revenue)
        real = {
            "predicted_revenue": log_revenue,
            "expected_revenue": self.errors.expected(log_revenue),
            "revenue_lower": lower,
            "revenue_upper": upper,
        }
        # Amounts are logs of 1 + USD, but an end may lie below a dollar.
        return {
            name: np.expm1(np.clip(logs + log_price, 0.0, MOST_LOG_USD))
            for name, logs in real.items()
        }

    def chance(self, features: np.ndarray, log_revenue: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Chance of success: the success model's `own`, held near what the revenue model implies.

        `log_revenue` are the forecasts of films with these features; all of shape (n, ...).
        """
        threshold = features[:, self.features.index("log_budget")] + np.log(SUCCESS_MULTIPLE)
        implied = self.errors.chance_above(log_revenue, threshold)
        return np.clip(own.astype(float), implied - MOST_APART, implied + MOST_APART).clip(0, 1)

    def with_features(self, features: np.ndarray) -> pd.DataFrame:
        """Features and `FORECASTS` of films, the revenue in real USD: shape (n, n_features + 2)."""
        features = features.astype(np.float32)
        log_revenue = self.revenue.predict(features).astype(float)
        chance = self.chance(features, log_revenue, self.success.predict(features))
        forecasts = dict(zip(FORECASTS, (log_revenue, chance), strict=True))
        return pd.DataFrame(features, columns=self.features).assign(**forecasts)

    def training_features(self) -> np.ndarray:
        """Features of the films that the models learned from, NaN is unknown: float32."""
        table = pd.read_parquet(self._folder / TRAINING_FEATURES, columns=self.features)
        return table.to_numpy()

    def training_films(self) -> pd.DataFrame:
        """Features and forecasts of the films that the models learned from."""
        return self.with_features(self.training_features())

    def revenue_heads(self, asked: "Answering", log_revenues: np.ndarray) -> list[dict[str, Any]]:
        """The first fields of answers about revenue."""
        usd = self.in_usd(log_revenues, asked.log_prices)
        rows = zip(log_revenues + asked.log_prices, *usd.values(), strict=True)
        return [
            {
                "predicted_revenue": predicted,
                "expected_revenue": expected,
                "log_revenue": log_revenue,
                "interval": {"nominal": self.errors.nominal, "lower": lower, "upper": upper},
            }
            for log_revenue, predicted, expected, lower, upper in (map(float, row) for row in rows)
        ]

    def success_heads(self, asked: "Answering", own: np.ndarray) -> list[dict[str, Any]]:
        """The first fields of answers about success."""
        log_revenue = self.revenue.predict(asked.features).astype(float)
        return [
            {
                "success": probability >= 0.5,
                "probability_failure": 1 - probability,
                "probability_success": probability,
            }
            for probability in self.chance(asked.features, log_revenue, own).tolist()
        ]

    def votes_read(self, films: list[dict[str, Any]]) -> list[str | None]:
        """Each film's votes and what they are read as; None if they are read as they are."""
        words: list[str | None] = [None] * len(films)
        if self.votes is None:
            return words
        sources = [votes.source_of_votes(film.get("votes_of")) for film in films]
        for of in set(sources) - {self.votes}:
            places = [place for place, each in enumerate(sources) if each == of]
            counts = np.array([films[place]["vote_count"] for place in places], dtype=float)
            read = votes.read_in_words(counts, of, self.votes)
            for place, said in zip(places, read, strict=True):
                words[place] = said
        return words

    def companies_not_used(self, film: dict[str, Any]) -> str | None:
        """Why a film's companies are not used; None if they are, or if it states none."""
        of = companies.kind_of_list(film.get("companies_of"))
        if not film.get("companies") or self.companies in (None, of):
            return None
        return f"companies are {companies.not_used_in_words(of, self.companies)}"

    def driver_words(
        self,
        film: dict[str, Any],
        votes_read: str | None,
        effects: list[tuple[str, float]],
        effect_words: Callable[[float], str],
    ) -> list[dict[str, Any]]:
        """Drivers of a film's forecast in words; `votes_read` is its entry of `votes_read`."""
        told = []
        for part, effect in effects:
            read = votes_read if part == "vote_count" else None
            value = read or value_words(part, stated_value(part, film))
            typical = self.typical.get(part)
            usual = f" (typically {typical})" if typical else ""
            told.append(
                {
                    "name": part,
                    "value": value,
                    "typical": typical,
                    "effect": effect,
                    "words": f"{WORDS.get(part, part)} {value}{usual}: {effect_words(effect)}",
                }
            )
        return told


class Answering(NamedTuple):
    """The models that answer some films, the films' row numbers, features and prices."""

    models: FilmModels
    rows: np.ndarray
    features: np.ndarray
    log_prices: np.ndarray  # of each film's release


class Forecasts:
    """The exported models of a folder, each checked against its card and loaded once.

    Parameters
    ----------
    folder : Path
        What `dvc repro` wrote to `models/`.
    history : Path, optional
        Folder of a later history than the models' own, which `scripts/history.py` wrote: track
        records, the market and comparable films then know of films that the models don't.

    Attributes
    ----------
    cards : dict of name to card
    models : dict of feature set to FilmModels
    on_asked : callable or None
        Is given every `Answering` of a request, to be looked at.
    known_films : DataFrame
        `title`, `release_year` and `revenue` (nominal USD) of the training films.
    names : Names
        Whom a name means among them.
    roles : list of str
        Those that the pre-release models read.
    companies_of : str or None
        Which companies these learned, 'producers' or 'distributors'; None if they read none.

    Raises
    ------
    ModelFileError
        If a file is missing or altered; the message names it.
    """

    def __init__(self, folder: Path = paths.MODELS, history: Path | None = None):
        folder = Path(folder)
        self._classic = FilmModels("classic", folder)
        self._pre_release = FilmModels("pre_release", folder)
        self.models = {each.feature_set: each for each in (self._classic, self._pre_release)}
        self._hit = ExportedModel("hit", folder)
        self._segments = ExportedModel("segments", folder)
        both = self._classic, self._pre_release
        loaded = [getattr(models, target) for models in both for target in ("revenue", "success")]
        loaded += [self._hit, self._segments]
        self.cards = {model.card["name"]: model.card for model in loaded}
        self._hit_ranges, self._segment_ranges = _ranges(self._hit), _ranges(self._segments)
        _check_files(folder, self._pre_release.revenue.card)
        self._past = Past(folder / "history.parquet")
        self.known_films = self._past.films
        self.roles = self._past.roles
        if history is not None:
            self._past = _later_past(history, self._past, self._pre_release.revenue.card)
        self.companies_of = self._pre_release.companies
        self.names = Names((history or folder) / "names.parquet", self._past.ids)
        self.on_asked: Callable[[Answering], None] | None = None
        self._known = _known_ranges(self._past.last_year)
        self._needed = [
            field
            for field in AFTER_RELEASE_FIELDS
            if COLUMN_OF_FIELD[field] in self._classic.features
        ]

    def revenue(self, film: dict[str, Any]) -> dict[str, Any]:
        """What one film will earn; see `revenues`."""
        return self.revenues([film])[0]

    def revenues(self, films: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What each film will earn, and why.

        Parameters
        ----------
        films : list of dict
            Fields of the request that are stated and right (`request.faults` tells); None is
            one that was not stated.

        Returns
        -------
        list of dict
            `predicted_revenue`, the typical value, and `expected_revenue`, the mean (dollars of the
            film's time), `log_revenue` (natural log of 1 + the typical value), `interval`
            (`nominal`, and the ends in dollars), `model`, `drivers` and `warnings`.
        """
        return self._answers(films, "revenue", factor_words)

    def success(self, film: dict[str, Any]) -> dict[str, Any]:
        """Whether one film will earn more than 1.5 times its budget; see `successes`."""
        return self.successes([film])[0]

    def successes(self, films: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Whether each film will earn more than 1.5 times its budget, and why.

        Returns
        -------
        list of dict
            `success`, `probability_failure`, `probability_success`, `model`, `drivers` (effects
            are differences of the probability) and `warnings`.
        """
        return self._answers(films, "success", point_words)

    def comparables(self, film: dict[str, Any]) -> dict[str, Any]:
        """The known films that are most like one film; see `all_comparables`."""
        return self.all_comparables([film])[0]

    def all_comparables(self, films: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The known films that are most like each film, and what they earned.

        Returns
        -------
        list of dict
            `comparables`, the nearest first: `title`, `release_year`, `budget` and `revenue`
            (dollars of the asked film's time) and `why`.
        """
        if not films:
            return []
        asked = self._as_learned(from_requests(films, self.names))
        found = self._past.comparables.nearest_films(asked)
        return [{"comparables": nearest} for nearest in found]

    def _answers(
        self, films: list[dict[str, Any]], target: str, effect_words: Callable[[float], str]
    ) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = [{}] * len(films)
        for asked in self.read(films):
            if self.on_asked:
                self.on_asked(asked)
            models = asked.models
            model: ExportedModel = getattr(models, target)
            explained = models.drivers.ask(model.predict, asked.features)
            values = np.array([value for value, _ in explained])
            heads = getattr(models, f"{target}_heads")(asked, values)
            rows = asked.rows.tolist()
            votes_read = models.votes_read([films[row] for row in rows])
            for row, head, (_, effects), features, read in zip(
                rows, heads, explained, asked.features.tolist(), votes_read, strict=True
            ):
                film = films[row]
                answers[row] = head | {
                    "model": model.card["name"],
                    "drivers": models.driver_words(film, read, effects, effect_words),
                    "warnings": self._warnings(film, models, read)
                    + _outside(models.ranges, features),
                }
        return answers

    def hit(self, film: dict[str, float]) -> dict[str, Any]:
        """Whether a film's audience makes it a hit: `hit`, `hit_probability`, `model`, `warnings`.

        Parameters
        ----------
        film : dict
            `avg_watch_time` (minutes), `completion_rate` (0-1), `ratings_count`, `avg_rating`
            (1-5).
        """
        features = _engagement(self._hit, film)
        probability = float(self._hit.predict(features)[0])
        return {
            "hit": probability >= 0.5,
            "hit_probability": probability,
            "model": "hit",
            "warnings": _outside(self._hit_ranges, features[0]),
        }

    def segment(self, film: dict[str, float]) -> dict[str, Any]:
        """A film's audience segment: `segment`, `engagement` and `popularity`, `model`, `warnings`.

        Engagement and popularity are 0-1 within the training films' range and may lie beyond
        outside of it.
        """
        features = _engagement(self._segments, film)
        number = int(self._segments.run(features)["label"][0])
        low, high = self._segments.minimum, self._segments.maximum
        scaled = (features[0] - low) / (high - low)
        scores = self._segments.card["scores"]
        return {
            "segment": self._segments.card["segments"][number],
            **{name: float(scaled @ np.array(weights)) for name, weights in scores.items()},
            "model": "segments",
            "warnings": _outside(self._segment_ranges, features[0]),
        }

    def score(self, films: Films) -> dict[str, np.ndarray]:
        """Revenue and success of many films.

        Returns
        -------
        dict of array of shape (n,)
            `predicted_revenue`, `expected_revenue`, `revenue_lower` and `revenue_upper` (dollars of
            the film's time), `probability_success`; `warnings`, a text or None; `rated`, whether
            the classic model answered.
        """
        names = ("predicted_revenue", "expected_revenue", "revenue_lower", "revenue_upper")
        found = {name: np.full(len(films), np.nan) for name in (*names, "probability_success")}
        found["warnings"] = np.full(len(films), None)
        for models, rows, features, prices in self.answering(films):
            found["warnings"][rows] = _joined(self._warnings_of_many(films, models, rows, features))
            order = _alike(features, models.features)
            rows, features = rows[order], features[order]
            read = features.astype(np.float32)
            log_revenue = models.revenue.predict(read).astype(float)
            for name, usd in models.in_usd(log_revenue, prices[order]).items():
                found[name][rows] = usd
            own = models.success.predict(read)
            found["probability_success"][rows] = models.chance(features, log_revenue, own)
        return found | {"rated": self._is_rated(films)}

    def before_release(self, films: Films) -> pd.DataFrame:
        """Features and forecasts of films as before their release, whatever votes they have by now.

        See `FilmModels.with_features`. The index has row numbers; films with faults are absent.
        """
        models, rows = self._pre_release, np.flatnonzero(films.right)
        if not len(rows):
            return pd.DataFrame(columns=[*models.features, *FORECASTS], dtype=float)
        films = self._as_learned(films)
        features = features_of(films, rows, models.features, models.latest_year, self._past)
        return models.with_features(features).set_axis(rows)

    def facts(self, film: dict[str, Any], names: list[str]) -> tuple[np.ndarray, list[str]]:
        """Features of one film before release, in the order of `names`, for another model.

        NaN is unknown. With them come warnings of what isn't known by name.
        """
        films = self._as_learned(from_requests([film], self.names))
        latest = self._pre_release.latest_year
        features = features_of(films, np.arange(1), names, latest, self._past)
        return features[0], self._not_understood(film)

    def named_comparables(self, films: Films, rows: np.ndarray) -> np.ndarray:
        """The comparable films of some films, see `KnownFilms.named`."""
        return self._past.comparables.named(self._as_learned(films), rows)

    def read(self, films: list[dict[str, Any]]) -> Iterator[Answering]:
        """Features of films as requests state them, by the models that answer."""
        return self.answering(from_requests(films, self.names)) if films else iter(())

    def answering(self, films: Films) -> Iterator[Answering]:
        """Features of films by the models that answer them; the others have faults.

        A film whose votes are known is answered by the classic models, another one by the
        pre-release models.
        """
        rated = self._is_rated(films)
        films = self._as_learned(films)
        for models, chosen, past in (
            (self._classic, rated, None),
            (self._pre_release, ~rated, self._past),
        ):
            rows = np.flatnonzero(chosen & films.right)
            if len(rows):
                features = features_of(films, rows, models.features, models.latest_year, past)
                yield Answering(models, rows, features, log_prices(release_days(films, rows)))

    def _as_learned(self, films: Films) -> Films:
        """The films with votes and companies of the kind that the models learned."""
        films = with_votes_of(films, self._classic.votes)
        return with_companies_of(films, self.companies_of)

    def _is_rated(self, films: Films) -> np.ndarray:
        rated = np.ones(len(films), dtype=bool)
        for field in self._needed:
            rated &= ~np.isnan(films.columns.get(COLUMN_OF_FIELD[field], np.nan))
        return rated

    def _warnings(
        self, film: dict[str, Any], models: FilmModels, votes_read: str | None
    ) -> list[str]:
        """What of a request isn't used, or isn't known."""
        given = [field for field in AFTER_RELEASE_FIELDS if film.get(field) is not None]
        if models is self._classic:
            warnings = [
                f"{field} is not used: the training films' source has none"
                for field in given
                if field not in self._needed
            ]
            if votes_read:
                hint = "" if film.get("votes_of") else "; state votes_of if they are IMDb's"
                warnings.append(f"vote_count: {votes_read}, whose votes the model learned{hint}")
            return [*warnings, *self._far_from_known(film)]
        warnings = [*self._not_understood(film), *self._far_from_known(film)]
        if film.get("vote_count") == 0:
            return ["nobody has voted yet: the pre-release model answers", *warnings]
        if given:
            missing = ", ".join(field for field in self._needed if film.get(field) is None)
            words = f"without {missing} the pre-release model answers"
            return [f"{', '.join(given)} not used: {words}", *warnings]
        return warnings

    def _warnings_of_many(
        self, films: Films, models: FilmModels, rows: np.ndarray, features: np.ndarray
    ) -> list[tuple[np.ndarray, str]]:
        """Warnings about rows of a table: which ones each applies to, and its words.

        Those of requests, but for the ones about names and fields that are not used, which a table
        would repeat in every row.
        """
        warnings = []
        if models is self._classic:
            for of in _other_kinds(votes.VOTE_SOURCES, models.votes):
                names = votes.VOTE_SOURCES[of], votes.VOTE_SOURCES[models.votes]
                words = "vote_count: {}'s votes, read as {}'s".format(*names)
                warnings.append((films.votes_of[rows] == of, words))
        else:
            for of in _other_kinds(companies.COMPANY_LISTS, models.companies):
                words = f"companies are {companies.not_used_in_words(of, models.companies)}"
                other = films.lists_companies[rows] & (films.companies_of[rows] == of)
                warnings.append((other, words))
        stated = [(films.columns[field][rows], *limits) for field, *limits in self._known]
        stated += [(features[:, place], *limits) for place, *limits in models.ranges]
        outside = [((values < low) | (values > high), words) for values, low, high, words in stated]
        return [*warnings, *outside]

    def _not_understood(self, film: dict[str, Any]) -> list[str]:
        """Warnings about texts that nothing is known by, and about companies of another kind."""
        not_used = self._pre_release.companies_not_used(film)
        if not_used is None:
            return spelling_warnings(film, self.names)
        return [*spelling_warnings(film | {"companies": None}, self.names), not_used]

    def _far_from_known(self, film: dict[str, Any]) -> list[str]:
        """Warnings about films that are like few or none of the known ones."""
        return [words for field, low, high, words in self._known if not low <= film[field] <= high]


def _later_past(folder: Path, own: Past, card: dict[str, Any]) -> Past:
    for name in FILES:
        if not (folder / name).is_file():
            raise ModelFileError(f"{folder / name} is missing: run `python scripts/history.py`")
    check_history(folder / FILES[0], card)
    later = Past(folder / FILES[0], own.mean)
    if later.roles != own.roles:
        raise ModelFileError(
            f"{folder / FILES[0]} is of another source than the models: it states "
            f"{', '.join(later.roles)}, and they read {', '.join(own.roles)}"
        )
    return later


def _alike(features: np.ndarray, names: list[str]) -> np.ndarray:
    """An order of films that puts those side by side that are alike.

    They take the same ways through the trees, and a processor that guesses which way comes next
    then answers in little more than half the time.
    """
    genres = [place for place, name in enumerate(names) if name.startswith("genre_")]
    keys = [np.nan_to_num(features[:, genres]) @ 2.0 ** np.arange(len(genres))]
    for name, step in (("release_year", 10), ("runtime", 30), ("log_budget", 1)):
        if name in names:
            keys.append(features[:, names.index(name)] // step)
    if "vote_count" in names:
        keys.append(np.floor(np.log2(1 + features[:, names.index("vote_count")])))
    return np.lexsort(keys)  # the last counts most


def _known_ranges(last_year: int) -> list[tuple[str, float, float, str]]:
    """Fields, the lowest and the highest value that forecasts are good for, and a warning."""
    return [
        (
            "release_year",
            -np.inf,
            last_year + FARTHEST,
            f"the film comes more than {FARTHEST} years after the last ones that the model knows, "
            f"of {last_year}; its backtest reaches no further",
        ),
        (
            "budget",
            SMALL_BUDGET,
            np.inf,
            "of films with so small a budget, mostly those that did well are on record: the "
            "forecast is likely too high for others",
        ),
        (
            "budget",
            IN_MILLIONS,
            np.inf,
            f"the budget is below ${IN_MILLIONS:,}: it is read in dollars, not in millions",
        ),
    ]


def _ranges(model: ExportedModel) -> list[tuple[int, float, float, str]]:
    """Of each feature that requests state: its place, lowest and highest value, and a warning."""
    ranges = []
    for place, feature in enumerate(model.features):
        if feature in _STATED:
            field, words = _STATED[feature]
            low, high = float(model.minimum[place]), float(model.maximum[place])
            said = f"{field} is outside the training films' range, {words(low)} to {words(high)}"
            said += _UNITS.get(feature, "")
            if field == "vote_count" and "votes" in model.card:
                said += f" of {votes.VOTE_SOURCES[model.card['votes']]}'s"
            so = "it counts as the end of it" if model.held[place] else "this is an extrapolation"
            ranges.append((place, low - EDGE * abs(low), high + EDGE * abs(high), f"{said}: {so}"))
    return ranges


def _outside(ranges: list[tuple[int, float, float, str]], film: list[float]) -> list[str]:
    """A warning for each feature that lies outside its range; what is unknown doesn't."""
    return [words for place, low, high, words in ranges if film[place] < low or film[place] > high]


def _other_kinds(kinds: Collection[str], learned: str | None) -> list[str]:
    """The kinds of votes or companies that a model did not learn; none if it reads none at all."""
    return [] if learned is None else [kind for kind in kinds if kind != learned]


def _joined(warnings: list[tuple[np.ndarray, str]]) -> np.ndarray:
    """The warnings that apply to each row in one text, None where none does: shape (n,).

    `warnings` holds which rows each applies to, shape (n,), and its words.
    """
    # A bit for each warning: rows with the same ones share a number, and so a text.
    numbers = sum(applies * 2**bit for bit, (applies, _) in enumerate(warnings))
    distinct, place = np.unique(numbers, return_inverse=True)
    texts = [
        "; ".join(words for bit, (_, words) in enumerate(warnings) if number >> bit & 1) or None
        for number in distinct.tolist()
    ]
    return np.array(texts, dtype=object)[place]


def _errors(card: dict[str, Any], folder: Path) -> ForecastErrors:
    """What a card says of how far forecasts are off."""
    try:
        return ForecastErrors.from_card(card["interval"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(
            f"{folder / card['name']}.json has {card.get('interval')!r:.80} for its interval "
            f"({error}): run `dvc repro`"
        ) from error


def _learned(
    model: ExportedModel, folder: Path, what: str, feature: str, kinds: Collection[str]
) -> str | None:
    """Which kind of votes or companies a card says, None if the model doesn't read the feature."""
    if feature not in model.features:
        return None
    stated = model.card.get(what)
    if stated not in kinds:
        raise ModelFileError(
            f"{folder / model.card['name']}.json has {stated} for its {what}, not one of "
            f"{', '.join(kinds)}: run `dvc repro`"
        )
    return stated


def _check_files(folder: Path, card: dict[str, Any]) -> None:
    """Compare what lies beside the models with the sums on the card of the one that needs it."""
    for name in (*FILES, TRAINING_FEATURES):
        if name not in card.get("files", {}):
            raise ModelFileError(
                f"{folder / card['name']}.json doesn't name {name}: run `dvc repro`"
            )
        checked_bytes(folder / name, card["files"][name])


def _engagement(model: ExportedModel, film: dict[str, float]) -> np.ndarray:
    return np.array([[film[name] for name in model.features]], dtype=float)
