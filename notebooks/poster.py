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
# those are known anyway. So we ask three questions of the same films: what does a poster tell by
# itself, what do the facts tell a good tabular model, and does the poster add anything to that?

# %% tags=["parameters"]
source = "open_films"
seed = 42
exact = True
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

# %% tags=["plumbing"]
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from PIL import Image

from boxoffice.core import paths
from boxoffice.core.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.films.forecast_errors import residual_quantiles
from boxoffice.films.splits import random_parts, temporal_parts
from boxoffice.media.embeddings import embed_posters
from boxoffice.media.encoders import image_encoder
from boxoffice.media.posters import find_posters, poster_is_stand_in
from boxoffice.networks.held_out import (
    checkpoint,
    folded,
    forecasts,
    poster_references,
    revenue_comparison,
    revenue_of,
    with_ends,
)
from boxoffice.networks.layers import save_network
from boxoffice.networks.metadata import fact_forecasts, learned_from
from boxoffice.networks.plots import draw_intervals, draw_losses
from boxoffice.networks.poster_model import likeness, poster_rows, train_revenue
from boxoffice.networks.training import Settings, forget, live_log, side_by_side
from boxoffice.tabular.intervals import interval_scores

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
#
# Films with known budget and revenue, the revenue above the threshold, and a poster that can be read.
# **Every score below is of these films only:** the filter looks at the revenue, which nobody knows
# beforehand, so a film that might flop is no film that this notebook has anything to say about. A
# poster that two films share is left out, because there is no telling whose it is; every poster that
# was skipped is in a table, with the reason.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet").query("usable").reset_index(drop=True)
earning = films[films["revenue"] > threshold]
files, skipped = find_posters(paths.ROOT / dir, earning["id"])
save_table("poster", "skipped", skipped)
chosen = files.merge(earning, on="id", validate="one_to_one")
stand_ins = bool(files["path"].map(poster_is_stand_in).any())
log10_revenue = np.log10(chosen["revenue"]).to_numpy(dtype="float32")
row_filter = f"budget and revenue known, revenue above ${threshold:,}, a readable poster"
Markdown(
    "**These posters are stand-ins** that `synthesize` drew from facts known before release. What "
    "follows shows that the pipeline works, and says nothing about real posters. "
    * stand_ins
    + f"Of {len(films):,} usable films, {len(earning):,} earned more than ${threshold:,}, and "
    f"{len(chosen):,} of these have a poster; {len(skipped)} posters were skipped. The "
    f"{len(films) - len(earning):,} films that earned less take no part."
)

# %% tags=["plumbing"]
try:
    residual_quantiles(np.zeros(round(len(chosen) * validation_size)), coverage)
    if len(chosen) * test_size < 4:
        raise ValueError("too few are left to test on")
except ValueError as error:
    raise ValueError(
        f"{dir} has posters of only {len(chosen)} films with a revenue above ${threshold:,}: {error}. "
        "Get posters with `python scripts/fetch.py posters`, raise synthesize.posters, or lower "
        "poster.threshold or poster.coverage"
    ) from error

# %% [markdown]
# ## Method
#
# **Films are held out in three ways**: a tenth at random, the latest tenth by release date, and, in
# turns, every film once (cross-validation). About a tenth more validates: it decides when to stop.
#
# **The poster.** The backbone was trained on ImageNet and stays frozen, unless `finetune` says
# otherwise. Every poster is embedded once, and so are some augmented views of it (slightly cropped, in
# other light; never mirrored, because a poster has words), of which training draws one at a time.
#
# **The network** reads the poster's embedding, scaled to length 1: 1024 → 512 → 1, ReLU, dropout,
# squared error on log10 revenue, AdamW. It stops when the validation loss hasn't improved for some
# epochs, and keeps its best weights.
#
# **The facts** are those of the pre-release models, track records included, read by XGBoost. It learns
# from every film above the threshold that is not held out, with or without a poster, and for the
# latest films from earlier ones only: as much as it could learn from if there were no posters.
#
# **Facts and poster** are that model's forecast, plus what the poster tells of its errors: ridge
# regression on the embedding, fitted to what the facts leave unexplained of training films, each
# forecast by a model that didn't see it.

# %%
partitions = {
    "random": random_parts(len(chosen), validation_size, test_size, seed),
    "temporal": temporal_parts(chosen["release_date"], validation_size, test_size),
    **folded(log10_revenue, folds, validation_size, seed),
}
image = {"name": encoder, "weights": weights, "random_weights": random_weights, "seed": seed}
backbone = image_encoder(**image)
start = perf_counter()
embeddings = embed_posters(backbone, files, views=views, seed=seed)
embedding_seconds = perf_counter() - start
posters = files["path"].to_numpy(dtype=object) if finetune else embeddings
training = {
    "settings": Settings(learning_rate, weight_decay, batch_size, epochs, patience),
    "seed": seed,
    "encoder": image,
}
start = perf_counter()
found = forecasts(
    revenue_of,
    "poster",
    partitions,
    {name: {"poster": posters} for name in partitions},
    {"poster": ("poster",)},
    log10_revenue=log10_revenue,
    **training,
)
training_seconds = perf_counter() - start
start = perf_counter()
learned = {
    name: learned_from(earning, chosen[parts != "train"], name == "temporal")
    for name, parts in partitions.items()
}
common = {"films": earning, "folds": folds, "seed": seed}
calls = ({"history": history, **common} for history in learned.values())
of_chosen = pd.Index(earning["id"]).get_indexer(chosen["id"])
for name, by_facts in zip(learned, side_by_side(fact_forecasts, calls), strict=True):
    references = poster_references(
        embeddings[:, 0], by_facts[of_chosen], log10_revenue, partitions[name]
    )
    found |= {(name, which): forecast for which, forecast in references.items()}
facts_seconds = perf_counter() - start

# %% [markdown]
# ## When does learning stop?

# %%
shown = found["random", "poster"]
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
draw_losses(axis, [shown.history], shown.best_epoch)
axis.set(title="Learning revenue from posters", ylabel="mean squared error, log10 USD")
save_plot("poster", "loss", figure)
Markdown(
    f"The network for posters alone was best after {shown.best_epoch} of {len(shown.history)} epochs, "
    f"with a validation loss of {shown.val_loss:.3f}."
)

# %% [markdown]
# ## What does a poster tell, and does it add to the facts?
#
# Beside the network: the training films' mean, which no constant beats at squared error, and ridge
# regression on the same embeddings. ROC AUC and accuracy ask whether a film earned more than the median
# of its training films. Intervals are 95 % bootstrap intervals over films: with few test films they are
# wide. In the cross-validation the scores are those of all forecasts together, and nothing is chosen
# by them.

# %%
of_folds = {name: parts for name, parts in partitions.items() if name.startswith("fold")}
held_out = {where: {where: partitions[where]} for where in ("random", "temporal")} | {
    "cv": of_folds
}
scores, gains = {}, {}
for where, parts in held_out.items():
    scores[where], gains[where] = revenue_comparison(found, parts, log10_revenue, seed)

figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained", sharey=True)
figure.suptitle("Forecasts of held-out films, with 95 % intervals")
labels = {"loss": "mean squared error, log10 USD", "roc_auc": "ROC AUC, above the median"}
for axis, (score, label) in zip(axes, labels.items(), strict=True):
    draw_intervals(axis, {where: with_ends(results, score) for where, results in scores.items()})
    axis.set(xlabel=label)
axes[0].legend()
save_plot("poster", "scores", figure)


# %%
def verdict(values, better, unshown):
    return better if values["lower"] > 0 else unshown


cv = {key: result["scores"] for key, result in scores["cv"].items()}
over_mean, over_facts = gains["cv"]["poster_over_mean"], gains["cv"]["poster_over_facts"]
Markdown(
    f"Every film held out once, the poster network's loss is {cv['poster']['loss']:.3f}, the training "
    f"mean's {cv['training_mean']['loss']:.3f}: a gain of {over_mean['value']:+.4f} (95 %: "
    f"{over_mean['lower']:+.4f} to {over_mean['upper']:+.4f}), "
    + verdict(over_mean, "so posters do tell something of revenue", "which shows nothing")
    + f". Ridge regression on the same embeddings has a loss of {cv['ridge']['loss']:.3f}. The facts "
    f"alone reach {cv['facts']['loss']:.3f}, with the poster {cv['facts_poster']['loss']:.3f} "
    f"({over_facts['value']:+.4f}, 95 %: {over_facts['lower']:+.4f} to {over_facts['upper']:+.4f}), "
    + verdict(over_facts, "so a poster adds to them.", "so a poster was not shown to add to them.")
)

# %%
pd.DataFrame(cv).T.style.format(precision=3)

# %% [markdown]
# ## How near are the forecasts?

# %%
test = partitions["random"] == "test"
actual, forecast = shown.truth, shown.predicted
table = pd.DataFrame({"actual": actual, "predicted": forecast})
save_plot_data("poster", "predicted_actual", table)
figure, axis = plt.subplots(figsize=(5, 4.6), layout="constrained")
sns.scatterplot(10.0**table, x="actual", y="predicted", ax=axis)
ends = [10.0 ** table.min(axis=None), 10.0 ** table.max(axis=None)]
axis.plot(ends, ends, color="k", linewidth=1)
axis.set(title="Randomly held-out films, from the poster alone", xscale="log", yscale="log")
axis.set(xlabel="revenue, USD", ylabel="forecast, USD")
save_plot("poster", "predicted_actual", figure)
near = scores["random"]["poster"]["scores"]
Markdown(
    f"Of {len(table)} films, {near['within_25']:.0%} have a forecast within 25 % of what they earned, "
    f"{near['within_50']:.0%} within 50 %. Forecasts spread less than revenue does (a deviation of "
    f"{table['predicted'].std():.2f} against {table['actual'].std():.2f} in log10 USD)."
)

# %%
looked_at = chosen[test].assign(actual=10.0**actual, forecast=10.0**forecast)
order = np.argsort(np.abs(forecast - actual), kind="stable")
figure, axes = plt.subplots(2, 6, figsize=(13, 7.4), layout="constrained")
figure.suptitle("Forecasts nearest to what a film earned (above), and farthest from it (below)")
for axis in axes.flat:
    axis.axis("off")
for line, places in zip(axes, (order[:6], order[::-1][:6]), strict=True):
    for axis, (_, film) in zip(line, looked_at.iloc[places].iterrows(), strict=False):
        with Image.open(film["path"]) as picture:
            axis.imshow(picture.convert("RGB"))
        told = f"earned ${film['actual'] / 1e6:,.0f}M\nforecast ${film['forecast'] / 1e6:,.0f}M"
        axis.set_title(told, fontsize=9)
save_plot("poster", "best_and_worst", figure)
worst = looked_at.iloc[order[-1]]
Markdown(
    f"The largest error: *{worst['title']}* earned ${worst['actual'] / 1e6:,.1f}M, and its poster was "
    f"taken for one of ${worst['forecast'] / 1e6:,.1f}M."
)

# %% [markdown]
# ## The exported network
#
# It is the one for posters alone. Its interval comes from the validation films, and is measured on the
# test films. A picture that is less like the posters of training than almost all of the validation
# films' own is answered with a warning.

# %% tags=["plumbing"]
rows = poster_rows(posters, log10_revenue, partitions["random"])
with live_log("poster") as live:  # no training: its checkpoint is there
    trained, validation_forecast, _ = train_revenue(
        **rows, **training, checkpoint=checkpoint("poster", "random", "poster"), live=live
    )
residuals = rows["validation"].target - validation_forecast
lower, upper = residual_quantiles(residuals, coverage)
interval = interval_scores(actual, forecast, forecast + lower, forecast + upper, coverage)
alike = likeness(trained.network, rows["train"], rows["validation"])
card = {
    "network": "RevenueNetwork",
    "target": "log10 of revenue, nominal USD",
    "source": source,
    "media": "stand_in" if stand_ins else "real",
    "encoder": {"key": backbone.key, "finetuned": finetune, "arguments": image},
    "widths": {"poster": backbone.dim},
    "row_filter": row_filter,
    "training_rows": len(rows["train"]),
    "metrics": near,
    "gain": gains,
    "interval": {"lower": lower, "upper": upper, **interval},
    "least_likeness": float(np.quantile(alike, 0.01)),
    "not_for": [
        f"not for films that may earn less than ${threshold:,}: it learned from {len(rows['train']):,} "
        "films that all earned more, and its scores and its interval are of such films",
        *(
            ["not beside a forecast from the facts: the poster was not shown to improve on it"]
            * (not over_facts["lower"] > 0)
        ),
        *(["not for real posters: it was trained on drawn stand-ins"] * stand_ins),
    ],
}
save_network("poster", trained.network, card)

# %%
pd.Series(interval).drop("coverage_by_quartile").to_frame("log10 USD").style.format(precision=3)

# %% tags=["timing"]
pd.Series(
    {"embedding": embedding_seconds, "training": training_seconds, "facts": facts_seconds}
).round(1).to_frame("seconds")

# %% tags=["plumbing"]
metrics = {
    "media": card["media"],
    "source": source,
    "encoder": encoder,
    "weights": backbone.weights,
    "finetune": finetune,
    "row_filter": row_filter,
    "rows": {
        "usable": len(films),
        "above_threshold": len(earning),
        "set_aside": len(skipped),
        "with_poster": len(chosen),
        "train": len(rows["train"]),
        "validation": len(rows["validation"]),
        "test": len(rows["asked"]),
        "test_temporal": int((partitions["temporal"] == "test").sum()),
    },
    "best_epoch": shown.best_epoch,
    "val_loss": shown.val_loss,
    "test": near,
    "test_95": scores["random"]["poster"]["interval_95"],
    "baselines": {key: result for key, result in scores["random"].items() if key != "poster"},
    "temporal": scores["temporal"],
    "cv": scores["cv"],
    "gain": gains,
    "interval": interval,
}
write_metrics("poster", metrics)
forget("poster")

# %% [markdown]
# ## Conclusion

# %%
Markdown(
    f"{'Drawn stand-ins' if stand_ins else 'Real posters'} of {len(chosen)} films that earned more than "
    f"${threshold:,}: the poster tells films above the median from those below with an accuracy of "
    f"{cv['poster']['accuracy']:.1%} (ROC AUC {cv['poster']['roc_auc']:.3f}); its forecast is "
    + verdict(over_mean, "better than the training mean", "not shown to beat the training mean")
    + f". The facts reach {cv['facts']['accuracy']:.1%} ({cv['facts']['roc_auc']:.3f}), and facts and "
    f"poster together {cv['facts_poster']['accuracy']:.1%} ({cv['facts_poster']['roc_auc']:.3f}). "
    + verdict(
        over_facts, "The poster adds to the facts.", "That a poster adds to the facts isn't shown."
    )
)
