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
# # Classify: will a film succeed, and will it be a hit?
#
# Two yes/no questions. **Success**: will a film earn more than 1.5 times its budget? **Hit**: will
# its audience's engagement make it one, asked of the assignment's 15 films, of synthetic films made
# in their pattern, and of real films through proxies.
#
# Most films succeed, so always saying yes scores a high F1. We therefore compare models by the area
# under the ROC curve (AUC: 0.5 is chance), and look at the Brier score and at each class's recall.

# %% tags=["parameters"]
source = "open_films"
seed = 42
folds = 5
logistic_c = [0.001, 0.01, 0.1, 1, 10, 100]
tree_max_depth = [3, 4, 6]
tree_min_samples_leaf = [10, 30]
xgb_learning_rate = [0.06, 0.12]
xgb_n_estimators = [75, 300]
xgb_max_depth = [2, 3]
hit_test_size = 0.2
hit_folds = 3
hit_logistic_c = [0.1, 1, 10]
hit_max_depth = [2, 4]
hit_k_min = 2
hit_k_max = 10

# %% tags=["plumbing"]
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from sklearn.metrics import roc_curve

from boxoffice.audience import hits, segments
from boxoffice.audience.engagement import FEATURES, read_engagement
from boxoffice.core import paths, reports
from boxoffice.films.features import FEATURE_SETS
from boxoffice.tabular import plots
from boxoffice.tabular.evaluation import Evaluation, success_task
from boxoffice.tabular.export import export_model
from boxoffice.tabular.selection import as_list

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# # Success
#
# ## Method
#
# The same films, feature sets, splits and rules as in `regress`. Hyperparameters and the selected
# model are chosen by the mean AUC over rolling origins (learn from the past, forecast what comes
# next), on films that are training films in both splits.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet")
films = films[films["usable"]].reset_index(drop=True)
grids = {
    "logistic_regression": {"logisticregression__C": logistic_c},
    "decision_tree": {
        "max_depth": tree_max_depth,
        "min_samples_leaf": tree_min_samples_leaf,
    },
    "xgboost": {
        "learning_rate": xgb_learning_rate,
        "n_estimators": xgb_n_estimators,
        "max_depth": xgb_max_depth,
    },
}
evaluation = Evaluation(success_task(grids, seed), films, folds, seed)
selection = evaluation.select()
pd.DataFrame(selection.scores).style.format("{:.3f}").highlight_max(props="font-weight: bold")

# %% [markdown]
# What the searches chose, and then, with these choices fixed, the mean AUC ± standard deviation over
# folds of all films:

# %%
chosen = selection.chosen(grids)
chosen.pivot(index="model", columns="feature_set", values="chosen")[list(FEATURE_SETS)].style

# %%
cross_validated = evaluation.cross_validate(selection)
pd.DataFrame(cross_validated).map(
    lambda scores: f"{scores['roc_auc']:.3f} ± {scores['roc_auc_std']:.3f}"
)

# %% [markdown]
# ## Which model tells successes best?
#
# Each model is fitted on the training films of a split and scored on its test films. `log_budget` is
# a logistic regression on the budget alone; the training films' success rate, the other baseline,
# has an AUC of 0.5.

# %%
held_out = evaluation.score_held_out(selection)
results = held_out.table()
figure = plots.score_bars(
    results, "roc_auc", "AUC (chance: 0.5)", "How well success is told, by model and feature set"
)
reports.save_plot("classify", "success_auc", figure)

# %% tags=["plumbing"]
latest = held_out.scores["temporal"]
before = latest["pre_release"]
weak = ", worse than chance, as what it told before doesn't hold for the latest films"
Markdown(
    f"**What it shows.** Before release, the selected model "
    f"({selection.selected['pre_release'].replace('_', ' ')}) reaches an AUC of "
    f"{before['selected']['roc_auc']:.3f} on the latest films, and the budget alone "
    f"{before['log_budget']['roc_auc']:.3f}{weak * (before['log_budget']['roc_auc'] < 0.5)}. With "
    f"votes, it would be {latest['full']['selected']['roc_auc']:.3f}: that is hindsight."
)

# %%
pd.DataFrame(before).T.style.format("{:.3f}").set_caption("Latest films, before release")

# %% tags=["timing"]
held_out.seconds.pivot_table(
    index="model", columns="feature set", values=["training", "prediction"]
).round(3)

# %% [markdown]
# ## What kind of errors does it make?
#
# The selected models on the latest films. The confusion matrix and the calibration curve are those
# of the model before release.

# %%
test = films[evaluation.latest()]
succeeded = test["success"].to_numpy()
probability = {s: held_out.predictions["temporal", s]["selected"] for s in FEATURE_SETS}
figure = plots.decisions(succeeded, probability, shown="pre_release")
reports.save_plot("classify", "success", figure)

# %% tags=["plumbing"]
own = before["selected"]
Markdown(
    f"**What it shows.** The model finds {own['recall_1']:.0%} of the successes and "
    f"{own['recall_0']:.0%} of the others. On average it says {probability['pre_release'].mean():.0%} "
    f"where {succeeded.mean():.0%} succeeded, and its Brier score is {own['brier']:.3f} against "
    f"{before['baseline']['brier']:.3f} for the training success rate. Always saying yes would score "
    f"an F1 of {before['baseline']['f1']:.3f} against {own['f1']:.3f}, which is why F1 alone says "
    f"little."
)

# %% [markdown]
# ## A new film
#
# The latest film of the test set, as if it had not been released yet.

# %% tags=["plumbing"]
newest = test.iloc[-1]
Markdown(
    f"**{newest['title']}** ({newest['release_date']:%d %B %Y}, budget \\${newest['budget']:,.0f}): "
    f"probability of success {probability['pre_release'][-1]:.0%}. It "
    f"{'succeeded' if newest['success'] else 'did not succeed'}."
)

# %% [markdown]
# # Hit
#
# ## Method
#
# Three tables of films, each with its own models, tuned by log loss over stratified folds:
#
# - **original**: the assignment's 15 films. A test set of a fifth has three films, so leave-one-out
#   stands beside it, with the search repeated without each film.
# - **synthetic**: films made in their pattern, described by the four measured features, engagement,
#   popularity and the segment; scaling and clustering are fitted on the training part. The 15
#   originals are an external test: none was used for training, though the films were made from them.
# - **real films**: the proxies that `preprocess` made, split by release date. Votes come after
#   release, so this explains and does not predict. A source without votes has none of these.

# %%
original = read_engagement(paths.RAW / "assignment" / "movies.csv")
synthetic = read_engagement(paths.SYNTHETIC / "movies.csv")
proxies = pd.read_parquet(paths.PROCESSED / "engagement.parquet").merge(
    films[["id", "title", "split_temporal"]], left_on="movie_id", right_on="id", validate="1:1"
)
parts = {
    "original": hits.split(original, hit_test_size, seed),
    "synthetic": hits.split(synthetic, hit_test_size, seed),
}
if len(proxies):
    parts["tmdb"] = tuple(proxies[proxies["split_temporal"] == part] for part in ("train", "test"))
X = segments.scaled(parts["synthetic"][0])
k = segments.choose_k(X, list(range(hit_k_min, hit_k_max + 1)), seed).chosen
models = {
    "original": hits.original_models(seed),
    "synthetic": hits.synthetic_models(k, seed),
    "tmdb": hits.film_models(seed, hit_folds),
}

# %% [markdown]
# What the searches chose, by cross-validated log loss:

# %%
hit_grids = {
    "logistic_regression": {"model__C": as_list(hit_logistic_c)},
    "random_forest": {"model__max_depth": as_list(hit_max_depth)},
    "xgboost": {"model__max_depth": as_list(hit_max_depth)},
}
searches, hit_scores = {}, {}
for name, (train, test_part) in parts.items():
    searches[name] = hits.search(models[name], hit_grids, train, hit_folds, seed)
    hit_scores[name] = hits.score_all(searches[name], train, test_part)
left_out = hits.leave_one_out(models["original"], hit_grids, original, hit_folds, seed)
hit_scores["original"] |= {f"{name}_leave_one_out": scores for name, scores in left_out.items()}
pd.concat({name: hits.cv_table(found) for name, found in searches.items()}).style.hide(
    level=1
).format({"cv_log_loss": "{:.3f}"})

# %% [markdown]
# ## How well are hits told, and what does that prove?

# %%
hit_selected = hits.selected(searches["synthetic"])
hit_model = searches["synthetic"][hit_selected].best_estimator_
external = hits.score(hit_model, original)
figure, axes = plt.subplots(1, len(parts), figsize=(13, 3.6), layout="constrained")
titles = ("15 original films", f"{len(synthetic):,} synthetic films", "Real films, by proxies")
for axis, scores, title in zip(axes, hit_scores.values(), titles[: len(parts)], strict=True):
    auc = pd.DataFrame(scores).T["roc_auc"].drop("selected")[::-1]
    axis.barh(auc.index.str.replace("_", " "), auc)
    axis.axvline(0.5, color="k", linestyle="--")
    axis.set(title=title, xlabel="AUC, held-out films (dashed: chance)", xlim=(0, 1))
reports.save_plot("classify", "hit_auc", figure)

# %% tags=["plumbing"]
n_test = len(parts["original"][1])
Markdown(
    f"**What it shows.** On {n_test} original test films, an accuracy can only be a multiple of "
    f"{1 / n_test:.0%}: a perfect score there can't show that a model is better than one that errs on "
    f"a fifth of all films. The 15 were written so that hits and misses do not overlap, so "
    f"leave-one-out can't show it either. On synthetic films, the AUC of "
    f"{hit_scores['synthetic']['selected']['roc_auc']:.3f} and the {external['accuracy']:.0%} "
    f"accuracy on the 15 originals show consistency with how the films were made. "
    + (
        f"On real films, proxies reach {hit_scores['tmdb']['selected']['roc_auc']:.3f}."
        if "tmdb" in parts
        else "This source has no votes, so real films have no proxies."
    )
)

# %%
selected_scores = {name: scores["selected"] for name, scores in hit_scores.items()}
pd.DataFrame(selected_scores | {"synthetic, on the originals": external}).T.style.format("{:.3f}")

# %% [markdown]
# ## Two new films

# %% tags=["plumbing"]
new_film = {"avg_watch_time": 100, "completion_rate": 0.8, "ratings_count": 5000, "avg_rating": 4.2}
newest_proxies = parts["tmdb"][1].iloc[-1] if "tmdb" in parts else None
chance = {
    name: found[hits.selected(found)].predict_proba(
        [[(newest_proxies if name == "tmdb" else new_film)[feature] for feature in FEATURES]]
    )[0, 1]
    for name, found in searches.items()
}
Markdown(
    f"A film with {', '.join(f'{name} {value:g}' for name, value in new_film.items())}: probability "
    f"of a hit {chance['original']:.0%} by the model of the originals, {chance['synthetic']:.0%} by "
    f"that of the synthetic films."
    + (
        f"\n\n*{newest_proxies['title']}*, by its proxies: {chance['tmdb']:.0%}; it was "
        f"{'a hit' if newest_proxies['hit'] else 'no hit'}."
        if "tmdb" in parts
        else ""
    )
)

# %% [markdown]
# # Export

# %% tags=["plumbing"]
evaluation.export(selection, held_out, source)
export_model(
    "hit",
    hit_model,
    parts["synthetic"][0][FEATURES],
    {
        "target": "probability of a hit (second column of probabilities)",
        "source": "synthetic films made in the pattern of the assignment's 15",
        "selected": hit_selected,
        "row_filter": "none",
        "training_rows": len(parts["synthetic"][0]),
        "metrics": {"synthetic": hit_scores["synthetic"]["selected"], "external": external},
        "not_for": ["says nothing of real films: it was trained on synthetic ones"],
    },
)
by_film = [
    pd.DataFrame(
        {
            "feature_set": name,
            "id": test["id"],
            "actual": succeeded.astype(int),
            "predicted": probability[name],
        }
    )
    for name in ("classic", "pre_release")
]
reports.save_table("classify", "latest", pd.concat(by_film))
reports.save_table("classify", "success_chosen", chosen)
reports.save_table("classify", "success_held_out", results)
decisions = {"actual": succeeded, "predicted": probability["pre_release"] >= 0.5}
decisions = pd.DataFrame(decisions).replace({False: "no success", True: "success"})
reports.save_plot_data("classify", "success_confusion", decisions)
false_positive, true_positive, _ = roc_curve(succeeded, probability["pre_release"])
curve = {"false_positive_rate": false_positive, "true_positive_rate": true_positive}
reports.save_plot_data("classify", "success_roc", pd.DataFrame(curve))
reports.write_metrics(
    "classify",
    {
        "source": source,
        "rows": len(films),
        "selected": {**selection.selected, "hit": hit_selected},
        "success": {**held_out.scores, "cv": cross_validated},
        "hit": {
            "original": hit_scores["original"],
            "synthetic": hit_scores["synthetic"],
            "external": external,
            **({"tmdb": hit_scores["tmdb"]} if "tmdb" in parts else {}),
        },
    },
)

# %% [markdown]
# # Conclusion

# %% tags=["plumbing"]
Markdown(
    f"What is known before release ranks the latest films with an AUC of "
    f"**{own['roc_auc']:.3f}**, where chance is 0.5 and votes, which come later, give "
    f"{latest['full']['selected']['roc_auc']:.3f}. A model of hits learned from synthetic films "
    f"scores {hit_scores['synthetic']['selected']['roc_auc']:.3f} on others of their kind: that is no "
    f"evidence about real audiences."
)
