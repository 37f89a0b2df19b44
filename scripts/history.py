"""Bring the history that forecasts read up to date. See `python scripts/history.py --help`."""

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.films.history import FILES, write_history

TABLES = ("films.parquet", "people.parquet", "companies.parquet")


def main(
    to: Annotated[Path, typer.Argument(help="Folder to write to.")],
    processed: Annotated[
        Path, typer.Option(help="Folder of what the stage preprocess writes.")
    ] = paths.PROCESSED,
) -> None:
    """Write the known films as forecasts need them, without training anything.

    Track records, the market and comparable films then know of films that the
    models never learned from. The models stay as they are.

    For example, after new films were added to the source:

      dvc repro preprocess

      python scripts/history.py data/history

      python scripts/predict.py films.csv -o out.csv --history data/history
    """
    if missing := [name for name in TABLES if not (processed / name).is_file()]:
        sys.exit(f"{processed} lacks {', '.join(missing)}: run `dvc repro preprocess`")
    films, people, companies = (pd.read_parquet(processed / name) for name in TABLES)
    write_history(films, people, companies, to)
    latest = films.loc[films["usable"], "release_date"].max()
    typer.echo(
        f"{to} holds {' and '.join(FILES)}: {films['usable'].sum():,} films until {latest:%Y-%m-%d}"
    )


if __name__ == "__main__":
    with one_line_errors(SourceError):
        typer.run(main)
