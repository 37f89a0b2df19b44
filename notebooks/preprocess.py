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
# # Preprocess: which films can we learn from, and what do we know of each?
#
# A source comes as two tables in the TMDB 5000 schema, dirty on purpose or by nature. This notebook
# sets the faulty rows aside with their reasons, cleans the others, derives the features that a row
# states by itself, marks the rows of both splits, and looks at what it got. Whatever has to be
# *learned* from rows (imputation, scaling, track records) is left to the models' pipelines, which
# see training rows only.

# %% tags=["parameters"]
source = "open_films"
seed = 42
test_size = 0.2

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown

from boxoffice import paths
from boxoffice.audience import engagement
from boxoffice.files import replacing
from boxoffice.films.credits import ROLES, company_names, credit_roles, people_names
from boxoffice.films.features import (
    CLASSIC_GENRES,
    GENRES,
    column_name,
    fact_columns,
    film_facts,
    without_absent,
)
from boxoffice.films.schema import NUMBERS, SUCCESS_MULTIPLE, clean, read_source
from boxoffice.films.splits import SPLITS, add_splits
from boxoffice.reports import save_plot, save_table, write_metrics

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Data: every row is kept or rejected with a reason
#
# All cells are checked against one schema, and all faults are reported together. A row without a
# title, language, release date or genres has nothing to stand in for them and is rejected; a
# missing number is no reason to.

# %%
movies, credits, rejected = read_source(paths.RAW / source)
save_table("preprocess", "rejected", rejected)
rejected

# %% [markdown]
# ## Cleaned films
#
# Zero means "unknown" for a budget, a revenue and a runtime. A film is *usable* for learning when
# its budget and its revenue are known. A few budgets are stated in another unit (7 for 7 million,
# and then the revenue is, too); those rows stay, marked `budget_implausible`.

# %%
films = clean(movies)
films = films.merge(credit_roles(movies, credits), on="id", validate="one_to_one")
films = films.join(film_facts(films))
films = add_splits(without_absent(films), test_size, seed)
usable = films[films["usable"]]

with replacing(paths.PROCESSED / "films.parquet") as path:
    films.to_parquet(path, index=False)
with replacing(paths.PROCESSED / "people.parquet") as path:
    people_names(credits).to_parquet(path, index=False)
with replacing(paths.PROCESSED / "companies.parquet") as path:
    company_names(movies).to_parquet(path, index=False)
films[["id", "title", "release_date", "budget", "revenue", "runtime", "genres", "success"]].tail()

# %% [markdown]
# What each column lacks, and how much of the credits is known:

# %%
numbers = [name for name in NUMBERS if name in films]
missing = films[numbers].isna().sum().rename("missing").to_frame()
missing["share"] = missing["missing"] / len(films)
missing.style.format({"share": "{:.1%}"})

# %%
known_roles = (
    films[[role for role in ROLES if role in films]]
    .map(len)
    .gt(0)
    .mean()
    .rename("share of films")
    .to_frame()
)
known_roles.style.format("{:.1%}")

# %% [markdown]
# ## The target
#
# Revenue spans orders of magnitude, so the models predict its logarithm. The dashed line marks the
# median film.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6))
sns.histplot(usable["revenue"] / 1e6, bins=60, ax=axes[0])
axes[0].set(xlabel="revenue, million USD", ylabel="films")
sns.histplot(np.log10(usable["revenue"]), bins=60, ax=axes[1])
axes[1].axvline(np.log10(usable["revenue"].median()), color="k", linestyle="--")
axes[1].set(xlabel="log10 revenue, USD", ylabel="films")
figure.tight_layout()
save_plot("preprocess", "revenue", figure)

# %% [markdown]
# ## Budget and revenue
#
# The budget alone explains a good part of revenue. Films above the line earned more than
# 1.5 budgets: they count as a success.

# %%
log_budget_corr = usable["log_budget"].corr(usable["log_revenue"])
figure, axis = plt.subplots(figsize=(6.5, 5))
sns.scatterplot(
    usable.assign(outcome=np.where(usable["success"], "success", "no success")),
    x="budget",
    y="revenue",
    hue="outcome",
    hue_order=["success", "no success"],
    s=12,
    linewidth=0,
    alpha=0.6,
    ax=axis,
)
line = np.array([usable["budget"].min(), usable["budget"].max()])
axis.plot(line, SUCCESS_MULTIPLE * line, color="k", linewidth=1)
axis.set(xscale="log", yscale="log", xlabel="budget, USD", ylabel="revenue, USD")
save_plot("preprocess", "budget_revenue", figure)

# %% [markdown]
# ## What goes with revenue
#
# Correlations of the classic features. Votes stand out, but a film has them only after people saw
# it: they explain revenue and can't predict it.

# %%
numbers = [name for name in fact_columns("classic", usable) if not name.startswith("genre_")]
correlation = usable[[*numbers, "log_revenue", "success"]].astype(float).corr()
figure, axis = plt.subplots(figsize=(6.5, 5.2))
sns.heatmap(correlation, annot=True, fmt=".2f", cmap="vlag", center=0, square=True, ax=axis)
save_plot("preprocess", "correlation", figure)

# %%
by_genre = pd.DataFrame(
    {
        genre: {
            "films": len(rows := usable[usable[f"genre_{column_name(genre)}"] == 1]),
            "median revenue": rows["revenue"].median(),
            "success": rows["success"].mean(),
        }
        for genre in GENRES
        if f"genre_{column_name(genre)}" in usable
    }
).T
by_genre = by_genre[by_genre["films"] >= 20].sort_values("median revenue")
figure, axes = plt.subplots(1, 3, figsize=(13, 4.6))
axes[0].barh(by_genre.index, by_genre["median revenue"] / 1e6)
axes[0].set(xlabel="median revenue, million USD")
axes[1].barh(by_genre.index, by_genre["success"])
axes[1].axvline(usable["success"].mean(), color="k", linestyle="--")
axes[1].set(xlabel="share of successes (dashed: all films)", yticklabels=[])
by_month = usable.groupby("release_month")["revenue"].median() / 1e6
axes[2].bar(by_month.index, by_month)
axes[2].set(xlabel="release month", ylabel="median revenue, million USD")
figure.tight_layout()
save_plot("preprocess", "genres_and_months", figure)
save_table("preprocess", "genres", by_genre, index=True)

# %% [markdown]
# ## The two splits
#
# `random` is what the classic projects use. `temporal` is what a producer faces: learn from the
# past, predict the latest films.

# %%
splits = pd.DataFrame(
    {
        (split, part): {
            "films": len(rows := usable[usable[f"split_{split}"] == part]),
            "first release": rows["release_date"].min().date(),
            "last release": rows["release_date"].max().date(),
            "median revenue": round(rows["revenue"].median()),
            "success": round(rows["success"].mean(), 3),
        }
        for split in SPLITS
        for part in ("train", "test")
    }
).T
splits

# %% [markdown]
# ## Films as an engagement table
#
# The hit models of the assignment read how long an audience watched, how many finished, how many
# rated and how well. No public source measures that for films, so each column below is a **proxy**
# and named one. Models on this table show how the method behaves on real films, not how audiences
# watched them.

# %%
audience = engagement.from_films(films)
with replacing(paths.PROCESSED / "engagement.parquet") as path:
    audience.to_parquet(path, index=False)
pd.Series(engagement.PROXIES, name="proxy").to_frame().style.set_properties(
    **{"text-align": "left"}
)

# %%
audience.describe().round(3)

# %% [markdown]
# ## Conclusion

# %%
metrics = {
    "source": source,
    "rows": {
        "movies": len(movies) + int((rejected["file"] == "movies.csv").sum()),
        "rejected": len(rejected),
        "kept": len(films),
        "usable": len(usable),
        "engagement": len(audience),
    },
    "missing": missing["missing"].to_dict(),
    "budget_implausible": int(usable["budget_implausible"].sum()),
    "success_rate": usable["success"].mean(),
    "log_budget_corr": log_budget_corr,
    "splits": {
        split: usable[f"split_{split}"].value_counts().reindex(["train", "test"]).to_dict()
        for split in SPLITS
    },
    "genre_share": {
        column_name(genre): usable[f"genre_{column_name(genre)}"].mean() for genre in CLASSIC_GENRES
    },
}
write_metrics("preprocess", metrics)
Markdown(
    f"Of {metrics['rows']['movies']:,} films in `{source}`, {len(rejected)} rows were rejected and "
    f"{len(usable):,} films have both a budget and a revenue. {metrics['success_rate']:.1%} of them "
    f"earned more than {SUCCESS_MULTIPLE} budgets, so a model that always says yes is right that "
    f"often. The logarithms of budget and revenue correlate at {log_budget_corr:.3f}: a budget "
    f"alone explains about {log_budget_corr**2:.0%} of the variance, which every model has to beat."
)
