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
# We forecast a film's revenue from its facts, and we ask twice: once with everything that is known
# *after* the fact (votes and popularity, as many projects do), and once with what a producer knows
# *before* release. The two answers differ, and the difference is hindsight.

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

# %% tags=["plumbing"]
import numpy as np
import pandas as pd
import pooch
import seaborn as sns
from IPython.display import Markdown

from boxoffice import paths, reports
from boxoffice.films.credits import ROLES, known_names
from boxoffice.films.features import FEATURE_SETS
from boxoffice.tabular import plots
from boxoffice.tabular.evaluation import Evaluation, revenue_task
from boxoffice.tabular.pipelines import fit_films, track_record_inputs
from boxoffice.tabular.scores import r2_interval

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
#
# All films whose budget and revenue are known. Revenue spans orders of magnitude, so the models
# predict its natural logarithm. Each feature set has a number of features; a column that the source
# lacks is left out.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet")
films = films[films["usable"]].reset_index(drop=True)
optional = ["popularity", "vote_average", "vote_count", "cast_popularity", "crew_popularity"]
lacking = [name for name in (*optional, *ROLES) if name not in films]
features = {
    feature_set: len(fit_films(feature_set, films, "passthrough")[0].get_feature_names_out())
    for feature_set in FEATURE_SETS
}
pd.Series(features, name="features").to_frame()

# %% tags=["plumbing"]
Markdown(
    f"**What it shows.** {len(films):,} films of `{source}`, released from "
    f"{films['release_date'].min():%Y} to {films['release_date'].max():%Y}. The source lacks "
    f"{', '.join(f'`{name}`' for name in lacking) or 'nothing'}."
)

# %% [markdown]
# ## Method
#
# Five models and an ensemble of three of them compete. Their hyperparameters, and then the winner
# for each feature set, are chosen by R² over shuffled folds. Only films that are training films in
# *both* splits take part, so neither test set has a say. Every fitted step (imputation, scaling,
# track records, the market) sits in one scikit-learn `Pipeline` and sees training films only.

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
evaluation = Evaluation(revenue_task(grids, seed), films, folds, seed)
selection = evaluation.select()
pd.DataFrame(selection.scores).style.format("{:.3f}").highlight_max(props="font-weight: bold")

# %% [markdown]
# What the searches chose:

# %%
chosen = selection.chosen(grids)
chosen.pivot(index="model", columns="feature_set", values="chosen")[list(FEATURE_SETS)].style

# %% [markdown]
# With these choices fixed, we score every model over folds of *all* films. Nothing is chosen by
# this table (mean R² ± standard deviation over the folds); since every film is a test film once, it
# depends least on luck.

# %%
cross_validated = evaluation.cross_validate(selection, baselines=True)
pd.DataFrame(cross_validated).map(lambda scores: f"{scores['r2']:.3f} ± {scores['r2_std']:.3f}")

# %% [markdown]
# ## Which model forecasts best?
#
# Each model is fitted on the training films of a split and scored on its test films, once at random
# and once on the latest films. The two baselines are the training median and a straight line in log
# budget.

# %%
held_out = evaluation.score_held_out(selection)
results = held_out.table()
figure = plots.score_bars(
    results, "r2", "R² on log revenue", "How well revenue is forecast, by model and feature set"
)
reports.save_plot("regress", "r2", figure)

# %% tags=["plumbing"]
latest = held_out.scores["temporal"]
before = latest["pre_release"]
Markdown(
    f"**What it shows.** Before release, the selected model "
    f"({selection.selected['pre_release'].replace('_', ' ')}) reaches an R² of "
    f"{before['selected']['r2']:.3f} on the latest films, and "
    f"{held_out.scores['random']['pre_release']['selected']['r2']:.3f} on films held out at random. "
    f"The budget alone reaches {before['log_budget']['r2']:.3f} on the latest films. Votes lift the "
    f"R² to {latest['full']['selected']['r2']:.3f}, but nobody has them before release."
)

# %% [markdown]
# All scores of the selected models on the latest films, in natural log units and in USD. The
# interval of R² is a bootstrap over the test films. In USD a few blockbusters decide.

# %%
test = films[evaluation.latest()]
y_true = test["log_revenue"].to_numpy()
forecasts = {s: held_out.predictions["temporal", s]["selected"] for s in FEATURE_SETS}
r2_95 = {s: r2_interval(y_true, forecasts[s], seed) for s in FEATURE_SETS}
pd.DataFrame({s: latest[s]["selected"] for s in FEATURE_SETS}).T.assign(
    r2_95=[f"{low:.3f} to {high:.3f}" for low, high in (r2_95[s].values() for s in FEATURE_SETS)]
).style.format("{:.3f}", subset=["r2", "rmse", "mae", "usd_r2"]).format(
    "${:,.0f}", subset=["usd_mae"]
)

# %% [markdown]
# Fitting and predicting took (seconds, one thread, in this run):

# %% tags=["timing"]
held_out.seconds.pivot_table(
    index="model", columns="feature set", values=["training", "prediction"]
).round(3)

# %% [markdown]
# ## How far off are the forecasts?
#
# The selected model before release, on the latest films. On the line, the forecast is perfect.

# %%
points = pd.DataFrame({"actual": y_true, "predicted": forecasts["pre_release"]}) / np.log(10)
figure = plots.predicted_actual(points, "Latest films, forecast before release")
reports.save_plot("regress", "predicted_actual", figure)

# %% tags=["plumbing"]
error = forecasts["pre_release"] - y_true
worst = int(np.abs(error).argmax())
Markdown(
    f"**What it shows.** Half of the forecasts are within a factor of "
    f"{np.exp(np.median(np.abs(error))):.1f} of the revenue, and "
    f"{np.mean(np.abs(error) < np.log(10)):.0%} within a factor of 10. The median forecast is "
    f"{np.exp(np.median(error)):.2f} times the revenue. The largest miss is "
    f"*{test['title'].iloc[worst]}*: \\${np.expm1(forecasts['pre_release'][worst]):,.0f} forecast, "
    f"\\${test['revenue'].iloc[worst]:,.0f} earned."
)

# %% [markdown]
# ## What do the models use?
#
# Two views of the features known before release. *Permutation* importance: how much R² on the
# latest films falls when a feature is shuffled; features that say the same, such as the three about
# the budget, share what they would lose together. *Impurity* importance: how much the splits of two
# tree models gain by a feature in training.

# %%
importance = evaluation.importance(
    selection, held_out, "pre_release", trees=("random_forest", "xgboost")
)
reports.save_plot("regress", "importance", plots.importances(importance))

# %% tags=["plumbing"]
first, second, third = importance.index[:3]
Markdown(
    f"**What it shows.** `{first}` matters most: shuffling it costs "
    f"{importance['permutation'].iloc[0]:.3f} of R², followed by `{second}` and `{third}`. "
    f"{(importance['permutation'] < 0.001).sum()} of {len(importance)} features cost less than "
    "0.001 each."
)

# %% [markdown]
# ## How sure is a forecast?
#
# A forecast without an interval is half a forecast. The ends come from the errors on training films
# by models that did not see the film. We then count how many of the latest films lie between them,
# in all and by quarter of the forecast.

# %%
intervals = evaluation.intervals(selection, held_out, coverage)
interval = intervals["pre_release"]
figure = plots.forecast_intervals(y_true, forecasts["pre_release"], interval)
reports.save_plot("regress", "intervals", figure)

# %% tags=["plumbing"]
quarters = interval["coverage_by_quartile"]
Markdown(
    f"**What it shows.** The {coverage:.0%} interval holds {interval['coverage']:.1%} of the latest "
    f"films: {quarters['q1']:.1%} of the quarter with the lowest forecasts and "
    f"{quarters['q4']:.1%} of that with the highest, because one pair of ends serves all films. Its "
    f"upper end is {np.exp(interval['width']):,.0f} times its lower end."
)

# %% [markdown]
# ## A new film
#
# The latest film of the test set, as if it had not been released yet.

# %% tags=["plumbing"]
newest, forecast = test.iloc[-1], forecasts["pre_release"][-1]
low, high = (np.expm1(forecast + interval[end]) for end in ("lower", "upper"))
Markdown(
    f"**{newest['title']}** ({newest['release_date']:%d %B %Y}, budget \\${newest['budget']:,.0f}): "
    f"forecast \\${np.expm1(forecast):,.0f}, {coverage:.0%} interval \\${low:,.0f} to \\${high:,.0f}. It "
    f"earned \\${newest['revenue']:,.0f}."
)

# %% [markdown]
# ## Export
#
# The exported models are the measured ones: the selected models, fitted on the temporal split's
# training films. `history.parquet` holds these films, from which track records and the market are
# computed, and `names.parquet` tells which person or company is meant by a name.

# %% tags=["plumbing"]
train = films[~evaluation.latest()]
compared = [name for name in ("genres", "certificate") if name in train]
history = train[["id", "title", *track_record_inputs(films), "log_revenue", *compared]]
people, companies = (
    pd.read_parquet(paths.PROCESSED / name) for name in ("people.parquet", "companies.parquet")
)
reports.write_parquet(paths.MODELS / "history.parquet", history)
reports.write_parquet(paths.MODELS / "names.parquet", known_names(history, people, companies))
files = {
    name: pooch.file_hash(paths.MODELS / name) for name in ("history.parquet", "names.parquet")
}
evaluation.export(
    selection,
    held_out,
    source,
    classic={"interval": intervals["classic"], "files": {}},
    pre_release={"interval": intervals["pre_release"], "files": files},
)
reports.save_table("regress", "chosen", chosen)
reports.save_table("regress", "held_out", results)
reports.save_table("regress", "importance", importance, index=True)
reports.save_plot_data("regress", "predicted_actual", points)
reports.write_metrics(
    "regress",
    {
        "source": source,
        "rows": len(films),
        "log_budget_corr": films["log_budget"].corr(films["log_revenue"]),
        "lacking": lacking,
        "selected": selection.selected,
        **held_out.scores,
        "cv": cross_validated,
        "interval": intervals,
        "r2_95": r2_95,
    },
)

# %% [markdown]
# ## Conclusion

# %% tags=["plumbing"]
Markdown(
    f"From what is known before release, the selected model explains "
    f"**{before['selected']['r2']:.0%}** of the variance of log revenue among the latest films, "
    f"where the budget alone explains {before['log_budget']['r2']:.0%}. With "
    f"votes{'' if 'popularity' in lacking else ' and popularity'} it would be "
    f"{latest['full']['selected']['r2']:.0%}: that difference is hindsight. Half of the forecasts are "
    f"off by more than a factor of {np.exp(np.median(np.abs(error))):.1f}, and the {coverage:.0%} "
    f"interval spans a factor of {np.exp(interval['width']):,.0f}: films remain a gamble."
)
