"""The fidelity report: it must tell copies, strangers and good imitations apart."""

import json

import numpy as np
import pytest

from boxoffice.audience import copula, fidelity
from boxoffice.audience.engagement import FEATURES, read_engagement
from boxoffice.core.paths import RAW


@pytest.fixture(scope="module")
def original():
    return read_engagement(RAW / "assignment" / "movies.csv")


@pytest.fixture(scope="module")
def synthetic(original):
    return copula.sample(original)


def test_a_copy_is_found_out(original):
    report = fidelity.report(original, original)
    assert report["exact_copies"] == len(original)
    assert report["nearest_neighbour"]["synthetic_to_original_median"] == 0
    assert set(report["ks_distance"].values()) == {0.0}
    assert report["correlation_distance"] == {"mean_absolute": 0.0, "frobenius": 0.0}


def test_a_stranger_is_found_out(original):
    stranger = original.assign(ratings_count=original["ratings_count"] + 10**6)
    report = fidelity.report(original, stranger)
    assert report["ks_distance"]["ratings_count"] == 1
    assert report["ks_distance"]["avg_rating"] == 0
    assert report["out_of_range"]["ratings_count"] == len(original)
    assert report["exact_copies"] == 0
    assert report["nearest_neighbour"]["synthetic_to_original_min"] > 1


def test_the_synthetic_films_follow_without_copying(original, synthetic):
    report = fidelity.report(original, synthetic)
    assert max(report["ks_distance"].values()) < 0.1
    assert report["correlation_distance"]["mean_absolute"] < 0.35
    assert sum(report["out_of_range"].values()) == 0
    assert report["exact_copies"] == 0
    nearest = report["nearest_neighbour"]
    assert nearest["synthetic_to_original_median"] > nearest["original_to_original_median"] / 2


def test_unrelated_columns_are_far_in_correlation(original, synthetic):
    generator = np.random.default_rng(0)
    shuffled = synthetic.assign(
        **{name: generator.permutation(synthetic[name]) for name in FEATURES}
    )
    near = fidelity.correlation_distance(original, synthetic)
    far = fidelity.correlation_distance(original, shuffled)
    assert far["mean_absolute"] > 0.8 > near["mean_absolute"]
    assert far["frobenius"] > near["frobenius"]
    # the Frobenius norm counts every pair twice
    pairs = len(FEATURES) * (len(FEATURES) - 1)
    assert far["frobenius"] >= far["mean_absolute"] * np.sqrt(pairs) - 1e-12


def test_the_yardstick_leaves_a_film_out_of_its_own_neighbours(original):
    _, within = fidelity.neighbour_distances(original, original)
    assert within.shape == (len(original),)
    assert (within > 0).all()


def test_the_report_is_json(original, synthetic):
    json.dumps(fidelity.report(original, synthetic), allow_nan=False)
    assert list(fidelity.by_feature(original, synthetic).index) == FEATURES
