"""The engagement table: what is read, what is refused, and how real films are mapped onto it."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.audience.engagement import COLUMNS, FEATURES, PROXIES, from_films, read_engagement
from boxoffice.core.paths import RAW

HEADER = ",".join(COLUMNS)


def write(folder, *lines, encoding="utf-8"):
    path = folder / "movies.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_the_assignment_reads_as_its_brief_says():
    films = read_engagement(RAW / "assignment" / "movies.csv")
    assert list(films.columns) == COLUMNS
    assert films["movie_id"].tolist() == list(range(1, 16))
    assert films["hit"].value_counts().to_dict() == {1: 8, 0: 7}
    given_rows = {
        1: (45, 0.60, 1200, 3.8, 0),
        2: (110, 0.90, 8500, 4.6, 1),
        3: (60, 0.65, 2000, 4.0, 0),
        4: (130, 0.95, 12000, 4.8, 1),
        5: (40, 0.55, 900, 3.6, 0),
        15: (150, 0.98, 18000, 5.0, 1),
    }
    by_id = films.set_index("movie_id")
    for number, row in given_rows.items():
        assert tuple(by_id.loc[number]) == pytest.approx(row)


def test_types_and_column_order_do_not_depend_on_the_file(tmp_path):
    path = write(
        tmp_path,
        "hit,avg_rating,ratings_count,completion_rate,avg_watch_time,movie_id",
        "1,4,10,1,90,7",
        "",
        "0,2,0,0,9.5,8",
        encoding="utf-8-sig",
    )
    films = read_engagement(path)
    assert list(films.columns) == COLUMNS
    assert films.dtypes.astype(str).tolist() == [
        "int64",
        "float64",
        "float64",
        "int64",
        "float64",
        "int64",
    ]
    assert films["movie_id"].tolist() == [7, 8]


def test_every_fault_is_told_at_once_with_its_line(tmp_path):
    path = write(
        tmp_path,
        HEADER,
        "1,45,0.60,1200,3.8,0",
        "",
        "1,abc,85,1200.5,,2",
        "3,60,0.65,-4,4.0,yes",
    )
    with pytest.raises(ValueError, match=r"9 fault\(s\)") as error:
        read_engagement(path)
    said = str(error.value)
    assert str(path) in said
    for fault in (
        "column movie_id, line 2: value '1'",
        "column movie_id, line 4: value '1'",
        "column avg_watch_time, line 4: value 'abc'; give minutes above 0",
        "column completion_rate, line 4: value '85'; give a share from 0 to 1",
        "column ratings_count, line 4: value '1200.5'",
        "column ratings_count, line 5: value '-4'",
        "column avg_rating, line 4: no value",
        "column hit, line 4: value '2'",
        "column hit, line 5: value 'yes'; give 1 for a hit and 0 for a miss",
    ):
        assert fault in said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("movie_id,hit", "1,1"), "column avg_rating: missing; add it"),
        ((HEADER + ",extra", "1,45,0.6,1200,3.8,0,9"), "column extra: unknown; remove it"),
        ((HEADER,), "no rows below the header"),
        ((HEADER, "1,45,0.6,1200,3.8,0,9"), "as many fields as the header"),
        ((HEADER, "1,45,0.6,1200,3.8,0", "2,45,0.6,1200,3.8,0,9"), "line 3, saw 7"),
        ((HEADER, "1,inf,0.6,1200,3.8,0"), "column avg_watch_time, line 2: value 'inf'"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, lines, said):
    path = write(tmp_path, *lines)
    with pytest.raises(ValueError, match=r"movies\.csv") as error:
        read_engagement(path)
    assert said in str(error.value)


def test_an_empty_file_and_another_encoding_are_refused(tmp_path):
    path = tmp_path / "movies.csv"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="the file is empty; expected the header movie_id"):
        read_engagement(path)
    path.write_bytes((HEADER + "\n1,é,0.6,1200,3.8,0\n").encode("latin-1"))
    with pytest.raises(ValueError, match="save it as UTF-8"):
        read_engagement(path)


def films_of(**columns):
    row = {
        "id": 5,
        "budget": 1e6,
        "revenue": 3e6,
        "runtime": 100.0,
        "vote_average": 8.0,
        "vote_count": 50.0,
        "release_year": 2000,
        "success": True,
        "usable": True,
    }
    lengths = [len(values) for values in columns.values()] or [1]
    return pd.DataFrame({name: [value] * lengths[0] for name, value in row.items()} | columns)


def test_films_are_mapped_by_the_proxies():
    engagement = from_films(films_of())
    assert list(engagement.columns) == COLUMNS == list(PROXIES)
    assert tuple(engagement.loc[0]) == pytest.approx((5, 80.0, 0.8, 50, 4.0, 1))


def test_films_without_outcome_runtime_or_votes_have_no_engagement():
    films = films_of(
        id=[1, 2, 3, 4, 5, 6],
        usable=[True, False, True, True, True, True],
        runtime=[90, 90, 0, None, 90, 90],
        vote_count=[9, 9, 9, 9, 0, 9],
        vote_average=[5, 5, 5, 5, 5, None],
    )
    assert from_films(films)["movie_id"].tolist() == [1]


@given(st.floats(0, 1e10), st.floats(1, 1e10))
def test_money_enters_no_feature(revenue, budget):
    plain, other = from_films(films_of()), from_films(films_of(revenue=[revenue], budget=[budget]))
    pd.testing.assert_frame_equal(plain[FEATURES], other[FEATURES])


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=20))
def test_the_completion_proxy_rises_with_the_rating_and_stays_a_share(votes):
    engagement = from_films(films_of(vote_average=votes)).sort_values("avg_rating")
    assert engagement["completion_rate"].is_monotonic_increasing
    assert engagement["completion_rate"].between(0, 1).all()
