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
# # Segment: which kinds of film are there?
#
# Some films are watched to the end, some are rated by everybody, a few are both. Which groups do
# films fall into by engagement and popularity, and do the groups hold when the sample changes?
# Whether a film was a hit plays no part in the grouping; it is looked up afterwards.

# %% tags=["parameters"]
seed = 42
k_original = 2
k_min = 2
k_max = 10
bootstraps = 50

# %% tags=["plumbing"]
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Markdown

from boxoffice.audience import segments
from boxoffice.audience.engagement import FEATURES, TARGET, read_engagement
from boxoffice.core.paths import RAW, SYNTHETIC
from boxoffice.core.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.tabular.export import export_model

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data
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
# ## Method
#
# Each feature is scaled to 0-1 by the range of the films at hand. Then
#
# - engagement = (`avg_watch_time` + `completion_rate`) / 2
# - popularity = 0.7 `ratings_count` + 0.3 `avg_rating`
#
# Both scores are standardised, so that neither outweighs the other, and K-Means groups the films. A
# segment is named by where its centroid lies against the average film:
#
# | | low popularity | high popularity |
# |---|---|---|
# | **high engagement** | Cult Classics | Blockbusters |
# | **low engagement** | Low Performers | Trending |
#
# Several segments in one quadrant are numbered, the strongest first.

# %% [markdown]
# ## How do the fifteen original films fall?


# %% tags=["plumbing"]
def draw(found, title):
    """Scatter films by score, coloured by segment, with the average film and the centroids."""
    names = [found.names[label] for label in found.labels]
    figure, axis = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    sns.scatterplot(
        found.scores,
        x="engagement",
        y="popularity",
        hue=names,
        hue_order=list(found.table["segment"]),
        s=70 if len(names) < 100 else 18,
        alpha=0.7,
        ax=axis,
    )
    centroids = segments.centroids(found.pipeline)
    axis.scatter(*centroids.to_numpy().T, marker="X", s=150, color="k", label="centroid")
    axis.axvline(found.limits["engagement"], color="grey", ls=":", label="average film")
    axis.axhline(found.limits["popularity"], color="grey", ls=":")
    axis.set(title=title, xlabel="engagement score, 0-1", ylabel="popularity score, 0-1")
    axis.legend(loc="upper left", fontsize=9)
    return figure


# %%
of_original = segments.segment_films(original, k_original, bootstraps, seed)
save_plot("segment", "original", draw(of_original, f"{len(original)} original films"))

# %% tags=["plumbing"]
save_table("segment", "original", of_original.table)
Markdown(
    f"**What it shows.** {len(original)} films fall into {k_original} segments with a silhouette of "
    f"{of_original.silhouette:.2f} (1 would mean islands, 0 an even cloud): "
    + ", ".join(
        f"{row.count_} {row.segment} with a hit rate of {row.hit_rate:.0%}"
        for row in of_original.table.rename(columns={"count": "count_"}).itertuples()
    )
    + "."
)

# %% [markdown]
# ## How many segments do the synthetic films have?
#
# Inertia falls with every further cluster; the *elbow*, where it lies farthest below the chord of
# its ends, is where it stops falling fast. The *silhouette* asks whether films lie nearer to their
# own segment than to the next. The two seldom agree, and the silhouette alone favours the coarsest
# cut. The rule: **from the elbow on, the k with the highest silhouette**.

# %%
choice = segments.choose_k(segments.scaled(synthetic), list(range(k_min, k_max + 1)), seed)
curve = choice.table.set_index("k")
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(curve["inertia"], marker="o")
left.plot(curve["inertia"].iloc[[0, -1]], color="grey", ls=":", label="chord")
left.axvline(choice.elbow, color="tab:red", ls="--", label=f"elbow: k = {choice.elbow}")
left.set(title="Where more clusters stop helping", xlabel="k", ylabel="inertia")
right.plot(curve["silhouette"], marker="o")
right.axvspan(k_min - 0.4, choice.elbow - 0.5, color="grey", alpha=0.15, label="before the elbow")
right.axvline(choice.chosen, color="tab:green", ls="--", label=f"chosen: k = {choice.chosen}")
right.set(title="How separate the segments are", xlabel="k", ylabel="mean silhouette")
for axis in (left, right):
    axis.set_xticks(curve.index)
    axis.legend()
save_plot("segment", "choice_of_k", figure)

# %% tags=["plumbing"]
save_plot_data("segment", "choice_of_k", choice.table)
save_table("segment", "choice_of_k", choice.table)
Markdown(
    f"**What it shows.** The elbow is at k = {choice.elbow}. The silhouette alone would take "
    f"k = {choice.best_silhouette} ({curve['silhouette'].max():.3f}); from the elbow on, "
    f"**k = {choice.chosen}** is best ({curve.loc[choice.chosen, 'silhouette']:.3f})."
)

# %% [markdown]
# ## Which segments are they?

# %%
of_synthetic = segments.segment_films(synthetic, choice.chosen, bootstraps, seed)
save_plot("segment", "synthetic", draw(of_synthetic, f"{len(synthetic):,} synthetic films"))

# %%
save_table("segment", "synthetic", of_synthetic.table)
of_synthetic.table.round(3)

# %% tags=["plumbing"]
ranked = of_synthetic.table.sort_values("hit_rate")
worst, best = ranked.iloc[0], ranked.iloc[-1]
Markdown(
    f"**What it shows.** Though `hit` had no part in the grouping, the hit rate runs from "
    f"{worst['hit_rate']:.0%} among {worst['segment']} to {best['hit_rate']:.0%} among "
    f"{best['segment']}."
)

# %% [markdown]
# ## Do the segments hold?
#
# Stability is the adjusted Rand index between these segments and those found again on bootstrap
# samples of the films: 1 is the same grouping every time, 0 is chance.

# %%
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.boxplot(
    [of_synthetic.stability, of_original.stability],
    orientation="horizontal",
    tick_labels=[f"synthetic, k = {choice.chosen}", f"original, k = {k_original}"],
)
axis.set(
    title=f"Agreement with the segments of {bootstraps} bootstrap samples",
    xlabel="adjusted Rand index",
    xlim=(min(0, of_original.stability.min()), 1.05),
)
save_plot("segment", "stability", figure)

# %% tags=["plumbing"]
Markdown(
    f"**What it shows.** The mean index is {of_synthetic.stability.mean():.2f} for the synthetic "
    f"films (lowest {of_synthetic.stability.min():.2f}) and {of_original.stability.mean():.2f} for "
    f"the originals (lowest {of_original.stability.min():.2f})."
)

# %% [markdown]
# ## Export
#
# The synthetic films' segments, for the service. The model answers with a cluster's number; the card
# has the names.

# %% tags=["plumbing"]
write_metrics(
    "segment",
    {
        "original": of_original.metrics(),
        "synthetic": {
            "elbow": choice.elbow,
            "best_silhouette": choice.best_silhouette,
            **of_synthetic.metrics(),
        },
    },
)
export_model(
    "segments",
    of_synthetic.pipeline,
    synthetic[FEATURES],
    {
        "target": "label: the number of the segment; scores: distances to the centroids",
        "segments": of_synthetic.names,
        "scores": dict(zip(segments.SCORES, segments.WEIGHTS.T.tolist(), strict=True)),
        "source": "synthetic films made in the pattern of the assignment's films",
        "row_filter": "none",
        "training_rows": len(synthetic),
        "metrics": {
            "silhouette": of_synthetic.silhouette,
            "stability": of_synthetic.stability.mean(),
        },
        "not_for": ["names are relative to the training films; not for ranking real films"],
    },
)

# %% [markdown]
# ## Conclusion

# %% tags=["plumbing"]
Markdown(
    f"The synthetic films fall into **{choice.chosen} segments** "
    f"({', '.join(of_synthetic.table['segment'])}) that come back on other samples (stability "
    f"{of_synthetic.stability.mean():.2f}), but with a silhouette of "
    f"{of_synthetic.silhouette:.2f} they are a handy way to talk about films rather than natural "
    f"kinds. The synthetic films show only what was put into them."
)
