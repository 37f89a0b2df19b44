"""Who makes a film: people, companies and franchise, as ids by role.

Every role is a fact of the billing or the contract, known before release. Roles are capped, since
volunteers list more people for famous films: the length of a list would tell of a film's success.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from boxoffice.films.popularity import popularity_before, total_popularity

# role -> (jobs in TMDB's crew, how many of them count)
CREW_ROLES = {
    "director": (("Director",), 2),
    "writers": (("Screenplay", "Writer", "Story", "Author", "Novel", "Characters"), 4),
    "producers": (("Producer",), 4),
    "executives": (("Executive Producer",), 4),
    "composer": (("Original Music Composer",), 1),
    "editor": (("Editor",), 2),
    "photography": (("Director of Photography",), 1),
    "casting": (("Casting",), 2),
}
# Whose popularity counts, beside two who manage the production.
KEY_CREW = ("director", "producers", "writers")
PRODUCTION_MANAGERS = (("Production Manager", "Unit Production Manager"), 2)
BILLED = 5  # cast members that count
COMPANIES = 5
MOST = {"cast": BILLED, "companies": COMPANIES} | {
    role: most for role, (_, most) in CREW_ROLES.items()
}
ROLES = ("cast", "companies", "franchise", "characters", *CREW_ROLES)
PEOPLE = ("cast", *CREW_ROLES)  # roles whose entities are people

# Words that mark a sequel, as numbers do.
SEQUEL_MARKS = {"ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"}
SEQUEL_MARKS |= {"part", "episode", "vol", "volume", "chapter"}
TITLE_END = re.compile(r":|\s[-–]\s|\s&\s(?=the\b)", re.IGNORECASE)
WORD = re.compile(r"[a-z0-9]+")
NOT_A_NAME = frozenset(["the", "voice", "mr", "mrs", "dr", "young", "self", "himself", "herself"])


def words(text: str) -> list[str]:
    """Lower-case words of a text, accents and punctuation dropped."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return WORD.findall(text.lower())


def title_key(title: str) -> str:
    """What spellings of a title share: lower case, no leading article, letters and digits only."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\s*(the|a|an)\s+", "", plain))


def franchise_stem(title: str) -> str:
    """What the films of a series share in their titles: 'Iron Man 3' -> 'iron man'.

    The words before a colon, a dash or "and the", less a leading article and the marks of a sequel.
    Empty if fewer than three letters are left.
    """
    first, *others = words(TITLE_END.split(title, maxsplit=1)[0]) or [""]
    stem = [first, *(word for word in others if not (word in SEQUEL_MARKS or word.isdecimal()))]
    while stem and stem[0] in ("the", "a", "an"):
        stem = stem[1:]
    name = " ".join(stem).partition(" and the ")[0]
    return name if len(name.replace(" ", "")) >= 3 else ""


def character_names(characters: Iterable[str]) -> list[str]:
    """Full names of characters, which a series repeats: 'Tony Stark / Iron Man' gives two.

    One word alone ('Jack', 'Waiter') says nothing and is left out.
    """
    found = []
    for character in characters:
        for part in re.split(r"[/(),]", character or ""):
            name = [word for word in words(part) if word not in NOT_A_NAME]
            if len(name) >= 2:
                found.append(" ".join(name))
    return list(dict.fromkeys(found))


def text_ids(texts: list[str]) -> list[int]:
    """Stable 63-bit ids for texts (the same in every run and on every machine)."""
    if not texts:
        return []
    hashed = pd.util.hash_array(pd.array(texts, dtype=object).to_numpy(), categorize=False)
    return (hashed >> np.uint64(1)).tolist()


def franchise_ids(titles: Sequence[str | None]) -> list[list[int] | None]:
    """The franchise of each title: one id, none where `franchise_stem` is empty, None for None."""
    stems = [None if title is None else franchise_stem(title) for title in titles]
    ids = iter(text_ids([stem for stem in stems if stem]))
    return [None if stem is None else [next(ids)] if stem else [] for stem in stems]


def counted(role: str, ids: list[int]) -> list[int]:
    """Those of a role who count, each once.

    Of the crew so many different ones; of the cast and the companies the first so many records.
    """
    if role in CREW_ROLES:
        return list(dict.fromkeys(ids))[: MOST[role]]
    return list(dict.fromkeys(ids[: MOST[role]]))


def record_ids(records: list[dict]) -> list[int]:
    """Ids of TMDB records, or of their names where a source gives no id."""
    ids = [record["id"] if "id" in record else text_ids([record["name"]])[0] for record in records]
    return list(dict.fromkeys(ids))


def _records(cells: pd.Series) -> pd.Series:
    return cells.fillna("[]").map(json.loads)


def _crew_ids(role: str) -> Callable[[list[dict]], list[int]]:
    jobs, _ = CREW_ROLES[role]
    return lambda crew: counted(role, record_ids([p for p in crew if p.get("job") in jobs]))


def _production_managers(crew: list[dict]) -> list[int]:
    jobs, most = PRODUCTION_MANAGERS
    return record_ids([p for p in crew if p.get("job") in jobs])[:most]


def _stated_popularity(records: list[dict]) -> dict[int, float]:
    stated = [record for record in records if isinstance(record.get("popularity"), (int, float))]
    return {record_ids([record])[0]: record["popularity"] for record in stated}


def credit_roles(
    movies: pd.DataFrame, credits: pd.DataFrame, snapshots: Path | None = None
) -> pd.DataFrame:
    """Ids by role for every film, and how popular those people are.

    Parameters
    ----------
    movies, credits : DataFrame
        Text cells as `films.read_source` returns them. A film without credits has empty lists.
    snapshots : Path, optional
        The source's folder of people's popularity on single days, see `films.popularity`.

    Returns
    -------
    DataFrame, one row per row of `movies`
        `id`, then a column of lists of int per role of `ROLES`; `cast_popularity` and
        `crew_popularity` where the source states people's popularity: sums over the cast and over
        the key crew (directors, producers, production managers, writers), of those who count, as
        they were when the credits were read; `cast_popularity_before` and
        `crew_popularity_before` where snapshots tell them: the same sums before the release.
    """
    columns = ["id", "title", "production_companies"] + ["release_date"] * (snapshots is not None)
    joined = movies[columns].merge(
        credits[["movie_id", "cast", "crew"]], left_on="id", right_on="movie_id", how="left"
    )
    # Sources without billing have no `order`; sorting is stable and leaves them as they are.
    cast = _records(joined["cast"]).map(
        lambda people: sorted(people, key=lambda p: p.get("order", 0))
    )
    crew = _records(joined["crew"])
    companies = _records(joined["production_companies"])
    table = pd.DataFrame(
        {
            "id": joined["id"].astype("int64"),
            "cast": cast.map(lambda people: record_ids(people[:BILLED])),
            "companies": companies.map(lambda records: record_ids(records[:COMPANIES])),
            "franchise": franchise_ids(joined["title"].to_list()),
            "characters": cast.map(
                lambda people: text_ids(
                    character_names(p.get("character") for p in people[:BILLED])
                )
            ),
            **{role: crew.map(_crew_ids(role)) for role in CREW_ROLES},
        }
    )
    key_crew = sum((table[role] for role in KEY_CREW), start=crew.map(_production_managers))
    people = pd.DataFrame({"cast": table["cast"], "crew": key_crew.map(dict.fromkeys)})
    for name, records in (("cast", cast), ("crew", crew)):
        stated = records.map(_stated_popularity)
        sums = [total_popularity(*pair) for pair in zip(people[name], stated, strict=True)]
        if not np.isnan(sums).all():
            table[f"{name}_popularity"] = sums
    if snapshots is None:
        return table
    released = joined["release_date"].to_numpy("datetime64[D]")
    return table.join(popularity_before(snapshots, people, released))


def people_names(credits: pd.DataFrame) -> pd.DataFrame:
    """`id` and `name` of everybody in the credits, one row per id, ordered by id."""
    return _names(credits["cast"], credits["crew"])


def company_names(movies: pd.DataFrame) -> pd.DataFrame:
    """`id` and `name` of all production companies, one row per id, ordered by id."""
    return _names(movies["production_companies"])


def _names(*columns: pd.Series) -> pd.DataFrame:
    records = [
        (record_ids([record])[0], record["name"])
        for column in columns
        for listed in _records(column)
        for record in listed
    ]
    table = pd.DataFrame(records, columns=["id", "name"]).astype({"id": "int64"})
    return table.drop_duplicates("id").sort_values("id", ignore_index=True)


def name_key(name: str) -> str:
    """What two spellings of a name share: 'Penélope Cruz' and 'penelope  cruz' are one."""
    return " ".join(words(name)) or name.strip().casefold()


def known_names(films: pd.DataFrame, people: pd.DataFrame, companies: pd.DataFrame) -> pd.DataFrame:
    """Who is meant by a name: of those who share it, the one with most of these films.

    Parameters
    ----------
    films : DataFrame
        Columns of lists of ids by role.
    people, companies : DataFrame
        `id` and `name`.

    Returns
    -------
    DataFrame
        `kind` ('person' or 'company'), `key` (see `name_key`), `name` and `id`, one row per kind
        and key, ordered by both.
    """
    tables = []
    for kind, table, roles in (("person", people, PEOPLE), ("company", companies, ("companies",))):
        ids = pd.concat([films[role].explode() for role in roles if role in films])
        table = table.assign(kind=kind, key=table["name"].map(name_key))
        table["films"] = table["id"].map(ids.value_counts())
        tables.append(table.dropna(subset="films"))
    known = pd.concat(tables).sort_values(["kind", "key", "films", "id"], ascending=[1, 1, 0, 1])
    return known.drop_duplicates(["kind", "key"])[["kind", "key", "name", "id"]].reset_index(
        drop=True
    )
