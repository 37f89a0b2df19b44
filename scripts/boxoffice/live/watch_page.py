"""The page of drift: what has drifted, how far and since when, in words, a table and pictures."""

from base64 import b64encode
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from boxoffice.films.credits import ROLES
from boxoffice.films.money import BASE, usd_in_words
from boxoffice.forecasts.drivers import WORDS, part_of
from boxoffice.forecasts.forecasts import FORECASTS
from boxoffice.live.drift import FEWEST_WATCHED, LEVEL, last_window

_NAMED = 3  # features in the headline
_DRAWN = 9  # features in pictures of their own
_LINES = 6  # features in the picture of distances
_BINS = 24
_FEW = 12  # distinct values that are drawn one by one

_AMOUNTS = ("$1k", "$10k", "$100k", "$1M", "$10M", "$100M", "$1B", "$10B")  # 10^3 and so on
_GREY, _BLUE = "#a3adb8", "#0f5c6e"  # training films, films of today
_NAMES = {
    FORECASTS[0]: "forecast of revenue",
    FORECASTS[1]: "forecast of success",
    "log_budget": "budget",
    "budget_implausible": "budget in another unit",
    "budget_rank": "budget, rank in its years",
    "budget_relative": "budget over its years’ mean",
    "runtime": "length",
    "release_month": "month of release",
    "weekday": "weekday of release",
    "season_sin": "season, sine",
    "season_cos": "season, cosine",
    "english": "in English",
    "american": "American",
    "certificate_rank": "certificate, strictness",
}
_STATISTICS = {
    "_count": "earlier films",
    "_revenue_best": "best earlier revenue",
    "_return_mean": "earlier return",
}
_SHARES = ("english", "american", "budget_implausible", "budget_rank", FORECASTS[1])
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


class About(NamedTuple):
    """Where films and models come from."""

    source: str  # of the films
    version: str  # of the models
    trained_until: str
    set_aside: list[str]  # a text per row that couldn't be read


def name_in_words(feature: str) -> str:
    """'cast_count' -> 'cast: earlier films', 'genre_war' -> 'genre: war'."""
    if feature in _NAMES:
        return _NAMES[feature]
    if feature.startswith("genre_"):
        return f"genre: {feature.removeprefix('genre_').replace('_', ' ')}"
    for role in ROLES:
        if (statistic := feature.removeprefix(role)) in _STATISTICS:
            return f"{WORDS.get(role, role)}: {_STATISTICS[statistic]}"
    return feature


def mean_in_words(feature: str, mean: float) -> str:
    """A mean of a feature in its own unit; that of a logarithm is a typical amount."""
    if np.isnan(mean):
        return "–"
    if _is_amount(feature):
        return usd_in_words(np.expm1(mean))
    if feature == "budget_relative" or feature.endswith("_return_mean"):
        return f"× {np.exp(mean):.2f}"
    if feature in _SHARES or feature.startswith("genre_"):
        return f"{100 * mean:.2g}%"
    if feature.endswith("_count"):
        return f"{np.expm1(mean):.1f}"
    return f"{mean:.0f} min" if feature == "runtime" else f"{mean:.2f}"


def _is_amount(feature: str) -> bool:
    return feature in ("log_budget", FORECASTS[0]) or feature.endswith("_revenue_best")


def headline(windows: pd.DataFrame) -> str:
    """What has drifted in the last window of `drift.rolling`, how far and since when."""
    table = last_window(windows)
    n = table["n"].iloc[0]
    if n < FEWEST_WATCHED:
        return f"No verdict: {n} films, {FEWEST_WATCHED} needed."
    drifted = table[table["drifted"].fillna(False).astype(bool)]
    if drifted.empty:
        return f"No drift: the latest {n} films can’t be told from the training films."
    features = len(table.index.difference(FORECASTS)), len(drifted.index.difference(FORECASTS))
    what = ["{1} of {0} features".format(*features)]
    what += [f"the {name_in_words(name)}" for name in FORECASTS if name in drifted.index]
    listed = " and ".join(filter(None, [", ".join(what[:-1]), what[-1]]))
    parts = drifted.index.to_series().map(part_of)  # of a part's features the farthest alone
    start = windows.index[0][2]
    farthest = [_how_far(name, drifted.loc[name], start) for name in parts.drop_duplicates().index]
    return (
        f"Among the latest {n} films {listed} differ from the training films by more than chance. "
        f"Farthest: {'; '.join(farthest[:_NAMED])}."
    )


def _how_far(feature: str, row: pd.Series, start: pd.Timestamp) -> str:
    """'length 0.42 standard deviations higher, since May 2007', of a row of `drift.last_window`."""
    if row["wasserstein"] > abs(row["missing"] - row["missing_training"]):
        way = "higher" if row["mean"] > row["mean_training"] else "lower"
        how = f"{name_in_words(feature)} {row['wasserstein']:.2f} standard deviations {way}"
    else:
        part = WORDS.get(part_of(feature), part_of(feature))
        how = f"{part} unknown for {row['missing']:.0%} ({row['missing_training']:.0%} in training)"
    return f"{how}, since {row['since']:%B %Y}" if row["since"] > start else how


def watch_page(
    training: pd.DataFrame, films: pd.DataFrame, windows: pd.DataFrame, about: About
) -> str:
    """The page as HTML that loads nothing from elsewhere.

    Parameters
    ----------
    training, films : DataFrame
        Features and forecasts, of the films also `release_date`.
    windows : DataFrame
        `drift.rolling` of them.
    """
    table = last_window(windows)
    n = table["n"].iloc[0]
    now = films.sort_values("release_date", kind="stable").tail(n)
    drifted = table.index[table["drifted"].fillna(False).astype(bool)]
    known = drifted[table.loc[drifted, "ks"].notna()]
    several = windows.index[-1][0] > 0  # the number of the last window
    style = {"svg.hashsalt": "watch", "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):
        return _templates.get_template("watch.html.j2").render(
            headline=headline(windows),
            about=about,
            table=table,
            now=now,
            n_films=len(films),
            n_training=len(training),
            fewest=FEWEST_WATCHED,
            level=LEVEL,
            base=BASE,
            forecasts=[(name, _drawn(_forecasts(name, training, films))) for name in FORECASTS],
            features=[(name, _drawn(_histogram(name, training, now))) for name in known[:_DRAWN]],
            distances=_drawn(_distances(windows, known[:_LINES])) if several and len(known) else "",
            name_in_words=name_in_words,
            mean_in_words=mean_in_words,
            number=_number,
            verdict=partial(_verdict, start=windows.index[0][2] if several else None),
        )


def _verdict(row: pd.Series, start: pd.Timestamp | None) -> str:
    """Whether a feature has drifted, and since when; `start` ends the first of several windows."""
    if pd.isna(row["drifted"]):
        return "–"
    if not row["drifted"]:
        return "no"
    if start is None:
        return "yes"
    return "all along" if row["since"] == start else f"since {row['since']:%b %Y}"


def _number(value: float, form: str = "{:.2f}") -> str:
    return "–" if pd.isna(value) else form.format(value)


def _drawn(figure: Figure) -> str:
    """A figure as the address of a picture that is its own content."""
    content = BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None}, transparent=True)
    return f"data:image/svg+xml;base64,{b64encode(content.getvalue()).decode()}"


def _histogram(feature: str, training: pd.DataFrame, films: pd.DataFrame) -> Figure:
    """Shares of the training films and of others by a feature's value."""
    samples = [table[feature].dropna().to_numpy(float) for table in (training, films)]
    figure = Figure(figsize=(3.6, 2), layout="constrained")
    axis = figure.subplots()
    edges = _edges(np.concatenate(samples))
    for sample, color, filled in zip(samples, (_GREY, _BLUE), (True, False), strict=True):
        shares = np.histogram(sample, edges)[0] / len(sample)
        axis.stairs(shares, edges, color=color, fill=filled, linewidth=1.8)
    axis.yaxis.set_major_formatter(PercentFormatter(1, 0))
    _in_units(axis.xaxis, feature)
    return figure


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of bins, one around each value where these are few."""
    distinct = np.unique(values)
    if not 1 < len(distinct) <= _FEW:
        return np.histogram_bin_edges(values, _BINS)
    half = np.diff(distinct).min() / 2
    middles = (distinct[1:] + distinct[:-1]) / 2
    return np.concatenate([[distinct[0] - half], middles, [distinct[-1] + half]])


def _forecasts(forecast: str, training: pd.DataFrame, films: pd.DataFrame) -> Figure:
    """Forecasts by day of release, their moving median, and where those of training films lie."""
    low, middle, high = training[forecast].quantile([0.1, 0.5, 0.9])
    by_day = films.set_index("release_date")[forecast].sort_index()
    medians = by_day.rolling(FEWEST_WATCHED, min_periods=FEWEST_WATCHED // 4).median()
    figure = Figure(figsize=(4.2, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.axhspan(low, high, color=_GREY, alpha=0.35, linewidth=0)
    axis.axhline(middle, color=_GREY, linewidth=1.8)
    axis.plot(by_day, ".", color=_BLUE, alpha=0.35, markersize=5, markeredgewidth=0)
    axis.plot(medians, color=_BLUE, linewidth=1.8)
    _in_units(axis.yaxis, forecast)
    _dated(axis.xaxis)
    return figure


def _distances(windows: pd.DataFrame, features: pd.Index) -> Figure:
    """Distances of some features by the last day of the window."""
    distances = windows["wasserstein"].unstack("feature").droplevel(["window", "first"])
    figure = Figure(figsize=(4.2, 2.6), layout="constrained")
    axis = figure.subplots()
    for feature in features:
        axis.plot(distances[feature], marker=".", label=name_in_words(feature))
    axis.set(ylim=(0, None), ylabel="standard deviations")
    _dated(axis.xaxis)
    figure.legend(loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    return figure


def _in_units(axis: Axis, feature: str) -> None:
    """Label an axis in the units of `mean_in_words`, and in words."""
    if _is_amount(feature):
        axis.set_major_locator(FixedLocator(np.log(10.0 ** np.arange(3, 11))))
        axis.set_major_formatter(lambda log, _: _AMOUNTS[round(log / np.log(10)) - 3])
    elif feature == "budget_relative" or feature.endswith("_return_mean"):
        axis.set_major_locator(FixedLocator(np.log(4.0 ** np.arange(-3, 4))))
        axis.set_major_formatter(lambda log, _: f"× {np.exp(log):.2g}")
    elif feature.endswith("_count"):
        axis.set_major_locator(FixedLocator(np.log1p([0, 1, 3, 10, 30, 100, 300])))
        axis.set_major_formatter(lambda log, _: f"{np.expm1(log):.0f}")
    elif feature.startswith("genre_") or feature in ("english", "american", "budget_implausible"):
        axis.set_ticks([0, 1], ["no", "yes"])
    elif feature == "weekday":
        axis.set_ticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    elif feature == FORECASTS[1]:
        axis.set_major_formatter(PercentFormatter(1, 0))


def _dated(axis: Axis) -> None:
    axis.set_major_locator(AutoDateLocator())
    axis.set_major_formatter(ConciseDateFormatter(axis.get_major_locator()))
