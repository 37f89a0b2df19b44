"""Roles from the credits: franchise stems, character names, stable ids, caps and order."""

import json

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boxoffice.films.credits import (
    BILLED,
    COMPANIES,
    CREW_ROLES,
    ROLES,
    character_names,
    credit_roles,
    franchise_stem,
    people_names,
    record_ids,
    text_ids,
)

TITLES = st.text() | st.lists(
    st.sampled_from(
        ["the", "The", "and", "&", ":", "-", "II", "2", "Part", "Iron", "Man", "A", ","]
    )
).map(" ".join)


def person(number, **fields):
    return {"id": number, "name": f"Person {number}"} | fields


def roles(cast=(), crew=(), companies=(), title="A Film"):
    """The roles of one film, as a dict."""
    movies = {"id": "1", "title": title, "production_companies": json.dumps(list(companies))}
    credits = {"movie_id": "1", "cast": json.dumps(list(cast)), "crew": json.dumps(list(crew))}
    (row,) = credit_roles(pd.DataFrame([movies]), pd.DataFrame([credits])).to_dict("records")
    return row


# Titles and characters


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("Iron Man", "iron man"),
        ("Iron Man 3", "iron man"),
        ("Rocky II", "rocky"),
        ("The Lord of the Rings: The Two Towers", "lord of the rings"),
        ("Harry Potter and the Goblet of Fire", "harry potter"),
        ("Indiana Jones & the Last Crusade", "indiana jones"),
        ("Star Wars - Episode IV", "star wars"),
        ("Kill Bill: Vol. 2", "kill bill"),
        ("Die Hard – With a Vengeance", "die hard"),
        ("Amélie", "amelie"),
        ("X-Men", "x men"),
        ("300", "300"),
        ("Up", ""),
        ("The A 2", ""),
        ("七人の侍", ""),
        ("", ""),
    ],
)
def test_franchise_stem(title, stem):
    assert franchise_stem(title) == stem


@given(TITLES)
@example("Law and, the Order")
@example("Law and 2 the Order")
@example("the and the Order")
def test_franchise_stem_of_any_title(title):
    stem = franchise_stem(title)
    assert franchise_stem(stem) == stem
    assert not stem or len(stem.replace(" ", "")) >= 3
    assert stem == stem.strip().lower()


@pytest.mark.parametrize(
    ("characters", "names"),
    [
        (["Tony Stark / Iron Man"], ["tony stark", "iron man"]),
        (["Tony Stark", "Tony  Stark (voice)"], ["tony stark"]),
        (["Jack", "Waiter", "", None], []),
        (["Dr. Henry Jones, Jr."], ["henry jones"]),
        (["Himself", "The Narrator"], []),
        (["Léon Montana"], ["leon montana"]),
    ],
)
def test_character_names(characters, names):
    assert character_names(characters) == names


@given(st.lists(st.none() | st.text()))
def test_character_names_of_any_text(characters):
    names = character_names(characters)
    assert character_names(names) == names
    assert len(set(names)) == len(names)
    assert all(len(name.split()) >= 2 for name in names)


# Ids


def test_text_ids_are_the_same_everywhere():
    # Written down once: another value would orphan every exported table of ids.
    assert text_ids(["iron man", "tony stark"]) == [8014249092339798482, 1394938372377327077]


@given(st.lists(st.text(max_size=20), max_size=10))
def test_text_ids_fit_int64_and_depend_on_the_text_alone(texts):
    ids = text_ids(texts)
    assert ids == [text_ids([text])[0] for text in texts]
    assert all(0 <= number < 2**63 for number in ids)
    assert len(set(ids)) == len(set(texts))


def test_records_without_ids_are_known_by_name():
    ids = record_ids([{"name": "Fritz Lang"}, {"name": "Thea von Harbou"}, {"name": "Fritz Lang"}])
    assert ids == text_ids(["Fritz Lang", "Thea von Harbou"])


def test_record_ids_keep_the_order_and_drop_repeats():
    assert record_ids([person(9), person(3), person(9)]) == [9, 3]


# Roles


def test_a_film_has_every_role_even_without_credits():
    movies = pd.DataFrame(
        {"id": ["1", "2"], "title": ["Ran", "Up"], "production_companies": [None, None]}
    )
    credits = pd.DataFrame({"movie_id": ["2", "3"], "cast": ["[]", "[]"], "crew": ["[]", "[]"]})
    table = credit_roles(movies, credits)
    assert table["id"].tolist() == [1, 2]
    assert list(table.columns) == ["id", *ROLES]
    assert table.loc[0, "franchise"] == text_ids(["ran"])
    empty = table[[role for role in ROLES if role != "franchise"]]
    assert empty.map(lambda ids: ids == []).all().all()


def test_billing_order_decides_who_counts():
    cast = [person(number, order=10 - number) for number in range(10)]
    assert roles(cast=cast)["cast"] == [9, 8, 7, 6, 5][:BILLED]


def test_a_source_without_billing_keeps_its_order():
    cast = [person(number) for number in (4, 2, 8)]
    assert roles(cast=cast)["cast"] == [4, 2, 8]


def test_cast_and_companies_are_capped():
    row = roles(
        cast=[person(n, character=f"Anna Number{n}") for n in range(50)],
        companies=[person(n) for n in range(50)],
    )
    assert len(row["cast"]) == BILLED
    assert len(row["characters"]) == BILLED
    assert row["companies"] == list(range(COMPANIES))


@pytest.mark.parametrize("role", CREW_ROLES)
def test_crew_roles_take_their_jobs_up_to_their_cap(role):
    jobs, most = CREW_ROLES[role]
    crew = [person(100 + n, job=job) for n in range(5) for job in (*jobs, "Gaffer")]
    crew += [person(1)]  # a record without a job
    people = roles(crew=crew)[role]
    takers = [member["id"] for member in crew if member.get("job") in jobs]
    assert people == list(dict.fromkeys(takers))[:most]


def test_one_person_in_two_jobs_of_a_role_counts_once():
    jobs, _ = CREW_ROLES["writers"]
    crew = [person(7, job=jobs[0]), person(7, job=jobs[1]), person(8, job=jobs[0])]
    assert roles(crew=crew)["writers"] == [7, 8]


def test_films_of_a_series_share_their_franchise_and_characters():
    first = roles([person(1, character="Tony Stark")], title="Iron Man")
    second = roles([person(2, character="Tony Stark / Iron Man")], title="Iron Man 2")
    assert first["franchise"] == second["franchise"]
    assert set(first["characters"]) & set(second["characters"])
    assert set(first["cast"]).isdisjoint(second["cast"])


def test_popularity_is_summed_over_people_and_left_out_without_any():
    row = roles(cast=[person(1, popularity=2.0), person(2, popularity=4.0), person(3)])
    assert row["cast_popularity"] == 6.0
    assert "crew_popularity" not in row
    unknown = roles(cast=[person(1, popularity=None)], crew=[person(2, job="Editor", popularity=9)])
    assert not unknown.keys() & {"cast_popularity", "crew_popularity"}


def test_popularity_is_that_of_the_billed_cast_and_the_key_crew():
    cast = [person(number, order=-number, popularity=10.0**number) for number in range(8)]
    jobs = ["Director", "Producer", "Production Manager", "Writer", "Editor", "Executive Producer"]
    crew = [person(place, job=job, popularity=10.0**place) for place, job in enumerate(jobs)]
    crew.append(person(0, job="Screenplay", popularity=1.0))  # the director once more
    row = roles(cast=cast, crew=crew)
    assert row["cast_popularity"] == 11111000
    assert row["crew_popularity"] == 1111


def test_people_names():
    credits = pd.DataFrame(
        {
            "cast": [json.dumps([person(5), person(2)]), None],
            "crew": [json.dumps([person(5)]), json.dumps([{"name": "Nobody"}])],
        }
    )
    table = people_names(credits)
    assert table["id"].is_monotonic_increasing
    assert table["id"].is_unique
    assert dict(zip(table["name"], table["id"], strict=True)) == {
        "Person 2": 2,
        "Person 5": 5,
        "Nobody": text_ids(["Nobody"])[0],
    }
