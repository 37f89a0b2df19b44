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
# # Regress: how much will a film earn?
#
# Revenue from a film's facts, asked twice: with everything that is known *after* the fact (votes
# and popularity, as the classic projects do), and with what a producer knows *before* release. The
# two answers differ, and the difference is what the published scores leave out.
#
# **Rules.** Hyperparameters and the selected model are chosen by cross-validation on films that are
# training films in both splits, so neither test set has a say. Every fitted step (imputation,
# scaling, track records, market) sits in one scikit-learn `Pipeline` and sees training rows only.

# %% tags=["parameters"]
source = "open_films"
seed = 42
folds = 5
linear_alpha = [10, 100, 200, 1000]
n_estimators = [10, 50, 100, 200]
max_depth = [5, 10, 20, None]
min_samples_split = [2, 5, 10]
gb_learning_rate = [0.05, 0.1]
gb_n_estimators = [100, 200]
gb_max_depth = [3, 4]
xgb_learning_rate = [0.02, 0.05]
xgb_n_estimators = [300, 600]
xgb_max_depth = [3, 4]
coverage = 0.9

# %%
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pooch
import seaborn as sns
from IPython.display import Markdown
from sklearn.base import clone
from sklearn.inspection import permutation_importance

from boxoffice import paths
from boxoffice.files import replacing
from boxoffice.films.credits import ROLES, known_names
from boxoffice.films.features import FEATURE_SETS, input_columns
from boxoffice.films.splits import SPLITS, training_rows_of_both
from boxoffice.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.tabular.export import export_model, film_card
from boxoffice.tabular.intervals import interval_scores, residual_quantiles
from boxoffice.tabular.models import baselines, revenue_ensemble, revenue_models
from boxoffice.tabular.pipelines import fit_films, track_record_inputs
from boxoffice.tabular.scores import r2_interval, revenue_scores
from boxoffice.tabular.selection import Folds

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
#
# Films with a known budget and a known revenue, and the three feature sets. A column that the
# source lacks is left out of its sets.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet")
films = films[films["usable"]].reset_index(drop=True)
log_revenue = films["log_revenue"].to_numpy()
lacking = [
    name
    for name in (
        "popularity",
        "vote_average",
        "vote_count",
        "cast_popularity",
        "crew_popularity",
        *ROLES,
    )
    if name not in films
]
print("lacking:", ", ".join(lacking) or "nothing")
pd.Series(
    {
        feature_set: len(fit_films(feature_set, films, "passthrough")[0].get_feature_names_out())
        for feature_set in FEATURE_SETS
    },
    name="features",
).to_frame()

# %% [markdown]
# ## Method: choose on training films
#
# A grid search per model and feature set, by R² over five folds. The ensemble is the mean of three
# tuned models that err differently; it is a candidate like the others.

# %%
grids = {
    "linear": {"ridge__alpha": linear_alpha},
    "random_forest": {
        "n_estimators": n_estimators,
        "max_depth": max_depth,
        "min_samples_split": min_samples_split,
    },
    "extra_trees": {},
    "gradient_boosting": {
        "learning_rate": gb_learning_rate,
        "n_estimators": gb_n_estimators,
        "max_depth": gb_max_depth,
    },
    "xgboost": {
        "learning_rate": xgb_learning_rate,
        "n_estimators": xgb_n_estimators,
        "max_depth": xgb_max_depth,
    },
}
SCORING = {"r2": "r2", "rmse": "neg_root_mean_squared_error"}

choosing = training_rows_of_both(films)
tuned, chosen_by, selected = {}, {}, {}
for feature_set in FEATURE_SETS:
    cv = Folds.of(feature_set, films[choosing], folds, seed)
    target = log_revenue[choosing]
    models = {
        name: cv.search(model, grids[name], target, scoring="r2")
        for name, model in revenue_models(seed).items()
    }
    models["ensemble"] = revenue_ensemble(models)
    tuned[feature_set] = models
    chosen_by[feature_set] = {
        name: cv.score(model, target, SCORING)["r2"].mean() for name, model in models.items()
    }
    selected[feature_set] = max(chosen_by[feature_set], key=chosen_by[feature_set].get)

pd.DataFrame(chosen_by).style.format("{:.3f}").highlight_max(props="font-weight: bold")

# %% [markdown]
# What the searches chose:

# %%
choices = pd.DataFrame(
    [
        {
            "feature_set": feature_set,
            "model": name,
            "chosen": ", ".join(
                f"{key.rpartition('__')[2]} = {tuned[feature_set][name].get_params()[key]}"
                for key in grids[name]
            ),
        }
        for feature_set in FEATURE_SETS
        for name in grids
        if grids[name]
    ]
)
save_table("regress", "chosen", choices)
choices.pivot(index="model", columns="feature_set", values="chosen")[list(FEATURE_SETS)].style

# %% [markdown]
# ## Cross-validation over all usable films
#
# With the choices fixed, five folds over every usable film: the figure that depends least on luck, for each film is
# a test film once. Nothing is chosen by it. A few nonsense revenues weigh heavily wherever they fall,
# so the standard deviation over the folds stands beside the mean.

# %%
cross_validated = {}
for feature_set in FEATURE_SETS:
    cv = Folds.of(feature_set, films, folds, seed)
    scores = {
        name: cv.score(model, log_revenue, SCORING)
        for name, model in (baselines() | tuned[feature_set]).items()
    }
    cross_validated[feature_set] = {
        name: {
            "r2": score["r2"].mean(),
            "r2_std": score["r2"].std(),
            "rmse": -score["rmse"].mean(),
        }
        for name, score in scores.items()
    }
    cross_validated[feature_set]["selected"] = cross_validated[feature_set][selected[feature_set]]
pd.DataFrame(
    {
        feature_set: {name: f"{s['r2']:.3f} ± {s['r2_std']:.3f}" for name, s in scores.items()}
        for feature_set, scores in cross_validated.items()
    }
)

# %% [markdown]
# ## Held-out films
#
# Each model is fitted on a split's training films and scored on its test films, beside two baselines:
# the training median, and a straight line in log budget alone.


# %%
held_out, predictions, seconds, temporal = {}, {}, [], {}
for split in SPLITS:
    train = (films[f"split_{split}"] == "train").to_numpy()
    test = ~train
    held_out[split] = {}
    for feature_set in FEATURE_SETS:
        X_test = films.loc[test, input_columns(feature_set, films)]
        predicted = {}
        for name, model in (baselines() | tuned[feature_set]).items():
            start = perf_counter()
            pipeline = fit_films(feature_set, films[train], clone(model))
            middle = perf_counter()
            predicted[name] = pipeline.predict(X_test)
            seconds.append((split, feature_set, name, middle - start, perf_counter() - middle))
            if split == "temporal" and name == selected[feature_set]:
                temporal[feature_set] = pipeline
        predicted["selected"] = predicted[selected[feature_set]]
        predictions[split, feature_set] = predicted
        held_out[split][feature_set] = {
            name: revenue_scores(log_revenue[test], values) for name, values in predicted.items()
        }

results = pd.DataFrame(
    [
        {"split": split, "feature_set": feature_set, "model": name, **scores}
        for split, by_set in held_out.items()
        for feature_set, by_model in by_set.items()
        for name, scores in by_model.items()
    ]
)
save_table("regress", "held_out", results)
results.pivot_table(
    index="model", columns=["split", "feature_set"], values="r2", sort=False
).style.format("{:.3f}")

# %%
shown = results[~results["model"].isin(["baseline", "selected"])]
grid = sns.catplot(
    shown,
    kind="bar",
    x="r2",
    y="model",
    hue="feature_set",
    col="split",
    height=4,
    aspect=1.2,
)
grid.set_axis_labels("R² on log revenue, held-out films", "")
for axis, split in zip(grid.axes.flat, SPLITS, strict=True):
    axis.set_title(f"{split} split")
    axis.set_xlim(left=min(0.0, shown["r2"].min()))
save_plot("regress", "r2", grid.figure)

# %% [markdown]
# All scores of the selected models, on the latest films: on log revenue (natural log units) and in
# USD. The interval of R² is a bootstrap over the test films. In USD a few blockbusters decide, and a
# straight line in raw votes (the classic `linear`) overshoots without bound, which the table of all
# scores shows as it is.

# %%
r2_95 = {
    feature_set: r2_interval(
        log_revenue[test], predictions["temporal", feature_set]["selected"], seed
    )
    for feature_set in FEATURE_SETS
}
pd.DataFrame(
    {
        feature_set: held_out["temporal"][feature_set]["selected"]
        | {f"r2 {end}, 95 %": value for end, value in r2_95[feature_set].items()}
        for feature_set in FEATURE_SETS
    }
).T.style.format("{:.3f}").format("${:,.0f}", subset=["usd_mae"])

# %% [markdown]
# Training and prediction took (seconds, one thread, in this run):

# %% tags=["timing"]
pd.DataFrame(
    seconds, columns=["split", "feature set", "model", "training", "prediction"]
).pivot_table(index="model", columns="feature set", values=["training", "prediction"]).round(3)

# %% [markdown]
# ## Predicted against actual
#
# The selected model before release, on the latest films. Nominal log10 USD; the line is a perfect
# forecast.

# %%
test = (films["split_temporal"] == "test").to_numpy()
predicted = predictions["temporal", "pre_release"]["selected"]
scatter = pd.DataFrame(
    {
        "actual": log_revenue[test] / np.log(10),
        "predicted": predicted / np.log(10),
        "title": films.loc[test, "title"].to_numpy(),
    }
)
save_plot_data("regress", "predicted_actual", scatter[["actual", "predicted"]])
figure, axis = plt.subplots(figsize=(5.6, 5.2))
axis.scatter(scatter["actual"], scatter["predicted"], s=12, alpha=0.6)
ends = [scatter[["actual", "predicted"]].min().min(), scatter[["actual", "predicted"]].max().max()]
axis.plot(ends, ends, color="k", linewidth=1)
axis.set(xlabel="actual log10 revenue", ylabel="predicted log10 revenue")
save_plot("regress", "predicted_actual", figure)

# %% [markdown]
# ## What the models use
#
# Two views of the pre-release set. *Impurity* importance: how much a forest's and XGBoost's splits
# gain by a feature while training. *Permutation* importance: how much R² on the held-out latest
# films falls when the feature is shuffled; features that say the same (three of them speak of the
# budget) share what they would lose together.

# %%
train = ~test
trees = {
    name: fit_films("pre_release", films[train], clone(tuned["pre_release"][name]))
    for name in ("random_forest", "xgboost")
}
feature_names = trees["random_forest"][0].get_feature_names_out()
impurity = pd.DataFrame(
    {name: pipeline[-1].feature_importances_ for name, pipeline in trees.items()},
    index=feature_names,
)

pipeline = temporal["pre_release"]
features = pipeline[0].transform(films.loc[test, input_columns("pre_release", films)])
permuted = permutation_importance(
    pipeline[1:],
    features,
    log_revenue[test],
    scoring="r2",
    n_repeats=5,
    random_state=seed,
    n_jobs=-1,
)
importance = impurity.assign(
    permutation=permuted.importances_mean, permutation_std=permuted.importances_std
).sort_values("permutation", ascending=False)
save_table("regress", "importance", importance.rename_axis("feature"), index=True)

figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
top = importance.head(15)[::-1]
axes[0].barh(top.index, top["permutation"], xerr=top["permutation_std"])
axes[0].set(xlabel=f"fall of R² when shuffled ({selected['pre_release']})")
top = impurity.mean(axis=1).nlargest(15)[::-1]
impurity.loc[top.index].plot.barh(ax=axes[1])
axes[1].set(xlabel="impurity importance", ylabel="")
save_plot("regress", "importance", figure)

# %% [markdown]
# ## Intervals
#
# A forecast without an interval is half a forecast. Residuals of the training films, each from a
# model that did not see the film, give the ends; how many of the latest films lie between them is
# then counted, also by quarter of the forecast: one pair of ends serves all films, so it holds too few
# of the small films and too many of the large ones. The width is in natural log units; as a factor,
# the upper end over the lower.

# %%
intervals = {}
for feature_set in FEATURE_SETS:
    model = tuned[feature_set][selected[feature_set]]
    cv = Folds.of(feature_set, films[train], folds, seed)
    residuals = log_revenue[train] - cv.predict(model, log_revenue[train])
    lower, upper = residual_quantiles(residuals, coverage)
    predicted = predictions["temporal", feature_set]["selected"]
    intervals[feature_set] = {
        "nominal": coverage,
        **interval_scores(log_revenue[test], predicted, lower, upper),
        "lower": lower,
        "upper": upper,
    }
pd.DataFrame(
    {
        feature_set: {
            **{name: value for name, value in interval.items() if name != "coverage_by_quartile"},
            "factor": np.exp(interval["width"]),
            **interval["coverage_by_quartile"],
        }
        for feature_set, interval in intervals.items()
    }
).T.round(3)

# %%
figure, axis = plt.subplots(figsize=(9, 4))
order = np.argsort(predictions["temporal", "pre_release"]["selected"])
middle = predictions["temporal", "pre_release"]["selected"][order] / np.log(10)
ends = [intervals["pre_release"][end] / np.log(10) for end in ("lower", "upper")]
rank = np.arange(len(middle))
axis.fill_between(
    rank, middle + ends[0], middle + ends[1], alpha=0.25, label=f"{coverage:.0%} interval"
)
axis.plot(rank, middle, label="forecast")
axis.scatter(rank, log_revenue[test][order] / np.log(10), s=6, color="k", label="actual")
axis.set(xlabel="latest films, ordered by forecast", ylabel="log10 revenue, USD")
axis.legend(loc="lower right")
save_plot("regress", "intervals", figure)

# %% [markdown]
# ## Export
#
# The exported models are those whose figures are reported: the selected ones, fitted on the temporal
# split's training films. The ONNX file takes the features in the card's order. `history.parquet`
# holds the training films from which track records and the market are computed, and `names.parquet`
# who is meant by a name: the one with most of these films, where several bear it. The card of the
# model that needs the two has their SHA-256 sums.

# %%
history = films.loc[train, ["id", "title", *track_record_inputs(films), "log_revenue"]]
with replacing(paths.MODELS / "history.parquet") as path:
    history.to_parquet(path, index=False)
names = known_names(
    history,
    pd.read_parquet(paths.PROCESSED / "people.parquet"),
    pd.read_parquet(paths.PROCESSED / "companies.parquet"),
)
with replacing(paths.MODELS / "names.parquet") as path:
    names.to_parquet(path, index=False)

for feature_set, files in (("classic", []), ("pre_release", ["history.parquet", "names.parquet"])):
    pipeline = temporal[feature_set]
    export_model(
        f"revenue_{feature_set}",
        pipeline[1:],
        pipeline[0].transform(films.loc[train, input_columns(feature_set, films)]),
        film_card(
            feature_set,
            films[train],
            target="log_revenue: natural log of 1 + worldwide revenue in nominal USD",
            source=source,
            selected=selected[feature_set],
            metrics={"temporal": held_out["temporal"][feature_set]["selected"]},
            interval=intervals[feature_set],
            files={name: pooch.file_hash(paths.MODELS / name) for name in files},
        ),
    )

# %% [markdown]
# ## A new film
#
# The latest film of the test set, as if it had not been released yet.

# %%
newest = films[test].iloc[[-1]]
forecast = temporal["pre_release"].predict(newest[input_columns("pre_release", films)])[0]
low, high = (np.expm1(forecast + intervals["pre_release"][end]) for end in ("lower", "upper"))
Markdown(
    f"**{newest['title'].item()}** ({newest['release_date'].item():%d %B %Y}, budget "
    f"${newest['budget'].item():,.0f}): forecast ${np.expm1(forecast):,.0f}, {coverage:.0%} interval "
    f"${low:,.0f} to ${high:,.0f}. It earned ${newest['revenue'].item():,.0f}."
)

# %% [markdown]
# ## Conclusion

# %%
write_metrics(
    "regress",
    {
        "source": source,
        "rows": len(films),
        "log_budget_corr": films["log_budget"].corr(films["log_revenue"]),
        "lacking": lacking,
        "selected": selected,
        **held_out,
        "cv": cross_validated,
        "interval": intervals,
        "r2_95": r2_95,
    },
)
best = held_out["temporal"]
Markdown(
    f"On the latest films, the selected model reaches an R² of "
    f"**{best['pre_release']['selected']['r2']:.3f}** on log revenue from what is known before "
    f"release, where the budget alone reaches {best['pre_release']['log_budget']['r2']:.3f}. With "
    f"votes{'' if 'popularity' in lacking else ' and popularity'} it would be "
    f"{best['full']['selected']['r2']:.3f}: that difference is hindsight. The "
    f"{coverage:.0%} interval before release holds "
    f"{intervals['pre_release']['coverage']:.1%} of them, and its upper end is "
    f"{np.exp(intervals['pre_release']['width']):,.0f} times its lower: films remain a gamble."
)
