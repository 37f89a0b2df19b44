"""Tables of films: they are read as in the pipeline, and a bad row harms no other."""

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from boxoffice.core import paths
from boxoffice.films.credits import ROLES, credit_roles
from boxoffice.films.features import GENRES, column_name, film_facts
from boxoffice.films.schema import clean, read_source
from boxoffice.forecasts.names import KINDS, Names
from boxoffice.forecasts.table_columns import ChunkReader, check_columns
from boxoffice.forecasts.table_files import MOST_CELL, MOST_LINES, open_table
from boxoffice.forecasts.tables import ADDED, TableError, iter_scored, score_file

OPEN_FILMS = paths.RAW / "open_films"
FILM = {
    "id": "1",
    "title": "Metropolis",
    "original_language": "de",
    "release_date": "1927-01-10",
    "genres": '[{"id": 18, "name": "Drama"}, {"id": 878, "name": "Science Fiction"}]',
    "production_companies": '[{"id": 12372, "name": "UFA"}]',
    "production_countries": '[{"iso_3166_1": "DE", "name": "Germany"}]',
    "budget": "92620000",
    "revenue": "1350322",
    "runtime": "153",
    "vote_average": "8.0",
    "vote_count": "657",
    "popularity": "32.35",
    "overview": "A city,\nand the people below it.",
    "cast": '[{"id": 77, "name": "Alfred Abel", "order": 0, "character": "Joh Fredersen"}]',
    "crew": '[{"id": 68, "name": "Fritz Lang", "job": "Director"}]',
}
UNRATED = {"vote_average": "", "vote_count": ""}  # the pre-release model answers
A_LIST = 'is not a JSON list of {"id": number, "name": text}'
A_DATE = "a date YYYY-MM-DD between 1888-01-01 and 2100-01-01"
A_BUDGET = "a number above 0, at most 10,000,000,000 (USD)"


def film(**cells):
    return FILM | cells


@pytest.fixture
def table(tmp_path):
    """A function that writes films as a CSV (their cells as they are) or as Parquet."""

    def write(films, format="csv", **types):
        path = tmp_path / f"films.{format}"
        frame = pd.DataFrame(films)
        if format == "csv":
            frame.to_csv(path, index=False, lineterminator="\n")
        else:
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **types)
        return path

    return write


def answers(forecasts, path, out_format="csv", **settings):
    """The rows that come out, and the summary; blanks of a CSV are empty texts."""
    out = io.BytesIO()
    summary = score_file(forecasts, path, path.suffix[1:], out, out_format, **settings)
    out.seek(0)
    if out_format == "parquet":
        return pd.read_parquet(out), summary
    texts = dict.fromkeys([*FILM, "model", "warnings", "error"], str)
    return pd.read_csv(
        out, dtype=texts, keep_default_na=False, na_values={name: [""] for name in ADDED.names[:4]}
    ), summary


def error_of(forecasts, table, **cells):
    """What is said of a film with these cells, between two right ones that are unharmed."""
    rows, summary = answers(forecasts, table([film(), film(**cells), film()]))
    assert (summary.rows, summary.scored, summary.rejected) == (3, 2, 1)
    assert rows["error"].tolist()[::2] == ["", ""]
    assert rows["predicted_revenue"].notna().tolist() == [True, False, True]
    assert rows["model"].tolist()[1] == ""
    return rows["error"][1]


# The same as in the pipeline


def as_the_pipeline(folder):
    """Films, facts and roles that the stage `preprocess` makes of a source, by id as text."""
    movies, credits, _ = read_source(folder)
    roles = credit_roles(movies, credits)
    films = clean(movies).merge(roles, on="id")
    films = films.join(film_facts(films))
    return films.set_index(films["id"].astype(str)), set(credits["movie_id"])


def merged(folder, out):
    """One table of a source's films with cast and crew."""
    movies, credits = (
        pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        for name in ("movies.csv", "credits.csv")
    )
    credits = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
    films = movies.merge(credits, on="id", how="left")
    films.to_csv(out, index=False)
    return films


def read_all(path, names, roles):
    """The canonical columns and the roles of all films, and the errors by row."""
    parts, faults, start = [], {}, 0
    with open_table(path, path.suffix[1:]) as table:
        check_columns(table.schema)
        for chunk in table.chunks(1000):
            reader = ChunkReader(chunk, names, roles)
            films = reader.films()
            rows = np.flatnonzero(films.right)
            further = films.before_release(rows)
            columns = {name: values[rows] for name, values in films.columns.items()}
            columns |= further.columns | {"release_date": films.days[rows]} | further.roles
            parts.append(pd.DataFrame(columns, index=rows + start))
            faults |= {row + start: found for row, found in reader.faults.items()}
            start += chunk.rows.num_rows
    return pd.concat(parts), faults


def everybody(films, tmp_path):
    """Names that know all people and companies of the films by their ids, and nobody by name."""
    nobody = pd.DataFrame({"kind": [], "key": [], "id": []})
    nobody.to_parquet(tmp_path / "names.parquet")
    ids = {"person": set(), "company": set()}
    for role, kind in KINDS.items():
        ids[kind].update(*films[role])
    return Names(tmp_path / "names.parquet", ids)


def assert_as_the_pipeline(folder, tmp_path):
    raw = merged(folder, tmp_path / "films.csv")
    expected, _ = as_the_pipeline(folder)
    names = everybody(expected, tmp_path)
    roles = [role for role in ROLES if expected[role].map(len).any()]
    films, faults = read_all(tmp_path / "films.csv", names, roles)
    assert sorted(faults) == np.flatnonzero(pd.to_numeric(raw["budget"]) == 0).tolist()
    # A table may leave titles and languages blank; a source may not.
    films = films[raw["id"].isin(expected.index)[films.index]]
    expected = expected.loc[raw["id"][films.index]]
    assert len(films) == len(expected) > 2000
    for name in films.columns.intersection(expected.columns):
        given, wanted = films[name].to_list(), expected[name].to_list()
        if name in ROLES:
            assert given == wanted, name
        elif name == "release_date":
            assert given == wanted
        else:
            np.testing.assert_array_equal(
                films[name].to_numpy(float), expected[name].to_numpy(float), err_msg=name
            )
    facts = ["budget", "runtime", "vote_average", "vote_count", "release_year", "american"]
    genres = [f"genre_{column_name(genre)}" for genre in GENRES]
    read = {*facts, *genres, *roles, "release_date", "english"}
    assert read <= set(films.columns.intersection(expected.columns))
    assert ("popularity" in films) == ("popularity" in raw)


def test_open_films_are_read_as_in_the_pipeline(tmp_path):
    assert_as_the_pipeline(OPEN_FILMS, tmp_path)


def test_tmdb_5000_is_read_as_in_the_pipeline(shared_data, tmp_path):
    for name in ("movies.csv", "credits.csv"):
        os.symlink(shared_data / "tmdb5000" / f"tmdb_5000_{name}", tmp_path / name)
    assert_as_the_pipeline(tmp_path, tmp_path)


@pytest.mark.parametrize("given", ["no", "other"])
def test_people_are_known_by_name_where_a_table_has_no_ids_or_other_ones(
    forecasts, tmp_path, given
):
    films = merged(OPEN_FILMS, tmp_path / "own.csv").iloc[::10].assign(vote_count="")
    films.to_csv(tmp_path / "own.csv", index=False)

    def altered(cell):
        records = json.loads(cell or "[]")
        for record in records:
            if given == "no":
                del record["id"]
            else:
                record["id"] += 10**15
        return json.dumps(records)

    columns = ["cast", "crew", "production_companies"]
    films[columns] = films[columns].map(altered)
    films.to_csv(tmp_path / "other.csv", index=False)
    own, other = (answers(forecasts, tmp_path / f"{name}.csv")[0] for name in ("own", "other"))
    assert set(own["model"]) == {"pre_release"}
    pd.testing.assert_frame_equal(other[ADDED.names], own[ADDED.names])


def test_csv_and_parquet_typed_or_not_agree(forecasts, tmp_path):
    texts = merged(OPEN_FILMS, tmp_path / "films.csv").iloc[::10].reset_index(drop=True)
    texts.to_csv(tmp_path / "films.csv", index=False)
    texts.to_parquet(tmp_path / "texts.parquet")
    typed = texts.replace("", None).assign(
        release_date=pd.to_datetime(texts["release_date"]),
        genres=texts["genres"].astype("category"),
        **{name: pd.to_numeric(texts[name]) for name in ("budget", "vote_average", "vote_count")},
        runtime=pd.array(pd.to_numeric(texts["runtime"]), "Int64"),
    )
    typed.to_parquet(tmp_path / "typed.parquet")
    results = [
        answers(forecasts, tmp_path / name, out_format)[0]
        for name in ("films.csv", "texts.parquet", "typed.parquet")
        for out_format in ("csv", "parquet")
    ]
    first = results[0][ADDED.names].replace("", None)
    assert set(first["model"].dropna()) == {"classic", "pre_release"}
    for result in results:
        pd.testing.assert_frame_equal(
            result[ADDED.names].replace("", None), first, check_dtype=False, rtol=0, atol=0
        )
    out = pd.read_parquet(io.BytesIO(scored_bytes(forecasts, tmp_path / "typed.parquet")))
    pd.testing.assert_frame_equal(out[typed.columns], pd.read_parquet(tmp_path / "typed.parquet"))


def scored_bytes(forecasts, path, **settings):
    return b"".join(iter_scored(forecasts, path, path.suffix[1:], path.suffix[1:], **settings))


def test_a_row_is_answered_as_the_film_alone(forecasts, table):
    """What the API says of one film, the table says of its row."""
    rows, _ = answers(forecasts, table([film(), film(**UNRATED)]))
    asked = {"budget": 92_620_000, "runtime": 153, "release_year": 1927, "science_fiction": 1}
    asked["release_date"] = "1927-01-10"
    rated = forecasts.revenue(asked | {"vote_avg": 8.0, "vote_count": 657, "popularity": 32.35})
    unrated = forecasts.revenue(
        asked
        | {
            "title": "Metropolis",
            "original_language": "de",
            "genres": ["Drama", "Science Fiction"],
            "countries": ["Germany"],
            "companies": [12372],
            "cast": [77],
            "director": [68],
            "writers": [],
        }
    )
    assert rows["model"].tolist() == ["classic", "pre_release"]
    for row, answer in zip(rows.to_dict("records"), (rated, unrated), strict=True):
        assert row["predicted_revenue"] == pytest.approx(answer["predicted_revenue"], rel=1e-5)
        assert row["revenue_lower"] == pytest.approx(answer["interval"]["lower"], rel=1e-5)
        assert row["revenue_upper"] == pytest.approx(answer["interval"]["upper"], rel=1e-5)


def test_rows_are_warned_of_what_lies_outside_of_what_the_models_know(forecasts, table):
    small, millions = "with so small a budget", "the budget is below $10,000"
    far, long = "more than 9 years after", "runtime is outside the training films' range"
    votes, companies = "TMDB's votes, read as IMDb's", "companies are not used"
    kinds = {"votes_of": "imdb", "companies_of": "distributors"}  # as the models learned them
    kinds["release_date"] = "2005-01-10"
    expected = [
        (kinds, []),
        (kinds | {"runtime": "600"}, [long]),
        (kinds | {"budget": "300"}, [small, millions]),
        (kinds | {"budget": "300", "runtime": "600"}, [small, millions, long]),
        (kinds | {"release_date": "2060-05-01"}, [far]),
        (kinds | UNRATED | {"runtime": "600"}, [long]),
        (kinds | {"votes_of": ""}, [votes]),
        (kinds | {"companies_of": ""}, []),  # the classic models read none
        (kinds | UNRATED | {"companies_of": ""}, [companies]),
        (kinds | UNRATED | {"companies_of": "", "production_companies": "[]"}, []),
    ]
    rows, _ = answers(forecasts, table([film(**cells) for cells, _ in expected]))
    every = (votes, companies, far, small, millions, long)
    for said, (_, warnings) in zip(rows["warnings"].fillna(""), expected, strict=True):
        assert [words for words in every if words in said] == sorted(warnings, key=every.index)
        assert (said == "") == (not warnings)


def test_strangers_among_companies_are_new_where_ids_are_the_models_own(forecasts, table):
    def listed(*records):
        kind = {"companies_of": "distributors", "release_date": "2005-01-10"}
        return film(**kind, **UNRATED, production_companies=json.dumps(list(records)))

    stranger = {"id": 987654321, "name": "Nobody's Pictures"}
    known = {"id": min(forecasts.names.ids["company"]), "name": "by its id"}
    path = table([listed(stranger), film(**UNRATED, production_companies=""), listed(known)])
    somewhere, own = (answers(forecasts, path, own_ids=ids)[0] for ids in (False, True))
    said, of_own = somewhere["predicted_revenue"], own["predicted_revenue"]
    assert said[0] != of_own[0]  # nobody, and no longer unknown
    assert (said[1:] == of_own[1:]).all()


# Faulty rows


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"budget": "lots"}, f"budget: lots is not {A_BUDGET}"),
        ({"budget": "0"}, f"budget: 0 is not {A_BUDGET}"),
        ({"budget": "-5"}, f"budget: -5 is not {A_BUDGET}"),
        ({"budget": "nan"}, f"budget: nan is not {A_BUDGET}"),
        ({"budget": "1e300"}, f"budget: 1e300 is not {A_BUDGET}"),
        ({"budget": ""}, f"budget is missing: it must be {A_BUDGET}"),
        ({"budget": "1,000,000"}, f"budget: 1,000,000 is not {A_BUDGET}"),
        ({"runtime": "inf"}, "runtime: inf is not a number from 0 to 2,000 (minutes)"),
        ({"vote_average": "72"}, "vote_average: 72 is not a number from 0 to 10 (points of 10)"),
        ({"vote_count": "-1"}, "vote_count: -1 is not a number from 0 to 1,000,000,000 (votes)"),
        ({"votes_of": "Letterboxd"}, "votes_of: Letterboxd is not imdb or tmdb"),
        ({"companies_of": "all"}, "companies_of: all is not producers or distributors"),
        ({"popularity": "high"}, "popularity: high is not a number from 0 to 1,000,000"),
        ({"release_date": ""}, f"release_date is missing: it must be {A_DATE}"),
        ({"release_date": "10.1.1927"}, f"release_date: 10.1.1927 is not {A_DATE}"),
        ({"release_date": "1927-02-30"}, f"release_date: 1927-02-30 is not {A_DATE}"),
        ({"release_date": "1887-12-31"}, f"release_date: 1887-12-31 is not {A_DATE}"),
        ({"title": "x" * 501}, f"title: {'x' * 80} is not a text of at most 500 characters"),
        ({"genres": "[{'name': 'Drama'}"}, f"genres: [{{'name': 'Drama'}} {A_LIST}"),
        ({"genres": "[{'name': open('x')}]"}, f"genres: [{{'name': open('x')}}] {A_LIST}"),
        ({"genres": "{" * 90_000}, f"genres: {'{' * 80} {A_LIST}"),
        ({"genres": "Drama"}, f"genres: Drama {A_LIST}"),
        ({"genres": '["Drama"]'}, f'genres: ["Drama"] {A_LIST}'),
        ({"genres": '[{"id": 18}]'}, f'genres: [{{"id": 18}}] {A_LIST}'),
        ({"production_countries": "{}"}, f"production_countries: {{}} {A_LIST}"),
        ({"genres": "[" * 90_000}, f"genres: {'[' * 80} {A_LIST}"),
        ({"genres": '[{"id": ' + "9" * 5000 + "}]"}, f'genres: [{{"id": {"9" * 72} {A_LIST}'),
        (UNRATED | {"production_companies": "[UFA]"}, f"production_companies: [UFA] {A_LIST}"),
        (UNRATED | {"cast": "null"}, f"cast: null {A_LIST}"),
        (UNRATED | {"crew": '[{"name": 5}]'}, f'crew: [{{"name": 5}}] {A_LIST}'),
        (
            UNRATED | {"cast": '[{"name": "A", "character": 5}]'},
            f'cast: [{{"name": "A", "character": 5}}] {A_LIST}',
        ),
        (
            UNRATED | {"cast": '[{"name": "A", "id": 99999999999999999999}]'},
            f'cast: [{{"name": "A", "id": 99999999999999999999}}] {A_LIST}',
        ),
        (
            UNRATED | {"cast": '[{"name": "\\ud800"}]'},
            f'cast: [{{"name": "\\ud800"}}] {A_LIST}',
        ),
        (
            {"budget": "lots", "runtime": "long", "genres": "[]x"},
            f"budget: lots is not {A_BUDGET}; "
            "runtime: long is not a number from 0 to 2,000 (minutes); "
            f"genres: []x {A_LIST}",
        ),
    ],
)
def test_a_fault_is_told_in_its_own_row(forecasts, table, cells, error):
    assert error_of(forecasts, table, **cells) == error


def test_a_cell_that_is_too_long_is_told_so(forecasts, tmp_path):
    """In a Parquet file; a CSV with such a cell is broken there."""
    genres = [{"id": 18, "name": "Drama"}] * 5000
    films = pd.DataFrame([film(genres=json.dumps(genres)), film()])
    films.to_parquet(tmp_path / "films.parquet")
    rows, _ = answers(forecasts, tmp_path / "films.parquet", "parquet")
    told = rows["error"].fillna("").tolist()
    assert told == ["genres: the cell is longer than 131,072 characters", ""]


def test_what_is_unknown_is_no_fault(forecasts, table):
    """Zeros and blanks, and columns that no forecast reads."""
    rows = [
        film(runtime="0", id="tt0017136", revenue="unknown"),
        film(runtime="", production_countries="", overview=""),
        film(vote_count="0"),
        film(cast="", crew="", production_companies="", **UNRATED),
        film(title="", original_language="", genres="", certificate="", **UNRATED),
        film(popularity="", production_companies="which the classic model does not read"),
    ]
    scored, summary = answers(forecasts, table(rows))
    assert summary.rejected == 0
    models = ["classic", "classic", "pre_release", "pre_release", "pre_release"]
    assert scored["model"].tolist()[:5] == models
    assert scored["predicted_revenue"].notna().all()


def test_budget_and_date_are_enough(forecasts, table):
    rows, summary = answers(forecasts, table([{"budget": "1000000", "release_date": "2030-01-01"}]))
    assert summary.scored == 1
    assert rows["model"].tolist() == ["pre_release"]


def test_the_cells_of_a_faulty_row_come_out_as_they_went_in(forecasts, table):
    films = [film(title='Ähnlich, "wie" es\nwar'), film(budget="lots", overview=" x ", genres="{")]
    rows, _ = answers(forecasts, table(films))
    assert rows[list(FILM)].to_dict("records") == films


def lines_of(*rows):
    """The lines of a CSV as bytes, header first, each ending in a line break."""
    text = pd.DataFrame(rows, columns=list(SHORT)).to_csv(index=False, lineterminator="\n")
    return text.encode().splitlines(keepends=True)


SHORT = {
    "title": "Metropolis",
    "budget": "92620000",
    "release_date": "1927-01-10",
    "runtime": "153",
}
TITLES = ["One", "Two", "Three", "Four"]


def broken_csv(tmp_path, line, content):
    """Four films of which one line (the header is 0) is replaced."""
    lines = lines_of(*(SHORT | {"title": title} for title in TITLES))
    lines[line] = content
    path = tmp_path / "films.csv"
    path.write_bytes(b"".join(lines))
    return path


QUOTE = "a quote is not closed, or not doubled inside a cell"


@pytest.mark.parametrize("line", [1, 2, 4])
@pytest.mark.parametrize(
    ("content", "error", "kept"),
    [
        (b"Bad,5\n", "the row has 2 cells, the header has 4", ["Bad", "5", "", ""]),
        (b"Bad\n", "the row has 1 cells, the header has 4", ["Bad", "", "", ""]),
        (
            b"Bad,5,2000-01-01,90,and,more\n",
            "the row has 6 cells, the header has 4",
            ["Bad", "5", "2000-01-01", "90"],
        ),
        (b'"Bad,5,2000-01-01,90\n', QUOTE, ["Bad,5,2000-01-01,90", "", "", ""]),
        (b'Bad,5,"2000-01-01,90\n', QUOTE, ["Bad", "5", "2000-01-01,90", ""]),
        (b'"Bad "one"",5,2000-01-01,90\n', QUOTE, ['Bad one""', "5", "2000-01-01", "90"]),
        (
            b"B\xe4d,5,2000-01-01,90\n",
            "title: B\ufffdd is not UTF-8",
            ["B\ufffdd", "5", "2000-01-01", "90"],
        ),
        (
            b"Bad,5,2000-01-01,\xff\xfe\n",
            "runtime: \ufffd\ufffd is not UTF-8; "
            "runtime: \ufffd\ufffd is not a number from 0 to 2,000 (minutes)",
            ["Bad", "5", "2000-01-01", "\ufffd\ufffd"],
        ),
        (
            b"Bad,5,2000-01-01," + b"9" * (MOST_CELL + 1) + b"\n",
            "a cell is longer than 131,072 characters",
            ["Bad", "5", "2000-01-01", ""],
        ),
        (
            b"Bad,5,2000-01-01," + b"9" * 10_000_000 + b"\n",
            "the row is longer than 4,194,304 characters",
            ["Bad", "5", "2000-01-01", ""],
        ),
    ],
)
def test_a_row_that_is_no_row_harms_no_other(forecasts, tmp_path, line, content, error, kept):
    path = broken_csv(tmp_path, line, content)
    rows, summary = answers(forecasts, path)
    assert (summary.rows, summary.scored, summary.rejected) == (4, 3, 1)
    assert rows["error"].tolist() == [error if n == line else "" for n in (1, 2, 3, 4)]
    rest = [title for n, title in enumerate(TITLES, 1) if n != line]
    assert rows["title"].drop(line - 1).tolist() == rest
    assert rows["predicted_revenue"].drop(line - 1).notna().all()
    assert rows.iloc[line - 1][list(SHORT)].astype(str).str.removesuffix(".0").tolist() == kept


def test_lines_within_quotes_are_one_row(forecasts, tmp_path):
    """As overviews have them; one that has a cell too many is still one row."""
    path = broken_csv(tmp_path, 2, b'"Two\n\nlines\r\nmore",92620000,1927-01-10,153\n')
    rows, summary = answers(forecasts, path)
    assert (summary.rows, summary.rejected) == (4, 0)
    assert rows["title"].tolist() == ["One", "Two\n\nlines\r\nmore", "Three", "Four"]
    path = broken_csv(tmp_path, 2, b'"Two\n\nlines\r\nmore",92620000,1927-01-10,153,5\n')
    rows, summary = answers(forecasts, path)
    assert rows["error"].tolist() == ["", "the row has 5 cells, the header has 4", "", ""]
    assert rows["title"].tolist() == ["One", "Two\n\nlines\r\nmore", "Three", "Four"]


def test_every_row_left_open_is_told(forecasts, tmp_path):
    header, *_ = lines_of()
    path = tmp_path / "films.csv"
    path.write_bytes(header + b'"Bad,5,2000-01-01,90\n' * 50 + lines_of(SHORT)[1])
    rows, summary = answers(forecasts, path)
    assert (summary.rows, summary.scored) == (51, 1)
    assert set(rows["error"][:50]) == {QUOTE}


def test_many_quotes_left_open_take_no_more_than_linear_time(tmp_path):
    """Each line leaves a quote open that would swallow the rest of the file."""
    path = tmp_path / "films.csv"
    path.write_bytes(b"budget,release_date\n" + b'a","b\n' * 40_000)
    started = time.process_time()
    with open_table(path, "csv") as table:
        chunks = list(table.chunks(5000))
    assert time.process_time() - started < 30  # seconds; reading all that follows took minutes
    assert sum(chunk.rows.num_rows for chunk in chunks) == 40_000
    assert sum(len(chunk.faults) for chunk in chunks) == 40_000


def test_a_row_may_have_a_hundred_lines(forecasts, tmp_path):
    for lines, faults in ((MOST_LINES, 0), (MOST_LINES + 1, MOST_LINES)):
        content = '"' + "\n".join(["Two"] * lines) + '",92620000,1927-01-10,153\n'
        path = broken_csv(tmp_path, 2, content.encode())
        rows, summary = answers(forecasts, path)
        assert (summary.scored, summary.rejected) == (4, faults)
        assert rows["title"].iloc[[0, -2, -1]].tolist() == ["One", "Three", "Four"]


def test_of_a_row_that_is_not_utf8_all_faults_are_told(forecasts, tmp_path):
    path = broken_csv(tmp_path, 1, b"B\xe4d,lots,2000-01-01,90\n")
    rows, _ = answers(forecasts, path)
    told = f"title: B\ufffdd is not UTF-8; budget: lots is not {A_BUDGET}"
    assert rows["error"].tolist() == [told, "", "", ""]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_blank_lines_and_a_byte_order_mark_are_no_fault(forecasts, tmp_path, ending):
    lines = [line.decode().rstrip() for line in lines_of(SHORT, SHORT)]
    path = tmp_path / "films.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ending.join([*lines[:2], "", lines[2]]).encode())
    rows, summary = answers(forecasts, path)
    assert (summary.rows, summary.rejected) == (2, 0)
    assert rows["runtime"].astype(float).tolist() == [153, 153]


def test_parquet_values_that_are_none(forecasts, table):
    films = pd.DataFrame([film()] * 6).assign(
        budget=[1e6, np.nan, np.inf, None, -1, 0], runtime=[90, np.nan, np.inf, None, 90, 0]
    )
    rows, _ = answers(forecasts, table(films, "parquet"), "parquet")
    missing = f"budget is missing: it must be {A_BUDGET}"
    endless = (
        f"budget: inf is not {A_BUDGET}; runtime: inf is not a number from 0 to 2,000 (minutes)"
    )
    assert rows["error"].tolist()[1:] == [
        missing,
        endless,
        missing,
        f"budget: -1.0 is not {A_BUDGET}",
        f"budget: 0.0 is not {A_BUDGET}",
    ]
    assert pd.isna(rows["error"][0])
    assert rows["predicted_revenue"].notna().tolist() == [True] + [False] * 5
    assert rows["model"].isna().tolist() == [False] + [True] * 5


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("out_format", ["csv", "parquet"])
def test_parquet_bytes_that_are_no_text(forecasts, tmp_path, out_format, coded):
    """Such files exist: writers don't check. What comes out is UTF-8."""
    titles = pa.array([b"One", b"Tw\xf6", None, b"Four"], pa.binary()).view(pa.string())
    columns = {
        "title": titles.dictionary_encode() if coded else titles,
        "overview": pa.array([b"a", b"b", b"c", b"\xff"], pa.binary()).view(pa.string()),
        "budget": [1e6] * 4,
        "release_date": [date(2000, 1, 1)] * 4,
    }
    pq.write_table(pa.table(columns), tmp_path / "films.parquet")
    rows, _ = answers(forecasts, tmp_path / "films.parquet", out_format)
    assert rows["error"].fillna("").tolist() == [
        "",
        "title: Tw\ufffd is not UTF-8",
        "",
        "overview: \ufffd is not UTF-8",
    ]
    assert rows["title"].astype(object).fillna("").tolist() == ["One", "Tw\ufffd", "", "Four"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("budget", pa.array([7, 8], pa.int32())),
        ("budget", pa.array([7, 8], pa.uint64())),
        ("budget", pa.array([7, 8], pa.float32())),
        ("budget", pa.array(np.array([7, 8], np.float16))),
        ("budget", pa.array([7, 8]).cast(pa.decimal128(25, 2))),
        ("budget", pa.array(["7", "8"], pa.large_string())),
        ("budget", pa.array(["7", "8"], pa.string_view())),
        ("budget", pa.array(["7", "8"]).dictionary_encode()),
        ("runtime", pa.nulls(2)),
        ("genres", pa.nulls(2, pa.string())),
        ("release_date", pa.array([date(2000, 1, 1)] * 2, pa.date64())),
        ("release_date", pa.array([datetime(2000, 1, 1, 23)] * 2, pa.timestamp("ns"))),
        ("release_date", pa.array([datetime(2000, 1, 1, 23)] * 2, pa.timestamp("ms", "UTC"))),
    ],
)
@pytest.mark.parametrize("out_format", ["csv", "parquet"])
def test_parquet_types(forecasts, tmp_path, name, values, out_format):
    columns = {"budget": [7, 8], "release_date": [date(2000, 1, 1)] * 2, "runtime": [90, 90]}
    plain, typed = tmp_path / "plain.parquet", tmp_path / "typed.parquet"
    pq.write_table(pa.table(columns), plain)
    pq.write_table(pa.table(columns | {name: values}), typed)
    rows, summary = answers(forecasts, typed, out_format)
    assert summary.rejected == 0
    if name != "runtime":
        expected, _ = answers(forecasts, plain, out_format)
        assert rows["predicted_revenue"].tolist() == expected["predicted_revenue"].tolist()


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([2**31 - 1], pa.date32()),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([-(2**62)], pa.timestamp("us", "Asia/Tokyo")),
    ],
)
def test_a_date_beyond_all_calendars_is_a_fault_of_its_row(forecasts, tmp_path, dates):
    path = tmp_path / "films.parquet"
    pq.write_table(pa.table({"budget": [7], "release_date": dates}), path)
    rows = pq.read_table(io.BytesIO(scored_bytes(forecasts, path)))
    number = dates.cast(pa.int32() if pa.types.is_date32(dates.type) else pa.int64())[0]
    assert rows["error"].to_pylist() == [f"release_date: {number} is not {A_DATE}"]


@pytest.mark.parametrize(("zone", "day"), [("Asia/Tokyo", 18), ("-05:00", 17), ("UTC", 17)])
def test_the_day_of_a_time_is_that_of_its_zone(forecasts, tmp_path, zone, day):
    """As a table written in Tokyo has midnight there, which is the day before in UTC."""
    midnight = pa.array([datetime(2009, 12, 17, 15)], pa.timestamp("us", zone))
    errors = []
    for dates in (midnight, pa.array([date(2009, 12, day)])):
        path = tmp_path / "films.parquet"
        pq.write_table(pa.table({"budget": [7e6], "release_date": dates}), path)
        with open_table(path, "parquet") as table:
            (chunk,) = table.chunks(10)
        errors.append(ChunkReader(chunk, forecasts.names, forecasts.roles).films().days)
    assert errors[0].tolist() == errors[1].tolist() == [date(2009, 12, day)]


def test_the_first_rows_are_summed_up(forecasts, table):
    """Titles that look like numbers, or like nothing, stay as they are."""
    titles = ["300", "007", "NA", "", *(f"Film {number}" for number in range(30))]
    films = [film(title=title, budget="0" if n % 2 else "5e6") for n, title in enumerate(titles)]
    rows, summary = answers(forecasts, table(films))
    assert [row["title"] for row in summary.films] == titles[:20:2]
    assert [row["number"] for row in summary.films] == list(range(1, 20, 2))
    assert [row["predicted_revenue"] for row in summary.films] == pytest.approx(
        rows["predicted_revenue"][:20:2].tolist()
    )
    assert [row["title"] for row in summary.faulty] == titles[1:20:2]
    assert summary.reasons == [f"row {number}: {rows['error'][1]}" for number in range(2, 11, 2)]


# Tables that can't be scored at all


def refusal(forecasts, path, format=None, out_format="csv"):
    with pytest.raises(TableError) as caught:
        next(iter_scored(forecasts, path, format or path.suffix[1:], out_format))
    return str(caught.value)


def test_an_unknown_time_zone_is_named(forecasts, tmp_path):
    dates = pa.array([datetime(2009, 12, 17)], pa.timestamp("us", "Nowhere/City"))
    pq.write_table(pa.table({"budget": [7], "release_date": dates}), tmp_path / "films.parquet")
    said = refusal(forecasts, tmp_path / "films.parquet")
    assert said.startswith("the column release_date has an unknown time zone (")
    assert "Nowhere/City" in said


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_missing_columns_are_named(forecasts, table, format):
    path = table([{"id": "1", "title": "Metropolis"}], format)
    assert refusal(forecasts, path) == (
        "the table lacks the columns budget, release_date; it has id, title. A table follows the "
        "TMDB 5000 schema, and of its columns budget and release_date are needed"
    )
    path = table([{"budget": "1", "title": "Metropolis"}], format)
    assert refusal(forecasts, path).startswith("the table lacks the column release_date; it has")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty: it needs a header and rows"),
        (b"\n\n", "the file is empty: it needs a header and rows"),
        ("budget,release_date\n1,2000-01-01\n".encode("utf-16"), "not UTF-8: save it as UTF-8"),
        ("budget,release_date,fünf\n".encode("latin-1"), "not UTF-8: save it as UTF-8"),
        (b"budget;release_date\n1;2000-01-01\n", "it has budget;release_date"),
        (b"budget,release_date,budget\n", "has the column budget more than once: keep one"),
        (b'budget,"release_date\n1,2\n', "the header is not that of a CSV: a quote is not closed"),
        (b"budget,release_date" + b",x" * 1000, "the table has 1,002 columns: leave out"),
        (b"x" * 5_000_000, "the header is not that of a CSV: the row is longer than"),
    ],
    ids=[
        "empty",
        "blank lines",
        "UTF-16",
        "Latin-1",
        "semicolons",
        "twice",
        "quote",
        "wide",
        "endless",
    ],
)
def test_a_csv_that_is_none(forecasts, tmp_path, content, message):
    path = tmp_path / "films.csv"
    path.write_bytes(content)
    assert message in refusal(forecasts, path)


def test_a_parquet_file_that_is_none(forecasts, table, tmp_path):
    path = tmp_path / "films.parquet"
    assert refusal(forecasts, path).startswith("the file is missing")
    path.write_bytes(b"budget,release_date\n")
    assert refusal(forecasts, path).startswith("this is not a readable Parquet file")
    content = table([film()] * 1000, "parquet").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(forecasts, path).startswith("this is not a readable Parquet file")


def test_a_parquet_file_that_breaks_off_within(forecasts, tmp_path):
    path = tmp_path / "films.parquet"
    films = pd.DataFrame([film()] * 20_000)
    films["overview"] = films.index.astype(str)
    films.to_parquet(path, row_group_size=5000, compression="gzip")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 20_000] = bytes(20_000)
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"the Parquet file is broken after row [0-9,]+ \("):
        scored_bytes(forecasts, path, chunk_rows=1000)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("budget", [True], f"the column budget holds bool: each of its cells must be {A_BUDGET}"),
        (
            "title",
            [b"Metropolis"],
            "the column title holds binary: each of its cells must be a text",
        ),
        ("genres", [["Drama"]], "the column genres holds list<element: string>: each of its cells"),
        ("release_date", [20000101], f"the column release_date holds int64: .* must be {A_DATE}"),
    ],
)
def test_columns_of_another_type_are_named(forecasts, tmp_path, name, values, message):
    columns = {"budget": [1], "release_date": ["2000-01-01"]} | {name: values}
    pq.write_table(pa.table(columns), tmp_path / "films.parquet")
    said = refusal(forecasts, tmp_path / "films.parquet")

    assert re.match(message.replace("(", r"\(").replace(")", r"\)"), said)


@pytest.mark.parametrize(
    ("values", "kind"), [([["a", "b"]], "list<element: string>"), ([b"\xff\xd8"], "binary")]
)
def test_what_a_csv_cannot_hold_passes_through_parquet(forecasts, tmp_path, values, kind):
    columns = {"budget": [1], "release_date": ["2000-01-01"], "more": values}
    pq.write_table(pa.table(columns), tmp_path / "films.parquet")
    said = refusal(forecasts, tmp_path / "films.parquet")
    assert said == f"the column more holds {kind}, which a CSV can't: ask for Parquet"
    out = pq.read_table(io.BytesIO(scored_bytes(forecasts, tmp_path / "films.parquet")))
    assert out["more"].to_pylist() == values
    assert out["error"].null_count == 1


# Order, columns, streams


@pytest.mark.parametrize("out_format", ["csv", "parquet"])
@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_rows_come_out_in_order(forecasts, table, format, out_format):
    films = [
        film(id=str(n), budget=str(1000 * n), **UNRATED if n % 3 == 0 else {}) for n in range(200)
    ]
    told = []
    rows, summary = answers(
        forecasts, table(films, format), out_format, chunk_rows=7, progress=told.append
    )
    assert rows["id"].astype(int).tolist() == list(range(200))
    assert rows["model"].fillna("").tolist()[1:] == [
        "classic" if n % 3 else "pre_release" for n in range(1, 200)
    ]
    assert told == sorted(told)
    assert told[-1] == summary.rows == 200
    whole, _ = answers(forecasts, table(films, format), out_format)
    pd.testing.assert_frame_equal(rows, whole)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_columns_of_the_same_name_are_replaced(forecasts, table, format):
    path = table([{"error": "old", "model": "x", **film(), "predicted_revenue": "7"}], format)
    rows, _ = answers(forecasts, path, format)
    assert list(rows) == [*FILM, *ADDED.names]
    assert rows["model"].tolist() == ["classic"]
    again = path.with_name(f"again.{format}")
    again.write_bytes(scored_bytes(forecasts, path))
    assert scored_bytes(forecasts, again) == again.read_bytes()


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_header_without_rows_is_a_table(forecasts, table, format):
    path = table([film()], format)
    if format == "csv":
        path.write_text(",".join(FILM) + "\n")
    else:
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    rows, summary = answers(forecasts, path, format)
    assert list(rows) == [*FILM, *ADDED.names]
    assert summary.rows == len(rows) == 0


def test_an_unknown_format(forecasts, tmp_path):
    with pytest.raises(ValueError, match="unknown format 'xlsx', expected csv or parquet"):
        next(iter_scored(forecasts, tmp_path / "films.xlsx", "xlsx", "csv"))


def test_the_first_rows_come_out_before_the_last_have_come_in(forecasts, tmp_path):
    """The table is a pipe that stays open until rows have come out."""
    path = tmp_path / "films.csv"
    os.mkfifo(path)
    came_out = threading.Event()
    header, line = lines_of(SHORT)

    def write():
        with path.open("wb") as pipe:
            pipe.write(header + line * 2000)
            pipe.flush()
            came_out.wait(60)
            pipe.write(line * 10)

    writer = threading.Thread(target=write)
    writer.start()
    pieces = iter_scored(forecasts, path, "csv", "csv", chunk_rows=100)
    first = next(pieces)
    came_out.set()
    content = first + b"".join(pieces)
    writer.join()
    assert first.count(b"\n") == 101
    assert content.count(b"\n") == 2011


def test_a_stream_that_nobody_reads_on_ends(forecasts, table):
    path = table([film()] * 500)
    pieces = iter_scored(forecasts, path, "csv", "csv", chunk_rows=10)
    next(pieces)
    pieces.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("table") and t.is_alive()]


MEMORY = """
import json, resource, sys
from pathlib import Path
from boxoffice.forecasts.tables import score_file
from boxoffice.forecasts.forecasts import Forecasts

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

models, small, source, out = map(Path, sys.argv[1:])
forecasts = Forecasts(models)
for path in (small, source):
    before = peak()
    with out.open("wb") as file:
        summary = score_file(forecasts, path, path.suffix[1:], file, path.suffix[1:])
print(json.dumps({"rows": summary.scored, "grown": peak() - before}))
"""


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_table(models, tmp_path, format):
    """60,000 films of 4 KB, a Parquet file of one row group: 240 MB of text."""
    small, large = tmp_path / f"small.{format}", tmp_path / f"large.{format}"
    overview = "A city, and the people below it. " * 120
    for path, rows in ((small, 6_000), (large, 60_000)):
        write_many(path, rows, overview)
    decoded = 60_000 * (len(overview) + sum(map(len, FILM.values())))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, models, small, large, tmp_path / "out"],
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["rows"] == 60_000
    assert said["grown"] < decoded / 4


def write_many(path, rows, overview):
    """So many rated films, each with its own overview, a few at a time."""
    schema = pa.schema([(name, pa.string()) for name in FILM])
    chunk = 6_000
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            # One row group: what matters is that it isn't read whole.
            films = pd.DataFrame([film()]).loc[[0] * rows].reset_index(drop=True)
            films["overview"] = films.index.astype(str) + overview
            pq.write_table(
                pa.Table.from_pandas(films, schema, preserve_index=False),
                file,
                row_group_size=rows,
            )
            return
        for start in range(0, rows, chunk):
            films = pd.DataFrame([film()]).loc[[0] * chunk].reset_index(drop=True)
            films["overview"] = (films.index + start).astype(str) + overview
            films.to_csv(file, index=False, header=start == 0)


BOMB = """
import sys
from pathlib import Path
from boxoffice.forecasts.tables import iter_scored
from boxoffice.forecasts.forecasts import Forecasts

forecasts = Forecasts(Path(sys.argv[1]))
for piece in iter_scored(forecasts, Path(sys.argv[2]), "parquet", "parquet"):
    pass
status = Path("/proc/self/status").read_text()
print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if "VmHWM" in line))
"""


def test_a_small_file_of_endless_text_takes_bounded_memory(models, tmp_path):
    """One text of 30,000 letters, repeated in 60,000 rows: 2 KB that would decode to 1.8 GB."""
    rows = 60_000
    text = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array(["x" * 30_000]))
    facts = {"budget": [1e6] * rows, "release_date": ["2000-01-01"] * rows}
    path = tmp_path / "films.parquet"
    pq.write_table(
        pa.table(facts | {"overview": text}), path, compression="zstd", store_schema=False
    )
    assert path.stat().st_size < 20_000
    done = subprocess.run(
        [sys.executable, "-c", BOMB, models, path],
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1400  # MiB
