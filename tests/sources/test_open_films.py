"""The join of the Vega movies table with Wikidata, and its committed result."""

import json
import re
import shutil
import sqlite3
import tarfile
import zipfile
from io import BytesIO

import numpy as np
import pandas as pd
import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.core.files import SourceError
from boxoffice.films import schema as sources
from boxoffice.films.features import GENRES
from boxoffice.sources import open_films

VEGA_FILM = {
    "Title": None,
    "US Gross": 1_000_000,
    "Worldwide Gross": 3_000_000,
    "US DVD Sales": None,
    "Production Budget": 2_000_000,
    "Release Date": "Jun 12 1998",
    "MPAA Rating": "R",
    "Running Time min": None,
    "Distributor": None,
    "Source": None,
    "Major Genre": None,
    "Creative Type": None,
    "Director": None,
    "Rotten Tomatoes Rating": None,
    "IMDB Rating": 6.1,
    "IMDB Votes": 1071,
}
WIKIDATA_FILM = {
    "ID": 0,
    "Title": "",
    "Year": 1998,
    "Rating": None,
    "Runtime": 100.0,
    "Genre": "Drama",
    "Released": "1998-06-12",
    "Director": "",
    "Writer": None,
    "Cast": "",
    "Language": "English",
    "Country": "United States",
    "BoxOffice": None,
    "Production": None,
}


def vega_table(*films: dict) -> pd.DataFrame:
    return open_films.vega_films([VEGA_FILM | film for film in films])


def wikidata_table(*films: dict) -> pd.DataFrame:
    rows = [WIKIDATA_FILM | {"ID": number} | film for number, film in enumerate(films, start=1)]
    return pd.DataFrame(rows)


def joined(vega: list[dict], wikidata: list[dict]) -> pd.DataFrame:
    return open_films.join(vega_table(*vega), wikidata_table(*wikidata))


def movie(vega: dict, wikidata: dict) -> pd.Series:
    """The row of `movies.csv` of one film that both sources state."""
    films = joined([{"Title": "A Film"} | vega], [{"Title": "A Film"} | wikidata])
    return open_films.movies_table(films).iloc[0]


def named(cell: str) -> list[str]:
    return [record["name"] for record in json.loads(cell)]


# ---------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Apartment", "Apartment"),
        ("Déjà Vu", "DEJA VU"),
        ("Chuck&Buck", "Chuck & Buck"),
        ("Alien³", "Alien 3"),
        ("Naked Gun 33 1/3", "Naked Gun 33⅓"),
    ],
)
def test_spellings_of_one_title_share_a_key(one, other):
    assert open_films.title_key(one) == open_films.title_key(other) != ""


def test_an_article_is_only_a_whole_first_word():
    assert open_films.title_key("Theremin") == "theremin"
    assert open_films.title_key("Gone with the Wind") == "gonewiththewind"


@given(st.text())
def test_a_key_has_letters_and_digits_only(title):
    assert re.fullmatch("[a-z0-9]*", open_films.title_key(title))


def test_broken_characters_are_repaired_and_sound_ones_kept():
    assert open_films.repaired("DÈj‡ Vu") == "Déjà Vu"
    assert open_films.repaired("The Naked Gun 2Ω") == "The Naked Gun 2½"
    assert open_films.repaired("Alien³") == "Alien³"


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_needs_no_repair(text):
    assert open_films.repaired(text) == text


def test_names_are_split_at_commas_but_not_before_junior():
    assert open_films.names("Robert Downey, Jr., Mýa, Mýa") == ["Robert Downey, Jr.", "Mýa"]
    assert open_films.names("Syncopy, Inc., Pixar") == ["Syncopy, Inc.", "Pixar"]
    assert open_films.names("") == open_films.names(None) == open_films.names(np.nan) == []


# ---------------------------------------------------------------------------------------- join


def test_years_may_differ_by_one_and_no_more():
    vega = [{"Title": "Early"}, {"Title": "Late"}, {"Title": "Other"}]
    wikidata = [
        {"Title": "Early", "Year": 1997},
        {"Title": "Late", "Year": 1999},
        {"Title": "Other", "Year": 2000},
    ]
    films = joined(vega, wikidata)
    assert sorted(films["Title"]) == ["Early", "Late"]
    rejected = open_films.left_out(vega_table(*vega), wikidata_table(*wikidata))
    assert rejected["reason"].tolist() == ["Wikidata film with this title is of another year"]


def test_the_nearer_year_wins():
    films = joined(
        [{"Title": "Jack Frost"}],
        [{"Title": "Jack Frost", "Year": 1997}, {"Title": "Jack Frost", "Year": 1998}],
    )
    assert films["ID"].tolist() == [2]


def test_the_stated_director_wins_over_the_nearer_year():
    films = joined(
        [{"Title": "Bubble", "Director": "Steven Soderbergh"}],
        [
            {"Title": "The Bubble", "Year": 1998, "Director": "Eytan Fox"},
            {"Title": "Bubble", "Year": 1997, "Director": "Somebody, Steven Soderbergh"},
        ],
    )
    assert films["ID"].tolist() == [2]


def test_the_same_article_decides_between_equally_near_years():
    films = joined(
        [{"Title": "The Descent"}],
        [{"Title": "Descent", "Year": 1999}, {"Title": "The Descent", "Year": 1997}],
    )
    assert films["ID"].tolist() == [2]


def test_a_wikidata_film_is_used_once():
    vega = [{"Title": "Twin", "Release Date": "Jan 02 1999"}, {"Title": "The Twin"}]
    wikidata = [{"Title": "Twin"}]
    assert joined(vega, wikidata)["Title"].tolist() == ["The Twin"]
    rejected = open_films.left_out(vega_table(*vega), wikidata_table(*wikidata))
    assert rejected["title"].tolist() == ["Twin"]
    assert rejected["reason"].tolist() == ["Wikidata film matches another Vega film better"]


def test_every_film_is_kept_or_left_out_with_a_reason():
    vega = vega_table(
        {"Title": "Kept"},
        {"Title": None},
        {"Title": "No budget", "Production Budget": None},
        {"Title": "No gross", "Worldwide Gross": 0},
        {"Title": "Unknown"},
    )
    wikidata = wikidata_table(*[{"Title": title} for title in ("Kept", "No budget", "No gross")])
    assert open_films.join(vega, wikidata)["Title"].tolist() == ["Kept"]
    rejected = open_films.left_out(vega, wikidata)
    assert rejected["reason"].tolist() == [
        "no title",
        "no production budget",
        "no worldwide gross",
        "no Wikidata film with this title",
    ]


def test_a_title_may_be_a_number():
    assert joined([{"Title": 1941}], [{"Title": "1941"}])["Title"].tolist() == ["1941"]


@pytest.mark.parametrize(
    ("stated", "year", "in_wikidata", "expected"),
    [
        ("Jun 12 1998", 1998, "1998-01-01", "1998-06-12"),
        ("Nov 16 2042", 1942, "1942-01-01", "1942-11-16"),  # a century late
        ("Feb 29 2044", 1944, "1944-01-01", "1944-02-29"),
        ("Dec 31 1959", 1960, "1960-06-15", "1960-06-15"),  # a bare year, one day early
        ("Dec 31 2008", 2008, "2008-12-08", "2008-12-31"),  # a real 31 December
        ("Dec 31 2008", 2007, "2007-09-07", "2008-12-31"),
        ("Dec 31 2045", 1946, "1946-12-20", "1946-12-20"),  # both
    ],
)
def test_dates(stated, year, in_wikidata, expected):
    film = movie({"Release Date": stated}, {"Year": year, "Released": in_wikidata})
    assert film["release_date"] == expected


# -------------------------------------------------------------------------------------- tables


def test_genres_of_both_sources_are_in_tmdbs_spelling():
    film = movie(
        {"Major Genre": "Romantic Comedy", "Creative Type": "Science Fiction"},
        {"Genre": "Comedy, Sci-Fi, Biography"},
    )
    assert named(film["genres"]) == ["Comedy", "Science Fiction", "Biography", "Romance"]
    assert [record["id"] for record in json.loads(film["genres"])][:2] == [35, 878]
    assert named(movie({}, {"Genre": ""})["genres"]) == []


def test_companies_start_with_the_distributor_in_one_spelling():
    film = movie(
        {"Distributor": "20th Century Fox"},
        {"Production": "20th Century Studios, Lightstorm Entertainment"},
    )
    assert named(film["production_companies"]) == ["20th Century Fox", "Lightstorm Entertainment"]


def test_countries_and_languages_have_tmdbs_codes():
    film = movie({}, {"Country": "Ruritania, United States", "Language": "Klingon, French"})
    assert json.loads(film["production_countries"]) == [
        {"name": "Ruritania"},
        {"iso_3166_1": "US", "name": "United States of America"},
    ]
    assert json.loads(film["spoken_languages"]) == [
        {"name": "Klingon"},
        {"iso_639_1": "fr", "name": "French"},
    ]
    assert film["original_language"] == "fr"
    assert movie({}, {"Language": "Arabic, English"})["original_language"] == "en"
    assert pd.isna(movie({}, {"Language": None})["original_language"])


@pytest.mark.parametrize(
    ("country", "language", "expected"),
    [
        ("Russia", "Russian", ("RU", "ru")),
        ("Czech Republic", "Czech", ("CZ", "cs")),
        ("British Hong Kong", "Cantonese", ("HK", "cn")),  # TMDB's code, not that of ISO 639
        ("Yugoslavia", "Serbo-Croatian", (None, "sh")),
    ],
)
def test_codes_of_countries_and_languages(country, language, expected):
    film = movie({}, {"Country": country, "Language": language})
    (place,), (spoken,) = map(json.loads, film[["production_countries", "spoken_languages"]])
    assert (place.get("iso_3166_1"), spoken.get("iso_639_1")) == expected


@pytest.mark.parametrize(
    ("vega", "wikidata", "expected"),
    [
        ("PG-13", "R", "PG-13"),
        (None, "GP", "PG"),
        ("Open", "R", "R"),
        ("Not Rated", "R", "Not Rated"),
    ],
)
def test_certificate(vega, wikidata, expected):
    assert movie({"MPAA Rating": vega}, {"Rating": wikidata})["certificate"] == expected


def test_no_certificate_is_blank():
    assert pd.isna(movie({"MPAA Rating": "Open"}, {})["certificate"])


def test_runtime_is_wikidatas_else_vegas():
    assert movie({"Running Time min": 80}, {"Runtime": 136.0})["runtime"] == 136
    assert movie({"Running Time min": 80}, {"Runtime": np.nan})["runtime"] == 80
    assert pd.isna(movie({}, {"Runtime": np.nan})["runtime"])


def test_crew_has_directors_and_writers_and_the_cast_no_order():
    films = joined(
        [{"Title": "A", "Director": "Vega Person"}, {"Title": "B", "Director": "Vega Person"}],
        [
            {"Title": "A", "Director": "Ann, Bob", "Writer": "Ann", "Cast": "Cy, Di"},
            {"Title": "B"},
        ],
    )
    table = open_films.credits_table(films)
    crew = [(person["job"], person["name"]) for person in json.loads(table["crew"][0])]
    assert crew == [("Director", "Ann"), ("Director", "Bob"), ("Writer", "Ann")]
    assert named(table["crew"][1]) == ["Vega Person"]
    assert [set(person) for person in json.loads(table["cast"][0])] == [{"id", "name"}] * 2
    assert named(table["cast"][0]) == ["Cy", "Di"]


def test_a_name_has_one_id():
    assert open_films.stable_id("Agnès Varda") == 1063839691102  # a change would break saved models
    assert open_films.stable_id("Agnès Varda") != open_films.stable_id("Agnes Varda")


# --------------------------------------------------------------------------------------- build


@pytest.fixture
def inputs(tmp_path) -> dict:
    """The two input files with three films, and their checksums, as arguments of `build`."""
    vega_file, movies_db = tmp_path / "vega.json", tmp_path / "wikidata.db"
    vega = [
        {"Title": "Early", "Release Date": "Jan 02 1998", "Running Time min": 99},
        {"Title": "Late", "Release Date": "Nov 06 1998", "Production Budget": 1000},
        {"Title": "DÈj‡ Vu", "Director": "Ann"},
        {"Title": "Nowhere"},
    ]
    vega_file.write_text(json.dumps([VEGA_FILM | film for film in vega]), encoding="utf-8")
    films = wikidata_table(
        {"Title": "Late", "BoxOffice": 2_500_000.0},
        {"Title": "Early", "Cast": "Ann, Bob"},
        {"Title": "Déjà Vu", "Director": "Ann"},
    )
    tomatoes = ["BoxOffice", "Production"]
    with sqlite3.connect(movies_db) as database:
        films.drop(columns=tomatoes).to_sql("omdb", database, index=False)
        films[["ID", *tomatoes]].to_sql("tomatoes", database, index=False)
    database.close()
    return {
        "vega_file": vega_file,
        "movies_db": movies_db,
        "vega_sha256": pooch.file_hash(vega_file),
        "wikidata_sha256": pooch.file_hash(movies_db),
    }


def test_build_writes_films_by_date_and_the_left_out(inputs, tmp_path):
    open_films.build(**inputs, folder=tmp_path / "out")
    movies = pd.read_csv(tmp_path / "out" / "movies.csv")
    assert movies["title"].tolist() == ["Early", "Déjà Vu", "Late"]
    credits = pd.read_csv(tmp_path / "out" / "credits.csv")
    assert credits["movie_id"].tolist() == movies["id"].tolist() == [2, 3, 1]
    assert pd.read_csv(tmp_path / "out" / "left_out.csv")["title"].tolist() == ["Nowhere"]


def test_build_gives_the_same_bytes_twice(inputs, tmp_path):
    for name in ("one", "two"):
        open_films.build(**inputs, folder=tmp_path / name)
    for file in ("movies.csv", "credits.csv", "left_out.csv"):
        content = (tmp_path / "one" / file).read_bytes()
        assert content == (tmp_path / "two" / file).read_bytes()
        assert b"\r" not in content


def test_build_counts_in_the_readme_and_leaves_its_text(inputs, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- figures: start -->\nold\n<!-- figures: end -->\nafter\n")
    figures = open_films.build(**inputs, folder=tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| films in the Vega table | 4 |" in text
    assert figures["**in this source: matched with a Wikidata film**"] == "**3**"
    assert figures["left out: no Wikidata film with this title"] == "1"
    assert figures["titles with broken characters, repaired"] == "1"
    assert figures["both state a gross"] == "1"
    assert figures["... median relative difference"] == "16.7%"


def test_a_readme_without_markers_stops_the_build(inputs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("no markers")
    with pytest.raises(SourceError, match="figures: start"):
        open_films.build(**inputs, folder=out)
    assert [path.name for path in out.iterdir()] == ["README.md"]


@pytest.mark.parametrize("name", ["vega_file", "movies_db"])
def test_another_input_is_refused_and_nothing_written(inputs, tmp_path, name):
    with inputs[name].open("ab") as file:
        file.write(b" ")
    with pytest.raises(SourceError) as raised:
        open_films.build(**inputs, folder=tmp_path / "out")
    assert str(inputs[name]) in str(raised.value)
    assert pooch.file_hash(inputs[name]) in str(raised.value)
    assert "have it fetched" in str(raised.value)
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------ packages


def stand_in_npm(folder, script: str) -> None:
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def test_the_vega_table_is_unpacked_from_npms_package(tmp_path, monkeypatch):
    archive = tmp_path / "vega-datasets-3.2.1.tgz"
    with tarfile.open(archive, "w:gz") as package:
        member = tarfile.TarInfo("package/data/movies.json")
        member.size = 2
        package.addfile(member, BytesIO(b"[]"))
    # `npm pack NAME --silent --pack-destination FOLDER`
    stand_in_npm(tmp_path, f'{shutil.which("cp")} "{archive}" "$5"')
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    out.mkdir()
    assert open_films.vega_from_npm(out).read_bytes() == b"[]"


def test_without_npm_the_error_names_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"npm was not found.*--vega FILE"):
        open_films.vega_from_npm(tmp_path)


def test_a_failing_npm_is_quoted(tmp_path, monkeypatch):
    stand_in_npm(tmp_path, "echo no such version >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"(?s)no such version.*--vega FILE"):
        open_films.vega_from_npm(tmp_path)


def offline_pip(monkeypatch, wheels) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


def test_the_database_is_unpacked_from_pips_package(tmp_path, monkeypatch):
    info = "bokeh_sampledata-2026.1.dist-info"
    with zipfile.ZipFile(tmp_path / "bokeh_sampledata-2026.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("bokeh_sampledata/_data/movies.db", b"database")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: bokeh_sampledata\nVersion: 2026.1\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    offline_pip(monkeypatch, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    assert open_films.movies_db_from_pip(out).read_bytes() == b"database"


def test_a_failing_pip_is_quoted(tmp_path, monkeypatch):
    offline_pip(monkeypatch, tmp_path)
    with pytest.raises(SourceError, match=r"(?s)No matching distribution.*--movies-db FILE"):
        open_films.movies_db_from_pip(tmp_path)


# ----------------------------------------------------------------------------------- committed


@pytest.fixture(scope="module")
def movies() -> pd.DataFrame:
    return pd.read_csv(open_films.OPEN_FILMS / "movies.csv")


@pytest.fixture(scope="module")
def credits() -> pd.DataFrame:
    return pd.read_csv(open_films.OPEN_FILMS / "credits.csv")


@pytest.fixture(scope="module")
def figures() -> dict[str, str]:
    text = (open_films.OPEN_FILMS / "README.md").read_text(encoding="utf-8")
    table = text.partition(open_films.FIGURES_START)[2].partition(open_films.FIGURES_END)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[3:]]
    return {label.strip("*"): value.strip("*") for label, value in rows}


def test_committed_columns_are_tmdbs_and_the_certificate(movies, credits):
    assert list(movies) == [
        "budget", "genres", "id", "keywords", "original_language", "production_companies",
        "production_countries", "release_date", "revenue", "runtime", "spoken_languages", "title",
        "vote_average", "vote_count", "certificate",
    ]  # fmt: skip
    assert list(credits) == ["movie_id", "title", "cast", "crew"]


def test_committed_films_are_those_of_the_join(movies, figures):
    assert len(movies) == 2771
    assert figures["in this source: matched with a Wikidata film"] == f"{len(movies):,}"
    rejected = pd.read_csv(open_films.OPEN_FILMS / "left_out.csv")
    assert len(movies) + len(rejected) == 3201
    for reason, count in rejected["reason"].value_counts().items():
        assert figures[f"left out: {reason}"] == str(count)


def test_committed_money_agrees_with_the_known_facts(movies, figures):
    correlation = np.log(movies["budget"]).corr(np.log(movies["revenue"]))
    success = (movies["revenue"] > 1.5 * movies["budget"]).mean()
    assert correlation == pytest.approx(0.616, abs=0.001)
    assert success == pytest.approx(0.575, abs=0.002)
    assert figures["correlation of log budget with log revenue"] == f"{correlation:.3f}"
    assert figures["films that earned more than 1.5 x their budget"] == f"{success:.1%}"
    assert figures["... median relative difference"] == "0.4%"


def test_committed_ids_are_unique_and_shared(movies, credits):
    assert movies["id"].is_unique
    assert credits["movie_id"].tolist() == movies["id"].tolist()
    assert credits["title"].tolist() == movies["title"].tolist()


def test_committed_films_are_in_order_of_release(movies):
    keys = list(zip(movies["release_date"], movies["id"], strict=True))
    assert keys == sorted(keys)
    assert keys[0][0] >= "1940-01-01" and keys[-1][0] < "2011-01-01"


def test_committed_records_are_tmdbs_shape(movies, credits):
    columns = [movies[name] for name in ("genres", "keywords", "production_companies")]
    cells = pd.concat([*columns, credits["cast"], credits["crew"]])
    names_of_id: dict[int, set] = {}
    for cell in cells:
        for record in json.loads(cell):
            names_of_id.setdefault(record["id"], set()).add(record["name"])
    assert max(len(names) for names in names_of_id.values()) == 1  # no two names share an id
    genres = {name for cell in movies["genres"] for name in named(cell)}
    assert genres == {*GENRES, "Biography", "Sport"} - {"Foreign"}
    jobs = {person["job"] for cell in credits["crew"] for person in json.loads(cell)}
    assert jobs == {"Director", "Writer"}
    for column, code in (("production_countries", "iso_3166_1"), ("spoken_languages", "iso_639_1")):
        records = [record for cell in movies[column] for record in json.loads(cell)]
        assert np.mean([code in record for record in records]) > 0.98


def test_committed_values_are_plausible(movies):
    assert movies[["budget", "revenue"]].gt(0).all(axis=None)
    assert movies["runtime"].dropna().between(40, 300).all()
    assert movies["vote_average"].dropna().between(1, 10).all()
    assert set(movies["certificate"].dropna()) == {"G", "PG", "PG-13", "R", "NC-17", "Not Rated"}
    assert movies["original_language"].isna().sum() <= 5


def test_the_loader_takes_the_committed_films():
    kept, credits, rejected = sources.read_source(open_films.OPEN_FILMS)
    assert len(kept) + len(rejected) == len(credits) == 2771
    assert len(rejected) <= 5


def test_committed_money_is_that_of_the_real_vega_table(movies, shared_data):
    file = shared_data / "open-films" / "vega-movies.json"
    assert pooch.file_hash(file) == open_films.VEGA_SHA256
    vega = open_films.read_vega(file)
    assert len(vega) == 3201
    assert (vega["Production Budget"].gt(0) & vega["Worldwide Gross"].gt(0)).sum() == 3146
    money = ["Production Budget", "Worldwide Gross"]
    stated = set(vega[money].dropna().astype(int).itertuples(index=False, name=None))
    assert set(movies[["budget", "revenue"]].itertuples(index=False, name=None)) <= stated
