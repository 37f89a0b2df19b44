"""The weekly page: what is coming, what came, and how right the forecasts were."""

import base64
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure

from boxoffice.core.files import replacing
from boxoffice.films.money import usd_in_words
from boxoffice.live.scores import DAYS, GROUPS, last_forecasts
from boxoffice.live.shadow import BOTH, FEWEST_PAIRED, paired_comparison
from boxoffice.live.versions import CHALLENGER, CHAMPION
from boxoffice.tabular.backtest import FEWEST_SCORED

MOST_DRAWN = 20  # coming films
MOST_SHOWN = 40  # films that came; the others are folded
ROLLED = 30  # films of a rolling mean
HIT, MISS = "#0072b2", "#d55e00"  # told apart by the colour-blind, too
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
SHORT_UNITS = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))


def coming_films(log: pd.DataFrame, version: str, today: pd.Timestamp) -> pd.DataFrame:
    """The last forecasts by a version of films that are not out yet, by day of release."""
    last = log[log["version"] == version].drop_duplicates("film_id", keep="last")
    rows = last[last["release_date"] > today]
    return rows.sort_values(["release_date", "title"], ignore_index=True)


def came_films(found: pd.DataFrame, version: str) -> pd.DataFrame:
    """A version's last forecasts of films that are out, with the last revenue, the latest first.

    `found` is what `outcomes` returns; `inside` tells whether the interval held the revenue, and
    `factor` how far the forecast was off.
    """
    rows = last_forecasts(found[found["version"] == version]).sort_values("days", kind="stable")
    rows = rows.drop_duplicates("film_id", keep="last")
    error = rows["predicted"] - rows["actual"]
    return rows.assign(
        inside=rows["revenue"].between(rows["revenue_lower"], rows["revenue_upper"]),
        error=error,
        factor=np.exp(error.abs()),
    ).sort_values(["release_date", "title"], ascending=[False, True], ignore_index=True)


def what_came(came: pd.DataFrame, nominal: float) -> str:
    """What came of a version's forecasts, in a sentence."""
    if came.empty:
        return "No film that was forecast has been out for 30 days yet."
    n = len(came)
    films = "1 film" if n == 1 else f"{n} films"
    if n < FEWEST_SCORED:
        return f"{films} came out so far: too few to say how right the forecasts are."
    bias = np.expm1(came["error"].mean())
    direction = "above" if bias > 0 else "below"
    on_average = "right" if abs(bias) < 0.005 else f"{abs(bias):.0%} {direction} what was earned"
    return (
        f"Of {films} that came out, the {nominal:.0%} interval held {came['inside'].mean():.0%}. "
        f"Half of the forecasts were off by less than a factor of {came['factor'].median():.1f}; "
        f"on (geometric) average they were {on_average}."
    )


def challenged(found: pd.DataFrame, roles: dict[str, str]) -> str | None:
    """How the challenger did beside the champion, in words; None if there is none."""
    if CHALLENGER not in roles:
        return None
    rows = pd.concat(came_films(found, roles[role]).assign(role=role) for role in BOTH)
    result = paired_comparison(rows.assign(log_error=rows["error"]))
    n, rmse = result["n"], result["rmse"]
    if result["lower"] is None:
        return f"Films that both have forecast and that came out: {n}. {FEWEST_PAIRED} are needed."
    better = "the challenger" if result["upper"] < 0 else "the champion"
    verdict = (
        "no difference beyond chance"
        if result["lower"] <= 0 <= result["upper"]
        else f"{better} was off by less, beyond chance"
    )
    return (
        f"On {n} films that both forecast, the champion was off by a factor of "
        f"{np.exp(rmse[CHAMPION]):.2f} and the challenger by {np.exp(rmse[CHALLENGER]):.2f} (root "
        f"mean square): {verdict}. Difference of squared log errors {result['difference']:+.3f}, "
        f"{result['nominal']:.0%} interval {result['lower']:+.3f} to {result['upper']:+.3f}."
    )


def page_of(
    source: str,
    played: bool,
    today: date,
    roles: dict[str, str],
    log: pd.DataFrame,
    found: pd.DataFrame,
    scores: dict[str, Any],
    nominal: float,
    skipped: list[str],
) -> str:
    """The page as HTML that loads nothing from elsewhere.

    Parameters
    ----------
    played : bool
        Whether the films are of the past.
    roles : dict
        Version of each role's model; there is a 'champion'.
    log, found, scores
        Of `read_log`, `outcomes` and `log_scores`.
    skipped : dict
        Films that were not forecast, with the reason.
    """
    version = roles[CHAMPION]
    coming = coming_films(log, version, pd.Timestamp(today))
    came = came_films(found, version)
    return TEMPLATES.get_template("weekly.html.j2").render(
        source=source,
        played=played,
        today=today,
        roles=roles,
        coming=coming.to_dict("records"),
        came=came.to_dict("records"),
        headline=what_came(came, nominal),
        scores=scores,
        groups=GROUPS,
        days=DAYS,
        fewest=FEWEST_SCORED,
        nominal=nominal,
        skipped=skipped,
        comparison=challenged(found, roles),
        usd=usd_in_words,
        drawn_coming=_inline(draw_coming(coming)) if len(coming) else None,
        most_drawn=MOST_DRAWN,
        most_shown=MOST_SHOWN,
        drawn_came=_inline(draw_came(came)) if len(came) else None,
        drawn_time=_inline(draw_time(came, nominal)) if len(came) >= ROLLED else None,
        window=ROLLED,
    )


def write_page(path: Path, html: str) -> None:
    """Write a page, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def draw_coming(coming: pd.DataFrame) -> Figure:
    """The largest forecasts of coming films, with their intervals."""
    shown = coming.nlargest(MOST_DRAWN, "predicted_revenue")[::-1]
    figure = Figure(figsize=(8, 0.6 + 0.28 * len(shown)), layout="constrained")
    axis = figure.subplots()
    rows = np.arange(len(shown))
    axis.hlines(rows, shown["revenue_lower"], shown["revenue_upper"], color="#9ecae1", linewidth=5)
    axis.plot(shown["predicted_revenue"], rows, "o", color=HIT, label="forecast")
    axis.plot(shown["budget"], rows, "|", color="k", markersize=9, label="budget")
    axis.set_yticks(rows, [_short(title) for title in shown["title"]])
    axis.set_xscale("log")
    _in_usd(axis.xaxis)
    axis.legend(loc="lower right", fontsize="small")
    axis.grid(axis="x", alpha=0.4)
    return figure


def draw_came(came: pd.DataFrame) -> Figure:
    """Forecast and revenue of films that are out; an interval that missed is drawn in red."""
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axis = figure.subplots()
    for inside, color, label in ((True, HIT, "within the interval"), (False, MISS, "outside")):
        rows = came[came["inside"] == inside]
        axis.vlines(
            rows["revenue"], rows["revenue_lower"], rows["revenue_upper"], color=color, alpha=0.18
        )
        axis.plot(rows["revenue"], rows["predicted_revenue"], "o", ms=4, color=color, label=label)
    ends = [came["revenue"].min(), came["revenue"].max()]
    axis.plot(ends, ends, color="k", linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="earned", ylabel="forecast before release")
    _in_usd(axis.xaxis)
    _in_usd(axis.yaxis)
    axis.legend(loc="upper left", fontsize="small")
    return figure


def draw_time(came: pd.DataFrame, nominal: float) -> Figure:
    """Bias and coverage over the last films, by day of release."""
    films = came.sort_values("release_date")
    rolled = films[["error", "inside"]].astype(float).rolling(ROLLED).mean()
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(films["release_date"], np.exp(rolled["error"]), color=HIT)
    left.axhline(1, color="k", linewidth=1)
    left.set(title="Forecast over earned", yscale="log")
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter("{x:g}")
    right.plot(films["release_date"], rolled["inside"], color=HIT)
    right.axhline(nominal, color="k", linewidth=1)
    right.set(title="Share within the interval", ylim=(0, 1.02))
    for axis in (left, right):
        axis.tick_params(axis="x", rotation=30)
        axis.grid(alpha=0.4)
    return figure


def _in_usd(axis) -> None:
    axis.set_major_formatter(lambda usd, _: usd_in_words(usd, SHORT_UNITS))


def _short(title: str) -> str:
    short = title if len(title) <= 34 else f"{title[:33]}…"
    return short.replace("$", r"\$")  # else matplotlib reads a formula


def _inline(figure: Figure) -> str:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
