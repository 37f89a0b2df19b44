"""Films of today from TMDB, with the user's key and TMDB's permission, in the TMDB 5000 schema.

Credits, popularity, votes and revenue are those of the day of reading, which every row states.
Keywords, videos and collections are kept and are no features, for they are added after the release.
"""

import csv
import gzip
import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from pydantic import BaseModel, ValidationError
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from boxoffice.core import paths
from boxoffice.core.commands import without_passwords
from boxoffice.core.files import SourceError, replacing
from boxoffice.films.popularity import SNAPSHOTS
from boxoffice.sources import tmdb_api
from boxoffice.sources.tmdb_answers import AllReleases, Answers, FilmAnswer, Page, ask_page
from boxoffice.sources.tmdb_api import NoSuchFilm, ServiceFault, Tmdb, Unavailable

TMDB_API = paths.RAW / "tmdb_api"
EXPORTS = "https://files.tmdb.org/p/exports"  # developer.themoviedb.org/docs/daily-id-exports
PARTS = "credits,release_dates,keywords,videos"  # of a film, in one request
THEATRICAL = "2|3"  # release types: limited, and wide
MOST_PAGES = 500  # TMDB refuses pages beyond
CHANGES_SPAN = timedelta(days=14)  # what one query for changes may cover
KEPT = timedelta(days=180)  # TMDB's terms: six months at most
PEOPLE_AT_ONCE = 100_000
PERMISSION = "permission.txt"
TERMS = """\
TMDB's terms of use for its API (themoviedb.org/api-terms-of-use; October 2023, read them yourself):
- Training or validating a machine learning system with TMDB's content, or collecting data for that,
  needs a written agreement with TMDB.
- Nothing may be kept for more than six months."""
_LOG = logging.getLogger(__name__)


def require_permission(folder: Path = TMDB_API, stated: bool = False) -> str:
    """Say what TMDB's terms ask for, and note in `folder` that the user has it, if `stated`.

    Returns what to tell the user. Raises SourceError if permission was never stated.
    """
    note = folder / PERMISSION
    if note.exists():
        return note.read_text(encoding="utf-8").strip()
    if not stated:
        raise SourceError(
            f"{TERMS}\nIf you have that agreement, say so once with --i-have-permission; "
            f"{note} will remember it"
        )
    text = f"{_today()}: the user states to have TMDB's permission for machine learning"
    with replacing(note) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    return f"{TERMS}\n{text}"


class Earned(BaseModel):
    """TMDB's answer to /movie/ID: what the film earned."""

    id: int
    revenue: float | None


class Person(BaseModel):
    """A line of the export of people."""

    id: int
    popularity: float | None


# Lists of films


class Slice(NamedTuple):
    """The films that a query lists, and how many TMDB says that there are."""

    first: date
    last: date
    ids: list[int]
    counted: int


Ask = Callable[..., Page]  # (path, **query): a page, asked for or kept


def slices(
    ask: Ask, path: str, between: tuple[str, str], first: date, last: date, overlap=0, **query
) -> Iterator[Slice]:
    """List the films of some days, these halved until no list reaches page 500.

    Parameters
    ----------
    ask : callable
    path : str
    between : (str, str)
        The query's names for the first and the last day.
    overlap : {0, 1}
        Days that two halves share.

    Raises
    ------
    SourceError
        If so many films are of one day.
    """
    query |= {between[0]: first.isoformat(), between[1]: last.isoformat()}
    page = ask(path, **query, page=1)
    if page.total_pages < MOST_PAGES:
        others = (ask(path, **query, page=n) for n in range(2, page.total_pages + 1))
        ids = [film.id for part in (page, *others) for film in part.results]
        yield Slice(first, last, ids, page.total_results)
    elif (last - first).days <= overlap:
        raise SourceError(
            f"TMDB lists {page.total_results:,} films of {first} alone, and no page beyond "
            f"{MOST_PAGES}: ask for one --region"
        )
    else:
        middle = first + (last - first) // 2
        yield from slices(ask, path, between, first, middle, overlap, **query)
        after = middle + timedelta(days=1 - overlap)
        yield from slices(ask, path, between, after, last, overlap, **query)


def years(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days from `first` to `last`, year by year."""
    for year in range(first.year, last.year + 1):
        yield max(first, date(year, 1, 1)), min(last, date(year, 12, 31))


def in_cinemas(ask: Ask, first: date, last: date, region: str | None = None) -> Iterator[Slice]:
    """List the films that came, or come, to cinemas first between two days."""
    query = {"with_release_type": THEATRICAL, "sort_by": "primary_release_date.asc"}
    query |= {"include_adult": "false", "include_video": "false"}
    query |= {"region": region} if region else {}
    between = "primary_release_date.gte", "primary_release_date.lte"
    for start, end in years(first, last):
        yield from slices(ask, "discover/movie", between, start, end, **query)


def changed(ask: Ask, first: date, last: date) -> Iterator[Slice]:
    """List the films whose entry changed between two days, which may be any films of TMDB.

    Queries share a day, as TMDB doesn't say whether the last one counts.
    """
    while first < last:
        end = min(first + CHANGES_SPAN, last)
        yield from slices(ask, "movie/changes", ("start_date", "end_date"), first, end, overlap=1)
        first = end


# Single films


def ask_each(
    numbers: Iterable, ask: Callable[[int], object], what: str
) -> Iterator[tuple[object, object]]:
    """Ask for films one by one: pairs of a number and its answer, or the Unavailable of it.

    Raises SourceError if ten fail in a row, but for those that TMDB doesn't have.
    """
    faults = 0
    for number in tqdm(numbers, desc=what, unit="film", disable=None):
        try:
            answer = ask(number)
            faults = 0
        except Unavailable as error:
            answer = error
            faults += not isinstance(error, NoSuchFilm)
        if faults == tmdb_api.FAULTS_IN_A_ROW:
            raise SourceError(
                f"{faults} films in a row failed, the last one because: {answer}. The same "
                "command goes on from there, later"
            )
        yield number, answer


def ask_film(tmdb: Tmdb, number: int) -> tuple[FilmAnswer, bytes]:
    """A film with its parts, and the answer as it came; raises as `Tmdb.ask` does."""
    path = f"movie/{number}"
    content = tmdb.content(path, append_to_response=PARTS)
    film = tmdb.read(path, FilmAnswer, content)
    if film.id != number:
        raise ServiceFault(f"what answers at {tmdb.address}/{path} is film {film.id}")
    return film, content


def american_certificate(releases: AllReleases) -> str | None:
    """A film's certificate in the USA: of its wide release, else the limited, else any."""
    stated = [
        release
        for country in releases.results
        if country.iso_3166_1 == "US"
        for release in country.release_dates
        if release.certification
    ]
    order = {3: 0, 2: 1, 1: 2}  # wide, limited, premiere
    stated.sort(key=lambda release: (order.get(release.type, 3), release.release_date or ""))
    return stated[0].certification if stated else None


def _cell(records: list[BaseModel], but: set[str] | None = None) -> str:
    """Records as JSON, without those that lack a name and name nobody."""
    named = [record.model_dump(exclude_none=True, exclude=but) for record in records if record.name]
    return json.dumps(named, ensure_ascii=False)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.15g}"


def film_cells(film: FilmAnswer) -> dict[str, str | None]:
    """A film's row of `movies.csv`, as text; None is unknown."""
    collection = film.belongs_to_collection
    return {
        "id": str(film.id),
        "title": film.title,
        "original_title": film.original_title,
        "original_language": film.original_language,
        "release_date": film.release_date,
        "genres": _cell(film.genres),
        "production_companies": _cell(film.production_companies),
        "production_countries": _cell(film.production_countries),
        "budget": _number(film.budget),
        "revenue": _number(film.revenue),
        "runtime": _number(film.runtime),
        "popularity": _number(film.popularity),
        "vote_average": _number(film.vote_average),
        "vote_count": _number(film.vote_count),
        "overview": film.overview,
        "certificate": american_certificate(film.release_dates),
        "imdb_id": film.imdb_id,
        "collection_id": str(collection.id) if collection else None,
        "collection_name": collection.name if collection else None,
    }


def credits_cells(film: FilmAnswer, but: set[str] | None = None) -> dict[str, str]:
    """A film's `cast` and `crew`, as text, but for some fields of the people."""
    return {"cast": _cell(film.credits.cast, but), "crew": _cell(film.credits.crew, but)}


# A folder of films


class FilmsSummary(NamedTuple):
    """What a run did: films in the tables, films asked for, those skipped, the oldest reading."""

    films: int
    asked: int
    skipped: int
    oldest: date


def _today() -> date:
    return datetime.now(UTC).date()  # TMDB's days are those of UTC


def fetch_films(
    tmdb: Tmdb,
    folder: Path,
    since: date,
    until: date,
    region: str | None = None,
    today: date | None = None,
) -> FilmsSummary:
    """Bring `movies.csv` and `credits.csv` of a folder up to date with TMDB.

    Asked for are the films that came to cinemas between two days and are not held yet, changed
    since the last run, or were read more than six months ago. Each answer is kept as it comes: a
    run that was stopped repeats no request. Films without a row are in `skipped.csv`, with reasons.

    Raises SourceError if TMDB can't be used or fails on the way, and at Ctrl-C.
    """
    today = today or _today()
    path = folder / "answers.sqlite"
    answers = Answers(path)
    try:
        return _fetch_films(tmdb, folder, answers, since, until, region, today)
    except sqlite3.Error as error:
        raise SourceError(f"{path} can't be used: {error}") from error
    except KeyboardInterrupt:
        raise SourceError("interrupted; the same command goes on from there") from None
    finally:
        answers.close()


def _fetch_films(
    tmdb: Tmdb,
    folder: Path,
    answers: Answers,
    since: date,
    until: date,
    region: str | None,
    today: date,
) -> FilmsSummary:
    if (answers.day("completed") or today) < today:
        answers.begin_anew()
    _mark_changed(tmdb, answers, today)
    ids, skipped = _list_films(in_cinemas(partial(answers.page, tmdb), since, until, region), since)
    if not ids:
        raise SourceError(f"TMDB lists no film from {since} to {until}")
    wanted = sorted(ids - answers.up_to_date(today - KEPT))
    for number, answer in ask_each(wanted, partial(ask_film, tmdb), "films"):
        if isinstance(answer, NoSuchFilm):
            answers.keep_film(number, None, today)
        elif isinstance(answer, Unavailable):
            skipped.append((number, without_passwords(str(answer))))
        else:
            answers.keep_film(number, answer[1], today)
    answers.forget_films_before(today - KEPT)
    held, oldest, gone = _write_tables(folder, answers, ids)
    skipped += [(number, "TMDB has no such film (404)") for number in gone]
    with replacing(folder / "skipped.csv") as temporary:
        pd.DataFrame(skipped, columns=["id", "reason"], dtype=object).to_csv(temporary, index=False)
    answers.note_day("completed", today)
    return FilmsSummary(held, len(wanted), len(skipped), oldest)


def _mark_changed(tmdb: Tmdb, answers: Answers, today: date) -> None:
    # The day up to which changes are known. Before the first run it is that run's.
    known = answers.day("changes")
    if known and known < today:
        ask = partial(answers.page, tmdb)
        since = max(known, today - KEPT)  # older readings are asked for anew as it is
        for found in tqdm(changed(ask, since, today), "changes", unit="query", disable=None):
            answers.mark_changed(found.ids)
    answers.note_day("changes", today)


def _list_films(found: Iterator[Slice], since: date) -> tuple[set[int], list[tuple]]:
    """The ids in some slices, and a reason to miss some: (None, text) for a list that is short."""
    ids: set[int] = set()
    short = []
    with tqdm(desc=f"lists since {since}", unit="day", disable=None) as bar:
        for part in found:
            listed = set(part.ids)
            if len(listed) < part.counted:
                said = f"TMDB counts {part.counted} films and lists {len(listed)}"
                short.append((None, f"{said} from {part.first} to {part.last}"))
            ids |= listed
            bar.update((part.last - part.first).days + 1)
    return ids, short


def _write_tables(folder: Path, answers: Answers, ids: set[int]) -> tuple[int, date, list[int]]:
    """Write both tables, film by film: how many, the oldest reading, those that TMDB lacks."""
    held, oldest, gone = 0, date.max, []
    with (
        replacing(folder / "movies.csv") as movies_path,
        replacing(folder / "credits.csv") as credits_path,
        movies_path.open("w", encoding="utf-8", newline="") as movies_file,
        credits_path.open("w", encoding="utf-8", newline="") as credits_file,
    ):
        tables = None
        for number, day, body in answers.films():
            if number not in ids:
                continue
            if body is None:
                gone.append(number)
                continue
            film = _kept_film(number, body)
            named = {"movie_id": str(film.id), "title": film.title}
            rows = (film_cells(film) | {"read_on": day}, named | credits_cells(film))
            if tables is None:
                files = movies_file, credits_file
                tables = [
                    csv.DictWriter(file, row, lineterminator="\n")
                    for file, row in zip(files, rows, strict=True)
                ]
                for table in tables:
                    table.writeheader()
            for table, row in zip(tables, rows, strict=True):
                table.writerow(row)
            held, oldest = held + 1, min(oldest, day)
        if not held:
            raise SourceError("TMDB gave none of the films that it lists: try again later")
    return held, oldest, gone


def _kept_film(number: int, body: bytes) -> FilmAnswer:
    try:
        return FilmAnswer.model_validate_json(body)
    except ValidationError as error:
        raise SourceError(
            f"the answer kept of film {number} is not what this version reads: delete "
            "answers.sqlite and run again"
        ) from error


# For the weekly job

COMING = (
    *("id", "title", "original_language", "release_date", "genres", "production_companies"),
    *("production_countries", "budget", "runtime", "certificate", "cast", "crew"),
)


def coming(tmdb: Tmdb, first: date, last: date) -> pd.DataFrame:
    """The films that come to cinemas first between two days, as TMDB has them now.

    A film that can't be had is left out, and logged with the reason. Raises SourceError if TMDB
    can't be used, see `slices` and `ask_each`.

    Returns
    -------
    DataFrame
        Columns `COMING`, cells as text in the TMDB 5000 schema, by id; budgets are nominal USD, and
        0 is unknown. Neither revenue nor votes nor popularity.
    """
    ids = {
        number for part in in_cinemas(partial(ask_page, tmdb), first, last) for number in part.ids
    }
    rows = []
    for number, answer in ask_each(sorted(ids), partial(ask_film, tmdb), "films to come"):
        if isinstance(answer, Unavailable):
            _LOG.warning("film %s is left out: %s", number, without_passwords(str(answer)))
        else:
            # People's popularity changes every day, and would be another fact every week.
            rows.append(film_cells(answer[0]) | credits_cells(answer[0], {"popularity"}))
    return pd.DataFrame(rows, columns=list(COMING), dtype=str)


def revenues(tmdb: Tmdb, ids: Iterable) -> pd.DataFrame:
    """What films have earned, as TMDB has it now.

    A film that can't be had is left out, and logged with the reason. Raises SourceError if TMDB
    can't be used, see `ask_each`.

    Returns
    -------
    DataFrame
        `id`, as it was given, and `revenue`: nominal USD, 0 is unknown.
    """

    def ask(number) -> Earned:
        return tmdb.ask(f"movie/{int(number)}", Earned)

    rows = []
    for number, answer in ask_each(list(ids), ask, "revenues"):
        if isinstance(answer, Unavailable):
            _LOG.warning("film %s is left out: %s", number, without_passwords(str(answer)))
        else:
            rows.append((number, answer.revenue or 0.0))
    return pd.DataFrame(rows, columns=["id", "revenue"]).astype({"revenue": float})


# People


def fetch_people(
    day: date,
    folder: Path = TMDB_API / SNAPSHOTS,
    address: str = EXPORTS,
    backoff: float = 0.5,
) -> Path:
    """Write the popularity of all people on a day to `<folder>/<day>.parquet`, unless it is there.

    TMDB exports it every day by 8:00 UTC and keeps it for three months. It needs no key.

    Raises Unavailable if there is no export of that day, and ServiceFault if it can't be had.
    """
    path = folder / f"{day}.parquet"
    if path.exists():
        return path
    url = f"{address.rstrip('/')}/person_ids_{day:%m_%d_%Y}.json.gz"
    with tmdb_api.patient_session(backoff=backoff) as session:
        for _ in range(tmdb_api.TRIES):
            try:
                with session.get(url, stream=True, timeout=30) as response:
                    if response.status_code in (403, 404):
                        raise Unavailable(
                            f"TMDB has no export of people of {day}: it keeps three months, and a "
                            "day's is there from 8:00 UTC on"
                        )
                    tmdb_api.require_ok(response, "TMDB")
                    with replacing(path) as temporary:
                        _write_people(response.raw, temporary, day)
                return path
            except gzip.BadGzipFile as error:
                raise ServiceFault(f"the export of people of {day} is no gzip file") from error
            except (EOFError, zlib.error, HTTPError):
                continue  # broken off half way
            except requests.RequestException as error:
                raise ServiceFault(tmdb_api.without_address(error)) from error
    raise ServiceFault(f"every download of the people of {day} broke off half way")


def _write_people(compressed, path: Path, day: date) -> None:
    schema = pa.schema({"id": pa.int64(), "popularity": pa.float64()})
    with gzip.open(compressed) as lines, pq.ParquetWriter(path, schema) as table:
        people = iter(tqdm(_people(lines, day), f"people of {day}", unit=" people", disable=None))
        batches = iter(lambda: list(islice(people, PEOPLE_AT_ONCE)), [])
        empty = True
        for batch in batches:
            ids, popularity = zip(*batch, strict=True)
            table.write_table(pa.table([ids, popularity], schema=schema))
            empty = False
        if empty:
            raise ServiceFault(f"the export of people of {day} is empty")


def _people(lines: Iterable[bytes], day: date) -> Iterator[tuple[int, float | None]]:
    for place, line in enumerate(lines, start=1):
        try:
            person = Person.model_validate_json(line)
        except ValidationError as error:
            raise ServiceFault(
                f"line {place:,} of the export of people of {day} is no person with id and "
                "popularity"
            ) from error
        yield person.id, person.popularity


def fetch_latest_people(folder: Path, address: str = EXPORTS, backoff: float = 0.5) -> Path:
    """Write the latest export of people, today's or yesterday's; raises as `fetch_people` does."""
    today = _today()
    try:
        return fetch_people(today, folder, address, backoff)
    except ServiceFault:
        raise
    except Unavailable:
        return fetch_people(today - timedelta(days=1), folder, address, backoff)
