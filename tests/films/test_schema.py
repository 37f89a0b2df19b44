"""Reading a source: what can't be used is refused, faulty rows are set aside, the rest is typed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxoffice.core.files import SourceError
from boxoffice.films.money import SUCCESS_MULTIPLE, log_prices
from boxoffice.films.schema import clean, read_source, read_text

FILM = {
    "id": "1",
    "title": "Metropolis",
    "original_language": "de",
    "release_date": "1927-01-10",
    "genres": '[{"id": 18, "name": "Drama"}, {"id": 878, "name": "Science Fiction"}]',
    "production_companies": '[{"id": 12372, "name": "UFA"}]',
    "budget": "92620000",
    "revenue": "1350322",
    "runtime": "153",
    "vote_average": "8.0",
    "vote_count": "657",
    "popularity": "32.35",
    "overview": "A city, and the people below it.",
}
CREDITS = {
    "movie_id": "1",
    "title": "Metropolis",
    "cast": '[{"id": 77, "name": "Alfred Abel", "order": 0, "character": "Joh Fredersen"}]',
    "crew": '[{"id": 68, "name": "Fritz Lang", "job": "Director"}]',
}


def film(number, **cells):
    return FILM | {"id": str(number)} | cells


def credit(number, **cells):
    return CREDITS | {"movie_id": str(number)} | cells


@pytest.fixture
def source(tmp_path):
    """A function that writes films (and credits, else one for each) as a source's folder."""

    def write(films, credits=None):
        if credits is None:
            credits = [credit(row["id"]) for row in films]
        pd.DataFrame(films).to_csv(tmp_path / "movies.csv", index=False)
        pd.DataFrame(credits).to_csv(tmp_path / "credits.csv", index=False)
        return tmp_path

    return write


def cleaned(*films, millions_up_to=0):
    return clean(pd.DataFrame(list(films), dtype=str), millions_up_to)


# A source that can't be used


def test_right_rows_are_kept_as_they_are(source):
    movies, credits, rejected = read_source(source([film(1), film(2)]))
    assert movies.to_dict("records") == [film(1), film(2)]
    assert credits.to_dict("records") == [credit(1), credit(2)]
    assert list(rejected.columns) == ["file", "line", "id", "reason"]
    assert rejected.empty


@pytest.mark.parametrize("name", ["movies.csv", "credits.csv"])
def test_missing_file(source, name):
    folder = source([film(1)])
    (folder / name).unlink()
    with pytest.raises(SourceError, match=rf"{name} is missing: .*scripts/fetch\.py.*params\.yaml"):
        read_source(folder)


@pytest.mark.parametrize("name", ["movies.csv", "credits.csv"])
@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_empty_file(source, name, content):
    folder = source([film(1)])
    (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"{name} is empty: fetch it anew"):
        read_source(folder)


@pytest.mark.parametrize("name", ["movies.csv", "credits.csv"])
def test_header_without_rows(source, name):
    folder = source([film(1)])
    header = (folder / name).read_text().splitlines()[0]
    (folder / name).write_text(header + "\n")
    with pytest.raises(SourceError, match=f"{name} has a header and no rows: fetch it anew"):
        read_source(folder)


def test_missing_columns_are_all_named(source):
    folder = source([{key: film(1)[key] for key in FILM if key not in ("revenue", "genres")}])
    with pytest.raises(SourceError) as caught:
        read_source(folder)
    message = str(caught.value)
    assert str(folder / "movies.csv") in message
    assert "lacks the columns" in message
    assert {"revenue", "genres"} <= set(
        message.split(" lacks ")[1].split(";")[0].replace(",", "").split()
    )
    assert "budget" in message.split("it has")[1]


def test_missing_column_of_credits(source):
    folder = source([film(1)], [{"movie_id": "1", "title": "Metropolis", "cast": "[]"}])
    with pytest.raises(SourceError, match=r"credits\.csv lacks the column crew;"):
        read_source(folder)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encoding(source, encoding):
    folder = source([film(1), film(2, title="Amélie"), film(3)])
    text = (folder / "movies.csv").read_text(encoding="utf-8")
    (folder / "movies.csv").write_bytes(text.encode(encoding))
    line = {"latin-1": 3, "utf-16": 1}[encoding]
    with pytest.raises(SourceError, match=rf"movies\.csv is not UTF-8 \(line {line}\): save it as"):
        read_source(folder)


def test_byte_order_mark_is_no_fault(source):
    folder = source([film(1)])
    (folder / "movies.csv").write_bytes(b"\xef\xbb\xbf" + (folder / "movies.csv").read_bytes())
    movies, _, rejected = read_source(folder)
    assert movies["id"].tolist() == ["1"]
    assert rejected.empty


@pytest.mark.parametrize(
    "content",
    ["a,b\n1,2\n3,4,5\n", 'a,b\n1,"2\n3,4\n', "a,b\n1,2,3\n4,5,6\n"],
    ids=["one row too long", "quote left open", "all rows too long"],
)
def test_broken_csv(tmp_path, content):
    (tmp_path / "movies.csv").write_text(content)
    with pytest.raises(SourceError, match=r"movies\.csv is not a readable CSV: \w+"):
        read_text(tmp_path / "movies.csv")


# Rows that are set aside


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("genres", "", "genres is missing"),
        ("genres", '[{"name": "Dra', 'genres: [{"name": "Dra is not a JSON list of {'),
        ("genres", '{"name": "Drama"}', "is not a JSON list of {"),
        ("genres", '[{"id": 18}]', "is not a JSON list of {"),
        ("genres", '[{"name": null}]', "is not a JSON list of {"),
        ("genres", '["Drama"]', "is not a JSON list of {"),
        ("genres", "Drama|Comedy", "is not a JSON list of {"),
        ("genres", "[" * 100_000, "is not a JSON list of {"),
        ("genres", "[" + "1" * 5000 + "]", "is not a JSON list of {"),
        ("genres", f'[{{"id": {10**30}, "name": "Drama"}}]', "is not a JSON list of {"),
        ("production_companies", '[{"id": "x", "name": "UFA"}]', "is not a JSON list of {"),
        ("budget", "-5", "budget: -5 is not a number from 0 to 10,000,000,000"),
        ("budget", "inf", "budget: inf is not a number from 0 to 10,000,000,000"),
        ("revenue", "1e300", "revenue: 1e300 is not a number from 0 to 10,000,000,000"),
        ("revenue", "1,000", "revenue: 1,000 is not a number from 0 to 10,000,000,000"),
        ("runtime", "two hours", "runtime: two hours is not a number from 0 to 10,000,000,000"),
        ("vote_average", "nan", "vote_average: nan is not a number from 0 to 10,000,000,000"),
        ("release_date", "", "release_date is missing"),
        ("release_date", "2001-02-30", "release_date: 2001-02-30 is not a date YYYY-MM-DD"),
        ("release_date", "10/01/1927", "release_date: 10/01/1927 is not a date YYYY-MM-DD"),
        ("release_date", "1727-01-10", "release_date: 1727-01-10 is not a date YYYY-MM-DD"),
        ("title", "", "title is missing"),
        ("original_language", "", "original_language is missing"),
        ("id", "", "id is missing"),
        ("id", "x7", "id: x7 is not a whole number"),
        ("id", "2.0", "id: 2.0 is not a whole number"),
        ("id", "01", "id: 01 is not a whole number"),
        ("id", "9" * 20, "is not a whole number"),
    ],
)
def test_faulty_row_is_rejected_with_its_reason(source, column, value, reason):
    films = [film(1), film(2) | {column: value}, film(3)]
    movies, _, rejected = read_source(source(films, [credit(1)]))
    assert movies.to_dict("records") == [film(1), film(3)]
    (row,) = rejected.to_dict("records")
    assert (row["file"], row["line"]) == ("movies.csv", 3)
    assert reason in row["reason"]
    if column != "id":
        assert row["id"] == "2"


def test_first_of_duplicate_ids_is_kept(source):
    films = [film(1, title="first"), film(2), film(1, title="second"), film(1, title="third")]
    movies, _, rejected = read_source(source(films, [credit(1)]))
    assert movies["title"].tolist() == ["first", "Metropolis"]
    assert rejected["line"].tolist() == [4, 5]
    assert rejected["reason"].tolist() == ["id: 1 is not unique"] * 2


def test_all_faults_are_reported_at_once(source):
    films = [
        film(1, budget="-5", genres="Drama", release_date="soon"),
        film(2),
        film(3, revenue="lots"),
        film(3),
    ]
    movies, _, rejected = read_source(source(films, [credit(1)]))
    assert movies["id"].tolist() == ["2"]
    assert rejected["line"].tolist() == [2, 4, 5]
    first, second, third = rejected["reason"]
    assert [part.split(":")[0] for part in first.split("; ")] == [
        "budget",
        "genres",
        "release_date",
    ]
    assert second == "revenue: lots is not a number from 0 to 10,000,000,000"
    assert third == "id: 3 is not unique"


def test_a_source_without_one_right_row_is_refused(source):
    folder = source([film(1, budget="-5"), film(2, genres="Drama")])
    with pytest.raises(SourceError, match=r"no row without a fault; line 2: budget: -5 is not a"):
        read_source(folder)


def test_fault_of_credits_is_kept_apart(source):
    folder = source([film(1), film(2)], [credit(1), credit(2, cast='[{"id": 7}]'), credit(1)])
    movies, credits, rejected = read_source(folder)
    assert movies["id"].tolist() == ["1", "2"]
    assert credits["movie_id"].tolist() == ["1"]
    assert rejected["file"].tolist() == ["credits.csv"] * 2
    assert rejected["line"].tolist() == [3, 4]
    assert rejected["id"].tolist() == ["2", "1"]
    assert rejected["reason"].str.split(":").str[0].tolist() == ["cast", "movie_id"]


def test_credits_of_no_film_are_set_aside(source):
    films = [film(1), film(2, budget="-5"), film(3)]
    _, credits, rejected = read_source(source(films, [credit(1), credit(2), credit(8)]))
    assert credits["movie_id"].tolist() == ["1", "2"]  # that of a rejected film is no fault
    of_credits = rejected[rejected["file"] == "credits.csv"]
    assert of_credits[["line", "id"]].to_numpy().tolist() == [[4, "8"]]
    assert of_credits["reason"].item() == "movie_id: 8 is no id of movies.csv"


def test_credits_of_another_source_are_refused(source):
    folder = source([film(1)], [credit(8), credit(9)])
    with pytest.raises(SourceError, match=r"credits\.csv has no movie_id .*movies\.csv: .* anew"):
        read_source(folder)


@pytest.mark.parametrize("order", ["null", '"first"', "1.5"])
def test_a_billing_order_that_is_no_number(source, order):
    cast = f'[{{"id": 7, "name": "Brigitte Helm", "order": {order}}}]'
    _, credits, rejected = read_source(source([film(1)], [credit(1), credit(2, cast=cast)]))
    assert credits["movie_id"].tolist() == ["1"]
    assert rejected["id"].tolist() == ["2"]


def test_a_long_value_is_shortened_in_the_reason(source):
    films = [film(1), film(2, genres="x" * 10_000)]
    _, _, rejected = read_source(source(films))
    assert len(rejected["reason"].item()) < 200


def test_missing_numbers_and_optional_columns_are_no_fault(source):
    blank = dict.fromkeys(("budget", "revenue", "runtime", "vote_average", "vote_count"), "")
    bare = {key: value for key, value in FILM.items() if key not in ("popularity", "overview")}
    movies, _, rejected = read_source(source([bare | blank, bare | blank | {"id": "2"}]))
    assert rejected.empty
    films = clean(movies)
    assert films[list(blank)].isna().all().all()
    assert not films["usable"].any()
    assert not films["success"].any()
    assert "popularity" not in films


CELLS = {
    "id": st.sampled_from(["1", "2", "3", "01", "", "x", "-1"]) | st.integers().map(str),
    "title": st.sampled_from(["Metropolis", "", "Ran"]),
    "release_date": st.dates().map(str) | st.sampled_from(["", "1927-13-01", "today"]),
    "genres": st.sampled_from(["[]", "", "[", "{}", "[1]", '[{"name": "Drama"}]', '[{"name": 1}]']),
    "budget": st.floats().map(str) | st.integers().map(str) | st.sampled_from(["", "x"]),
    "vote_count": st.floats(allow_nan=False).map(str) | st.sampled_from(["", "0", "x"]),
}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=8))
def test_every_row_is_kept_or_rejected(source, rows):
    folder = source([film(4), *(FILM | row for row in rows)], [credit(4)])
    movies, _, rejected = read_source(folder)
    assert len(movies) + len(rejected) == len(rows) + 1
    assert rejected["reason"].str.len().gt(0).all()
    lines = [*(movies.index + 2), *rejected["line"]]
    assert sorted(lines) == list(range(2, len(rows) + 3))
    films = clean(movies)
    assert films["id"].is_unique
    assert set(films["id"].astype(str)) == set(movies["id"])
    known = films["log_budget"].dropna()
    assert np.isfinite(known).all()
    assert (films["budget"].dropna() > 0).all()


# Cleaning


def test_zeros_mean_unknown():
    films = cleaned(film(1, budget="0", revenue="0", runtime="0", vote_average="0", vote_count="0"))
    row = films.iloc[0]
    assert films[["budget", "revenue", "runtime", "vote_average"]].isna().all().all()
    assert films[["log_budget", "log_revenue"]].isna().all().all()
    assert row["vote_count"] == 0
    assert not row["usable"]
    assert not row["success"]


def test_a_zero_average_of_votes_is_a_value():
    assert cleaned(film(1, vote_average="0", vote_count="3"))["vote_average"].item() == 0


def test_spellings_are_read_as_those_of_requests():
    spelt = {
        "original_language": "en-US",
        "genres": '[{"name": "sci-fi"}, {"name": "Biography"}]',
        "production_countries": '[{"name": "USA"}, {"name": "France"}]',
        "certificate": "pg 13",
    }
    row = cleaned(film(1, **spelt)).iloc[0]
    assert row["original_language"] == "en"
    assert row["genres"] == ["Science Fiction", "Biography"]
    assert row["countries"] == ["United States of America", "France"]
    assert row["certificate"] == "PG-13"


@pytest.mark.parametrize("cells", [{"original_language": "Klingonese"}, {"certificate": "FSK 12"}])
def test_unknown_spellings_stay_as_they_are(cells):
    assert cleaned(film(1, **cells)).iloc[0][list(cells)].to_dict() == cells


@pytest.mark.parametrize(
    ("revenue", "success"), [("1499999", False), ("1500000", False), ("1500001", True)]
)
def test_success_is_more_than_its_multiple_of_the_budget(revenue, success):
    assert SUCCESS_MULTIPLE == 1.5
    assert cleaned(film(1, budget="1000000", revenue=revenue))["success"].item() is success


@pytest.mark.parametrize(
    ("budget", "revenue", "usable"),
    [("7", "8", True), ("0", "8", False), ("7", "0", False), ("", "8", False), ("7", "", False)],
)
def test_usable_needs_budget_and_revenue(budget, revenue, usable):
    films = cleaned(film(1, budget=budget, revenue=revenue), film(2))
    assert films.loc[films["id"] == 1, "usable"].item() is usable


def test_types_and_targets():
    row = cleaned(FILM, film(2)).iloc[0]
    assert (row["id"], row["release_year"], row["release_month"]) == (1, 1927, 1)
    assert row["release_date"] == pd.Timestamp("1927-01-10")
    assert row["genres"] == ["Drama", "Science Fiction"]
    assert (row["budget"], row["revenue"]) == (92_620_000, 1_350_322)  # nominal


def test_log_amounts_are_in_real_dollars():
    # The consumer price index was 17.5 in January 1927 and 257.971 in January 2020.
    row = cleaned(film(1, release_date="1927-01-10")).iloc[0]
    assert row["log_budget"] == pytest.approx(np.log(92_620_001 * 257.971 / 17.5))
    assert row["log_revenue"] == pytest.approx(np.log(1_350_323 * 257.971 / 17.5))


def test_a_dollar_is_worth_less_from_year_to_year_and_the_ratio_stays():
    films = cleaned(*(film(year, release_date=f"{year}-06-01") for year in range(1975, 2008, 4)))
    assert (films["log_budget"].diff().dropna() < 0).all()
    multiple = films["log_revenue"] - films["log_budget"]
    assert multiple.to_numpy() == pytest.approx(multiple.iloc[0])
    nominal = films["log_budget"] + log_prices(films["release_date"].to_numpy())
    assert nominal.to_numpy() == pytest.approx(np.log1p(92_620_000))


# Amounts in millions


def test_small_amounts_are_read_as_millions():
    films = cleaned(
        film(1, budget="7", revenue="103"), film(2, budget="0.2", revenue="8.5"), millions_up_to=103
    )
    assert films["budget"].tolist() == [7e6, 2e5]
    assert films["revenue"].tolist() == [103e6, 8.5e6]
    assert films["in_millions"].all()
    prices = log_prices(films["release_date"].to_numpy())
    nominal = films[["log_budget", "log_revenue"]].add(prices, axis=0)
    expected = np.log1p(films[["budget", "revenue"]].to_numpy())
    np.testing.assert_allclose(nominal, expected)


@pytest.mark.parametrize(
    ("budget", "revenue"),
    [
        ("3000000", "218"),  # a strange revenue, but the budget is in dollars
        ("12", "90000000"),
        ("103", "104"),
        ("7", "0"),  # unknown is not small
        ("", "7"),
    ],
)
def test_one_small_amount_alone_is_left_as_it_is(budget, revenue):
    def amounts(films):
        return films[["budget", "revenue", "log_budget", "log_revenue", "in_millions"]]

    stated = film(1, budget=budget, revenue=revenue)
    films = cleaned(stated, millions_up_to=103)
    assert not films["in_millions"].item()
    pd.testing.assert_frame_equal(amounts(films), amounts(cleaned(stated)))


def test_nothing_is_repaired_at_zero():
    films = cleaned(film(1, budget="7", revenue="8"), film(2, budget="0", revenue="0"))
    assert not films["in_millions"].any()
    assert films["budget"].iloc[0] == 7
    assert films["revenue"].iloc[0] == 8


def test_the_repair_changes_no_success():
    stated = [film(1, budget="7", revenue="10.5"), film(2, budget="7", revenue="10.6")]
    assert cleaned(*stated, millions_up_to=103)["success"].tolist() == [False, True]
    assert cleaned(*stated)["success"].tolist() == [False, True]


def test_films_are_ordered_by_date_then_id():
    films = cleaned(
        film(10, release_date="2001-01-01"),
        film(9, release_date="2001-01-01"),
        film(30, release_date="1999-01-01"),
    )
    assert films["id"].tolist() == [30, 9, 10]
    assert films.index.tolist() == [0, 1, 2]


def test_same_title_with_different_ids_stays_two_films(source):
    films = [film(1, title="Batman", budget="1"), film(2, title="Batman", budget="2")]
    movies, credits, _ = read_source(source(films))
    assert clean(movies)["budget"].tolist() == [1, 2]
    assert len(credits) == 2


# The real thing


@pytest.fixture(scope="module")
def tmdb(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tmdb5000")
    for name in ("movies", "credits"):
        (folder / f"{name}.csv").symlink_to(shared_data / "tmdb5000" / f"tmdb_5000_{name}.csv")
    return read_source(folder)


def test_tmdb5000_rows(tmdb):
    movies, credits, rejected = tmdb
    assert len(movies) + (rejected["file"] == "movies.csv").sum() == 4803
    assert len(credits) == 4803
    blank_dates = rejected[rejected["reason"].str.contains("release_date is missing")]
    assert len(blank_dates) == 1
    films = clean(movies)
    usable = films[films["usable"]]
    assert films["revenue"].notna().sum() == 3376
    assert len(usable) == 3229
    nominal = np.log1p(usable[["budget", "revenue"]])
    assert nominal["budget"].corr(nominal["revenue"]) == pytest.approx(0.6575, abs=5e-5)
    assert set(films.loc[films["title"].duplicated(), "title"]) == {
        "The Host",
        "Batman",
        "Out of the Blue",
    }


def test_tmdb5000_zeros_and_blanks(shared_data):
    movies = read_text(shared_data / "tmdb5000" / "tmdb_5000_movies.csv")
    zeros = movies[["budget", "revenue", "runtime"]].apply(pd.to_numeric).eq(0).sum()
    assert zeros.to_dict() == {"budget": 1037, "revenue": 1427, "runtime": 35}
    blanks = movies[["runtime", "release_date", "overview"]].isna().sum()
    assert blanks.to_dict() == {"runtime": 2, "release_date": 1, "overview": 3}


def test_tmdb5000_people(tmdb):
    _, credits, _ = tmdb
    crew = credits["crew"].map(json.loads)
    assert credits["cast"].map(json.loads).map(bool).sum() == 4760
    assert crew.map(lambda people: any(p["job"] == "Director" for p in people)).sum() == 4773
