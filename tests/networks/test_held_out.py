"""Held-out films: each is tested once, nothing of it is learned from, and folds are pooled."""

import numpy as np
import pandas as pd
import pytest

from boxoffice.networks import held_out, training
from boxoffice.networks.held_out import (
    Forecast,
    classes_of,
    compared,
    folded,
    forecasts,
    latest,
    majority_forecasts,
    pooled,
    poster_references,
    reference_forecasts,
    revenue_comparison,
    revenue_of,
    split_folds,
    split_scores,
)
from boxoffice.networks.training import Settings

RNG = np.random.default_rng(0)
REVENUE = RNG.lognormal(17, 1.5, 120)
LOG10 = np.log10(REVENUE).astype("float32")
FACTS = np.column_stack([LOG10, RNG.normal(size=120)]).astype("float32")
SETTINGS = Settings(learning_rate=3e-3, weight_decay=0.01, batch_size=16, epochs=15, patience=15)


@pytest.fixture(autouse=True)
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(training, "CHECKPOINTS", tmp_path)
    return tmp_path


def test_every_film_is_tested_once():
    partitions = folded(REVENUE, 5, 0.1, seed=0)
    assert list(partitions) == [f"fold_{number}" for number in range(1, 6)]
    tested = np.sum([parts == "test" for parts in partitions.values()], axis=0)
    assert (tested == 1).all()
    for parts in partitions.values():
        assert (parts == "validation").sum() == 12
        assert set(parts) == {"train", "validation", "test"}


def test_parts_have_the_same_mix_of_revenue():
    place = np.argsort(np.argsort(REVENUE)) / len(REVENUE)
    for parts in folded(REVENUE, 5, 0.1, seed=0).values():
        for part in ("train", "validation", "test"):
            assert place[parts == part].mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("split", "turns", "sizes"), [("70/20/10", 10, (84, 24, 12)), ("60/20/20", 5, (72, 24, 24))]
)
def test_a_split_is_turned_until_every_film_was_tested(split, turns, sizes):
    partitions = split_folds(REVENUE, split, seed=0)
    assert len(partitions) == turns
    for parts in partitions.values():
        counted = tuple((parts == part).sum() for part in ("train", "validation", "test"))
        assert counted == sizes


@pytest.mark.parametrize("films", [24, 32, 50])
def test_few_films_are_split_too(films):
    for split in ("70/20/10", "80/10/10"):
        partitions = split_folds(REVENUE[:films], split, seed=0)
        assert sum((parts == "test").sum() for parts in partitions.values()) == films
    partitions = folded(REVENUE[:films], 2, 0.1, seed=0)
    assert {(parts == "validation").sum() for parts in partitions.values()} == {round(films / 10)}


def test_the_latest_films_are_not_learned_from():
    films = pd.DataFrame({"revenue": REVENUE, "split_temporal": "train"})
    films.loc[90:, "split_temporal"] = "test"
    parts = latest(films, 0.1, seed=0)
    assert (parts[90:] == "test").all()
    assert (parts == "validation").sum() == 12
    assert not (parts[:90] == "test").any()


def test_networks_and_references_are_compared_on_the_same_films(checkpoints):
    partitions = folded(REVENUE, 3, 0.1, seed=0)
    some = {"metadata": FACTS, "text": FACTS[::-1].copy()}
    inputs = dict.fromkeys(partitions, some)
    choices = {"metadata": ("metadata",), "both": ("text", "metadata")}
    found = forecasts(
        *(classes_of, "stage/some", partitions, inputs, choices),
        revenue=REVENUE,
        settings=SETTINGS,
        seed=0,
    )
    assert set(found) == {(name, which) for name in partitions for which in choices}
    assert len(list((checkpoints / "stage" / "some").iterdir())) == 6
    facts = dict.fromkeys(partitions, FACTS)
    references = reference_forecasts(partitions, facts, REVENUE, 10, seed=0)
    truth, said = pooled(found | references, partitions)
    assert len(truth) == len(REVENUE)
    assert all(len(classes) == len(truth) for classes in said.values())
    scores = compared(truth, said, "majority", seed=0)
    assert scores["majority"]["accuracy"] == pytest.approx(1 / 8, abs=0.05)
    assert scores["forest"]["accuracy"] > 0.7
    assert scores["metadata"]["accuracy"] > 0.3
    assert scores["forest"]["p_against_majority"] < 1e-6
    one = split_scores({key: found[key] for key in found if key[1] == "both"}, partitions)
    assert (one["train"], one["validation"], one["test"]) == (68, 12, 120)
    assert one["accuracy"] == scores["both"]["accuracy"]


def test_revenue_of_the_tested_films_changes_no_forecast():
    partitions = folded(LOG10, 3, 0.1, seed=0)
    first = {"fold_1": partitions["fold_1"]}
    test = first["fold_1"] == "test"
    changed = np.where(test, LOG10 + 3, LOG10)
    inputs = {"fold_1": {"poster": RNG.normal(size=(120, 2, 8)).astype("float32")}}
    arguments = {"settings": SETTINGS, "seed": 0}
    one, other = (
        forecasts(
            *(revenue_of, f"stage{number}", first, inputs, {"poster": ("poster",)}),
            log10_revenue=revenue,
            **arguments,
        )["fold_1", "poster"]
        for number, revenue in enumerate((LOG10, changed))
    )
    np.testing.assert_array_equal(one.predicted, other.predicted)
    np.testing.assert_allclose(other.truth, one.truth + 3)


def compared_posters(embeddings, by_facts):
    """Scores and gains over folds, of a network that is off by 0.1 and its references."""
    partitions = folded(LOG10, 3, 0.1, seed=0)
    found = {}
    for name, parts in partitions.items():
        truth = LOG10[parts == "test"]
        found[name, "poster"] = Forecast(1, 0.0, pd.DataFrame(), truth, truth + 0.1)
        references = poster_references(embeddings, by_facts, LOG10, parts)
        found |= {(name, which): forecast for which, forecast in references.items()}
    return partitions, *revenue_comparison(found, partitions, LOG10, seed=0)


def test_the_gain_of_a_poster_is_over_the_mean_of_each_fold():
    partitions, scores, gains = compared_posters(FACTS, LOG10 + 0.2)
    assert set(scores) == {"poster", "training_mean", "ridge", "facts", "facts_poster"}
    assert scores["poster"]["scores"]["loss"] == pytest.approx(0.01, rel=1e-4)
    assert scores["ridge"]["scores"]["r2"] > 0.9  # the embeddings hold the answer
    means = np.zeros(len(LOG10))
    for parts in partitions.values():
        means[parts == "test"] = np.mean(LOG10[parts == "train"])
    expected = np.mean((LOG10 - means) ** 2)
    assert scores["training_mean"]["scores"]["loss"] == pytest.approx(expected, rel=1e-5)
    assert gains["poster_over_mean"]["value"] == pytest.approx(expected - 0.01, rel=1e-4)


def test_films_above_the_median_of_their_training_films_are_told_apart():
    partitions, scores, _ = compared_posters(FACTS, LOG10)
    above = np.zeros(len(LOG10), dtype=bool)
    for parts in partitions.values():
        test = parts == "test"
        above[test] = np.median(LOG10[parts == "train"]) < LOG10[test]
        low = np.mean(LOG10[parts == "train"]) <= np.median(LOG10[parts == "train"])
        above[test] ^= not low  # a constant above the median says yes to all
    assert scores["training_mean"]["scores"]["accuracy"] == pytest.approx(np.mean(~above))


def test_a_poster_adds_what_it_tells_of_the_errors_of_the_facts_and_no_more():
    error = RNG.normal(0, 0.3, 120)
    telling = np.column_stack([error, RNG.normal(size=(120, 3))])
    _, scores, gains = compared_posters(telling, LOG10 + error)
    assert scores["facts"]["scores"]["loss"] == pytest.approx(np.mean(error**2), rel=1e-4)
    assert scores["facts_poster"]["scores"]["loss"] < 0.05 * np.mean(error**2)
    assert gains["poster_over_facts"]["lower"] > 0
    _, _, gains = compared_posters(RNG.normal(size=(120, 4)), LOG10 + error)
    assert gains["poster_over_facts"]["lower"] <= 0
    assert abs(gains["poster_over_facts"]["value"]) < 0.1 * np.mean(error**2)


def test_revenue_of_the_tested_films_changes_no_reference():
    parts = folded(LOG10, 3, 0.1, seed=0)["fold_1"]
    changed = np.where(parts == "train", LOG10, LOG10 + 3)
    by_facts = LOG10 + RNG.normal(0, 0.3, 120)
    one, other = (poster_references(FACTS, by_facts, y, parts) for y in (LOG10, changed))
    for which, forecast in one.items():
        np.testing.assert_array_equal(forecast, other[which])


def test_the_majority_is_that_of_the_training_films():
    parts = folded(REVENUE, 3, 0.1, seed=0)
    for (name, which), classes in majority_forecasts(parts, REVENUE).items():
        assert which == "majority"
        assert len(classes) == (parts[name] == "test").sum()
        assert len(set(classes)) == 1
