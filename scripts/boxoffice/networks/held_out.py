"""Forecasts of held-out films: networks and references trained on many partitions, and compared.

A partition is an array that calls every film 'train', 'validation', 'test' or something else. Folds
are pooled: every film is a test film once, and one score is computed over all of them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeCV
from sklearn.metrics import classification_report
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from boxoffice.networks.multimodal_model import (
    accuracy_interval,
    against_chance,
    class_scores,
    mcnemar,
    rows_by_part,
    train_classes,
)
from boxoffice.networks.poster_model import gain, poster_rows, train_revenue, with_intervals
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import CHECKPOINTS, side_by_side

Partitions = dict[str, np.ndarray]


# Partitions


def groups_of(revenue, most: int) -> np.ndarray:
    """Films of similar revenue, in at most so many groups of one size: int array of shape (n,)."""
    count = max(1, min(len(CLASSES), most))
    return pd.qcut(np.asarray(revenue), count, labels=False, duplicates="drop")


def with_validation(learning, test, strata, validation: int, seed: int) -> np.ndarray:
    """Mark rows `learning` as 'train' or, so many, 'validation', with the same mix of strata."""
    parts = np.full(len(strata), "unused", dtype=object)
    stopping = train_test_split(
        learning, test_size=validation, random_state=seed, stratify=strata[learning]
    )[1]
    parts[test], parts[learning], parts[stopping] = "test", "train", "validation"
    return parts


def folded(revenue, folds: int, validation_size: float, seed: int) -> Partitions:
    """Partitions `fold_1`, ...: each film is in the test part of one of them.

    All parts have the same mix of revenue; `validation_size` is a share of all films.
    """
    validation = round(validation_size * len(revenue))
    strata = groups_of(revenue, min(len(revenue) // folds, validation))
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata)
    return {
        f"fold_{number}": with_validation(learning, test, strata, validation, seed)
        for number, (learning, test) in enumerate(cut, start=1)
    }


def latest(films: pd.DataFrame, validation_size: float, seed: int) -> np.ndarray:
    """One partition, whose test part is that of `split_temporal`: the latest films."""
    test = (films["split_temporal"] == "test").to_numpy()
    strata = np.zeros(len(films), dtype=int)
    validation = round(validation_size * len(films))
    strata[~test] = groups_of(films["revenue"][~test], validation)
    return with_validation(np.flatnonzero(~test), np.flatnonzero(test), strata, validation, seed)


def split_folds(revenue, split: str, seed: int) -> Partitions:
    """Partitions by the shares of a split such as '70/20/10' (training/validation/test).

    There are as many as there are test parts in the whole, so that each film is tested once.
    """
    _, validation, test = (int(share) / 100 for share in split.split("/"))
    return folded(revenue, max(2, round(1 / test)), validation, seed)


# Trainings


class Forecast(NamedTuple):
    """Classes or log10 USD of the test films of one partition, and how the network was trained."""

    best_epoch: int
    val_loss: float
    history: pd.DataFrame
    truth: np.ndarray
    predicted: np.ndarray


def classes_of(inputs: dict, revenue, parts: np.ndarray, **training) -> Forecast:
    """Train a network on one partition, and forecast the classes of its test films."""
    rows = rows_by_part(inputs, revenue, parts)
    asked = rows.pop("test")
    trained, probability = train_classes(**rows, asked=asked, **training)
    return Forecast(*trained[1:], asked.target, probability.argmax(axis=1))


def revenue_of(inputs: dict, log10_revenue, parts: np.ndarray, **training) -> Forecast:
    """Train a network on one partition, and forecast log10 revenue of its test films."""
    rows = poster_rows(inputs["poster"], log10_revenue, parts)
    trained, _, forecast = train_revenue(**rows, **training)
    return Forecast(*trained[1:], rows["asked"].target, forecast)


def forecasts(
    function, folder: str, partitions: Partitions, inputs: dict, choices: dict, **arguments
) -> dict[tuple[str, str], Forecast]:
    """Train a network for every partition and choice of inputs, side by side.

    Parameters
    ----------
    function : callable
        `classes_of` or `revenue_of`, which also gets the `arguments`.
    folder : str
        Of the checkpoints, `<stage>` or below it.
    inputs : dict of dicts of arrays
        By partition and name.
    choices : dict of tuples of str
        Names of inputs, by the choice's name.
    """
    calls = {
        (name, which): {
            "inputs": {key: inputs[name][key] for key in keys},
            "parts": parts,
            "checkpoint": checkpoint(folder, name, which),
            **arguments,
        }
        for name, parts in partitions.items()
        for which, keys in choices.items()
    }
    answers = tqdm(side_by_side(function, calls.values()), "trainings", len(calls), delay=1)
    return dict(zip(calls, answers, strict=True))


def checkpoint(folder: str, partition: str, choice: str) -> Path:
    """Where a training of `forecasts` keeps its state."""
    return CHECKPOINTS / folder / f"{partition}-{choice}.pt"


# References


def reference_forecasts(
    partitions: Partitions, facts: dict[str, np.ndarray], revenue, n_estimators: int, seed: int
) -> dict[tuple[str, str], np.ndarray]:
    """Classes of the test films, by partition and 'forest' (random, on facts) or 'majority'."""
    common = {"revenue": revenue, "n_estimators": n_estimators, "seed": seed}
    calls = [{"facts": facts[name], "parts": parts, **common} for name, parts in partitions.items()]
    names = [(name, "forest") for name in partitions]
    forests = dict(zip(names, side_by_side(_by_forest, calls), strict=True))
    return forests | majority_forecasts(partitions, revenue)


def _by_forest(facts, parts, revenue, n_estimators, seed) -> np.ndarray:
    # The forest needs no validation rows, so it learns from them, too.
    learning = np.isin(parts, ["train", "validation"])
    target = revenue_class(revenue[learning], class_edges(revenue[parts == "train"]))
    forest = RandomForestClassifier(n_estimators, random_state=seed)
    return forest.fit(facts[learning], target).predict(facts[parts == "test"])


def majority_forecasts(partitions: Partitions, revenue) -> dict[tuple[str, str], np.ndarray]:
    """The training films' largest class, for every test film; by partition and 'majority'."""
    found = {}
    for name, parts in partitions.items():
        training = revenue[parts == "train"]
        largest = np.bincount(revenue_class(training, class_edges(training))).argmax()
        found[name, "majority"] = np.full((parts == "test").sum(), largest)
    return found


def ridge(embeddings: np.ndarray, target: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Forecast a target of shape (n,) for the test films, by ridge regression on embeddings."""
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(1, 6, 16)))
    model.fit(embeddings[parts == "train"], target[parts == "train"])
    return model.predict(embeddings[parts == "test"])


def poster_references(
    embeddings: np.ndarray, facts: np.ndarray, log10_revenue: np.ndarray, parts: np.ndarray
) -> dict[str, np.ndarray]:
    """Forecasts of the test films of one partition, to compare the poster network with.

    `training_mean`; `ridge`, on embeddings (n, width); `facts`, the tabular model's; and
    `facts_poster`: those of `facts`, plus what ridge regression on the embeddings tells of their
    errors. It learns from `facts` (n,) of training films, which are to be out of fold.
    """
    test = parts == "test"
    return {
        "training_mean": np.full(test.sum(), log10_revenue[parts == "train"].mean()),
        "ridge": ridge(embeddings, log10_revenue, parts),
        "facts": facts[test],
        "facts_poster": facts[test] + ridge(embeddings, log10_revenue - facts, parts),
    }


# Scores


def pooled(
    found: dict, partitions: Iterable[str], choice: str | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray] | np.ndarray]:
    """True and predicted values of the test films of several partitions, one after the other.

    What was found, a Forecast or a reference's array, is by partition and choice; predictions are
    by choice, or those of the one asked for.
    """
    partitions = list(partitions)
    choices = [choice] if choice else [which for name, which in found if name == partitions[0]]
    truth = np.concatenate([found[name, choices[0]].truth for name in partitions])
    predicted = {
        which: np.concatenate(
            [getattr(found[name, which], "predicted", found[name, which]) for name in partitions]
        )
        for which in choices
    }
    return truth, predicted[choice] if choice else predicted


def compared(truth: np.ndarray, predicted: dict, against: str, seed: int) -> dict[str, dict]:
    """Scores of classes by model, with 95 % intervals, and McNemar's test against one of them."""
    return {
        which: {
            **class_scores(truth, classes),
            "accuracy_95": accuracy_interval(truth, classes, seed),
            "one_away_accuracy_95": accuracy_interval(truth, classes, seed, tolerance=1),
            f"p_against_{against}": mcnemar(truth, classes, predicted[against]),
            "p_against_chance": against_chance(truth, classes),
        }
        for which, classes in predicted.items()
    }


def accuracies(scores: dict[str, dict]) -> dict[str, tuple[float, float, float]]:
    """Accuracy and the ends of its interval by model, of what `compared` gives."""
    return {
        which: (found["accuracy"], *found["accuracy_95"].values())
        for which, found in scores.items()
    }


def split_scores(found: dict[tuple[str, str], Forecast], partitions: Partitions) -> dict:
    """How one split did: films in its parts, mean best epoch and loss, scores of all test films."""
    parts = np.stack(list(partitions.values()))
    truth, predicted = pooled(found, partitions, next(iter(found))[1])
    return {
        "train": (parts == "train").sum(axis=1).mean(),
        "validation": (parts == "validation").sum(axis=1).mean(),
        "test": len(truth),
        "best_epoch": np.mean([one.best_epoch for one in found.values()]),
        "val_loss": np.mean([one.val_loss for one in found.values()]),
        **class_scores(truth, predicted),
    }


def revenue_comparison(
    found: dict, partitions: Partitions, log10_revenue, seed: int
) -> tuple[dict[str, dict], dict[str, dict]]:
    """Scores of the poster network and its references on the test films of some partitions.

    What was found is as `pooled` takes it, of the network 'poster' and of `poster_references`.
    Gives `with_intervals` of each, and by name the poster's `gain` over the mean and over the
    facts.
    """
    truth, said = pooled(found, partitions)
    medians = [
        np.full((parts == "test").sum(), np.median(log10_revenue[parts == "train"]))
        for parts in partitions.values()
    ]
    median = np.concatenate(medians)
    return {which: with_intervals(truth, said[which], median, seed) for which in said}, {
        "poster_over_mean": gain(truth, said["poster"], said["training_mean"], seed),
        "poster_over_facts": gain(truth, said["facts_poster"], said["facts"], seed),
    }


def with_ends(results: dict[str, dict], score: str) -> dict[str, tuple[float, float, float]]:
    """One score and the ends of its interval by model, of what `revenue_comparison` gives."""
    return {
        which: (result["scores"][score], *result["interval_95"][score].values())
        for which, result in results.items()
    }


def class_report(truth: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Precision, recall, F1 and films by class, and their averages; `class` is the first column."""
    report = classification_report(
        truth,
        predicted,
        labels=range(len(CLASSES)),
        target_names=CLASSES,
        output_dict=True,
        zero_division=0,
    )
    return pd.DataFrame(report).T.rename_axis("class").reset_index()
