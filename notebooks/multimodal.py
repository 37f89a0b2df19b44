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
# # Multimodal: text, trailer and facts
#
# Into which of eight revenue classes, from Disaster to Blockbuster, will a film fall? The networks here
# read what it is about (text), what its trailer shows (frames) and how its trailer sounds. The classes
# are the eighths of the training films' revenue, so always naming one class is right about one time in
# eight. The facts that the other models use stand beside them, because they are known anyway.
#
# The network that is exported, and that the service answers with, reads the text and the facts of all
# films. It reads trailers, too, only where they are real.

# %% tags=["parameters"]
source = "open_films"
seed = 42
exact = True
trailer_dir = "data/synthetic/trailers"
modalities = ["text", "video", "audio"]
text_encoder = "all-MiniLM-L6-v2"
image_encoder = "efficientnet_lite0"
weights = None
random_weights = False
fusion = "concatenation"
dropout = 0.5
modality_dropout = 0.1
label_spread = 0.6
splits = ["70/20/10", "75/15/10", "80/10/10"]
folds = 5
n_estimators = 200
batch_size = 16
epochs = 30
learning_rate = 3e-4
weight_decay = 0.01
patience = 5
all_films_batch_size = 64
all_films_learning_rate = 4e-4

# %% tags=["plumbing"]
from dataclasses import replace
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from sklearn.metrics import ConfusionMatrixDisplay

from boxoffice.core import paths
from boxoffice.core.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.films.text import film_text
from boxoffice.media import encoders
from boxoffice.media.embeddings import embed_texts
from boxoffice.networks.held_out import (
    accuracies,
    checkpoint,
    class_report,
    classes_of,
    compared,
    folded,
    forecasts,
    latest,
    majority_forecasts,
    pooled,
    reference_forecasts,
    split_folds,
    split_scores,
)
from boxoffice.networks.layers import save_network
from boxoffice.networks.metadata import learned_from, pre_release_numbers, typical_facts
from boxoffice.networks.multimodal_model import (
    accuracy_by_inputs,
    check_choices,
    combinations_of,
    rows_by_part,
    trailer_inputs,
    train_classes,
)
from boxoffice.networks.plots import draw_intervals, draw_losses
from boxoffice.networks.revenue_classes import CLASSES, class_edges
from boxoffice.networks.training import Settings, forget, live_log
from boxoffice.tabular.selection import as_list

sns.set_theme(style="whitegrid", palette="deep")
modalities, splits = as_list(modalities), as_list(splits)
check_choices(modalities, splits)
settings = Settings(learning_rate, weight_decay, batch_size, epochs, patience)
design = {"seed": seed, "fusion": fusion, "dropout": dropout, "label_spread": label_spread}
chance = 1 / len(CLASSES)

# %% [markdown]
# ## The text of a film
#
# The overview if a film has one, else a sentence of facts. A pretrained sentence encoder, frozen, turns
# it into a row of numbers.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet").query("usable").reset_index(drop=True)
films["text"] = film_text(films, pd.read_parquet(paths.PROCESSED / "people.parquet"))
revenue = films["revenue"].to_numpy(dtype=float)
sentences = {"name": text_encoder, "random_weights": random_weights, "seed": seed}
reader = encoders.text_encoder(**sentences)
start = perf_counter()
text = embed_texts(reader, films["text"])
text_seconds = perf_counter() - start
films[["title", "release_year", "text"]].tail(3).style.hide()

# %% [markdown]
# ## All films: does the text add to the facts?
#
# This needs no trailer, so every usable film takes part: five folds, in which each film is held out
# once, and the latest fifth by release date. The facts are fitted on the training films of each
# partition. A random forest on the same facts is the reference.

# %%
partitions = {**folded(revenue, folds, 0.08, seed), "temporal": latest(films, 0.08, seed)}
facts = {
    name: pre_release_numbers(films, parts == "train", films) for name, parts in partitions.items()
}
start = perf_counter()
large_batches = replace(
    settings, batch_size=all_films_batch_size, learning_rate=all_films_learning_rate
)
found = forecasts(
    classes_of,
    "multimodal",
    partitions,
    {name: {"text": text, "metadata": facts[name]} for name in partitions},
    {"metadata": ("metadata",), "text_metadata": ("text", "metadata")},
    revenue=revenue,
    settings=large_batches,
    **design,
)
found |= reference_forecasts(partitions, facts, revenue, n_estimators, seed)
all_films_seconds = perf_counter() - start
of_folds = [name for name in partitions if name != "temporal"]
all_films = {
    where: compared(*pooled(found, names), "forest", seed)
    for where, names in {"cv": of_folds, "temporal": ["temporal"]}.items()
}

figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
draw_intervals(axis, {where: accuracies(scores) for where, scores in all_films.items()})
axis.axvline(chance, color="k", linestyle="--", label="chance")
axis.set(title="Eight revenue classes of all films", xlabel="accuracy, with 95 % interval")
axis.legend()
save_plot("multimodal", "all_films", figure)
cv = all_films["cv"]
Markdown(
    f"The network with text and facts names the right class for "
    f"{cv['text_metadata']['accuracy']:.1%} of films, and the right one or its neighbour for "
    f"{cv['text_metadata']['one_away_accuracy']:.1%}. With facts alone it is "
    f"{cv['metadata']['accuracy']:.1%} and {cv['metadata']['one_away_accuracy']:.1%}; the forest reaches "
    f"{cv['forest']['accuracy']:.1%} and {cv['forest']['one_away_accuracy']:.1%} (p = "
    f"{cv['text_metadata']['p_against_forest']:.2g} that it and the network with text are right equally "
    "often). Prices rise, so the past's eighths don't divide the latest films evenly."
)

# %% [markdown]
# ## Films with a trailer
#
# Thirty frames, evenly over the trailer's length, are embedded by the frozen image network and pooled to
# their mean and maximum; a 1-D CNN learns from the first 30 s of sound. A trailer that can't be read is
# skipped, and a table says why.

# %%
image = {"name": image_encoder, "weights": weights, "random_weights": random_weights, "seed": seed}
watches = bool({"video", "audio"} & set(modalities))
viewer = encoders.image_encoder(**image) if watches else None
start = perf_counter()
seen, inputs, skipped, media = trailer_inputs(viewer, paths.ROOT / trailer_dir, films["id"])
trailer_seconds = perf_counter() - start
save_table("multimodal", "skipped", skipped)
inputs = {name: {"text": text[seen], **inputs}[name] for name in modalities}
seen_revenue = revenue[seen]
told = {
    "stand_in": "**These trailers are stand-ins** that `synthesize` drew from facts known before release. "
    "What follows shows that the pipeline works, and says nothing about real trailers.",
    "real": "These are real trailers.",
    "none": "No trailers are used: `multimodal.modalities` names neither video nor audio, so what follows "
    "is about text alone, of all films.",
}
Markdown(f"{told[media]} {len(seen):,} films; {len(skipped)} files were skipped.")

# %% [markdown]
# ## How many films to train and to validate on?
#
# Three splits into training, validation and test films are tried. Each is turned until every film was a
# test film once, so that the scores are of all films. Text, video and audio are joined → 512 → 256 → 8
# classes. Labels spread a little to the neighbouring classes, because they are ordered; classes are
# weighted equally; at times a film misses a modality in training, so that the network can do without.

# %%
start = perf_counter()
everything = "_".join(modalities)
training = {"settings": settings, "modality_dropout": modality_dropout, **design}
cuts = {split.replace("/", "_"): split_folds(seen_revenue, split, seed) for split in splits}
by_split = {
    split: forecasts(
        classes_of,
        f"multimodal/{split}",
        parts,
        dict.fromkeys(parts, inputs),
        {everything: tuple(modalities)},
        revenue=seen_revenue,
        **training,
    )
    for split, parts in cuts.items()
}
split_seconds = perf_counter() - start
comparison = pd.DataFrame(
    {split: split_scores(found, cuts[split]) for split, found in by_split.items()}
).T.rename_axis("split")
save_table("", "split_comparison", comparison, index=True)
best = comparison["val_loss"].idxmin()
comparison.style.format(precision=3).format("{:.0f}", subset=["train", "validation", "test"])

# %% [markdown]
# The best split is the one with the lowest mean validation loss; the test films have no say. The splits
# validate on other films, so their losses compare only roughly.

# %%
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
mean_epoch = comparison.loc[best, "best_epoch"]
draw_losses(axis, [one.history for one in by_split[best].values()], mean_epoch)
shares = best.replace("_", "/")
axis.set(title=f"Learning, split {shares}, a line per turn", ylabel="cross-entropy")
save_plot("multimodal", "loss", figure)
truth, predicted = pooled(by_split[best], cuts[best], everything)
Markdown(
    f"Learning stops after {mean_epoch:.0f} epochs on average. The splits {', '.join(splits)} are right "
    f"for {', '.join(f'{share:.1%}' for share in comparison['accuracy'])} of the {len(truth)} films: "
    f"{shares} validates best."
)

# %% [markdown]
# ## Where is the network wrong?

# %%
named = pd.DataFrame({"actual": truth, "predicted": predicted}).map(lambda place: CLASSES[place])
save_plot_data("multimodal", "confusion", named)
reports = {
    split: class_report(*pooled(found, cuts[split], everything))
    for split, found in by_split.items()
}
save_table(
    "multimodal", "classification_reports", pd.concat(reports, names=["split"]).reset_index(0)
)
figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    *(named["actual"], named["predicted"]),
    labels=CLASSES,
    xticks_rotation=45,
    colorbar=False,
    ax=axis,
)
axis.set_title(f"Revenue classes of {len(truth)} films, split {shares}")
axis.grid(False)
save_plot("multimodal", "confusion", figure)
away = abs(truth - predicted)
Markdown(
    f"{(away == 0).mean():.0%} of the films are in the predicted class, {(away == 1).mean():.0%} beside "
    f"it, and {(away > 2).mean():.0%} more than two classes away."
)

# %% [markdown]
# ## What does each modality add?
#
# The same network with every choice of modalities, with the facts alone, and with the facts beside all
# modalities; in folds, so that every film is a test film once. McNemar's exact test asks whether a choice
# is right on more films than always naming the largest class, a binomial test whether it is right more
# often than one time in eight.

# %%
start = perf_counter()
turns = folded(seen_revenue, folds, 0.1, seed)
histories = {
    name: learned_from(films, films.iloc[seen[parts != "train"]]) for name, parts in turns.items()
}
inputs_of_turns = {
    name: {**inputs, "metadata": pre_release_numbers(films, history, films.iloc[seen])}
    for name, history in histories.items()
}
found = forecasts(
    classes_of,
    "multimodal/ablation",
    turns,
    inputs_of_turns,
    combinations_of(modalities),
    revenue=seen_revenue,
    **training,
)
found |= majority_forecasts(turns, seen_revenue)
ablation = compared(*pooled(found, turns), "majority", seed)
ablation_seconds = perf_counter() - start

figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
draw_intervals(axis, {"network": accuracies(ablation)})
axis.axvline(chance, color="k", linestyle="--")
axis.set(title="Eight revenue classes from parts of what is known of a film")
axis.set(xlabel=f"accuracy on {len(seen)} films, with 95 % interval; dashed: chance")
save_plot("multimodal", "ablation", figure)
above = [name for name, scores in ablation.items() if scores["accuracy_95"]["lower"] > chance]
Markdown(
    f"Above chance, by their interval, are {len(above)} of {len(ablation)}: {', '.join(above) or 'none'}. "
    f"All modalities together are right for {ablation[everything]['accuracy']:.1%} of the films, the "
    f"facts alone for {ablation['metadata']['accuracy']:.1%}, both for "
    f"{ablation[f'{everything}_metadata']['accuracy']:.1%}."
)

# %% [markdown]
# ## The exported network
#
# It is the one with text and facts that was tested on the latest films. Where the trailers are real, it
# is the one with the facts beside all modalities, of the ablation's first turn. A film need not have
# everything that it reads, so it is also tested on parts of that; what it answers comes with the score
# of what it was given.

# %%
real = media == "real"
if real:
    place = ("multimodal/ablation", "fold_1", f"{everything}_metadata")
    exported = {"inputs": inputs_of_turns["fold_1"], "revenue": seen_revenue}
    parts, history, settled = turns["fold_1"], histories["fold_1"], training
    tested = "films with a trailer, held out at random"
else:
    place = ("multimodal", "temporal", "text_metadata")
    exported = {"inputs": {"text": text, "metadata": facts["temporal"]}, "revenue": revenue}
    parts, settled = partitions["temporal"], {"settings": large_batches, **design}
    history, tested = parts == "train", "the latest films"
rows = rows_by_part(**exported, parts=parts)
with live_log("multimodal") as live:  # no training: its checkpoint is there
    trained, _ = train_classes(*rows.values(), **settled, checkpoint=checkpoint(*place), live=live)
whole = "_".join(rows["test"].inputs)
served = {
    given: {"tested": tested, **scores}
    for given, scores in accuracy_by_inputs(trained.network, rows["test"]).items()
}
pd.DataFrame(served).T.rename_axis("given").style.format(precision=3)

# %% tags=["plumbing"]
metrics = {
    "media": media,
    "source": source,
    "text_encoder": text_encoder,
    "image_encoder": image_encoder if watches else None,
    "weights": {"text": reader.weights, "image": viewer.weights if watches else None},
    "fusion": fusion,
    "rows": {"usable": len(films), "compared": len(seen), "set_aside": len(skipped)},
    "splits": {f"split_{name}": row for name, row in comparison.T.to_dict().items()},
    "best_split": f"split_{best}",
    "chance": chance,
    "ablation": ablation,
    "all_films": all_films,
    "served": served,
}
unread = {"poster": "it learned from no posters"}
if not real:
    unread["trailer"] = {
        "stand_in": "the trailers at hand were drawn stand-ins, which say nothing about real ones",
        "none": "it learned from no trailers",
    }[media]
card = {
    "network": "FusionNetwork",
    "target": "revenue class",
    "classes": list(CLASSES),
    "edges_usd": class_edges(exported["revenue"][parts == "train"]).tolist(),
    "source": source,
    "media": "real" if real else "none",
    "text_encoder": {"key": reader.key, "arguments": sentences},
    "image_encoder": {"key": viewer.key, "arguments": image} if real else None,
    "widths": {name: values.shape[1] for name, values in exported["inputs"].items()},
    "facts": typical_facts(films, history),
    "fusion": fusion,
    "row_filter": "budget and revenue known" + ", a readable trailer" * real,
    "training_rows": len(rows["train"]),
    "metrics": served,
    "unread": unread,
    "not_for": [
        "not for markets other than that of the training films, mostly American ones with a cinema run"
    ],
}
save_network("multimodal", trained.network, card)
write_metrics("multimodal", metrics)
forget("multimodal")

# %% tags=["timing"]
pd.Series(
    {
        "texts": text_seconds,
        "all films": all_films_seconds,
        "trailers": trailer_seconds,
        "splits": split_seconds,
        "ablation": ablation_seconds,
    }
).round(1).to_frame("seconds")

# %% [markdown]
# ## Conclusion

# %%
of_media = {"stand_in": "drawn stand-in trailers", "real": "real trailers", "none": "text alone"}
Markdown(
    f"Of {len(films):,} films, each held out once, text and facts give the right class of eight for "
    f"{cv['text_metadata']['accuracy']:.1%}, facts alone for {cv['metadata']['accuracy']:.1%}. On "
    f"{len(seen):,} films with {of_media[media]}, the best split ({shares}) is right for "
    f"{comparison.loc[best, 'accuracy']:.1%}, and right or one class away for "
    f"{comparison.loc[best, 'one_away_accuracy']:.1%}. What is exported reads "
    f"{whole.replace('metadata', 'facts').replace('_', ', ')}: given all that, it is right for "
    f"{served[whole]['exact']:.1%} of "
    f"{served[whole]['films']} films ({tested}); chance is {chance:.1%}."
)
