"""The weekly job: forecast films that are coming, score those that came out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from filelock import FileLock, Timeout
from tqdm import tqdm

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.core.model_files import ModelFileError
from boxoffice.core.reports import write_json
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import TableError
from boxoffice.live.feeds import Feed, OnTmdb, Played
from boxoffice.live.forecast_log import read_log
from boxoffice.live.past_models import write_past_models
from boxoffice.live.scores import log_scores, outcomes
from boxoffice.live.store import Store, StoreError
from boxoffice.live.versions import CHALLENGER, CHAMPION, served_models, version_of
from boxoffice.live.weekly import Model, play_week, weeks_between
from boxoffice.live.weekly_page import page_of, write_page
from boxoffice.sources import tmdb_api, tmdb_films
from run_notebook import StageError, read_params

LIVE = "tmdb_api"
PLAYED_FOR = timedelta(weeks=78)  # a year of films, and half a year in which they earn


def main(
    source: Annotated[
        str, typer.Option(help=f"{LIVE}, or a source of data/raw whose past is played.")
    ] = LIVE,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the weeks that are played."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of these, by default 78 weeks later."),
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="How many weeks to look ahead.")] = 8,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the models.", show_default="models/champion if there is one, or models"
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of the facts, by default data/store/SOURCE.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Folder of the forecast log, by default data/log/SOURCE.")
    ] = None,
    page: Annotated[
        Path, typer.Option(help="The page to write; the scores go beside it, as JSON.")
    ] = paths.REPORTS / "weekly.html",
    i_have_permission: Annotated[
        bool,
        typer.Option(
            "--i-have-permission",
            envvar="TMDB_PERMISSION",
            help="You have TMDB's written agreement for machine learning; remembered.",
        ),
    ] = False,
    rate: Annotated[
        float, typer.Option(min=0.1, help="Requests per second to TMDB at most.")
    ] = tmdb_api.RATE,
    api: Annotated[str, typer.Option(envvar="TMDB_API_ADDRESS", hidden=True)] = tmdb_api.ADDRESS,
    exports: Annotated[
        str, typer.Option(envvar="TMDB_EXPORTS_ADDRESS", hidden=True)
    ] = tmdb_films.EXPORTS,
) -> None:
    """Forecast the films of the next weeks, and score the forecasts of films that came out.

    TMDB wants your key, in TMDB_API_KEY, and its permission, see `fetch.py tmdb_api`.

    Facts and revenues go to the store with the day on which they were read,
    forecasts to the log, in which no line ever changes. A run that was stopped is
    finished by the next one; a second run on the same day adds nothing.

    With --today, the weeks from that day on are played with a source of the past:
    by models that learned from films of earlier years alone, and as if its films
    were still coming.

    Examples:

      python scripts/weekly.py

      python scripts/weekly.py --source open_films --today 2009-01-02
    """
    if (today is None) == (source != LIVE):
        raise SourceError(
            f"to play the past, give both --source and --today; without either, {LIVE} is asked"
        )
    store, log = store or paths.STORE / source, log or paths.LOG / source
    log.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(log / ".lock", timeout=0):
            days = days_of(today, until)
            roles = folders(source, days[0], models or served_models())
            with feed_of(source, i_have_permission, api, exports, rate) as feed:
                run(feed, source, days, weeks, roles, store, log, page)
    except StoreError as error:
        if source == LIVE:
            raise
        raise SourceError(f"{error}. Play other weeks with another --store and --log") from error
    except Timeout as error:
        raise SourceError(f"another run is writing to {log}: wait until it has ended") from error


@contextmanager
def feed_of(source: str, permission: bool, api: str, exports: str, rate: float) -> Iterator[Feed]:
    """TMDB, with the user's key, or a source that is played."""
    if source != LIVE:
        yield Played(paths.RAW / source)
        return
    typer.echo(tmdb_films.require_permission(stated=permission))
    with tmdb_api.Tmdb(tmdb_api.key_from_environment(), api, rate) as tmdb:
        yield OnTmdb(tmdb, exports=exports)


def days_of(today: datetime | None, until: datetime | None) -> list[date]:
    """The days of the runs: this one, or those that are played."""
    if today is None and until:
        raise SourceError("--until is for playing the past: give --source and --today, too")
    if today is None:
        return [datetime.now(UTC).date()]
    days = weeks_between(today.date(), (until or today + PLAYED_FOR).date())
    if not days:
        raise SourceError(f"--until {until:%Y-%m-%d} is before --today {today:%Y-%m-%d}")
    return days


def run(
    feed: Feed,
    source: str,
    days: list[date],
    weeks: int,
    roles: dict[str, Path],
    store: Path,
    log: Path,
    page: Path,
) -> None:
    """Do the work of each day, then score the log and draw the page.

    `roles` are the folders of the models that forecast, a 'champion' among them.
    """
    facts = Store(store)
    asked = [Model(role, version_of(folder), Forecasts(folder)) for role, folder in roles.items()]
    lines = log / "forecasts.csv"
    if lines.exists() and not facts.list()["parts"].any():
        raise SourceError(
            f"{lines} has forecasts, but {store} has no facts: run `dvc pull data/store.dvc`, or "
            "give another --store and --log"
        )
    skipped: list[str] = []
    for day in tqdm(days, unit="week", disable=None if len(days) > 1 else True):
        week = play_week(feed, source, facts, lines, asked, day, weeks)
        skipped = week.skipped
    today = days[-1]
    made = read_log(lines)
    found = outcomes(made, facts, pd.Timestamp(today))
    champion = asked[0].forecasts
    nominal = champion.cards["revenue_pre_release"]["interval"]["nominal"]
    scores = log_scores(found, nominal)
    versions = {model.role: model.version for model in asked}
    write_page(
        page,
        page_of(source, source != LIVE, today, versions, made, found, scores, nominal, skipped),
    )
    write_json(
        page.with_suffix(".json"),
        {"source": source, "until": today.isoformat(), "versions": versions, "scores": scores},
    )
    typer.echo(f"{lines}: {len(made):,} forecasts; {page}")


def folders(source: str, first: date, models: Path) -> dict[str, Path]:
    """The folders of models that forecast, by role."""
    if source == LIVE:
        challenger = paths.MODELS / CHALLENGER
        return {CHAMPION: models} | ({CHALLENGER: challenger} if challenger.is_dir() else {})
    before = pd.Timestamp(first.year, 1, 1)
    past = paths.CACHE / "past_models" / f"{source}-{first.year}-{version_of(models)}"
    write_past_models(source, before, past, read_params()["seed"], paths.PROCESSED, models)
    return {CHAMPION: past}


if __name__ == "__main__":
    with one_line_errors(SourceError, ModelFileError, StageError, TableError):
        typer.run(main)
