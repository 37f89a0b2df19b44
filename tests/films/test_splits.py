"""The two splits: seeded, disjoint, of the size asked for, and strict about time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.films.splits import (
    SPLITS,
    add_splits,
    random_split,
    temporal_split,
    training_rows_of_both,
)

DATES = st.lists(st.integers(0, 40), min_size=5, max_size=120).map(
    lambda days: pd.Series(pd.Timestamp("2000-01-01") + pd.to_timedelta(days, "D"))
)
SHARES = st.sampled_from([0.1, 0.2, 0.33, 0.5])


def films(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "release_date": pd.Timestamp("2000-01-01")
            + pd.to_timedelta(rng.integers(0, 60, n), "D"),
            "usable": rng.random(n) < 0.8,
        }
    )


@given(n=st.integers(5, 300), share=SHARES, seed=st.integers(0, 2**32 - 1))
def test_random_split_has_its_size_and_repeats(n, share, seed):
    test = random_split(n, share, seed)
    assert test.shape == (n,)
    assert test.sum() == np.ceil(n * share)
    assert (random_split(n, share, seed) == test).all()


def test_another_seed_is_another_random_split():
    assert (random_split(200, 0.2, 1) != random_split(200, 0.2, 2)).any()


@given(dates=DATES, share=SHARES)
def test_temporal_split_trains_strictly_before_it_tests(dates, share):
    test = temporal_split(dates, share)
    assert test.sum() >= int(np.floor(len(dates) * share))
    assert test[dates.argmax()]
    if not test.all():
        assert dates[~test].max() < dates[test].min()
    same_day = dates[test].min()
    assert test.sum() <= np.ceil(len(dates) * share) + (dates == same_day).sum() - 1


def test_temporal_split_without_ties_is_the_latest_share():
    dates = pd.Series(pd.date_range("2000-01-01", periods=10)).sample(frac=1, random_state=3)
    test = temporal_split(dates, 0.2)
    assert dates[test].sort_values().tolist() == list(pd.date_range("2000-01-09", periods=2))


def test_every_usable_film_is_in_one_part_of_each_split():
    marked = add_splits(films(), 0.2, seed=42)
    for split in SPLITS:
        column = marked[f"split_{split}"]
        assert set(column) == {"train", "test", "unused"}
        assert ((column == "unused") == ~marked["usable"]).all()
    usable = marked[marked["usable"]]
    assert (usable["split_random"] == "test").sum() == np.ceil(0.2 * len(usable))
    train, test = (
        usable.loc[usable["split_temporal"] == part, "release_date"] for part in ("train", "test")
    )
    assert train.max() < test.min()


def test_splits_repeat_and_know_nothing_of_the_targets():
    frame = films()
    plain = add_splits(frame, 0.2, seed=42)
    other = add_splits(frame.assign(revenue=1.0, success=True), 0.2, seed=42)
    columns = [f"split_{split}" for split in SPLITS]
    pd.testing.assert_frame_equal(plain[columns], other[columns])


@pytest.mark.parametrize("seed", [1, 42])
def test_what_chooses_models_sees_neither_test_set(seed):
    marked = add_splits(films(), 0.2, seed)
    both = training_rows_of_both(marked)
    assert both.any()
    parts = marked.loc[both, [f"split_{split}" for split in SPLITS]]
    assert (parts == "train").all().all()
    left_out = marked.loc[~both, [f"split_{split}" for split in SPLITS]]
    assert (left_out != "train").any(axis=1).all()
