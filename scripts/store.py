"""Look into the store of dated facts. See `python scripts/store.py --help`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.live.store import Store
from boxoffice.live.training_set import write_training_set

app = typer.Typer(
    help="Look into the store of dated facts, or write what was known on a day as a source.",
    no_args_is_help=True,
    add_completion=False,
)

SourceOption = Annotated[str, typer.Option(help="The source: a folder of data/store.")]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the stores.")]


@app.command("list")
def list_tables(source: SourceOption = "tmdb_api", stores: StoreOption = paths.STORE) -> None:
    """List the tables of a store, with the days of their first and last facts.

    For example:

      python scripts/store.py list --source open_films
    """
    typer.echo(Store(stores / source).list().to_string(index=False))


@app.command("training-set")
def training_set(
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day.")],
    to: Annotated[Path, typer.Option(help="Folder to write to: data/raw/NAME.")],
    source: SourceOption = "tmdb_api",
    stores: StoreOption = paths.STORE,
) -> None:
    """Write the films as they were known on a day as a source, to train on that.

    Nothing that was read later is in it: no revenue, no credits, no film.

    For example, to train on what was known on the 1st of March, with
    data.source set to march in params.yaml:

      python scripts/store.py training-set --as-of 2026-03-01 --to data/raw/march

      dvc repro
    """
    card = write_training_set(Store(stores / source), as_of.date(), to)
    typer.echo(
        f"{to}: {card['films']:,} films, {card['with_revenue']:,} with a revenue, as known on "
        f"{card['as_of']}; set data.source to {to.name} to train on it"
    )


if __name__ == "__main__":
    with one_line_errors(SourceError):
        app()
