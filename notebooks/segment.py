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
# # Which kinds of film are there?
#
# **Question.** Some films are watched to the end, some are rated by everybody, a few are both.
# Which groups do films fall into by engagement and popularity, and do the groups hold when the
# sample changes? Whether a film was a hit plays no part in the grouping; it is looked up
# afterwards.

# %% tags=["parameters"]
seed = 42
k_original = 2
k_min = 2
k_max = 10
bootstraps = 50

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown
from sklearn.metrics import silhouette_score

from boxoffice.audience import segments
from boxoffice.audience.engagement import FEATURES, TARGET, read_engagement
from boxoffice.paths import RAW, SYNTHETIC
from boxoffice.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.tabular.export import export_model

# %% [markdown]
# ## The data
#
# The assignment's fifteen films, and the synthetic films drawn in their pattern.

# %%
original = read_engagement(RAW / "assignment" / "movies.csv")
synthetic = read_engagement(SYNTHETIC / "movies.csv")
pd.DataFrame(
    {
        "films": [len(original), len(synthetic)],
        "hit rate": [original[TARGET].mean(), synthetic[TARGET].mean()],
    },
    index=["original", "synthetic"],
).round(3)

# %% [markdown]
# ## The method
#
# Each feature is scaled to 0-1 by the range of the films at hand. Then
#
# - engagement = (`avg_watch_time` + `completion_rate`) / 2
# - popularity = 0.7 `ratings_count` + 0.3 `avg_rating`
#
# Both scores are scaled to 0-1 and then to mean 0 and deviation 1, so that neither outweighs the
# other, and K-Means groups the films. A segment is named by where its centroid lies against the
# average film:
#
# | | low popularity | high popularity |
# |---|---|---|
# | **high engagement** | Cult Classics | Blockbusters |
# | **low engagement** | Low Performers | Trending |
#
# Several segments in one quadrant are numbered, the strongest first. Stability is the mean adjusted
# Rand index between these segments and those found again on bootstrap samples: 1 is the same
# grouping every time, 0 is chance.


# %%
def segment(films, k):
    """Fit k segments; return the pipeline and all that is shown of it."""
    X = films[FEATURES].to_numpy(float)
    pipeline = segments.segment_pipeline(k, seed).fit(X)
    labels = pipeline.predict(X)
    scores = segments.scores(pipeline, films)
    centroids = segments.centroids(pipeline)
    limits = segments.thresholds(scores)
    names = segments.name_segments(centroids, limits)
    return pipeline, {
        "labels": labels,
        "scores": scores,
        "centroids": centroids,
        "limits": limits,
        "names": names,
        "table": segments.segment_table(scores, labels, names, films[TARGET]),
        "silhouette": silhouette_score(pipeline[:-1].transform(X), labels),
        "stability": segments.stability(pipeline, films, bootstraps, seed),
    }


def draw(films, found, title):
    """Scatter films by score, coloured by segment, with centroids and thresholds."""
    figure, axis = plt.subplots(figsize=(8.5, 5.6), layout="constrained")
    size = 70 if len(films) < 100 else 14
    for place, name in enumerate(found["table"]["segment"]):
        cluster = found["names"].index(name)
        members = found["labels"] == cluster
        colour = f"C{place}"
        axis.scatter(
            found["scores"].loc[members, "engagement"],
            found["scores"].loc[members, "popularity"],
            s=size,
            alpha=0.6,
            color=colour,
            label=f"{name} ({members.sum()})",
        )
        axis.scatter(
            *found["centroids"].loc[cluster],
            marker="X",
            s=190,
            color=colour,
            edgecolor="black",
            linewidth=1.2,
            zorder=3,
        )
    axis.axvline(found["limits"]["engagement"], color="grey", ls=":")
    axis.axhline(found["limits"]["popularity"], color="grey", ls=":", label="average film")
    axis.set(xlabel="engagement score", ylabel="popularity score", title=title)
    axis.legend(loc="upper left", fontsize=9)
    return figure


# %% [markdown]
# ## The original films

# %%
original_pipeline, original_found = segment(original, k_original)
figure = draw(original, original_found, f"{len(original)} original films, k = {k_original}")
save_plot("segment", "original", figure)

# %%
save_table("segment", "original", original_found["table"])
original_found["table"].round(3)

# %% [markdown]
# ## The synthetic films: how many segments?
#
# Inertia always falls with another cluster; the *elbow*, where it lies farthest below the chord of
# its ends, is where it stops falling fast. The *silhouette* asks whether films lie nearer to their
# own segment than to the next. The two seldom agree, and the silhouette alone favours the coarsest
# cut. The rule: **from the elbow on, the k with the highest silhouette**.

# %%
choice = segments.choose_k(segments.scaled(synthetic), list(range(k_min, k_max + 1)), seed)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
table = choice.table
left.plot(table["k"], table["inertia"], marker="o")
left.plot(
    table["k"].iloc[[0, -1]], table["inertia"].iloc[[0, -1]], color="grey", ls=":", label="chord"
)
left.axvline(choice.elbow, color="tab:red", ls="--", label=f"elbow: k = {choice.elbow}")
left.set(xlabel="k", ylabel="inertia", xticks=table["k"])
left.legend()
right.plot(table["k"], table["silhouette"], marker="o")
right.axvspan(table["k"].iloc[0] - 0.4, choice.elbow - 0.5, color="grey", alpha=0.15)
right.axvline(choice.chosen, color="tab:green", ls="--", label=f"chosen: k = {choice.chosen}")
right.set(xlabel="k (grey: before the elbow)", ylabel="mean silhouette", xticks=table["k"])
right.legend()
save_plot("segment", "choice_of_k", figure)
save_plot_data("segment", "choice_of_k", table)
save_table("segment", "choice_of_k", table)

# %%
table.round(3)

# %% [markdown]
# ## The synthetic films: which segments?

# %%
synthetic_pipeline, synthetic_found = segment(synthetic, choice.chosen)
figure = draw(
    synthetic, synthetic_found, f"{len(synthetic):,} synthetic films, k = {choice.chosen}"
)
save_plot("segment", "synthetic", figure)

# %%
save_table("segment", "synthetic", synthetic_found["table"])
synthetic_found["table"].round(3)

# %% [markdown]
# ## Do they hold?

# %%
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.boxplot(
    [synthetic_found["stability"], original_found["stability"]],
    orientation="horizontal",
    tick_labels=[f"synthetic, k = {choice.chosen}", f"original, k = {k_original}"],
)
axis.set(
    xlabel=f"adjusted Rand index over {bootstraps} bootstrap samples",
    xlim=(min(0, original_found["stability"].min()), 1.05),
)
save_plot("segment", "stability", figure)

# %% [markdown]
# ## The result


# %%
def figures(pipeline, found):
    """Return one grouping's figures for the metrics."""
    described = found["table"].drop(columns="cluster").set_index("segment")
    return {
        "k": len(found["names"]),
        "inertia": pipeline["kmeans"].inertia_,
        "silhouette": found["silhouette"],
        "stability": found["stability"].mean(),
        "threshold": found["limits"].to_dict(),
        "segments": {
            name.lower().replace(" ", "_"): row for name, row in described.to_dict("index").items()
        },
    }


write_metrics(
    "segment",
    {
        "original": figures(original_pipeline, original_found),
        "synthetic": {
            "elbow": choice.elbow,
            "best_silhouette": choice.best_silhouette,
            **figures(synthetic_pipeline, synthetic_found),
        },
    },
)

# %% [markdown]
# ## Export
#
# The synthetic films' segments, for the service. The model answers a cluster's number; the card has
# the names.

# %%
export_model(
    "segments",
    synthetic_pipeline,
    synthetic[FEATURES],
    {
        "target": "label: the number of the segment; scores: distances to the centroids",
        "segments": synthetic_found["names"],
        "scores": dict(zip(segments.SCORES, segments.WEIGHTS.T.tolist(), strict=True)),
        "source": "synthetic films made in the pattern of the assignment's films",
        "row_filter": "none",
        "training_rows": len(synthetic),
        "metrics": {
            "silhouette": synthetic_found["silhouette"],
            "stability": synthetic_found["stability"].mean(),
        },
        "not_for": ["names are relative to the training films; not for ranking real films"],
    },
)

# %%
original_table, synthetic_table = original_found["table"], synthetic_found["table"]
ranked = synthetic_table.sort_values("hit_rate")
worst, best = ranked.iloc[0], ranked.iloc[-1]
Markdown(f"""
## Conclusion

The original films fall into {k_original} segments ({", ".join(original_table["segment"])}), with a
stability of {original_found["stability"].mean():.2f}. For the synthetic films the elbow is at
k = {choice.elbow} and the silhouette alone would take k = {choice.best_silhouette}; the rule takes
**k = {choice.chosen}**, with a silhouette of {synthetic_found["silhouette"]:.2f} and a stability of
{synthetic_found["stability"].mean():.2f}: {", ".join(synthetic_table["segment"])}.

Though `hit` was left out of the grouping, the hit rate runs from {worst["hit_rate"]:.0%} among
{worst["segment"]} to {best["hit_rate"]:.0%} among {best["segment"]}. A silhouette of 1 would mean
islands, and 0 an even cloud: by that measure the segments are a handy way to talk about films
rather than natural kinds. The synthetic films show only what was put into them.
""")
