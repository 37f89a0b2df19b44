"""Ask Wikidata's query service for films with cost and box office, year by year (CC0, no key).

The queries are in `queries/`, plain SPARQL 1.1, which any engine answers. A year's answers are kept
as they came, in a file per year; `wikidata_films` builds the source from these files.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from string import Template

import pandas as pd
import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from requests_ratelimiter import LimiterSession
from tqdm import tqdm
from urllib3.exceptions import ProtocolError
from urllib3.util import Retry

from boxoffice.core import paths
from boxoffice.core.files import SourceError, replacing

WIKIDATA_FOLDER = paths.RAW / "wikidata"
SLICES = "slices"  # in that folder: the answers, which DVC and git know nothing of
QUERY_SERVICE = "https://query.wikidata.org/sparql"
FIRST_YEAR = 1888
UNDATED = "undated"  # the slice of what has no publication date
SERVICE_LIMIT = 60  # seconds that the service gives a query
QUERIES_PER_SECOND = 1.0  # one at a time; the service allows 60 seconds of work a minute
TRIES_OF_A_QUERY = 5
LONGEST_PAUSE = 600  # seconds, where the service asks for one
FILMS_PER_QUERY = 100
_QUERIES = Path(__file__).with_name("queries")
_PREFIXES = ("http://www.wikidata.org/entity/", "http://wikiba.se/ontology#")
_DETAILS = ("kinds", "quantities", "facts")  # queries about given films


class TooSlow(Exception):
    """The service gave a query up; the message is what it said. Ask for less."""


class _Term(BaseModel):
    value: str


class _Head(BaseModel):
    vars: list[str]


class _Results(BaseModel):
    bindings: list[dict[str, _Term]]


class _Answer(BaseModel):
    """SPARQL 1.1 query results in JSON (www.w3.org/TR/sparql11-results-json)."""

    head: _Head
    results: _Results


class _Pauses(Retry):
    """Retries that wait as long as the service asks, or not at all."""

    def get_retry_after(self, response) -> float | None:
        pause = super().get_retry_after(response)
        if pause and pause > LONGEST_PAUSE:
            raise SourceError(
                f"Wikidata asks for a pause of {pause:,.0f} seconds: run the command again after "
                "it; the years that are read are kept"
            )
        return pause


class QueryService:
    """A session with Wikidata's query service.

    Parameters
    ----------
    address : str
        Of its SPARQL endpoint.
    contact : str
        Who asks, for the User-Agent: an email address or a web page.
    rate : float
        Queries per second at most; there is never more than one at a time.
    backoff : float
        Seconds before the second retry, doubled for each further one; a `Retry-After` wins.
    timeout : float
        Seconds without an answer.
    """

    def __init__(
        self,
        address: str = QUERY_SERVICE,
        contact: str = "",
        rate: float = QUERIES_PER_SECOND,
        backoff: float = 2,
        timeout: float = 1.5 * SERVICE_LIMIT,
    ):
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every retry
        self.address, self.timeout = address, timeout
        retries = _Pauses(
            TRIES_OF_A_QUERY,
            read=False,  # after a minute of work the same query is not asked again
            allowed_methods=None,
            status_forcelist=(429, 502, 503),
            backoff_factor=backoff,
            raise_on_status=False,
            retry_after_max=sys.maxsize,
        )
        self.session = LimiterSession(per_second=rate)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retries))
        self.session.headers["User-Agent"] = user_agent(contact)
        self.session.headers["Accept"] = "application/sparql-results+json"

    def __enter__(self) -> "QueryService":
        return self

    def __exit__(self, *_) -> None:
        self.session.close()

    def ask(self, query: str, **slots: str) -> pd.DataFrame:
        """Return the answer to one of `queries/`: a column of text per variable, NaN for none.

        Entities are their ids (`Q42`), statements and ranks likewise without their prefix. Raises
        TooSlow if the service gave up, and SourceError if it can't be reached, refuses, or
        something else answers.
        """
        text = query_text(query, **slots)
        for _ in range(TRIES_OF_A_QUERY):
            response = self._post(text)
            if response is None:
                continue
            _require_answer(response, query)
            try:
                answer = _Answer.model_validate_json(response.content)
            except ValidationError as error:
                fault = error.errors(include_input=False)[0]
                if b"TimeoutException" in response.content:  # it gave up half way through
                    raise TooSlow("a timeout in the midst of an answer") from error
                if fault["type"] == "json_invalid":
                    continue
                place = ".".join(map(str, fault["loc"]))
                raise SourceError(
                    f"what answers at {self.address} is not a SPARQL service: its answer to "
                    f"{query}.rq has another form ({place}: {fault['msg']})"
                ) from error
            return _frame(answer)
        raise SourceError(
            f"every answer of {self.address} to {query}.rq broke off or was no JSON: try again "
            "later; the years that are read are kept"
        )

    def _post(self, text: str) -> requests.Response | None:
        """Send a query; None if the answer broke off."""
        try:
            return self.session.post(self.address, data={"query": text}, timeout=self.timeout)
        except requests.ReadTimeout as error:
            raise TooSlow(f"no answer in {self.timeout:g} seconds") from error
        except requests.RequestException as error:
            reason = error.args[0] if error.args else error
            if isinstance(reason, ProtocolError):
                return None
            raise SourceError(
                f"Wikidata's query service can't be reached at {self.address} "
                f"({getattr(reason, 'reason', None) or reason}). Check the network, and the proxy "
                "if there is one, and run the command again: the years that are read are kept"
            ) from error


def user_agent(contact: str) -> str:
    """What foundation.wikimedia.org/wiki/Policy:User-Agent asks for: tool, contact, library."""
    if not (contact.isascii() and contact.isprintable()):
        raise SourceError(f"a contact is plain text, an email address or a web page: {contact!r}")
    about = "; ".join(["films with cost and box office", *filter(None, [contact])])
    return f"boxoffice/{version('boxoffice')} ({about}) {requests.utils.default_user_agent()}"


def query_text(query: str, **slots: str) -> str:
    """The query as it is sent: prefixes, then the file with its slots filled."""
    prefixes, body = ((_QUERIES / f"{name}.rq").read_text("utf-8") for name in ("prefixes", query))
    return prefixes + Template(body).substitute(slots)


def _require_answer(response: requests.Response, query: str) -> None:
    if response.ok:
        return
    first_line = response.text.strip().partition("\n")[0][:200]
    said = f"{response.status_code} {response.reason}: {first_line}"
    if response.status_code in (500, 504):  # how it tells of a timeout
        raise TooSlow(said)
    raise SourceError(
        f"Wikidata's query service refuses {query}.rq with {said}. Run the command again later: "
        "the years that are read are kept"
    )


def _frame(answer: _Answer) -> pd.DataFrame:
    rows = [
        {name: _short(term.value) for name, term in row.items()} for row in answer.results.bindings
    ]
    return pd.DataFrame(rows, columns=answer.head.vars, dtype=str)


def _short(value: str) -> str:
    for prefix in _PREFIXES:
        value = value.removeprefix(prefix)
    return value


def in_parts(items: Sequence, ask: Callable[[Sequence], pd.DataFrame]) -> pd.DataFrame:
    """Ask about all items, or about each half where the service gives up; rows once each.

    Raises SourceError if the service gives up on a single item again and again.
    """
    for _ in range(1 if len(items) > 1 else TRIES_OF_A_QUERY):
        try:
            return ask(items)
        except TooSlow as error:
            said = error
    if len(items) == 1:
        raise SourceError(
            f"Wikidata's query service gives up even on {items[0]} alone ({said}): run the command "
            "again later; the years that are read are kept"
        )
    middle = len(items) // 2
    halves = [in_parts(half, ask) for half in (items[:middle], items[middle:])]
    return pd.concat(halves, ignore_index=True).drop_duplicates(ignore_index=True)


def release_dates(films: pd.DataFrame) -> pd.DataFrame:
    """The release of each film: its earliest date, or the most precise within that year or month.

    Parameters
    ----------
    films : DataFrame
        `film`, `date` (ISO 8601) and `precision` (9 a year, 10 a month, 11 a day), a row per date.

    Returns
    -------
    DataFrame, index film
        `release_date` (YYYY-MM-DD; the first day of what is known) and `precision`.
    """
    dates = films.assign(
        release_date=films["date"].str[:10], precision=films["precision"].astype(int)
    )
    # A year alone is written as its 1 January: "1999" and "31 March 1999" are one release.
    for precision, known in ((9, 4), (10, 7)):
        start = dates["release_date"].str[:known]
        finer = dates.groupby(["film", start])["precision"].transform("max") > precision
        dates = dates[~(finer & (dates["precision"] == precision))]
    first = dates.sort_values(["film", "release_date"]).drop_duplicates("film")
    return first.set_index("film")[["release_date", "precision"]]


def read_year(service: QueryService, year: int) -> dict[str, pd.DataFrame]:
    """Ask for the films released in a year: the answers to the queries, by their names."""
    starts = [f"{year:04}-{month:02}-01" for month in range(1, 13)] + [f"{year + 1:04}-01-01"]
    months = list(pairwise(starts))

    def published(part: Sequence[tuple[str, str]]) -> pd.DataFrame:
        start, end = (f"{day}T00:00:00Z" for day in (part[0][0], part[-1][1]))
        return service.ask("films", start=start, end=end)

    films = in_parts(months, published)
    # A film that came out again is one of its first year alone.
    released = release_dates(films)["release_date"].str.startswith(f"{year:04}-")
    wanted = sorted(released.index[released])
    answers = {"films": films[films["film"].isin(wanted)]}
    for query in _DETAILS:
        parts = [
            in_parts(wanted[at : at + FILMS_PER_QUERY], _about(service, query))
            for at in range(0, len(wanted), FILMS_PER_QUERY)
        ]
        answers[query] = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return answers


def _about(service: QueryService, query: str) -> Callable[[Sequence[str]], pd.DataFrame]:
    return lambda films: service.ask(query, films=" ".join(f"wd:{film}" for film in films))


def missing_slices(folder: Path, years: Iterable[int], older_than: int | None) -> list[str]:
    """Names of the slices that are not there, or that were read `older_than` days ago or before."""
    names = [*map(str, years), UNDATED]
    if older_than is None:
        return [name for name in names if not _slice_path(folder, name).exists()]
    fresh = date.today() - timedelta(days=older_than)
    return [name for name in names if _read_on(folder, name) <= fresh.isoformat()]


def _slice_path(folder: Path, name: str) -> Path:
    return folder / SLICES / f"{name}.json"


def _read_on(folder: Path, name: str) -> str:
    path = _slice_path(folder, name)
    return read_slice(path)["read_on"] if path.exists() else ""


def read_slice(path: Path) -> dict:
    """What a slice holds: `read_on` (date), and the answers as frames.

    Raises SourceError if the file is broken.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        answers = {
            name: pd.DataFrame(**part, dtype=str) for name, part in content["answers"].items()
        }
        return {"read_on": content["read_on"], **answers}
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path} is broken: delete it and run the command again") from error


def fetch_slices(
    service: QueryService, folder: Path, years: Iterable[int], older_than: int | None = None
) -> int:
    """Ask for the years that are missing, the latest first; return how many were read.

    Each is a file of `folder`/slices, written whole or not at all. See `missing_slices`.
    """
    names = missing_slices(folder, sorted(years, reverse=True), older_than)
    with tqdm(names, unit="year", disable=not names) as progress:
        for name in progress:
            progress.set_description(name)
            read_on = date.today().isoformat()  # before the first query
            _write_slice(_slice_path(folder, name), read_on, _read(service, name))
    return len(names)


def _read(service: QueryService, name: str) -> dict[str, pd.DataFrame]:
    if name == UNDATED:
        return {UNDATED: in_parts([UNDATED], lambda _: service.ask("undated"))}
    return read_year(service, int(name))


def _write_slice(path: Path, read_on: str, answers: dict[str, pd.DataFrame]) -> None:
    parts = {
        query: json.loads(frame.to_json(orient="split", index=False))
        for query, frame in answers.items()
    }
    with replacing(path) as temporary:
        content = json.dumps({"read_on": read_on, "answers": parts}, ensure_ascii=False)
        temporary.write_text(content, encoding="utf-8")
