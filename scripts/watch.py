"""Hold films of today against the training films. See `python scripts/watch.py --help`."""

from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError, replacing
from boxoffice.core.model_files import ModelFileError
from boxoffice.films.companies import companies_of
from boxoffice.films.money import log_prices
from boxoffice.forecasts.forecasts import FORECASTS, Forecasts
from boxoffice.forecasts.table_files import Chunk, TableError, open_table
from boxoffice.forecasts.tables import CHUNK_ROWS
from boxoffice.forecasts.watched import watched_films
from boxoffice.live.drift import FEWEST_WATCHED, SIZE, rolling
from boxoffice.live.forecast_log import read_log
from boxoffice.live.versions import CHAMPION, served_models, version_of
from boxoffice.live.watch_page import About, headline, watch_page
from predict import RequestError, format_of

PAGE = paths.REPORTS / "watch.html"
REMEDY = "run `make weekly`, or watch a table with --films"
LOGGED = ["film_id", "day", "predicted_revenue", "probability_success"]


def main(
    source: Annotated[
        str | None,
        typer.Argument(help="Whose films: a folder of data/log. Not needed if there is only one."),
    ] = None,
    films: Annotated[
        Path | None,
        typer.Option(help="A .csv or .parquet in the TMDB 5000 schema, instead of the log."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder of the models.", show_default="models/champion, else models"),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Folder of a later history, which scripts/history.py wrote."),
    ] = None,
    size: Annotated[int, typer.Option(min=FEWEST_WATCHED, help="Films in a window.")] = SIZE,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only films released from this day on.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = PAGE,
) -> None:
    """Hold films that were forecast against the training films, and draw a page.

    Forecasts are the champion's last ones of each film in data/log, features
    are made of the facts in data/store as they were known on that day. With
    --films, a table's films are forecast now, as before their release.

    Examples:

      python scripts/watch.py

      python scripts/watch.py tmdb_api --size 400

      python scripts/watch.py --films films.csv --since 2011-01-01 -o watch.html
    """
    folder = models or served_models()
    first = day(since) if since else None
    source = films.name if films else source or only_source()
    forecasts = Forecasts(folder, history)
    table, set_aside = (
        of_table(forecasts, films) if films else of_log(forecasts, source, version_of(folder))
    )
    if first:
        table = table[table["release_date"] >= first]
    if table.empty:
        why = f"none is as late as {since}" if first else (set_aside or ["it has none"])[0]
        raise SourceError(f"no film of {source} can be watched: {why}")
    own = forecasts.models["pre_release"]
    training = own.training_films()
    windows = rolling(training, table, table["release_date"], size)
    about = About(source, version_of(folder), own.revenue.card["trained_until"], set_aside)
    with replacing(out) as temporary:
        temporary.write_text(watch_page(training, table, windows, about), encoding="utf-8")
    typer.echo(headline(windows))
    typer.echo(f"{out}: {len(table):,} films, {len(set_aside):,} rows set aside")


def of_table(forecasts: Forecasts, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """A table's films with the forecasts that the models make of them now; rows set aside."""
    with open_table(path, format_of(path)) as opened:
        films, faults = watched_films(forecasts, opened.chunks(CHUNK_ROWS))
    return films, [f"row {row + 1}: {'; '.join(texts)}" for row, texts in faults.items()]


def only_source() -> str:
    """The source whose forecasts are logged."""
    logs = sorted(path.parent.name for path in paths.LOG.glob("*/forecasts.csv"))
    if not logs:
        raise SourceError(f"{paths.LOG} has no forecasts yet: {REMEDY}")
    if len(logs) > 1:
        raise SourceError(f"{paths.LOG} has forecasts of {', '.join(logs)}: name one of them")
    return logs[0]


def of_log(forecasts: Forecasts, source: str, version: str) -> tuple[pd.DataFrame, list[str]]:
    """A source's films with the champion's last forecasts of them; those without facts.

    Features are made of the facts that were known on the day of the forecast.
    """
    logged = last_forecasts(paths.LOG / source / "forecasts.csv", version)
    from boxoffice.live.store import Store  # takes DuckDB, which a table doesn't need

    facts = Store(paths.STORE / source).as_of_join(logged, "films", on="film_id", at="day")
    if "budget" not in facts:
        raise SourceError(f"{paths.STORE / source} has no facts: run `dvc pull data/store.dvc`")
    if "companies_of" not in facts:
        facts["companies_of"] = companies_of(source)
    rows = pa.RecordBatch.from_pandas(facts.drop(columns=["day", "as_of"]), preserve_index=False)
    own_ids = forecasts.cards["revenue_pre_release"]["source"] == source
    films, faults = watched_films(forecasts, [Chunk(rows, {})], own_ids)
    said = logged.iloc[films.index]
    prices = log_prices(films["release_date"].to_numpy())
    logs = np.log1p(said["predicted_revenue"].to_numpy()) - prices
    made = dict(zip(FORECASTS, (logs, said["probability_success"].to_numpy()), strict=True))
    names = logged["film_id"]
    return films.assign(**made), [
        f"film {names[row]}: {'; '.join(texts)}" for row, texts in faults.items()
    ]


def last_forecasts(path: Path, version: str) -> pd.DataFrame:
    """The champion's last forecast of each film: lines of the log, with their `day`."""
    log = read_log(path)
    if log.empty:
        raise SourceError(f"{path} has no forecasts yet: {REMEDY}")
    # A challenger's forecasts are the champion's once it was promoted.
    log = log[(log["role"] == CHAMPION) | (log["version"] == version)]
    last = log.sort_values("as_of", kind="stable").drop_duplicates("film_id", keep="last")
    return last.rename(columns={"as_of": "day"})[LOGGED].reset_index(drop=True)


def day(text: str) -> pd.Timestamp:
    """A day that an option states."""
    try:
        return pd.Timestamp(date.fromisoformat(text))
    except ValueError as error:
        raise RequestError(f"--since is {text}: state a day as 2024-12-31") from error


if __name__ == "__main__":
    with one_line_errors(RequestError, SourceError, ModelFileError, TableError):
        typer.run(main)
