"""Build the source `wikidata`, in the TMDB 5000 schema, from the answers that were read.

The same answers and rates give the same bytes.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError, replacing
from boxoffice.films.features import GENRE_IDS
from boxoffice.films.normalise import NO_LANGUAGE, language
from boxoffice.sources.amounts import AMOUNT_COLUMNS, amounts_in_usd, runtimes
from boxoffice.sources.exchange_rates import EXCHANGE_RATES
from boxoffice.sources.open_films import TMDB_CODES, TMDB_COUNTRIES
from boxoffice.sources.wikidata import SLICES, UNDATED, read_slice, release_dates

_FILM, _SERIES = "Q11424", "Q24856"
_PRECISIONS = {9: "year", 10: "month", 11: "day"}
_CERTIFICATE_ITEMS = {
    "Q18665330": "G",
    "Q18665334": "PG",
    "Q18665339": "PG-13",
    "Q18665344": "R",
    "Q18665349": "NC-17",
    "Q29841070": "PG",  # M, its name up to 1970
}
_CREW = (
    ("P57", "Directing", "Director"),
    ("P58", "Writing", "Writer"),
    ("P162", "Production", "Producer"),
    ("P1431", "Production", "Executive Producer"),
    ("P86", "Sound", "Original Music Composer"),
    ("P1040", "Editing", "Editor"),
    ("P344", "Camera", "Director of Photography"),
)
# Words of Wikidata's many genres ("romantic comedy film") that say which of TMDB's they are.
_GENRE_WORDS = {
    "Action": r"(?<!live-)(?<!live )action|superhero|martial arts",
    "Adventure": "adventure|swashbuckler",
    "Animation": "animated|animation|anime",
    "Comedy": r"comedy|tragicomedy|dramedy|parody|satire|slapstick",
    "Crime": "crime|gangster|heist|mafia|noir",
    "Documentary": "documentary",
    "Drama": "drama|melodrama|docudrama|tragicomedy|dramedy",
    "Family": "family|children's",
    "Fantasy": "fantasy",
    "History": "history|historical",
    "Horror": "horror|slasher|splatter|zombie|vampire",
    "Music": "music|musical|concert",
    "Mystery": "mystery|detective|whodunit",
    "Romance": "romance|romantic",
    "Science Fiction": "science fiction|sci-fi",
    "Thriller": "thriller",
    "War": "war",
    "Western": "western",
}
_GENRES_OF_WORDS = {
    name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _GENRE_WORDS.items()
}


def tmdb_genres(label: str) -> list[str]:
    """TMDB's genres in a genre of Wikidata: 'comedy drama' -> ['Comedy', 'Drama']."""
    return [name for name, words in _GENRES_OF_WORDS.items() if words.search(label)]


def read_slices(folder: Path) -> dict[str, pd.DataFrame]:
    """The answers of all slices, one frame per query; a film's are those that were read last.

    `films` has `read_on`. Raises SourceError if there is no slice, or a broken one.
    """
    paths = sorted((folder / SLICES).glob("*.json"))
    if not paths:
        raise SourceError(
            f"{folder / SLICES} has no slices: run `python scripts/fetch.py wikidata`"
        )
    frames = defaultdict(list)
    for path in paths:
        answers = read_slice(path)
        read_on = answers.pop("read_on")
        for query, frame in answers.items():
            frames[query].append(frame.assign(read_on=read_on, slice=path.stem))
    answers = {query: pd.concat(parts, ignore_index=True) for query, parts in frames.items()}
    if "films" not in answers or answers["films"].empty:
        raise SourceError(f"{folder / SLICES} holds no film: ask for other years with --from, --to")
    # A film whose date was changed between two readings is in two slices.
    last = answers["films"].sort_values(["read_on", "slice"]).drop_duplicates("film", keep="last")
    if UNDATED not in answers:  # it was not read yet
        answers[UNDATED] = answers["films"].head(0)
    for query in answers.keys() - {UNDATED}:
        answers[query] = answers[query].merge(last[["film", "slice"]])
    return answers


def film_tables(
    answers: dict[str, pd.DataFrame], rates: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return `movies.csv`, `credits.csv` and `set_aside.csv`, in order of the films' ids."""
    released = release_dates(answers["films"])
    undated = answers[UNDATED].assign(column="release_date", reason="no publication date")
    labels = pd.concat([answers["films"], undated]).drop_duplicates("film").set_index("film")
    films = released.join(labels[["label", "read_on"]])
    facts = _by_property(answers["facts"])
    films["original_title"] = [_text(facts[film, "P1476"]) for film in films.index]
    films["title"] = films["label"].fillna(films["original_title"])
    years = released["release_date"].str[:4].astype(int)
    amounts, unusable = amounts_in_usd(answers["quantities"], years, rates)
    films = films.join(amounts).join(runtimes(answers["quantities"]).rename("runtime"))
    rejected = _no_films(films, answers["kinds"])
    kept = films.drop(index=rejected["film"])
    kept = kept.loc[sorted(kept.index, key=_number)]
    set_aside = pd.concat([undated.assign(stated=None), rejected, *_blanks(kept, unusable)])
    return _movies(kept, facts), _credits(kept, facts), _set_aside(set_aside, labels)


def _by_property(facts: pd.DataFrame) -> dict[tuple[str, str], list]:
    """Statements per film and property: the preferred first, then in their order, then by name.

    Wikidata has no billing. Its ids would put those first who were known when it began.
    """
    ordered = facts.assign(
        name=facts["label"].fillna(facts["value"]),
        normal=facts["rank"] != "PreferredRank",
        place=pd.to_numeric(facts["order"], errors="coerce"),
    ).sort_values(["normal", "place", "name", "value", "code"])
    table = defaultdict(list)
    for row in ordered.drop_duplicates(["film", "property", "value"]).itertuples():
        table[row.film, row.property].append(row)
    return table


def _number(item: str) -> int:
    return int(item.removeprefix("Q"))


def _items(rows: list) -> list:
    """Those whose value is known and an item."""
    return [row for row in rows if re.fullmatch(r"Q[1-9]\d*", row.value)]


def _of_best_rank(rows: list) -> list:
    return [row for row in rows if row.normal == rows[0].normal]


def _text(rows: list) -> str | None:
    return rows[0].value if rows else None


def _records(rows: list) -> list[dict]:
    return [{"id": _number(row.value), "name": row.name} for row in _items(rows)]


def _genres(genres: list, kinds: list) -> list[dict]:
    """What Wikidata calls genres, and kinds of film that are genres of TMDB ("animated film")."""
    found = {}
    for row in _items(genres):
        names = tmdb_genres(row.name)
        found |= {name: GENRE_IDS[name] for name in names} or {row.name: _number(row.value)}
    for row in kinds:
        found |= {name: GENRE_IDS[name] for name in tmdb_genres(row.name)}
    return [{"id": number, "name": name} for name, number in found.items()]


def _countries(rows: list) -> list[dict]:
    return [
        ({} if pd.isna(row.code) else {"iso_3166_1": row.code})
        | {"name": TMDB_COUNTRIES.get(row.name, row.name)}
        for row in _items(rows)
    ]


def _languages(rows: list) -> list[str]:
    """Codes of the original languages of the best rank, as TMDB has them."""
    rows = _items(_of_best_rank(rows))
    stated = [
        TMDB_CODES.get(row.name) or (language(row.name) if pd.isna(row.code) else row.code)
        for row in rows
    ]
    return list(filter(None, stated))


def _original_language(codes: list[str]) -> str:
    """English if it is one of several, which have no order."""
    return "en" if "en" in codes else next(iter(codes), NO_LANGUAGE)


def _certificate(rows: list) -> str | None:
    known = (_CERTIFICATE_ITEMS.get(row.value) for row in _of_best_rank(rows))
    return next(filter(None, known), None)


def _cells(records: Iterable[list[dict]]) -> list[str]:
    return [json.dumps(each, ensure_ascii=False) for each in records]


def _movies(films: pd.DataFrame, facts: dict) -> pd.DataFrame:
    """`movies.csv`; from `original_title` on, columns that TMDB 5000 has in another form or not."""

    def of(name: str) -> list[list]:
        return [facts[film, name] for film in films.index]

    spoken = [_languages(rows) for rows in of("P364")]
    return pd.DataFrame(
        {
            "budget": films["budget"],
            "genres": _cells(map(_genres, of("P136"), of("P31"))),
            "id": films.index.map(_number),
            "original_language": list(map(_original_language, spoken)),
            "production_companies": _cells(map(_records, of("P272"))),
            "production_countries": _cells(map(_countries, of("P495"))),
            "release_date": films["release_date"],
            "revenue": films["revenue"],
            "runtime": films["runtime"],
            "title": films["title"],
            "vote_average": None,
            "vote_count": None,
            "certificate": list(map(_certificate, of("P1657"))),
            "original_title": films["original_title"],
            "release_precision": films["precision"].map(_PRECISIONS),
            "budget_stated": films["budget_stated"],
            "revenue_stated": films["revenue_stated"],
            "series": _cells(map(_records, of("P179"))),
            "distributors": _cells(map(_records, of("P750"))),
            "tmdb_id": list(map(_text, of("P4947"))),
            "imdb_id": list(map(_text, of("P345"))),
            "read_on": films["read_on"],
        }
    )


def _credits(films: pd.DataFrame, facts: dict) -> pd.DataFrame:
    crew = [
        [
            {"department": department, "job": job, **person}
            for name, department, job in _CREW
            for person in _records(facts[film, name])
        ]
        for film in films.index
    ]
    return pd.DataFrame(
        {
            "movie_id": films.index.map(_number),
            "title": films["title"],
            "cast": _cells(_records(facts[film, "P161"]) for film in films.index),
            "crew": _cells(crew),
            "read_on": films["read_on"],
        }
    )


def _no_films(films: pd.DataFrame, kinds: pd.DataFrame) -> pd.DataFrame:
    """What can't be a row of `movies.csv` at all, with the reason."""
    are = {kind: set(kinds.loc[kinds["kind"] == kind, "film"]) for kind in (_FILM, _SERIES)}
    reasons = {
        "a series of films": films.index.isin(are[_SERIES]),
        "not a film": ~films.index.isin(are[_FILM]),
        "no title": films["title"].isna(),
    }
    rows = [
        pd.DataFrame({"film": films.index[mask], "reason": reason})
        for reason, mask in reasons.items()
    ]
    return pd.concat(rows).drop_duplicates("film")


def _blanks(films: pd.DataFrame, unusable: pd.DataFrame) -> Iterable[pd.DataFrame]:
    """Statements that can't be used, and amounts whose value Wikidata calls unknown."""
    yield unusable[unusable["film"].isin(films.index)]
    for column in AMOUNT_COLUMNS.values():
        told = unusable.loc[unusable["column"] == column, "film"]
        blank = films.index[films[column].isna()].difference(told)
        yield pd.DataFrame({"film": blank, "column": column, "reason": "no known value"})


def _set_aside(rows: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    rows = rows[["film", "column", "stated", "reason"]].join(
        labels[["label", "read_on"]], on="film"
    )
    rows = rows.assign(id=rows["film"].map(_number)).rename(columns={"label": "title"})
    rows = rows.sort_values(["id", "column", "stated", "reason"])
    return rows[["id", "title", "column", "stated", "reason", "read_on"]]


def build_wikidata(folder: Path) -> dict[str, pd.DataFrame]:
    """The source's tables by name, from `folder`/slices; `exchange_rates` are those it can use."""
    rates = pd.read_csv(EXCHANGE_RATES)
    movies, credits, set_aside = film_tables(read_slices(folder), rates)
    return {
        "movies": movies,
        "credits": credits,
        "set_aside": set_aside,
        "exchange_rates": rates,
    }


def write_wikidata(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as a CSV, whole or not at all."""
    for name, table in tables.items():
        with replacing(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
