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
# A source comes as two tables in the TMDB 5000 schema, and real tables are dirty. This notebook sets
# faulty rows aside with their reasons, cleans the others, derives the features that a row states by
# itself, and marks the rows of both splits. Whatever has to be *learned* from rows (imputation,
# scaling, track records) is left to the models' pipelines, which see training rows only.

# %% tags=["parameters"]
source = "open_films"
seed = 42
test_size = 0.2
millions_up_to = 103

# %% tags=["plumbing"]
import calendar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown

from boxoffice.audience import engagement
from boxoffice.core import paths, reports
from boxoffice.films.credits import ROLES, company_names, credit_roles, people_names
from boxoffice.films.features import (
    CLASSIC_GENRES,
    GENRES,
    column_name,
    fact_columns,
    film_facts,
    without_absent,
)
from boxoffice.films.money import SUCCESS_MULTIPLE
from boxoffice.films.popularity import SNAPSHOTS
from boxoffice.films.schema import NUMERIC_COLUMNS, clean, read_source
from boxoffice.films.splits import SPLITS, add_splits

sns.set_theme(style="whitegrid", palette="deep")

# %% [markdown]
# ## Which rows can be used?
#
# All cells are checked against one schema, and all faults of a row are reported together. A row
# without a title, language, release date or genres has nothing to stand in for them and is rejected;
# a missing number is no reason to.

# %%
movies, credits, rejected = read_source(paths.RAW / source)
rejected

# %% [markdown]
# Zero means "unknown" for a budget, a revenue and a runtime. A film is *usable* for learning when
# its budget and its revenue are known. Models learn from both in dollars of one month
# (`log_budget`, `log_revenue`), so that films of different years can be compared.

# %%
films = clean(movies, millions_up_to)
roles = credit_roles(movies, credits, paths.RAW / source / SNAPSHOTS)
films = films.merge(roles, on="id", validate="one_to_one")
films = films.join(film_facts(films))
films = add_splits(without_absent(films), test_size, seed)
usable = films[films["usable"]]
films[["id", "title", "release_date", "budget", "revenue", "runtime", "genres", "success"]].tail()

# %% tags=["plumbing"]
n_movies = len(movies) + int((rejected["file"] == "movies.csv").sum())
Markdown(
    f"**What it shows.** Of {n_movies:,} films in `{source}`, {len(films):,} are kept, and "
    f"{len(usable):,} of these have both a budget and a revenue. {len(rejected)} rows were rejected "
    f"({(rejected['file'] == 'credits.csv').sum()} of them credits)."
)

# %% [markdown]
# ## Amounts in another unit
#
# Some sources state a budget of 7 dollars for 7 million, and then the revenue, too. Where both are
# at most `millions_up_to`, we read them as millions, in training and test films alike. This touches
# what is predicted, so `regress` also reports its scores without it. Other budgets below
# $1,000 stay as they are, marked `budget_implausible`.

# %%
repaired = films.loc[films["in_millions"], ["id", "title", "release_date", "budget", "revenue"]]
repaired

# %% tags=["plumbing"]
Markdown(
    f"**What it shows.** Films read as millions: {len(repaired)}. Usable films that keep an "
    f"implausible budget: {int(usable['budget_implausible'].sum())}."
)

# %% [markdown]
# ## Whose revenue is known?
#
# We learn from films whose budget and revenue are both known. These are not a sample of all films:
# of a small film, the revenue is more often known if it did well.

# %%
budgets = films[films["budget"].notna()]
sizes = pd.cut(budgets["budget"] / 1e6, [0, 1, 10, 50, np.inf], right=False)
sizes = sizes.cat.rename_categories(["below $1M", "$1M-10M", "$10M-50M", "$50M and more"])
revenue_known = budgets["revenue"].notna().groupby(sizes, observed=False).agg(["size", "mean"])
figure, axis = plt.subplots(figsize=(7, 2.6))
axis.barh(revenue_known.index.astype(str), revenue_known["mean"])
axis.set(title="Films whose revenue is known", xlabel="share of the films of a budget", xlim=(0, 1))
reports.save_plot("preprocess", "revenue_known", figure)

# %% tags=["plumbing"]
smallest = revenue_known.iloc[0]
Markdown(
    f"**What it shows.** Of {smallest['size']:,.0f} films with a budget below \\$1M, the revenue is "
    f"known for {smallest['mean']:.0%}; of those from \\$50M on, for "
    f"{revenue_known['mean'].iloc[-1]:.0%}."
    + (
        " A source that lists only films with a known revenue says nothing of the others: forecasts "
        "for small films hold for those that get a cinema release and a box-office figure."
        if revenue_known["mean"].min() == 1
        else " The small films that are missing are the unsuccessful ones, so forecasts for small "
        "films are too high."
    )
)

# %% [markdown]
# ## What is missing?

# %%
missing = films[[name for name in NUMERIC_COLUMNS if name in films]].isna().sum()
known_roles = films[[role for role in ROLES if role in films]].map(len).gt(0).mean()
known = pd.concat([1 - missing / len(films), known_roles])[::-1]
figure, axis = plt.subplots(figsize=(7, 4))
axis.barh(known.index.str.replace("_", " "), known)
axis.set(title="How much is known of the films", xlabel="share of films with a value", xlim=(0, 1))
reports.save_plot("preprocess", "known", figure)

# %% tags=["plumbing"]
least = known.idxmin()
Markdown(
    f"**What it shows.** Least is known of {least.replace('_', ' ')} ({known[least]:.0%} of the "
    f"films). Runtimes are missing for {missing['runtime']} films and votes for "
    f"{missing['vote_average']}."
)

# %% [markdown]
# ## How much do films earn?
#
# Revenue spans orders of magnitude, so the models predict its logarithm. The dashed line marks the
# median film.

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
sns.histplot(usable["revenue"] / 1e6, bins=60, ax=axes[0])
axes[0].set(title="Revenue", xlabel="million USD", ylabel="films")
sns.histplot(np.log10(usable["revenue"]), bins=60, ax=axes[1])
axes[1].axvline(np.log10(usable["revenue"].median()), color="k", linestyle="--")
axes[1].set(title="Its logarithm", xlabel="log10 USD", ylabel="films")
reports.save_plot("preprocess", "revenue", figure)

# %% tags=["plumbing"]
revenue = usable["revenue"]
top = revenue.nlargest(len(usable) // 10).sum() / revenue.sum()
Markdown(
    f"**What it shows.** The median film earned \\${revenue.median():,.0f}, the mean film "
    f"\\${revenue.mean():,.0f}: a tenth of the films earned {top:.0%} of all revenue."
)

# %% [markdown]
# ## Does a larger budget earn more?
#
# Films above the line earned more than 1.5 budgets: they count as a success.

# %%
figure, axis = plt.subplots(figsize=(6.5, 5))
outcome = usable["success"].map({True: "success", False: "no success"})
sns.scatterplot(usable, x="budget", y="revenue", hue=outcome, s=12, linewidth=0, alpha=0.6, ax=axis)
line = np.array([usable["budget"].min(), usable["budget"].max()])
axis.plot(line, SUCCESS_MULTIPLE * line, color="k", linewidth=1)
axis.set(title="Budget and revenue", xscale="log", yscale="log", xlabel="budget, USD")
axis.set(ylabel="revenue, USD")
axis.get_legend().set_title(None)
reports.save_plot("preprocess", "budget_revenue", figure)

# %% tags=["plumbing"]
log_budget_corr = np.log(usable["budget"]).corr(np.log(usable["revenue"]))
Markdown(
    f"**What it shows.** The logarithms of budget and revenue correlate at {log_budget_corr:.3f}, so "
    f"the budget alone explains about {log_budget_corr**2:.0%} of the variance. "
    f"{usable['success'].mean():.1%} of the films are a success."
)

# %% [markdown]
# ## What else goes with revenue?
#
# Correlations of the classic features with each other and with the targets.

# %%
classic = [name for name in fact_columns("classic", usable) if not name.startswith("genre_")]
correlation = usable[[*classic, "log_revenue", "success"]].astype(float).corr()
figure, axis = plt.subplots(figsize=(6.5, 5.2))
sns.heatmap(correlation, annot=True, fmt=".2f", cmap="vlag", center=0, square=True, ax=axis)
axis.set_title("Correlations of the classic features")
reports.save_plot("preprocess", "correlation", figure)

# %% tags=["plumbing"]
with_revenue = correlation["log_revenue"].drop(["log_revenue", "success"])
with_revenue = with_revenue.sort_values(key=abs, ascending=False)
Markdown(
    f"**What it shows.** `{with_revenue.index[0]}` ({with_revenue.iloc[0]:.2f}) and "
    f"`{with_revenue.index[1]}` ({with_revenue.iloc[1]:.2f}) go with log revenue most. But a film has "
    f"votes only after people saw it: they explain revenue and can't predict it."
)

# %% [markdown]
# ## Do genre and season matter?

# %%
genres = {genre: f"genre_{column_name(genre)}" for genre in GENRES}
by_genre = pd.DataFrame(
    {
        genre: {
            "films": len(rows := usable[usable[column] == 1]),
            "median revenue": rows["revenue"].median(),
            "success": rows["success"].mean(),
        }
        for genre, column in genres.items()
        if column in usable
    }
).T
by_genre = by_genre[by_genre["films"] >= 20].sort_values("median revenue")
by_month = usable.groupby("release_month")["revenue"].median() / 1e6
figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
axes[0].barh(by_genre.index, by_genre["median revenue"] / 1e6)
axes[0].set(title="Revenue by genre", xlabel="median, million USD")
axes[1].barh(by_genre.index, by_genre["success"])
axes[1].axvline(usable["success"].mean(), color="k", linestyle="--")
axes[1].set(title="Success by genre", xlabel="share (dashed: all films)", yticklabels=[])
axes[2].bar(by_month.index, by_month)
axes[2].set(title="Revenue by month", xlabel="release month", ylabel="median, million USD")
reports.save_plot("preprocess", "genres_and_months", figure)

# %% tags=["plumbing"]
month = calendar.month_name[by_month.idxmax()]
Markdown(
    f"**What it shows.** The median {by_genre.index[-1]} film earns "
    f"\\${by_genre['median revenue'].iloc[-1] / 1e6:.0f}M, the median {by_genre.index[0]} film "
    f"\\${by_genre['median revenue'].iloc[0] / 1e6:.0f}M. The most successful genre is "
    f"{by_genre['success'].idxmax()} ({by_genre['success'].max():.0%}). Films released in {month} "
    f"earn most."
)

# %% [markdown]
# ## The two splits
#
# `random` is what the classic projects use. `temporal` is what a producer faces: learn from the
# past, predict the latest films.

# %%
pd.DataFrame(
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

# %% [markdown]
# ## Films as an engagement table
#
# The hit models of the assignment read how long an audience watched, how many finished, how many
# rated and how well. No public source measures that for films, so each column is a **proxy** and
# named one. Models of this table show how the method behaves on real films, not how audiences
# watched them.

# %%
audience = engagement.from_films(films)
proxies = pd.Series(engagement.PROXIES, name="proxy").to_frame()
proxies.style.set_properties(**{"text-align": "left"})

# %%
audience.describe().round(3)

# %% tags=["plumbing"]
films.attrs["source"] = source  # goes into the file, for `films.history`
for name, table in {
    "films.parquet": films,
    "people.parquet": people_names(credits),
    "companies.parquet": company_names(movies),
    "engagement.parquet": audience,
}.items():
    reports.write_parquet(paths.PROCESSED / name, table)
reports.save_table("preprocess", "rejected", rejected)
reports.save_table("preprocess", "in_millions", repaired)
reports.save_table("preprocess", "genres", by_genre, index=True)
reports.write_metrics(
    "preprocess",
    {
        "source": source,
        "rows": {
            "movies": n_movies,
            "rejected": len(rejected),
            "kept": len(films),
            "usable": len(usable),
            "engagement": len(audience),
        },
        "missing": missing.to_dict(),
        "in_millions": len(repaired),
        "budget_implausible": int(usable["budget_implausible"].sum()),
        "revenue_known": dict(
            zip(("below_1m", "1m_10m", "10m_50m", "from_50m"), revenue_known["mean"], strict=True)
        ),
        "success_rate": usable["success"].mean(),
        "log_budget_corr": log_budget_corr,
        "splits": {
            split: usable[f"split_{split}"].value_counts().reindex(["train", "test"]).to_dict()
            for split in SPLITS
        },
        "genre_share": {column_name(name): usable[genres[name]].mean() for name in CLASSIC_GENRES},
    },
)

# %% [markdown]
# ## Conclusion

# %% tags=["plumbing"]
Markdown(
    f"{len(usable):,} films can be learned from. {usable['success'].mean():.1%} of them earned more "
    f"than {SUCCESS_MULTIPLE} budgets, so a model that always says yes is right that often, and the "
    f"budget alone explains about {log_budget_corr**2:.0%} of the variance of log revenue: every "
    f"model has to beat both."
)
