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
# *before* release. The two answers differ, and the difference is hindsight. Then we ask what a
# producer asks: how well would a model have forecast films that were still years ahead?

# %% tags=["parameters"]
source = "open_films"
seed = 42
folds = 5
linear_alpha = [10, 100, 200, 1000]
n_estimators = [100, 200]
max_depth = [10, None]
min_samples_split = [2, 10]
gb_learning_rate = [0.05, 0.1]
gb_n_estimators = [100, 200]
gb_max_depth = [3]
xgb_learning_rate = [0.02, 0.08]
xgb_n_estimators = [150, 600]
xgb_max_depth = [3, 4]
backtest_from = 1995
coverage = 0.9

# %% tags=["plumbing"]
import numpy as np
import pandas as pd
import pooch
import seaborn as sns
from IPython.display import Markdown

from boxoffice.core import paths, reports
from boxoffice.films.credits import ROLES
from boxoffice.films.features import FEATURE_SETS, as_stated
from boxoffice.films.history import FILES, TRAINING_FEATURES, write_history
from boxoffice.films.money import log_prices
from boxoffice.films.splits import training_rows_of_both
from boxoffice.tabular import backtest, plots
from boxoffice.tabular.evaluation import Evaluation, revenue_task
from boxoffice.tabular.feature_selection import restricted, survivors
from boxoffice.tabular.intervals import interval_scores
from boxoffice.tabular.pipelines import fit_films, training_features
from boxoffice.tabular.scores import r2_interval

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
#
# All films whose budget and revenue are known. Revenue spans orders of magnitude, so the models
# predict its natural logarithm; amounts are in dollars of one month, as a dollar of 1980 is not one
# of today. Each feature set has a number of features; a column that the source lacks is left out.

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
# for each feature set, are chosen by R² over *rolling origins*: learn from the past, forecast what
# comes next, for that is what they are for. Only films that are training films in *both* splits take
# part, so neither test set has a say. Every fitted step (imputation, scaling, track records, the
# market) sits in one scikit-learn `Pipeline` and sees training films only.
#
# A larger budget must not mean less revenue, all else equal: the trees are grown under that
# constraint. Trees alone say the same for all budgets beyond those they saw, so every model of trees
# has a *tail*: above most training budgets its forecast grows at least in proportion to the budget.
# Two rules bar models that compete from being selected. Gradient boosting can't be grown under the
# constraint. And before release no model of trees alone is selected: what they learned holds for the
# years that they saw, and far ahead they fall behind large films, which the ensemble's straight line
# follows.

# %%
grids = {
    "linear": {"ridge__alpha": linear_alpha},
    "random_forest": {
        "regressor__n_estimators": n_estimators,
        "regressor__max_depth": max_depth,
        "regressor__min_samples_split": min_samples_split,
    },
    "extra_trees": {},
    "gradient_boosting": {
        "regressor__learning_rate": gb_learning_rate,
        "regressor__n_estimators": gb_n_estimators,
        "regressor__max_depth": gb_max_depth,
    },
    "xgboost": {
        "regressor__learning_rate": xgb_learning_rate,
        "regressor__n_estimators": xgb_n_estimators,
        "regressor__max_depth": xgb_max_depth,
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
# ## How well would films have been forecast, years ahead?
#
# The backtest: on the first day of each year we learn from every film released before, and forecast
# the films of that year and of the nine that follow. A *frozen* model knows nothing later. An
# *updated* one has learned on that day, too, but knows until each film's release what its people and
# the market did. Intervals come from the errors of earlier forecasts alone.

# %%
forecasts_ahead, by_kind, backtests = {}, {}, {kind: {} for kind in backtest.HISTORIES}
for feature_set, name in selection.selected.items():
    model = selection.tuned[feature_set][name]
    made = backtest.backtest(films, feature_set, model, backtest_from)
    if feature_set == "pre_release":
        made = backtest.with_comparables(made, films)
    forecasts_ahead[feature_set] = made
    for kind in backtest.HISTORIES:
        table = backtest.with_earlier_errors(made, films, kind, backtest_from, coverage)
        by_kind[feature_set, kind] = table
        backtests[kind][feature_set] = backtest.horizon_scores(table, coverage)
ahead = [by_kind["pre_release", kind] for kind in backtest.HISTORIES]
reports.save_plot("regress", "backtest", plots.backtest_errors(*ahead))

# %% [markdown]
# Before release, by years ahead; `within_2` is the share of films that earned between half and twice
# the forecast (`_large`: budgets from \$20M on), `largest_ratio` the median of forecast over actual
# for budgets from \$150M on, `total_ratio` all that was expected over all that was earned.

# %%
pd.concat(
    {kind: pd.DataFrame(backtests[kind]["pre_release"]).T for kind in backtest.HISTORIES}
).drop(columns="interval").astype(float).style.format("{:.2f}").format("{:.0f}", subset=["n"])

# %% [markdown]
# The model beside two simple answers: a straight line in the log budget, and what a studio would say,
# the median of the five comparable films (R², and the share within a factor of 2).

# %%
horizons = backtests["frozen"]["pre_release"]
baselines = backtest.baseline_scores(ahead[0])
beside = {"model": horizons} | baselines
pd.concat(
    {
        score: pd.DataFrame(
            {
                which: {name: each[score] for name, each in by.items()}
                for which, by in beside.items()
            }
        )
        for score in ("r2", "within_2")
    },
    axis=1,
).style.format("{:.2f}")

# %% tags=["plumbing"]
first, *_, last = horizons
years_ahead = last.removeprefix("h").replace("_", " to ")
Markdown(
    f"**What it shows.** Of the films of the year that begins, {horizons[first]['within_2']:.0%} earn "
    f"between half and twice the forecast (R² {horizons[first]['r2']:.2f}); of those {years_ahead} "
    f"years ahead, {horizons[last]['within_2']:.0%} (R² {horizons[last]['r2']:.2f}). The budget alone "
    f"reaches an R² of {baselines['log_budget'][first]['r2']:.2f} and "
    f"{baselines['log_budget'][last]['r2']:.2f}, comparable films "
    f"{baselines['comparables'][first]['r2']:.2f} and {baselines['comparables'][last]['r2']:.2f}. The "
    f"mean error {years_ahead} years ahead is {horizons[last]['bias']:+.2f} in natural log, and "
    f"{backtests['updated']['pre_release'][last]['bias']:+.2f} with history up to date."
)

# %% [markdown]
# ## What do the models use?
#
# Two views of the features known before release. *Permutation* importance: how much R² on the
# latest films falls when a feature is shuffled; features that say the same, such as the three about
# the budget, share what they would lose together. *Impurity* importance: how much the splits of two
# tree models gain by a feature in training; the tail of large budgets is no split and doesn't count.

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
# ## Would fewer features do?
#
# Two classic ways to select features, on the training films before release and over rolling origins:
# the LASSO, whose growing penalty drops one feature after the other, and recursive elimination,
# which drops the least useful feature of a ridge regression again and again. Then the selected model
# is backtested with the shorter of the two lists, from every third cut-off.

# %%
found = survivors("pre_release", films[training_rows_of_both(films)], folds)
figure = plots.feature_selection(found.path, found.penalty, found.scores, top=8)
reports.save_plot("regress", "feature_selection", figure)
shorter = min(found.lasso, found.eliminated_to, key=len)
few = restricted(
    selection.tuned["pre_release"][selection.selected["pre_release"]], list(found.path), shorter
)
made = backtest.backtest(films, "pre_release", few, backtest_from, every=3)
few_table = backtest.with_earlier_errors(made, films, "frozen", backtest_from, coverage)
same_cutoffs = ahead[0][ahead[0]["cutoff"].isin(few_table["cutoff"].unique())]
few_scores = {
    "all": backtest.horizon_scores(same_cutoffs, coverage),
    "fewer": backtest.horizon_scores(few_table, coverage),
}
few_r2 = pd.DataFrame(
    {
        which: {name: each["r2"] for name, each in found_scores.items()}
        for which, found_scores in few_scores.items()
    }
)
few_r2

# %% tags=["plumbing"]
loss = (few_r2["all"] - few_r2["fewer"]).mean()
Markdown(
    f"**What it shows.** Of {found.path.shape[1]} features, the LASSO keeps {len(found.lasso)} and "
    f"elimination {len(found.eliminated_to)}. With the {len(shorter)} of the shorter list, the R² of "
    f"the backtest {'falls' if loss > 0 else 'rises'} by {abs(loss):.3f} on average. Dropped: "
    f"{', '.join(f'`{name}`' for name in found.path if name not in shorter)}."
)

# %% [markdown]
# ## How sure is a forecast?
#
# A forecast without an interval is half a forecast. The ends come from the backtest's errors on the
# training films of the last six years, of forecasts at most two years ahead. Small films are harder
# to forecast than large ones, so the errors are taken by size of the forecast (Mondrian). We then
# count how many of the latest films lie between the ends, in all and by quarter of the forecast.

# %%
first_test_day = test["release_date"].min()
released = films["release_date"]
intervals, ends = {}, {}
for feature_set, made in forecasts_ahead.items():
    earlier = made[(released.reindex(made["film"]) < first_test_day).to_numpy()]
    errors = backtest.forecast_errors(earlier, "frozen", coverage)
    ends[feature_set] = errors.interval(forecasts[feature_set])
    intervals[feature_set] = interval_scores(
        y_true, forecasts[feature_set], *ends[feature_set], coverage
    )
interval = intervals["pre_release"]
figure = plots.forecast_intervals(y_true, forecasts["pre_release"], ends["pre_release"], interval)
reports.save_plot("regress", "intervals", figure)

# %% tags=["plumbing"]
quarters = interval["coverage_by_quartile"]
Markdown(
    f"**What it shows.** The {coverage:.0%} interval holds {interval['coverage']:.1%} of the latest "
    f"films: {quarters['q1']:.1%} of the quarter with the lowest forecasts and "
    f"{quarters['q4']:.1%} of that with the highest. Its upper end is, in the (geometric) mean, "
    f"{np.exp(interval['width']):,.0f} times its lower end."
)

# %% [markdown]
# ## A new film
#
# The latest film of the test set, as if it had not been released yet.

# %% tags=["plumbing"]
newest, price = test.iloc[-1], log_prices(test["release_date"].to_numpy())[-1]
low, forecast, high = (
    np.expm1(each[-1] + price)
    for each in (ends["pre_release"][0], forecasts["pre_release"], ends["pre_release"][1])
)
Markdown(
    f"**{newest['title']}** ({newest['release_date']:%d %B %Y}, budget \\${newest['budget']:,.0f}): "
    f"forecast \\${forecast:,.0f}, {coverage:.0%} interval \\${low:,.0f} to \\${high:,.0f}. It "
    f"earned \\${newest['revenue']:,.0f}."
)

# %% [markdown]
# ## Without the repaired amounts
#
# `preprocess` read some amounts as millions. These are the scores of the same models on the amounts
# as the source states them.

# %%
stated = Evaluation(evaluation.task, as_stated(films), folds, seed)
stated_held_out = stated.score_held_out(selection, ("pre_release",))
as_is = {
    "films": int(films["in_millions"].sum()),
    "temporal": stated_held_out.scores["temporal"]["pre_release"]["selected"],
    "temporal_updated": stated.score_updated(stated_held_out)["pre_release"],
    "cv": stated.cross_validate(selection, feature_sets=("pre_release",))["pre_release"][
        "selected"
    ],
}
updated = evaluation.score_updated(held_out)
repaired = {
    "temporal": before["selected"],
    "temporal_updated": updated["pre_release"],
    "cv": cross_validated["pre_release"]["selected"],
}
pd.DataFrame(
    {
        which: {name: scores[name]["r2"] for name in repaired}
        for which, scores in (("as stated", as_is), ("repaired", repaired))
    }
).style.format("{:.3f}").set_caption("R² before release; updated: with history until release")

# %% [markdown]
# ## Export
#
# The exported models are fitted on *all* films by the recipe that was measured above; their cards
# give the backtest's scores. `history.parquet` holds these films, from which track records, the
# market and comparable films are found, and `names.parquet` tells whom a name means.
# `training_features.parquet` is what the models saw of them, to tell later how far other films lie.

# %% tags=["plumbing"]
people, companies = (
    pd.read_parquet(paths.PROCESSED / name) for name in ("people.parquet", "companies.parquet")
)
write_history(films, people, companies, paths.MODELS)
reports.write_parquet(paths.MODELS / TRAINING_FEATURES, training_features(films))
files = {name: pooch.file_hash(paths.MODELS / name) for name in (*FILES, TRAINING_FEATURES)}
cards = {
    feature_set: {
        "interval": backtest.forecast_errors(made, "frozen", coverage).card(),
        "backtest": backtests["frozen"][feature_set],
        "files": files if feature_set == "pre_release" else {},
    }
    for feature_set, made in forecasts_ahead.items()
}
evaluation.export(selection, held_out, source, **cards)
answering = {name: by_kind[name, "frozen"] for name in ("classic", "pre_release")}
ahead_by_film = pd.concat(answering, names=["feature_set"]).reset_index("feature_set")
ahead_by_film["id"] = films["id"].loc[ahead_by_film["film"]].to_numpy()
columns = ["feature_set", "id", "cutoff", "horizon", "actual", "predicted"]
reports.save_table("regress", "backtest", ahead_by_film[columns])
reports.save_table("regress", "chosen", chosen)
reports.save_table("regress", "held_out", results)
reports.save_table("regress", "importance", importance, index=True)
reports.save_table("regress", "lasso_path", found.path, index=True)
reports.save_plot_data("regress", "predicted_actual", points)
reports.write_metrics(
    "regress",
    {
        "source": source,
        "rows": len(films),
        "log_budget_corr": np.log(films["budget"]).corr(np.log(films["revenue"])),
        "lacking": lacking,
        "selected": selection.selected,
        **held_out.scores,
        "temporal_updated": updated,
        "cv": cross_validated,
        "as_is": as_is,
        "backtest": backtests["frozen"],
        "backtest_updated": backtests["updated"],
        "backtest_baselines": baselines,
        "feature_selection": {
            "features": found.path.shape[1],
            "lasso": len(found.lasso),
            "eliminated_to": len(found.eliminated_to),
            "r2": few_r2.to_dict(),
        },
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
