"""A week's work: hear of films, write down facts, forecasts and revenues."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from boxoffice.films.companies import companies_of
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import score_frame
from boxoffice.live.feeds import Feed
from boxoffice.live.forecast_log import append, facts_hash, is_new, read_log
from boxoffice.live.scores import DAYS
from boxoffice.live.store import Store

# What models read of a film before release.
READ = (
    *("id", "title", "release_date", "budget", "runtime", "original_language", "genres"),
    *("production_companies", "production_countries", "certificate", "cast", "crew"),
)


class Model(NamedTuple):
    """Models that forecast: what they are for ('champion', 'challenger') and their version."""

    role: str
    version: str
    forecasts: Forecasts


class Week(NamedTuple):
    """What a run wrote down."""

    films: int  # with facts that are new
    forecasts: int
    revenues: int  # that are new
    skipped: list[str]  # films that were not forecast, with the reason


def play_week(
    feed: Feed, source: str, store: Store, log: Path, models: list[Model], today: date, weeks: int
) -> Week:
    """Bring facts, forecasts and revenues up to date.

    Films that are released in the next `weeks` weeks, as the feed has them today, are forecast once
    by every model, and anew when their facts have changed. Every step leaves out what is done
    already, so that a run that was killed is finished by the next one, and a second run changes
    nothing.
    """
    tomorrow, last = today + timedelta(days=1), today + timedelta(weeks=weeks)
    films = feed.coming(tomorrow, last)
    new_films = store.write("films", films, today)
    if len(people := feed.people(films)):
        store.write("people", people, today)
    made, skipped = _forecasts(films, source, models, today, log)
    forecast = append(log, made) if len(made) else 0
    logged = read_log(log)
    since = (pd.Timestamp(today) - logged["release_date"]).dt.days
    out = logged.loc[since.between(0, max(DAYS)), "film_id"].unique().tolist()
    revenues = store.write("revenues", feed.revenues(out, today), today) if out else 0
    return Week(new_films, forecast, revenues, skipped)


def _forecasts(
    films: pd.DataFrame, source: str, models: list[Model], today: date, log: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Lines of the log for films that a model has not forecast with these facts."""
    films = films.assign(
        film_id=films["id"], facts=facts_hash(films[[name for name in READ if name in films]])
    )
    logged = read_log(log)
    lines, skipped = [], []
    for model in models:
        new = films[is_new(films.assign(version=model.version), logged)]
        if new.empty:
            continue
        asked = new.drop(columns=["film_id", "facts"]).assign(companies_of=companies_of(source))
        own_ids = model.forecasts.cards["revenue_pre_release"]["source"] == source
        answers = score_frame(model.forecasts, asked, own_ids)
        faulty = answers["error"].notna()
        titles = new["title"].fillna("film " + new["id"])[faulty]
        skipped = [
            f"{title}: {reason}"
            for title, reason in zip(titles, answers["error"][faulty], strict=True)
        ]
        lines.append(_lines(new[~faulty], answers[~faulty], model, today))
    return (pd.concat(lines) if lines else pd.DataFrame()), skipped


def _lines(films: pd.DataFrame, answers: pd.DataFrame, model: Model, today: date) -> pd.DataFrame:
    return answers.assign(
        film_id=films["id"],
        title=films["title"],
        release_date=films["release_date"],
        budget=films["budget"],
        as_of=today.isoformat(),
        role=model.role,
        version=model.version,
        model="revenue_" + answers["model"],
        facts=films["facts"],
    )


def weeks_between(first: date, last: date) -> list[date]:
    """Every seventh day from `first` to `last`."""
    return [day.date() for day in pd.date_range(first, last, freq="7D")]
