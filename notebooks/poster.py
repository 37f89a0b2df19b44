# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Poster: does a film's poster tell what it will earn?
#
# A pretrained image network turns each poster into a row of numbers, its *embedding*; a small network
# learns the logarithm of revenue from it. A poster mostly shows what its genre and its budget are, and
# those are known anyway, so three questions are asked of the same films: what does a poster tell by
# itself, what do the facts tell, and does the poster add anything to the facts?

# %% tags=["parameters"]
source = "open_films"
seed = 42
dir = "data/synthetic/posters"
threshold = 10_000_000
encoder = "efficientnet_lite0"
weights = None
random_weights = False
finetune = False
views = 2
validation_size = 0.09
test_size = 0.1
folds = 5
batch_size = 32
epochs = 30
learning_rate = 2e-4
weight_decay = 1e-4
patience = 7
coverage = 0.9

# %%
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from PIL import Image
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from boxoffice import paths
from boxoffice.films.splits import random_parts, temporal_parts
from boxoffice.media import posters
from boxoffice.media.embeddings import embed_posters
from boxoffice.media.encoders import image_encoder
from boxoffice.networks.layers import save_network
from boxoffice.networks.metadata import learned_from, pre_release_numbers
from boxoffice.networks.poster_model import (
    EmbeddedPosters,
    PosterFiles,
    gain,
    train_revenue,
    with_intervals,
)
from boxoffice.networks.training import CHECKPOINTS, Settings, forget, live_log, side_by_side
from boxoffice.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.tabular.intervals import interval_scores, residual_quantiles

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
#
# Films with known budget and revenue, the revenue above the threshold, and a poster that can be read.
# A poster that two films share is left out, for it can't be told whose it is; every poster set aside
# has its reason in a table.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet")
films = films[films["usable"]].reset_index(drop=True)
earning = films[films["revenue"] > threshold]
files, skipped = posters.find_posters(paths.ROOT / dir, earning["id"])
save_table("poster", "skipped", skipped)
chosen = files.merge(earning, on="id", validate="one_to_one")
media = "stand_in" if files["path"].map(posters.is_stand_in).any() else "real"
log10_revenue = np.log10(chosen["revenue"]).to_numpy(dtype="float32")
pd.Series(
    {
        "usable films": len(films),
        f"revenue above ${threshold:,}": len(earning),
        "posters set aside": len(skipped),
        "with a poster": len(chosen),
    },
    name="films",
).to_frame()

# %%
try:
    residual_quantiles(np.zeros(round(len(chosen) * validation_size)), coverage)
    if len(chosen) * test_size < 4:
        raise ValueError("too few are left to test on")
except ValueError as error:
    raise ValueError(
        f"{dir} has posters of only {len(chosen)} films with a revenue above ${threshold:,}: {error}. "
        "Bring posters with `python scripts/fetch.py posters`, raise synthesize.posters, or lower "
        "poster.threshold or poster.coverage"
    ) from error
Markdown(
    "**These posters are stand-ins** that `synthesize` rendered from facts known before release. What "
    "follows shows that the pipeline works, and says nothing about real posters."
    if media == "stand_in"
    else "These are real posters."
)

# %% [markdown]
# Two ways to hold films out, each with a tenth for the test and about as many for validation, which
# decides when to stop: at random, and the latest films by release date.

# %%
partitions = {
    "random": random_parts(len(chosen), validation_size, test_size, seed),
    "temporal": temporal_parts(chosen["release_date"], validation_size, test_size),
}
pd.DataFrame({name: pd.Series(parts).value_counts() for name, parts in partitions.items()}).reindex(
    ["train", "validation", "test"]
)

# %% [markdown]
# ## Method
#
# **The poster.** The backbone was trained on ImageNet and stays frozen, unless `finetune` says
# otherwise. Every poster is embedded once and kept in a cache by the hash of its file, and so are some
# altered views of it (cropped a little, in other light; never mirrored, for a poster has words), of
# which training draws one at a time.
#
# **The facts** are those of the pre-release models, track records among them, fitted on all films but
# those held out, and for the latest films on earlier films only.
#
# **The network** reads the poster (scaled to length 1), the facts (standardized by the training
# films), or both: 1024 → 512 → 1, ReLU, dropout, squared error on log10 revenue, AdamW. It stops when the validation
# loss hasn't improved for some epochs, and keeps its best weights.

# %%
image = {"name": encoder, "weights": weights, "random_weights": random_weights, "seed": seed}
backbone = image_encoder(**image)
start = perf_counter()
embeddings = embed_posters(backbone, files, views=views, seed=seed)
embedding_seconds = perf_counter() - start
embeddings.shape

# %%
paths_of_posters = files["path"].to_numpy()
NAMES = {
    "poster": ("poster",),
    "metadata": ("metadata",),
    "metadata_poster": ("metadata", "poster"),
}
settings = Settings(learning_rate, weight_decay, batch_size, epochs, patience)


def rows(inputs, mask, training=False):
    """Rows of a mask; a backbone that is trained along reads the files themselves."""
    part = {name: values[mask] for name, values in inputs.items()}
    if finetune and "poster" in part:
        return PosterFiles(part | {"poster": paths_of_posters[mask]}, log10_revenue[mask], training)
    return EmbeddedPosters(part, log10_revenue[mask], training)


def calls(name, parts, facts):
    """One training for every choice of inputs, on one partition."""
    inputs = {"poster": embeddings, "metadata": facts}
    return {
        (name, which): {
            "train": rows({key: inputs[key] for key in keys}, parts == "train", training=True),
            "validation": rows({key: inputs[key] for key in keys}, parts == "validation"),
            "asked": rows({key: inputs[key] for key in keys}, parts == "test"),
            "settings": settings,
            "seed": seed,
            "encoder": image,
            "checkpoint": CHECKPOINTS / "poster" / f"{name}-{which}.pt",
        }
        for which, keys in NAMES.items()
    }


def facts_for(parts, temporal=False):
    """Facts of the chosen films, fitted on films that these parts don't hold out."""
    history = learned_from(films, chosen[parts != "train"], temporal)
    return pre_release_numbers(films, history, chosen)


facts = {name: facts_for(parts, name == "temporal") for name, parts in partitions.items()}

# %% [markdown]
# ## Training
#
# The network on posters, with its curves, and the others beside it.

# %%
todo = {
    key: call
    for name in partitions
    for key, call in calls(name, partitions[name], facts[name]).items()
}
start = perf_counter()
shown = todo.pop(("random", "poster"))
answers = side_by_side(train_revenue, todo.values())
with live_log("poster") as live:
    trained, validation_forecast, forecast = train_revenue(**shown, live=live, progress=True)
forecasts = {("random", "poster"): forecast}
forecasts |= {key: answer[2] for key, answer in zip(todo, answers, strict=True)}
training_seconds = perf_counter() - start

# %%
curves = trained.history
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
axis.plot(curves["epoch"], curves["train_loss"], marker="o", ms=3, label="training")
axis.plot(curves["epoch"], curves["val_loss"], marker="o", ms=3, label="validation")
axis.axvline(trained.best_epoch, color="k", linestyle=":", label="best epoch")
axis.set(xlabel="epoch", ylabel="mean squared error, log10 USD")
axis.legend()
save_plot("poster", "loss", figure)

# %% [markdown]
# ## Held-out films
#
# Beside the three networks: the training films' median, and ridge regression on the same embeddings.
# "Above" asks whether a film earned more than the median of the training films. In brackets the 95 %
# bootstrap interval over films: with so few test films it is wide.


# %%
def median_of(parts):
    return float(np.median(log10_revenue[parts == "train"]))


def ridge(parts):
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(1, 6, 16)))
    model.fit(embeddings[parts == "train", 0], log10_revenue[parts == "train"])
    return model.predict(embeddings[parts == "test", 0])


held_out, gains = {}, {}
for name, parts in partitions.items():
    actual, median = log10_revenue[parts == "test"], median_of(parts)
    said = {
        "poster": forecasts[name, "poster"],
        "training_median": np.full(len(actual), median),
        "ridge": ridge(parts),
        "metadata": forecasts[name, "metadata"],
        "metadata_poster": forecasts[name, "metadata_poster"],
    }
    held_out[name] = {which: with_intervals(actual, f, median, seed) for which, f in said.items()}
    gains[name] = {
        "poster_over_median": gain(actual, said["poster"], said["training_median"], seed),
        "poster_over_metadata": gain(actual, said["metadata_poster"], said["metadata"], seed),
    }


def described(results):
    """A table of scores with their intervals."""
    return pd.DataFrame(
        {
            which: {
                score: f"{value:.3f} ({ends[score]['lower']:.2f} to {ends[score]['upper']:.2f})"
                for score, value in result["scores"].items()
            }
            for which, result in results.items()
            for ends in [result["interval_95"]]
        }
    ).T


described(held_out["random"])

# %% [markdown]
# The latest films:

# %%
described(held_out["temporal"])

# %% [markdown]
# ## Cross-validation over all posters
#
# A tenth of the films is few. With the same settings, every film is held out once; the scores are
# those of all forecasts together, and nothing is chosen by them.

# %%
folded, medians = {}, np.zeros(len(chosen))
fold_of = np.zeros(len(chosen), dtype=int)
todo = {}
for number, (learning, test) in enumerate(
    KFold(folds, shuffle=True, random_state=seed).split(chosen), start=1
):
    parts = np.full(len(chosen), "test", dtype=object)
    _, stopping = train_test_split(learning, test_size=validation_size, random_state=seed)
    parts[learning] = "train"
    parts[stopping] = "validation"
    fold_of[test] = number
    medians[test] = median_of(parts)
    todo |= calls(f"fold {number}", parts, facts_for(parts))
    folded.setdefault("ridge", np.zeros(len(chosen)))[test] = ridge(parts)
answers = tqdm(side_by_side(train_revenue, todo.values()), total=len(todo), desc="folds")
for (name, which), answer in zip(todo, answers, strict=True):
    test = fold_of == int(name.removeprefix("fold "))
    folded.setdefault(which, np.zeros(len(chosen)))[test] = answer[2]

folded["training_median"] = medians
cv = {
    which: with_intervals(log10_revenue, folded[which], medians, seed)
    for which in held_out["random"]
}
gains["cv"] = {
    "poster_over_median": gain(log10_revenue, folded["poster"], medians, seed),
    "poster_over_metadata": gain(
        log10_revenue, folded["metadata_poster"], folded["metadata"], seed
    ),
}
described(cv)

# %% [markdown]
# How much smaller the loss becomes, with 95 % intervals; where an interval holds zero, nothing was
# shown.

# %%
gain_table = pd.DataFrame(
    {(where, what): values for where, by in gains.items() for what, values in by.items()}
).T
gain_table.style.format("{:+.4f}")

# %%
names = list(cv)
figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained", sharey=True)
for axis, score in zip(axes, ("loss", "roc_auc"), strict=True):
    for shift, (where, results) in enumerate({**held_out, "cv": cv}.items()):
        values = np.array([results[n]["scores"][score] for n in names])
        ends = np.array([list(results[n]["interval_95"][score].values()) for n in names])
        axis.errorbar(
            values,
            np.arange(len(names)) + 0.2 * (shift - 1),
            xerr=np.abs(ends.T - values),
            fmt="o",
            ms=4,
            capsize=2,
            label=where,
        )
    axis.set(
        xlabel={"loss": "mean squared error, log10 USD", "roc_auc": "ROC AUC, above median"}[score]
    )
axes[0].set_yticks(range(len(names)), [n.replace("_", " ") for n in names])
axes[0].legend()
save_plot("poster", "scores", figure)

# %% [markdown]
# ## A closer look at the poster network

# %%
test = partitions["random"] == "test"
actual = log10_revenue[test]
looked_at = chosen[test].assign(actual=10.0**actual, forecast=10.0**forecast)
save_plot_data(
    "poster", "predicted_actual", pd.DataFrame({"actual": actual, "predicted": forecast})
)
figure, axis = plt.subplots(figsize=(5, 4.6), layout="constrained")
sns.scatterplot(looked_at, x="actual", y="forecast", ax=axis)
ends = [10.0 ** min(actual.min(), forecast.min()), 10.0 ** max(actual.max(), forecast.max())]
axis.plot(ends, ends, color="k", linewidth=1)
axis.set(xscale="log", yscale="log", xlabel="revenue, USD", ylabel="forecast from the poster, USD")
save_plot("poster", "predicted_actual", figure)

# %% [markdown]
# The test films whose forecasts were nearest to what they earned, and farthest from it:

# %%
order = np.argsort(np.abs(forecast - actual), kind="stable")
shown = {"nearest": order[:6], "farthest": order[::-1][:6]}
figure, axes = plt.subplots(2, 6, figsize=(13, 7.4), layout="constrained")
for line, (label, places) in zip(axes, shown.items(), strict=True):
    for axis, place in zip(line, places, strict=False):
        film = looked_at.iloc[place]
        with Image.open(film["path"]) as picture:
            axis.imshow(picture.convert("RGB"))
        axis.set_title(
            f"earned ${film['actual'] / 1e6:,.0f}M\nforecast ${film['forecast'] / 1e6:,.0f}M",
            fontsize=9,
        )
    for axis in line:
        axis.axis("off")
    line[0].text(-0.12, 0.5, label, transform=line[0].transAxes, rotation=90, va="center")
save_plot("poster", "best_and_worst", figure)

# %% [markdown]
# ## The exported network
#
# Its interval comes from the validation films, and is measured on the test films.

# %%
validation = partitions["random"] == "validation"
lower, upper = residual_quantiles(log10_revenue[validation] - validation_forecast, coverage)
interval = {"nominal": coverage, **interval_scores(actual, forecast, lower, upper)}
card = {
    "network": "RevenueNetwork",
    "target": "log10 of revenue, nominal USD",
    "source": source,
    "media": media,
    "encoder": {"key": backbone.key, "finetuned": finetune, "arguments": image},
    "widths": {"poster": backbone.dim},
    "row_filter": f"budget and revenue known, revenue above ${threshold:,}, a readable poster",
    "training_rows": int((partitions["random"] == "train").sum()),
    "metrics": held_out["random"]["poster"]["scores"],
    "interval": {"lower": lower, "upper": upper, **interval},
    "not_for": [
        "not for films that earn less than the threshold: it has seen none",
        *(["not for real posters: it was trained on rendered stand-ins"] * (media == "stand_in")),
    ],
}
save_network("poster", trained.network, card)
pd.Series(interval).drop("coverage_by_quartile").to_frame("log10 USD")

# %% tags=["timing"]
pd.Series(
    {"embedding": embedding_seconds, "training, held-out films": training_seconds}, name="seconds"
).round(1).to_frame()

# %% [markdown]
# ## Conclusion

# %%
random_test = held_out["random"]
metrics = {
    "media": media,
    "source": source,
    "encoder": encoder,
    "weights": backbone.weights,
    "finetune": finetune,
    "rows": {
        "usable": len(films),
        "above_threshold": len(earning),
        "set_aside": len(skipped),
        "with_poster": len(chosen),
        **{
            part: int((partitions["random"] == part).sum())
            for part in ("train", "validation", "test")
        },
        "test_temporal": int((partitions["temporal"] == "test").sum()),
    },
    "best_epoch": trained.best_epoch,
    "val_loss": trained.val_loss,
    "test": random_test["poster"]["scores"],
    "test_95": random_test["poster"]["interval_95"],
    "baselines": {name: result for name, result in random_test.items() if name != "poster"},
    "temporal": held_out["temporal"],
    "cv": cv,
    "gain": gains,
    "interval": interval,
}
write_metrics("poster", metrics)
forget("poster")
over_median, over_metadata = gains["cv"].values()


def verdict(values, better, unshown):
    return better if values["lower"] > 0 else unshown


Markdown(
    f"{'Rendered stand-ins' if media == 'stand_in' else 'Real posters'} of {len(chosen)} films. "
    f"Every film held out once, the poster network's loss is {cv['poster']['scores']['loss']:.3f} "
    f"against {cv['training_median']['scores']['loss']:.3f} for the training median: a gain of "
    f"{over_median['value']:+.4f} (95 %: {over_median['lower']:+.4f} to {over_median['upper']:+.4f}), "
    + verdict(over_median, "so posters do tell something of revenue", "so nothing was shown")
    + f". It tells films above the median from those below with an accuracy of "
    f"{cv['poster']['scores']['accuracy']:.1%} (ROC AUC {cv['poster']['scores']['roc_auc']:.3f}). "
    f"Ridge regression on the same embeddings has a loss of {cv['ridge']['scores']['loss']:.3f}. The facts alone reach {cv['metadata']['scores']['loss']:.3f}; with the poster "
    f"{cv['metadata_poster']['scores']['loss']:.3f} ({over_metadata['value']:+.4f}, 95 %: "
    f"{over_metadata['lower']:+.4f} to {over_metadata['upper']:+.4f}), "
    + verdict(
        over_metadata,
        "so a poster adds to what is known anyway.",
        "so it wasn't shown that a poster adds to what is known anyway.",
    )
)
