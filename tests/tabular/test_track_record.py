"""The track record: against a brute-force reference, and blind to a film's own day and future."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from boxoffice.films.careers import LEAST_REVENUE, MOST_RETURN, STATISTICS
from boxoffice.tabular.transformers import TrackRecord

TEST_ROLES = ("director", "cast")
PEOPLE = st.lists(st.integers(0, 5), max_size=3, unique=True)
FILM = st.fixed_dictionaries(
    {
        "release_date": st.integers(0, 12).map(
            lambda day: pd.Timestamp("1999-12-28") + pd.Timedelta(days=day)
        ),
        "log_budget": st.floats(0, 20),
        "log_revenue": st.floats(0, 22),
        "director": PEOPLE,
        "cast": PEOPLE,
    }
)
FILMS = st.lists(FILM, min_size=1, max_size=12).map(pd.DataFrame)


def clipped(films):
    """Revenues and returns as a record takes them."""
    returns = (films["log_revenue"] - films["log_budget"]).clip(-MOST_RETURN, MOST_RETURN)
    return films["log_revenue"].clip(lower=LEAST_REVENUE), returns


def reference(train, films, shrinkage):
    """The track record by its definition, one film, role and person at a time."""
    revenue, returns = clipped(train)
    rows = []
    for film in films.itertuples():
        row = {}
        for role in TEST_ROLES:
            prior = [
                index
                for person in getattr(film, role)
                for index, people in train[role].items()
                if person in people and train.loc[index, "release_date"] < film.release_date
            ]
            row[f"{role}_count"] = np.log1p(len(prior))
            row[f"{role}_revenue_best"] = revenue[prior].max() if prior else revenue.mean()
            row[f"{role}_return_mean"] = (returns[prior].sum() + shrinkage * returns.mean()) / (
                len(prior) + shrinkage
            )
        rows.append(row)
    return pd.DataFrame(rows, index=films.index)


def fitted(train, shrinkage=2.0):
    return TrackRecord(TEST_ROLES, shrinkage).fit(train, train["log_revenue"])


def film(date, director=(), cast=(), log_revenue=16.0, log_budget=15.0):
    return {
        "release_date": pd.Timestamp(date),
        "director": list(director),
        "cast": list(cast),
        "log_revenue": log_revenue,
        "log_budget": log_budget,
    }


def same(left, right):
    pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9, check_dtype=False)


@settings(max_examples=150, deadline=None)
@given(train=FILMS, films=FILMS, shrinkage=st.sampled_from([0.5, 2.0, 10.0]))
def test_it_is_what_its_definition_says(train, films, shrinkage):
    record = fitted(train, shrinkage)
    same(record.transform(films), reference(train, films, shrinkage))
    same(record.transform(train), reference(train, train, shrinkage))


@settings(max_examples=60, deadline=None)
@given(train=FILMS, later=FILMS, revenue=st.floats(0, 22))
def test_the_future_does_not_reach_the_past(train, later, revenue):
    """Later or same-day films may earn anything: nothing changes but the training means."""
    day = train["release_date"].max()
    later = later.assign(release_date=later["release_date"] + pd.Timedelta(days=30))
    changed = train.assign(
        log_revenue=train["log_revenue"].where(train["release_date"] < day, revenue)
    )
    plain = fitted(train)
    for other in (fitted(changed), fitted(pd.concat([train, later], ignore_index=True))):
        other.careers_.mean_ = plain.careers_.mean_
        same(other.transform(train), plain.transform(train))


def test_a_film_does_not_see_itself_or_its_day():
    train = pd.DataFrame(
        [film("2000-01-01", [1], log_revenue=20.0), film("2000-01-01", [1], log_revenue=18.0)]
    )
    record = fitted(train).transform(train)
    assert (record["director_count"] == 0).all()
    assert (record["director_revenue_best"] == 19.0).all()  # the training mean


def test_the_day_after_a_film_counts():
    train = pd.DataFrame([film("2000-01-01", [1], log_revenue=20.0), film("1990-01-01")])
    record = fitted(train).transform(pd.DataFrame([film("2000-01-02", [1])]))
    assert record["director_count"].item() == np.log1p(1)
    assert record["director_revenue_best"].item() == pytest.approx(20.0)


def test_an_absurd_revenue_does_not_mark_a_career():
    train = pd.DataFrame([film("2000-01-01", [1], log_revenue=np.log1p(12)), film("2000-01-01")])
    record = fitted(train, shrinkage=1e-9).transform(pd.DataFrame([film("2001-01-01", [1])]))
    assert record["director_revenue_best"].item() == pytest.approx(LEAST_REVENUE)
    assert record["director_return_mean"].item() == pytest.approx(-MOST_RETURN)


def test_strangers_get_the_training_means():
    train = pd.DataFrame([film("2000-01-01", [1], [2], 14.0), film("2001-01-01", [1], [3], 18.0)])
    record = fitted(train).transform(
        pd.DataFrame([film("2010-01-01", [99], []), film("2010-01-01")])
    )
    for role in TEST_ROLES:
        assert (record[f"{role}_count"] == 0).all()
        assert record[f"{role}_revenue_best"].to_numpy() == pytest.approx(16.0)
        assert record[f"{role}_return_mean"].to_numpy() == pytest.approx(1.0)


def test_a_role_that_nobody_has_gives_the_training_means():
    train = pd.DataFrame([film("2000-01-01", [1]), film("2001-01-01", [1])])
    record = fitted(train).transform(pd.DataFrame([film("2010-01-01", [1], [1])]))
    assert record["cast_count"].item() == 0
    assert record["director_count"].item() == np.log1p(2)


@settings(max_examples=40, deadline=None)
@given(train=FILMS, films=FILMS, data=st.data())
def test_the_order_of_rows_does_not_matter(train, films, data):
    order = data.draw(st.permutations(range(len(train))))
    backwards = films.iloc[::-1]
    plain = fitted(train).transform(films)
    same(fitted(train.iloc[order]).transform(films), plain)
    same(fitted(train).transform(backwards).loc[films.index], plain)


def test_log_revenue_stands_in_for_the_target_of_a_classifier():
    train = pd.DataFrame([film("2000-01-01", [1], log_revenue=20.0), film("2001-01-01", [1])])
    success = np.array([True, False])
    record = TrackRecord(TEST_ROLES).fit(train, success, log_revenue=train["log_revenue"])
    same(record.transform(train), fitted(train).transform(train))


def test_an_update_keeps_the_training_means():
    """A stranger stays as average as he was; who made a later film no longer is one."""
    train = pd.DataFrame([film("2000-01-01", [1], [], 14.0), film("2001-01-01", [1], [], 18.0)])
    later = pd.DataFrame([film("2005-01-01", [2], [], 21.0, log_budget=18.0)])
    asked = pd.DataFrame(
        [film("2010-01-01", [99]), film("2010-01-01", [2]), film("2005-01-01", [2])]
    )
    record = fitted(train)
    before = record.transform(asked)
    assert (before["director_count"] == 0).all()
    everything = pd.concat([train, later], ignore_index=True)
    record.update(everything, everything["log_revenue"])
    after = record.transform(asked)
    same(after.iloc[[0, 2]], before.iloc[[0, 2]])  # a stranger, and a film of that day
    made = after.iloc[1]
    assert made["director_count"] == np.log1p(1)
    assert made["director_revenue_best"] == 21.0
    assert made["director_return_mean"] == pytest.approx((3 + 2 * 1) / 3)  # the old mean is 1


def test_clone_pickle_and_names():
    train = pd.DataFrame([film("2000-01-01", [1], [2]), film("2001-01-01", [1], [2, 3])])
    record = fitted(train, shrinkage=3.0)
    copy = clone(record)
    assert copy.get_params() == record.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(train)
    plain = record.transform(train)
    same(pickle.loads(pickle.dumps(record)).transform(train), plain)
    expected = [f"{role}_{statistic}" for role in TEST_ROLES for statistic in STATISTICS]
    assert list(plain.columns) == expected
    assert record.get_feature_names_out().tolist() == expected
    assert np.isfinite(plain).all().all()
