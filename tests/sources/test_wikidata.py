"""`scripts/fetch.py wikidata`, its queries run by a SPARQL engine over a graph in Wikidata's model.

The graph is made here: items with statements, ranks, qualifiers, values with units and precision.
The server behaves as query.wikidata.org does when it is well, and when it isn't.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs

import pandas as pd
import pyoxigraph
import pytest
from commands import run

from boxoffice.core import paths
from boxoffice.films.credits import credit_roles
from boxoffice.films.schema import clean, read_source
from boxoffice.sources import wikidata, wikidata_films
from boxoffice.sources.exchange_rates import EXCHANGE_RATES
from boxoffice.sources.wikidata import QueryService, release_dates

PREFIXES = """
@prefix wd: <http://www.wikidata.org/entity/> .
@prefix wds: <http://www.wikidata.org/entity/statement/> .
@prefix wdv: <http://www.wikidata.org/value/> .
@prefix wdt: <http://www.wikidata.org/prop/direct/> .
@prefix p: <http://www.wikidata.org/prop/> .
@prefix ps: <http://www.wikidata.org/prop/statement/> .
@prefix psv: <http://www.wikidata.org/prop/statement/value/> .
@prefix pq: <http://www.wikidata.org/prop/qualifier/> .
@prefix wikibase: <http://wikiba.se/ontology#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
USD, EUR, INR, DEM, RUB, MINUTE, HOUR = (
    "Q4917", "Q4916", "Q80524", "Q16068", "Q41044", "Q7727", "Q25235"
)  # fmt: skip
WORLD, US, GERMANY = "Q13780930", "Q30", "Q183"
# What the films below refer to; 24862 is a short film, 202866 an animated film.
VOCABULARY = """
wd:Q4917 wdt:P498 "USD" . wd:Q4916 wdt:P498 "EUR" . wd:Q80524 wdt:P498 "INR" .
wd:Q16068 wdt:P498 "DEM" . wd:Q41044 wdt:P498 "RUB" , "SUR" .
wd:Q24862 wdt:P279 wd:Q11424 . wd:Q202866 wdt:P279 wd:Q11424 ; rdfs:label "animated film"@en .
wd:Q29168811 wdt:P279 wd:Q202866 ; rdfs:label "animated feature film"@en .
wd:Q11424 rdfs:label "film"@en .
wd:Q30 rdfs:label "United States"@en , "USA"@de ; wdt:P297 "US" .
wd:Q183 rdfs:label "Germany"@en ; wdt:P297 "DE" .
wd:Q13780930 rdfs:label "worldwide"@en .
wd:Q1860 rdfs:label "English"@en ; wdt:P218 "en" .
wd:Q188 rdfs:label "German"@en ; wdt:P218 "de" .
wd:Q9186 rdfs:label "Cantonese"@en .
wd:Q859369 rdfs:label "comedy drama"@en . wd:Q471839 rdfs:label "science fiction film"@en .
wd:Q645928 rdfs:label "biographical film"@en .
"""


class Item:
    """An item of Wikidata, in Turtle as its RDF dumps have it."""

    _numbers = count(1)

    def __init__(self, number: int, label: str | None = None, language: str = "en"):
        self.id, self.lines, self.ranks = f"Q{number}", [], {}
        if label:
            self.lines.append(f'wd:{self.id} rdfs:label "{label}"@{language} .')

    def state(self, name, value, *, rank="Normal", node="", main=None, **qualifiers) -> "Item":
        """Add a statement; `node` is what its full value says, in Turtle."""
        number = next(self._numbers)
        statement = f"wds:{self.id}-{number}"
        self.lines += [
            f"wd:{self.id} p:{name} {statement} .",
            f"{statement} a wikibase:Statement ; wikibase:rank wikibase:{rank}Rank ; "
            f"ps:{name} {main or value} .",
        ]
        if node:
            self.lines += [f"{statement} psv:{name} wdv:{number} .", f"wdv:{number} {node} ."]
        for qualifier, values in qualifiers.items():
            for each in values if isinstance(values, list) else [values]:
                self.lines.append(f"{statement} pq:{qualifier} {each} .")
        self.ranks.setdefault(name, []).append((rank, statement, value))
        return self

    def item(self, name, *numbers, **options) -> "Item":
        for number in numbers:
            self.state(name, f"wd:Q{str(number).removeprefix('Q')}", **options)
        return self

    def text(self, name, text, **options) -> "Item":
        return self.state(name, f'"{text}"', **options)

    def released(self, day, precision=11, **options) -> "Item":
        value = f'"{day}T00:00:00Z"^^xsd:dateTime'
        node = f"wikibase:timeValue {value} ; wikibase:timePrecision {precision}"
        return self.state("P577", value, node=node, **options)

    def quantity(self, name, amount, unit=USD, *, at=None, of=(), **options) -> "Item":
        value = f'"+{amount}"^^xsd:decimal'
        node = f"wikibase:quantityAmount {value} ; wikibase:quantityUnit wd:{unit}"
        if at:
            options["P585"] = f'"{at}T00:00:00Z"^^xsd:dateTime'
        if of:
            options["P3005"] = [f"wd:{place}" for place in of]
        return self.state(name, value, node=node, **options)

    def cost(self, *words, **options) -> "Item":
        return self.quantity("P2130", *words, **options)

    def gross(self, *words, **options) -> "Item":
        return self.quantity("P2142", *words, **options)

    def turtle(self) -> str:
        """With the direct claims of each property's best rank, and the mark that they bear."""
        lines = list(self.lines)
        for name, statements in self.ranks.items():
            for best in ("Preferred", "Normal"):
                if chosen := [each for each in statements if each[0] == best]:
                    break
            for _, statement, value in chosen:
                lines += [
                    f"wd:{self.id} wdt:{name} {value} .",
                    f"{statement} a wikibase:BestRank .",
                ]
        return "\n".join(lines)


def film(number, label=None, day="1999-06-01", cost=10_000_000, gross=30_000_000, kind=11424):
    """A film with a cost, a box office and a date, unless they are None."""
    item = Item(number, label or f"Film {number}").item("P31", kind)
    if day:
        item.released(day)
    if cost:
        item.cost(cost)
    if gross:
        item.gross(gross)
    return item


# -------------------------------------------------------------------------------------- server


class Wikidata(ThreadingHTTPServer):
    """The query service over a graph. `faults` are answers that come before the right ones."""

    daemon_threads = True

    def __init__(self, *items: Item):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/sparql"
        self.asked: list[tuple[float, str]] = []
        self.agents: set[str] = set()
        self.faults: list = []
        self.most_films, self.most_days = 10_000, 400  # what a query may ask for in its time
        self.hang = threading.Event()
        self.hung = threading.Event()
        self.hang_at = None  # the slice whose query is never answered
        self.hold(*items)

    def hold(self, *items: Item) -> None:
        self.store = pyoxigraph.Store()
        graph = PREFIXES + VOCABULARY + "\n".join(item.turtle() for item in items)
        self.store.load(graph.encode(), pyoxigraph.RdfFormat.TURTLE)

    def years(self) -> Counter:
        """How often the films of each year were asked for."""
        found = [re.findall(r'published >= "(\d{4})', query) for _, query in self.asked]
        return Counter(year for years in found for year in years)

    def takes_too_long(self, query: str) -> bool:
        days = pd.to_datetime(re.findall(r'"(\d{4}-\d\d-\d\d)T', query))
        many_days = len(days) == 2 and (days[1] - days[0]).days > self.most_days
        return many_days or len(set(re.findall(r"wd:Q\d{6,}", query))) > self.most_films


class Handler(BaseHTTPRequestHandler):
    server: Wikidata

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(form)["query"][0]
        self.server.asked.append((time.monotonic(), query))
        self.server.agents.add(self.headers["User-Agent"])
        if self.server.hang_at and self.server.hang_at in query:
            self.server.hung.set()
            self.server.hang.wait(60)
        if self.server.faults:
            return self.send(*self.server.faults.pop(0))
        if self.server.takes_too_long(query):
            return self.send(500, TIMEOUT)
        assert self.headers["Accept"] == "application/sparql-results+json"
        self.send(200, self.answer(query))

    def answer(self, query: str) -> bytes:
        return self.server.store.query(query).serialize(format=pyoxigraph.QueryResultsFormat.JSON)

    def send(self, status, body, headers=(), cut=0):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])

    def log_message(self, *_):
        pass


TIMEOUT = b"SPARQL-QUERY: queryStr=SELECT ...\njava.util.concurrent.TimeoutException\n\tat java"
EMPTY = b'{"head": {"vars": ["film"]}, "results": {"bindings": []}}'


@pytest.fixture
def serve():
    """Start the service over some items; it stops with the test."""
    servers = []

    def start(*items: Item) -> Wikidata:
        server = Wikidata(*items)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.hang.set()
        server.shutdown()
        server.server_close()


def fetch(server, folder, *words, rate=1000, years=(1999, 1999)):
    first, last = years
    return run(
        "fetch.py", "wikidata", "--from", first, "--to", last, "--into", folder,
        "--address", server.url, "--rate", rate, "--backoff", 0, *words,
    )  # fmt: skip


def built(server, folder, years=(1999, 1999)) -> pd.DataFrame:
    """`movies.csv` of what the service holds, index title."""
    done = fetch(server, folder, years=years)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(folder / "movies.csv").set_index("title")


def set_aside(folder) -> list[tuple]:
    table = pd.read_csv(folder / "set_aside.csv", keep_default_na=False)
    return list(table[["title", "column", "stated", "reason"]].itertuples(index=False, name=None))


def names(cell: str) -> list[str]:
    return [record["name"] for record in json.loads(cell)]


# --------------------------------------------------------------------------------------- facts


def test_every_fact_of_a_film_arrives_in_the_schema(serve, tmp_path):
    director, second, writer, actor, lead = (
        Item(1_000_001, "Agnès Director"),
        Item(1_000_002, "Zoë Second"),
        Item(1_000_003, "Only Mul", language="mul"),  # names that all languages share
        Item(1_000_004, "Ann Actor"),
        Item(1_000_005, "Zed Lead"),
    )
    studio, distributor, saga = (
        Item(1_000_010, "Studio"),
        Item(1_000_011, "Distributor"),
        Item(1_000_012, "Saga"),
    )
    whole = (
        film(1_000_000, "Whole", kind=29168811)
        .item("P57", 1_000_002, 1_000_001)
        .item("P58", 1_000_003)
        .item("P162", 1_000_002)
        .item("P161", 1_000_004)
        .item("P161", 1_000_005, P1545='"1"')
        .item("P161", 1_000_003, rank="Deprecated")
        .item("P272", 1_000_010)
        .item("P750", 1_000_011)
        .item("P179", 1_000_012)
        .item("P136", 859369, 471839, 645928)
        .item("P364", 188, 1860)
        .item("P495", 30, 183)
        .item("P1657", 18665339)
        .quantity("P2047", 97, MINUTE)
        .text("P345", "tt0000097")
        .text("P4947", "4711")
        .state("P1476", '"Das Ganze"@de')
    )
    server = serve(whole, director, second, writer, actor, lead, studio, distributor, saga)
    row = built(server, tmp_path).loc["Whole"]
    assert row["id"] == 1_000_000 and row["release_date"] == "1999-06-01"
    assert (row["budget"], row["revenue"], row["runtime"]) == (10_000_000, 30_000_000, 97)
    assert names(row["genres"]) == [
        "biographical film", "Comedy", "Drama", "Science Fiction", "Animation"
    ]  # fmt: skip
    assert {"id": 878, "name": "Science Fiction"} in json.loads(row["genres"])
    assert row["original_language"] == "en"
    assert json.loads(row["production_companies"]) == [{"id": 1_000_010, "name": "Studio"}]
    assert json.loads(row["production_countries"]) == [
        {"iso_3166_1": "DE", "name": "Germany"},
        {"iso_3166_1": "US", "name": "United States of America"},
    ]
    assert row["certificate"] == "PG-13"
    assert names(row["distributors"]) == ["Distributor"] and names(row["series"]) == ["Saga"]
    assert (row["imdb_id"], row["tmdb_id"]) == ("tt0000097", 4711)
    assert row["original_title"] == "Das Ganze"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["read_on"])
    credits = pd.read_csv(tmp_path / "credits.csv").iloc[0]
    assert credits["movie_id"] == 1_000_000 and credits["read_on"] == row["read_on"]
    assert json.loads(credits["cast"]) == [
        {"id": 1_000_005, "name": "Zed Lead"},
        {"id": 1_000_004, "name": "Ann Actor"},
    ]
    assert [(one["job"], one["name"]) for one in json.loads(credits["crew"])] == [
        ("Director", "Agnès Director"),
        ("Director", "Zoë Second"),
        ("Writer", "Only Mul"),
        ("Producer", "Zoë Second"),
    ]
    assert set_aside(tmp_path) == []


def test_the_source_goes_through_schema_cleaning_and_credits(serve, tmp_path):
    bare = film(1_000_001, "Bare", day="1999-01-02")
    known = (
        film(1_000_002, "Known")
        .item("P57", 1_000_009)
        .item("P364", 1860)
        .item("P495", 30)
        .quantity("P2047", 2, HOUR)
    )
    server = serve(bare, known, Item(1_000_009, "Director"))
    built(server, tmp_path)
    movies, credits, rejected = read_source(tmp_path)
    assert rejected.empty
    films = clean(movies).set_index("title")
    assert films["usable"].all() and films["vote_count"].isna().all()
    assert films["runtime"].tolist()[1] == 120
    assert films["original_language"].tolist() == ["xx", "en"]
    assert films.loc["Known", "countries"] == ["United States of America"]
    roles = credit_roles(movies, credits).set_index("id")
    assert roles.loc[1_000_002, "director"] == [1_000_009] and not roles.loc[1_000_001, "director"]


def test_what_is_unknown_has_no_name_and_no_id(serve, tmp_path):
    """An unknown value is a blank node, also one of Wikidata's own addresses."""
    unknown = "<http://www.wikidata.org/.well-known/genid/0123456789abcdef>"
    odd = film(1_000_001, "Odd").state("P57", unknown).state("P161", "_:someone")
    odd.item("P58", 1_000_007)  # without a label
    built(serve(odd), tmp_path)
    credits = pd.read_csv(tmp_path / "credits.csv").iloc[0]
    assert json.loads(credits["cast"]) == []
    assert [one["name"] for one in json.loads(credits["crew"])] == ["Q1000007"]


def test_a_title_may_be_the_original_one_and_none_is_a_reason(serve, tmp_path):
    foreign = (
        Item(1_000_001, "Nur deutsch", language="de").item("P31", 11424).released("1999-02-03")
    )
    foreign.cost(1_000_000).gross(2_000_000).state("P1476", '"Nur deutsch"@de')
    nameless = Item(1_000_002).item("P31", 11424).released("1999-02-03").cost(5).gross(5)
    assert built(serve(foreign, nameless), tmp_path).index.tolist() == ["Nur deutsch"]
    assert set_aside(tmp_path) == [("", "", "", "no title")]


def test_only_films_are_films(serve, tmp_path):
    items = [
        film(1_000_001, "Short film", kind=24862),
        film(1_000_002, "A play", kind=25379),
        film(1_000_003, "A trilogy", kind=24856).item("P31", 11424),
        film(1_000_004, "Undated", day=None),
        film(1_000_005, "No cost", cost=None),
    ]
    assert built(serve(*items), tmp_path).index.tolist() == ["Short film"]
    assert set_aside(tmp_path) == [
        ("A play", "", "", "not a film"),
        ("A trilogy", "", "", "a series of films"),
        ("Undated", "release_date", "", "no publication date"),
    ]


@pytest.mark.parametrize(
    ("label", "genres"),
    [
        ("romantic comedy film", ["Comedy", "Romance"]),
        ("superhero film", ["Action"]),
        ("historical drama film", ["Drama", "History"]),
        ("live-action film", []),
        ("live action/animated film", ["Animation"]),
        ("Spaghetti Western", ["Western"]),
        ("warm-hearted film", []),
        ("LGBT-related film", []),
    ],
)
def test_genres_are_read_by_their_words(label, genres):
    assert wikidata_films.tmdb_genres(label) == genres


@pytest.mark.parametrize(
    ("languages", "code"), [([188], "de"), ([9186], "cn"), ([188, 1860], "en"), ([], "xx")]
)
def test_the_original_language_has_tmdbs_code(serve, tmp_path, languages, code):
    one = film(1_000_001, "One").item("P364", *languages)
    assert built(serve(one), tmp_path).loc["One", "original_language"] == code


# --------------------------------------------------------------------------------------- dates


def test_the_earliest_date_is_the_release_and_the_most_precise_of_its_year():
    dates = {
        "festival": [("1999-03-02", 11), ("1999-01-05", 11), ("2001-01-01", 9)],
        "year": [("1999-01-01", 9)],
        "year and day": [("1999-01-01", 9), ("1999-05-06", 11), ("2000-01-01", 11)],
        "month and day": [("1999-05-01", 10), ("1999-05-06", 11)],
        "year and month": [("1999-01-01", 9), ("1999-05-01", 10)],
        "an earlier year": [("1998-01-01", 9), ("1999-05-06", 11)],
    }
    table = [(name, f"{day}T00:00:00Z", str(p)) for name, days in dates.items() for day, p in days]
    found = release_dates(pd.DataFrame(table, columns=["film", "date", "precision"]))
    assert found.to_dict("index") == {
        "festival": {"release_date": "1999-01-05", "precision": 11},
        "year": {"release_date": "1999-01-01", "precision": 9},
        "year and day": {"release_date": "1999-05-06", "precision": 11},
        "month and day": {"release_date": "1999-05-06", "precision": 11},
        "year and month": {"release_date": "1999-05-01", "precision": 10},
        "an earlier year": {"release_date": "1998-01-01", "precision": 9},
    }


def test_a_film_with_dates_in_two_years_is_one_of_the_first(serve, tmp_path):
    server = serve(film(1_000_001, "Again", day="2001-04-05").released("1999-12-31"))
    row = built(server, tmp_path, years=(1999, 2001)).loc["Again"]
    assert row["release_date"] == "1999-12-31"
    held = {path.stem: wikidata.read_slice(path) for path in (tmp_path / "slices").glob("*")}
    assert [name for name in held if len(held[name].get("films", ()))] == ["1999"]


def test_the_preferred_date_and_not_a_deprecated_one(serve, tmp_path):
    preferred = film(1_000_001, "Preferred", day="1998-01-01").released(
        "1999-07-08", rank="Preferred"
    )
    deprecated = film(1_000_002, "Deprecated", day="1999-07-08")
    deprecated.released("1998-02-03", rank="Deprecated")
    year = film(1_000_003, "Year", day=None).released("1999-01-01", precision=9)
    rows = built(serve(preferred, deprecated, year), tmp_path, years=(1998, 1999))
    assert set(rows["release_date"]) == {"1999-07-08", "1999-01-01"}
    assert rows["release_precision"].tolist() == ["day", "day", "year"]


# ------------------------------------------------------------------------------------- amounts


def test_which_of_several_amounts_is_taken(serve, tmp_path):
    def grossed(number, label):
        return film(number, label, gross=None)

    items = [
        grossed(1_000_001, "Preferred").gross(9).gross(5, rank="Preferred", at="2000-01-01"),
        grossed(1_000_002, "Latest").gross(9, at="2001-05-01").gross(7, at="2003-05-01").gross(50),
        grossed(1_000_003, "Largest").gross(9).gross(11).gross(10),
        grossed(1_000_004, "World").gross(9, of=[WORLD]).gross(30, of=[US]).gross(40),
        grossed(1_000_005, "World beats preferred home").gross(9, of=[WORLD])
        .gross(30, of=[US], rank="Preferred"),
        grossed(1_000_006, "World with parts").gross(9, of=[WORLD, US]),
        grossed(1_000_007, "Not deprecated").gross(9).gross(90, rank="Deprecated"),
        grossed(1_000_008, "In dollars, not in numbers").gross(9).gross(20, INR),
    ]  # fmt: skip
    rows = built(serve(*items), tmp_path)
    taken = {"Preferred": 5, "Latest": 7, "Largest": 11, "World": 9}
    taken |= dict.fromkeys(rows.index[4:7], 9)
    assert rows["revenue"].drop("In dollars, not in numbers").to_dict() == taken
    assert set_aside(tmp_path) == [
        ("World", "revenue", "30 USD", "of United States alone"),
        ("World beats preferred home", "revenue", "30 USD", "of United States alone"),
        ("In dollars, not in numbers", "revenue", "20 INR", "no rate of INR in 1999"),
    ]


def test_amounts_that_cannot_be_used_leave_a_blank_and_a_reason(serve, tmp_path):
    items = [
        film(1_000_001, "Home alone", gross=None).gross(5, of=[GERMANY, US]),
        film(1_000_002, "A part", cost=None).cost(5, P518="wd:Q183"),
        film(1_000_003, "Marks", cost=None).cost(5, DEM),
        film(1_000_004, "Plain", cost=None).cost(5, "Q199"),
        film(1_000_005, "Minutes", cost=None).cost(5, MINUTE),
        film(1_000_006, "Nothing", cost=None).cost(0),
        film(1_000_007, "Unknown", cost=None).state("P2130", "_:unknown"),
    ]
    rows = built(serve(*items), tmp_path)
    assert len(rows) == 7 and rows["budget"].notna().sum() == 1
    assert set_aside(tmp_path) == [
        ("Home alone", "revenue", "5 USD", "of Germany, United States alone"),
        ("A part", "budget", "5 USD", "of Germany alone"),
        ("Marks", "budget", "5 DEM", "no rate of DEM in 1999"),
        ("Plain", "budget", "5 Q199", "no currency"),
        ("Minutes", "budget", "5 Q7727", "Q7727 is no currency"),
        ("Nothing", "budget", "0 USD", "not above zero"),
        ("Unknown", "budget", "", "no known value"),
    ]
    assert len(clean(read_source(tmp_path)[0])) == 7


def test_other_currencies_are_converted_at_the_rate_of_the_year(serve, tmp_path):
    rates = pd.read_csv(EXCHANGE_RATES).set_index(["year", "currency"])["usd"]
    items = [
        film(1_000_001, "Early", day="2001-05-06", gross=None).gross(1_000_000, EUR),
        film(1_000_002, "Late", day="2008-05-06", gross=None).gross(1_000_000, EUR),
        film(1_000_003, "Two codes", day="2008-05-06", gross=None).gross(1_000_000, RUB),
    ]
    rows = built(serve(*items), tmp_path, years=(2001, 2008))
    assert rows["revenue"].to_dict() == {
        "Early": round(1_000_000 * rates[2001, "EUR"]),
        "Late": round(1_000_000 * rates[2008, "EUR"]),
        "Two codes": round(1_000_000 * rates[2008, "RUB"]),
    }
    assert 0.89 < rates[2001, "EUR"] < 0.9 and 1.46 < rates[2008, "EUR"] < 1.48
    assert rows["revenue_stated"].tolist() == ["1000000 EUR", "1000000 EUR", "1000000 RUB"]
    assert (tmp_path / "exchange_rates.csv").read_text() == EXCHANGE_RATES.read_text()


def test_the_middle_runtime_of_the_whole_film_is_taken(serve, tmp_path):
    items = [
        film(1_000_001, "Cuts")
        .quantity("P2047", 90, MINUTE).quantity("P2047", 100, MINUTE)
        .quantity("P2047", 101, MINUTE).quantity("P2047", 240, MINUTE, P518="wd:Q183"),
        film(1_000_002, "Seconds").quantity("P2047", 5400, "Q11574"),
        film(1_000_003, "Metres").quantity("P2047", 5400, "Q11573"),
        film(1_000_004, "Only a cut").quantity("P2047", 80, MINUTE, P518="wd:Q183"),
    ]  # fmt: skip
    rows = built(serve(*items), tmp_path)
    assert rows["runtime"].dropna().to_dict() == {"Cuts": 100, "Seconds": 90, "Only a cut": 80}


# -------------------------------------------------------------------------------------- slices


def many(number, year):
    return [
        film(1_000_000 + each, f"F{each}", day=f"{year}-{1 + each % 12:02}-15")
        for each in range(number)
    ]


def test_a_second_run_asks_for_nothing_and_writes_the_same(serve, tmp_path):
    server = serve(film(1_000_001, "One"), film(1_000_002, "Two", day="2001-02-03"))
    built(server, tmp_path, years=(1999, 2001))
    assert sorted(path.stem for path in (tmp_path / "slices").iterdir()) == [
        "1999", "2000", "2001", "undated"
    ]  # fmt: skip
    before, asked = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}, len(server.asked)
    built(server, tmp_path, years=(1999, 2001))
    assert len(server.asked) == asked
    assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == before


def test_a_killed_run_goes_on_where_it_was(serve, tmp_path):
    server = serve(*[film(1_000_000 + year, day=f"{year}-05-06") for year in range(1999, 2003)])
    server.hang_at = '"2000-01-01T'
    words = ["--from", "1999", "--to", "2002", "--into", tmp_path, "--address", server.url]
    process = subprocess.Popen(
        [sys.executable, paths.ROOT / "scripts" / "fetch.py", "wikidata", *words, "--rate", "1000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")},
    )
    assert server.hung.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sorted(path.name for path in (tmp_path / "slices").iterdir()) == [
        "2001.json", "2002.json"
    ]  # fmt: skip
    server.hang_at = None
    server.hang.set()
    assert len(built(server, tmp_path, years=(1999, 2002))) == 4
    assert server.years() == {"1999": 1, "2000": 2, "2001": 1, "2002": 1}


def test_years_are_read_anew_when_they_are_old(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    built(server, tmp_path)
    path = tmp_path / "slices" / "1999.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["read_on"], "2020-01-01"))
    server.hold(film(1_000_001, "Renamed"), film(1_000_002, "New"))
    assert fetch(server, tmp_path, "--older-than", 1).returncode == 0
    assert pd.read_csv(tmp_path / "movies.csv")["title"].tolist() == ["Renamed", "New"]
    assert server.years() == {"1999": 2}
    assert fetch(server, tmp_path, "--older-than", 1).returncode == 0
    assert server.years() == {"1999": 2}


def test_a_film_in_two_slices_is_taken_as_read_last(serve, tmp_path):
    server = serve(film(1_000_001, "One", day="2000-02-03"))
    built(server, tmp_path, years=(2000, 2000))
    path = tmp_path / "slices" / "2000.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["read_on"], "2020-01-01"))
    server.hold(film(1_000_001, "One", gross=77))
    rows = built(server, tmp_path)
    assert len(rows) == 1 and rows.loc["One", ["release_date", "revenue"]].tolist() == [
        "1999-06-01", 77
    ]  # fmt: skip


def test_queries_that_take_too_long_are_asked_in_halves(serve, tmp_path):
    server = serve(*many(40, 1999))
    whole = built(server, tmp_path / "whole")
    server.most_days, server.most_films = 40, 7
    halves = built(server, tmp_path / "halves")
    pd.testing.assert_frame_equal(whole, halves)
    assert len(halves) == 40 and server.years()["1999"] > 12


def test_a_query_that_never_ends_is_one_clear_message(serve, tmp_path):
    server = serve(*many(3, 1999))
    server.most_films = 0
    done = fetch(server, tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "gives up even on Q1000000 alone" in done.stderr and "500" in done.stderr
    assert not (tmp_path / "slices" / "1999.json").exists()


def test_films_are_asked_for_in_batches(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(wikidata, "FILMS_PER_QUERY", 4)
    server = serve(*many(10, 1999))
    assert len(built(server, tmp_path)) == 10
    sizes = [len(set(re.findall(r"wd:Q\d{7}", q))) for _, q in server.asked if "P2047" in q]
    assert sizes == [4, 4, 2]


# ------------------------------------------------------------------------------------- service


def test_the_service_is_told_who_asks(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    fetch(server, tmp_path, "--contact", "me@example.org")
    (agent,) = server.agents
    assert re.fullmatch(r"boxoffice/\d\S* \(.*; me@example\.org\) python-requests/\S+", agent)
    done = fetch(server, tmp_path, "--contact", "mé\n")
    assert done.returncode == 1 and "contact" in done.stderr and "Traceback" not in done.stderr


def test_the_rate_is_kept(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    fetch(server, tmp_path, rate=4)
    times = [moment for moment, _ in server.asked]
    assert len(times) == 5 and times[4] - times[0] > 0.95


def test_a_pause_that_is_asked_for_is_kept(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    server.faults = [(429, b"slow down", {"Retry-After": "1"})]
    assert len(built(server, tmp_path)) == 1
    first, second = (moment for moment, _ in server.asked[:2])
    assert second - first >= 1


def test_a_long_pause_ends_the_run(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    server.faults = [(429, b"banned", {"Retry-After": "86400"})]
    done = fetch(server, tmp_path)
    assert done.returncode == 1 and "a pause of 86,400 seconds" in done.stderr
    assert "Traceback" not in done.stderr and len(server.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        (503, b"busy"),
        (502, b"bad gateway"),
        (200, EMPTY, {}, 20),  # the connection ends early
        (200, EMPTY[:-9]),  # the body does, and its length says nothing
        (200, b"", {}, 0),
        (500, b"java.lang.OutOfMemoryError"),
        (504, b"<html>upstream request timeout</html>"),
        (200, EMPTY[:-9] + TIMEOUT),
    ],
    ids=lambda fault: f"{fault[0]} {fault[1][:20]}",
)
def test_a_passing_fault_loses_nothing(serve, tmp_path, fault):
    server = serve(*many(5, 1999))
    server.faults = [fault]
    assert len(built(server, tmp_path)) == 5


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((200, b'{"boolean": true}'), "has another form (head: Field required)"),
        ((200, b'{"head": {"vars": []}, "results": []}'), "has another form (results: "),
        ((200, b"<html>a login page</html>"), "broke off or was no JSON"),
        ((403, b"no such user agent"), "403 Forbidden: no such user agent"),
        ((429, b"", {"Retry-After": "0"}), "429 Too Many Requests"),
    ],
    ids=["ask", "list", "page", "refused", "busy"],
)
def test_what_is_no_answer_is_one_clear_message(serve, tmp_path, fault, said):
    server = serve(film(1_000_001, "One"))
    server.faults = [fault] * 10
    done = fetch(server, tmp_path)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "movies.csv").exists()


def test_nothing_at_the_address_is_one_clear_message_without_a_password(tmp_path, monkeypatch):
    class Nowhere:
        url = "http://me:secret@127.0.0.1:9/sparql"  # the discard port: nothing listens there

    done = fetch(Nowhere, tmp_path)
    assert done.returncode == 1 and "can't be reached at http://***@127.0.0.1:9" in done.stderr
    assert "secret" not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_no_answer_in_time_is_too_slow(serve):
    server = serve()
    server.hang_at = "SELECT"
    with QueryService(server.url, timeout=0.2) as service, pytest.raises(wikidata.TooSlow):
        service.ask("undated")


def test_a_broken_slice_is_named(serve, tmp_path):
    server = serve(film(1_000_001, "One"))
    built(server, tmp_path)
    (tmp_path / "slices" / "1999.json").write_text("{")
    done = fetch(server, tmp_path)
    assert done.returncode == 1 and "1999.json is broken: delete it" in done.stderr


def test_years_without_a_film_are_one_clear_message(serve, tmp_path):
    done = fetch(serve(), tmp_path)
    assert done.returncode == 1 and "holds no film" in done.stderr
    done = fetch(serve(), tmp_path, years=(2000, 1999))
    assert done.returncode == 1 and "no year lies between" in done.stderr


# ------------------------------------------------------------------------------------- changes


def test_what_changed_is_said(serve, tmp_path):
    server = serve(film(1_000_001, "Stays"), film(1_000_002, "Grows"), *many(70, 2001)[10:])
    built(server, tmp_path, years=(1999, 2001))
    server.hold(
        film(1_000_001, "Stays", gross=30_900_000),
        film(1_000_002, "Grows", gross=45_000_000),
        film(1_000_003, "New", cost=None).cost(7, DEM),
        *many(70, 2001)[11:],
    )
    done = fetch(server, tmp_path, "--older-than", 0, years=(1999, 2001))
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "1990s 2 3 2 2" in said and "2000s 60 59 60 59" in said and "all 62 62 62 61" in said
    assert "added: 1 (New (1999))" in said and "gone: 1 (F10 (2001))" in said
    assert "revenue changed by more than 5%: 1 (Grows: $30 million -> $45 million)" in said
    assert "budget changed by more than 5%: 0" in said


def test_a_loss_must_be_accepted(serve, tmp_path):
    server = serve(*many(40, 1999))
    built(server, tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    server.hold(*many(38, 1999))
    done = fetch(server, tmp_path, "--older-than", 0)
    assert done.returncode == 1 and "gone: 2 (F38 (1999); F39 (1999))" in done.stdout
    assert "is kept: the new table has 38 films, it has 40" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == kept
    assert fetch(server, tmp_path, "--accept").returncode == 0
    assert len(pd.read_csv(tmp_path / "movies.csv")) == 38


def test_amounts_that_are_lost_count_too(serve, tmp_path):
    server = serve(*many(20, 1999))
    built(server, tmp_path)
    server.hold(*many(19, 1999), film(1_000_019, "F19", cost=None).cost(7, DEM))
    done = fetch(server, tmp_path, "--older-than", 0)
    assert done.returncode == 1 and "19 films with budget and revenue, it has 20" in done.stderr


def test_help_shows_examples():
    done = run("fetch.py", "wikidata", "--help")
    assert done.returncode == 0 and "python scripts/fetch.py wikidata --from 2015" in done.stdout
    assert "--address" not in done.stdout
