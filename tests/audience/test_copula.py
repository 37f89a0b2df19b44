"""The copula: ranges, correlations with `hit`, what each control does, and the same bytes twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.audience import copula
from boxoffice.audience.engagement import COLUMNS, FEATURES, TARGET, read_engagement
from boxoffice.audience.fidelity import hit_correlations
from boxoffice.core.paths import RAW

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0, 1)


@pytest.fixture(scope="module")
def original():
    return read_engagement(RAW / "assignment" / "movies.csv")


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS, rows=st.integers(2, 300), hit_rate=SHARES, noise=SHARES, overlap=SHARES)
def test_any_setting_gives_valid_films(original, seed, rows, hit_rate, noise, overlap):
    films = copula.sample(original, rows, hit_rate, noise, overlap, seed)
    assert list(films.columns) == COLUMNS
    assert films[TARGET].sum() == round(rows * hit_rate)
    assert films["movie_id"].is_unique
    assert not films["movie_id"].isin(original["movie_id"]).any()
    assert films["ratings_count"].dtype == "int64"
    for name in FEATURES:
        assert films[name].between(original[name].min(), original[name].max()).all()
        assert films[name].between(*copula.BOUNDS[name]).all()
        assert copula.decimals(films[name]) <= copula.decimals(original[name])


@settings(deadline=None, max_examples=40)
@given(seed=SEEDS)
def test_the_defaults_correlate_with_hit_as_asked(original, seed):
    assert hit_correlations(copula.sample(original, seed=seed)).between(0.3, 0.7).all()


def test_overlap_steers_the_correlation_with_hit(original):
    by_overlap = [
        hit_correlations(copula.sample(original, overlap=overlap)).mean()
        for overlap in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert by_overlap == sorted(by_overlap, reverse=True)
    assert by_overlap[0] == pytest.approx(hit_correlations(original).mean(), abs=0.05)
    assert by_overlap[-1] == pytest.approx(0, abs=0.08)


def test_noise_steers_the_dependence_within_a_class(original):
    def dependence(noise):
        films = copula.sample(original, rows=4000, noise=noise, overlap=0)
        ranks = films.loc[films[TARGET] == 1, FEATURES].corr("spearman").to_numpy()
        return ranks[np.triu_indices(len(FEATURES), 1)].mean()

    strict, loose, none = (dependence(noise) for noise in (0, 0.5, 1))
    assert strict > 0.7
    assert strict > loose > none
    assert none == pytest.approx(0, abs=0.05)


def test_the_same_seed_gives_the_same_bytes(original):
    first, second = (copula.sample(original, seed=7).to_csv(index=False) for _ in range(2))
    assert first == second
    assert first != copula.sample(original, seed=8).to_csv(index=False)


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
)
def test_quantiles_stay_inside_and_rise(values, uniform):
    weights = np.full(len(values), 1 / len(values))
    quantiles = copula.mixture_quantiles(np.sort(uniform), np.array(values, float), weights)
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles.min() >= min(values)
    assert quantiles.max() <= max(values)


def test_a_heavier_value_draws_the_quantiles_to_it():
    values = np.array([0.0, 1.0, 2.0])
    even = copula.mixture_quantiles(np.array([0.5]), values, np.array([1, 1, 1]) / 3)
    heavy = copula.mixture_quantiles(np.array([0.5]), values, np.array([0.1, 0.1, 0.8]))
    assert even == pytest.approx(1)
    assert heavy > 1


def test_the_latent_correlation_is_shrunk_and_positive_definite(original):
    for model in copula.fit_classes(original).values():
        off = model.correlation[np.triu_indices(len(FEATURES), 1)]
        assert np.allclose(np.diag(model.correlation), 1)
        assert ((off > 0.5) & (off < 1)).all()
        assert np.linalg.eigvalsh(model.correlation).min() > 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rows": 1}, "rows: 1"),
        ({"noise": 1.5}, "noise: 1.5"),
        ({"overlap": -0.1}, "overlap: -0.1"),
        ({"hit_rate": float("nan")}, "hit_rate: nan"),
    ],
)
def test_settings_out_of_range_are_refused(original, settings, said):
    with pytest.raises(ValueError, match=said):
        copula.sample(original, **settings)


def test_a_class_of_two_is_too_few(original):
    few = pd.concat([original[original[TARGET] == 1], original[original[TARGET] == 0].head(2)])
    with pytest.raises(ValueError, match="2 misses and 8 hits"):
        copula.sample(few)
