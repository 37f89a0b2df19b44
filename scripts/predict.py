"""Ask the trained models about films. See `python scripts/predict.py --help`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import replacing
from boxoffice.core.model_files import ModelFileError
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import Film, faults
from boxoffice.forecasts.table_files import open_table
from boxoffice.forecasts.tables import TableError, score_file
from boxoffice.live.versions import served_models

FORMATS = {".csv": "csv", ".parquet": "parquet"}
SERVED = "models/champion where there is one, else models"

app = typer.Typer(add_completion=False)


class RequestError(ValueError):
    """What was asked for can't be done; the message says why and what to do."""


@app.command(no_args_is_help=True)
def predict(
    films: Annotated[
        Path | None,
        typer.Argument(help="A .csv or .parquet of films in the TMDB 5000 schema."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The .csv or .parquet to write; not FILMS itself."),
    ] = None,
    film: Annotated[
        str | None, typer.Option(metavar="JSON", help="One film, as the API takes it.")
    ] = None,
    comparables: Annotated[
        bool,
        typer.Option("--comparables", help="Of a table: also name the films most like each."),
    ] = False,
    own_ids: Annotated[
        bool,
        typer.Option(
            "--own-ids",
            help="Ids in the table are those of the source that the models learned from.",
        ),
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="Folder of the models.", show_default=SERVED)
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Folder of a later history, which scripts/history.py wrote."),
    ] = None,
) -> None:
    """Predict revenue and success of a table of films, or of one film.

    A table comes back with its rows in order and these columns added:
    predicted_revenue (a typical value), expected_revenue (a mean),
    revenue_lower, revenue_upper (dollars of the film's time),
    probability_success, model, warnings, and error, which says what is wrong
    with a row that couldn't be scored. Of the schema's columns budget and
    release_date are needed; cast, crew and certificate are read where a table
    has them.

    With --comparables, comparable_1 to comparable_5 name the five known films
    most like each one, with what they earned in dollars of its year.

    A film with votes is answered by the classic model, one without by the
    pre-release model. Votes are TMDB's unless votes_of, a field and a column,
    says imdb. Companies are production companies alone unless companies_of
    says distributors, for lists that name the distributor too; the models use
    lists of the kind that they learned from and ignore the others.

    A company that no training film names may be new, or spelt in another way: it
    counts as not stated. With --own-ids it counts as new, which films of small
    distributors need: their forecasts would be several times too high.

    Examples:

      python scripts/predict.py films.csv -o out.csv

      python scripts/predict.py films.parquet -o out.parquet

      python scripts/predict.py --film '{"budget": 2e7, "release_year": 2026}'
    """
    models = models or served_models()
    if film is not None:
        if films or out:
            raise RequestError("give --film, or a table with --out, not both")
        return predict_film(film, Forecasts(models, history))
    if films is None or out is None:
        raise RequestError("give a table and where to write it: films.csv -o out.csv")
    try:
        predict_table(films, out, Forecasts(models, history), comparables, own_ids)
    except TableError as error:
        raise RequestError(f"the table can't be scored: {error}") from error


def predict_film(text: str, forecasts: Forecasts) -> None:
    """Print what the API says of a film, as JSON."""
    film = stated_film(text)
    answer = {
        "revenue": forecasts.revenue(film),
        "success": forecasts.success(film),
        **forecasts.comparables(film),
    }
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def stated_film(text: str) -> dict:
    """The film that a JSON text states; an error names all its faults."""
    try:
        film = json.loads(text.removeprefix("\ufeff"))  # a file's byte-order mark
    except (ValueError, RecursionError) as error:
        raise RequestError(f"--film is not JSON: {error}") from error
    if found := faults(film):
        raise RequestError("; ".join(found))
    return Film.model_validate(film).__dict__


def predict_table(
    films: Path, out: Path, forecasts: Forecasts, comparables: bool, own_ids: bool
) -> None:
    """Write the table with its forecasts, whole or not at all."""
    source_format, out_format = format_of(films), format_of(out)
    if out.exists() and films.exists() and out.samefile(films):
        raise RequestError(f"{out} is the table itself: write to another file")
    with open_table(films, source_format) as table:
        total = table.row_count
    with (
        replacing(out) as temporary,
        temporary.open("wb") as file,
        tqdm(total=total, unit=" films", disable=None) as bar,
    ):
        summary = score_file(
            forecasts,
            films,
            source_format,
            file,
            out_format,
            lambda done: bar.update(done - bar.n),
            comparables=comparables,
            own_ids=own_ids,
        )
    typer.echo(
        f"{out}: {summary.rows:,} films, {summary.scored:,} scored, {summary.rejected:,} rejected"
    )
    for reason in summary.reasons:
        typer.echo(f"  {reason}")
    if summary.rejected > len(summary.reasons):
        typer.echo("  ... the column error has the others")
    if summary.rows and not summary.scored:
        raise RequestError(f"no row could be scored; {out} says of each why")


def format_of(path: Path) -> str:
    """What a file's name says that it holds."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError as error:
        raise RequestError(f"{path} must end in {' or '.join(FORMATS)}") from error


if __name__ == "__main__":
    with one_line_errors(RequestError, ModelFileError):
        app()
