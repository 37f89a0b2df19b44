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
# Into which of eight revenue classes, from Disaster to Blockbuster, will a film fall? Three things are
# read of it: what it is about (text), what its trailer shows (frames) and how its trailer sounds. The
# classes are the eighths of the training films' revenue, so always naming one class is right about one
# time in eight. The facts that the other models use stand beside them, for they are known anyway.

# %% tags=["parameters"]
source = "open_films"
seed = 42
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
epochs = 50
learning_rate = 1e-4
weight_decay = 0.01
patience = 10
all_films_batch_size = 64
all_films_learning_rate = 4e-4

# %%
from dataclasses import replace
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import StratifiedKFold, train_test_split
from tqdm import tqdm

from boxoffice import paths
from boxoffice.films.splits import random_parts
from boxoffice.films.text import film_text
from boxoffice.media import encoders, trailers
from boxoffice.media.embeddings import embed_texts, embed_trailers
from boxoffice.networks.layers import pool_frames, save_network
from boxoffice.networks.metadata import learned_from, pre_release_numbers
from boxoffice.networks.multimodal_model import (
    accuracy_interval,
    against_chance,
    check_choices,
    class_scores,
    combinations_of,
    mcnemar,
    rows_by_part,
    train_classes,
)
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import CHECKPOINTS, Settings, forget, live_log, side_by_side
from boxoffice.reports import save_plot, save_plot_data, save_table, write_metrics
from boxoffice.tabular.selection import as_list

sns.set_theme(style="whitegrid", palette="deep")
modalities, splits = as_list(modalities), as_list(splits)
check_choices(modalities, splits)
settings = Settings(learning_rate, weight_decay, batch_size, epochs, patience)
all_films_settings = replace(
    settings, batch_size=all_films_batch_size, learning_rate=all_films_learning_rate
)
design = {
    "seed": seed,
    "fusion": fusion,
    "dropout": dropout,
    "label_spread": label_spread,
}

# %% [markdown]
# ## Text
#
# The overview where a film has one, else a sentence of facts; a pretrained sentence encoder, frozen,
# makes numbers of it. Texts are embedded once and kept in a cache.

# %%
films = pd.read_parquet(paths.PROCESSED / "films.parquet")
films = films[films["usable"]].reset_index(drop=True)
films["text"] = film_text(films, pd.read_parquet(paths.PROCESSED / "people.parquet"))
start = perf_counter()
sentences = {"name": text_encoder, "random_weights": random_weights, "seed": seed}
reader = encoders.text_encoder(**sentences)
text = embed_texts(reader, films["text"])
text_seconds = perf_counter() - start
films[["title", "release_year", "text"]].tail(3).style.hide().set_properties(
    subset=["text"], **{"text-align": "left"}
)

# %% [markdown]
# ## Facts
#
# What the pre-release models know of a film, track records included, as numbers. Whatever is fitted for
# it sees no film that is held out.


# %%
def train_and_ask(inputs, revenue, parts, settings, **more):
    """Arguments of one training; class edges come from its training rows alone."""
    rows = rows_by_part(inputs, revenue, parts)
    asked = rows.pop("test")
    return {**rows, "asked": asked, "settings": settings, **design, **more}


# %% [markdown]
# # Text and facts of all films
#
# What needs no trailer can be measured on every usable film: five folds, each film held out once, and
# the latest fifth by release date. A random forest on the same facts is the reference. Classes are
# eighths of the training part of each fold. There are many more rows than films with a trailer, so they
# are taken in larger batches.

# %%
revenue = films["revenue"].to_numpy(dtype=float)
eighth = revenue_class(revenue, class_edges(revenue))  # to draw folds alike; no model sees it
CHOICES = {"metadata": ("metadata",), "text_metadata": ("text", "metadata")}


def with_validation(learning, held_out):
    """Mark rows: a tenth of the learning ones decides when to stop."""
    parts = np.full(len(films), "unused", dtype=object)
    strata = revenue_class(revenue[learning], class_edges(revenue[learning]))
    stopping = train_test_split(learning, test_size=0.1, random_state=seed, stratify=strata)[1]
    parts[held_out], parts[learning], parts[stopping] = "test", "train", "validation"
    return parts


cut = StratifiedKFold(folds, shuffle=True, random_state=seed).split(films, eighth)
partitions = {f"fold_{n}": with_validation(*rows) for n, rows in enumerate(cut, start=1)}
late = (films["split_temporal"] == "test").to_numpy()
partitions["temporal"] = with_validation(np.flatnonzero(~late), np.flatnonzero(late))

facts = {
    name: pre_release_numbers(films, parts == "train", films) for name, parts in partitions.items()
}
trainings = {
    (name, which): train_and_ask(
        {key: {"text": text, "metadata": facts[name]}[key] for key in keys},
        revenue,
        parts,
        all_films_settings,
        checkpoint=CHECKPOINTS / "multimodal" / f"{name}-{which}.pt",
    )
    for name, parts in partitions.items()
    for which, keys in CHOICES.items()
}
answers = side_by_side(train_classes, trainings.values())

predicted, actual = {}, {}
for name, parts in partitions.items():
    rows = trainings[name, "metadata"]
    actual[name] = rows["asked"].target
    # The forest needs no validation rows, so it learns from them, too.
    learning, test = np.isin(parts, ["train", "validation"]), parts == "test"
    target = revenue_class(revenue[learning], class_edges(revenue[parts == "train"]))
    forest = RandomForestClassifier(n_estimators, random_state=seed)
    predicted[name, "forest"] = forest.fit(facts[name][learning], target).predict(facts[name][test])
    majority = np.bincount(rows["train"].target).argmax()
    predicted[name, "majority"] = np.full(test.sum(), majority)
for key, (_, probability) in zip(trainings, tqdm(answers, total=len(trainings)), strict=True):
    predicted[key] = probability.argmax(axis=1)


# %%
def pooled(names):
    """Actual classes, and the forecasts by model, of several partitions' held-out films."""
    models = [which for name, which in predicted if name == names[0]]
    return np.concatenate([actual[name] for name in names]), {
        which: np.concatenate([predicted[name, which] for name in names]) for which in models
    }


def compared(truth, forecasts, against):
    """Scores of every forecast, with intervals, and whether it differs from a reference."""
    return {
        which: {
            **class_scores(truth, forecast),
            "accuracy_95": accuracy_interval(truth, forecast, seed),
            "one_away_accuracy_95": accuracy_interval(truth, forecast, seed, tolerance=1),
            f"p_against_{against}": mcnemar(truth, forecast, forecasts[against]),
        }
        for which, forecast in forecasts.items()
    }


def shown(scores):
    """The scores that matter most, as a table."""
    table = pd.DataFrame(scores).T
    for name in ("accuracy", "one_away_accuracy"):
        table[f"{name}, 95 %"] = table[f"{name}_95"].map(
            lambda ends: f"{ends['lower']:.3f} to {ends['upper']:.3f}"
        )
    columns = ["accuracy", "accuracy, 95 %", "one_away_accuracy", "one_away_accuracy, 95 %"]
    columns += ["f1_weighted", "f1_macro", *table.filter(like="p_against")]
    return table[columns].style.format(precision=3)


all_films = {
    "cv": compared(*pooled([name for name in partitions if name != "temporal"]), "forest"),
    "temporal": compared(*pooled(["temporal"]), "forest"),
}
shown(all_films["cv"])

# %% [markdown]
# The latest films. Prices rise, so the past's eighths don't divide them evenly:

# %%
shown(all_films["temporal"])

# %% [markdown]
# # Films with a trailer
#
# Thirty frames, evenly over the trailer's length, each embedded by the frozen image network, then their
# mean and maximum over time; and the first 30 s of sound at 16 kHz, which a 1-D CNN learns to hear. A
# trailer that can't be read is set aside with its reason, and the others go on.

# %%
image = {"name": image_encoder, "weights": weights, "random_weights": random_weights, "seed": seed}
watches = bool({"video", "audio"} & set(modalities))
viewer = encoders.image_encoder(**image) if watches else None
skipped, media = pd.DataFrame(columns=["id", "file", "reason"]), "none"
seen, inputs = films.index.to_numpy(), {}
start = perf_counter()
if watches:
    files, skipped = trailers.find_trailers(paths.ROOT / trailer_dir, films["id"])
    frames, waveforms, files, unreadable = embed_trailers(viewer, files)
    skipped = pd.concat([skipped, unreadable], ignore_index=True)
    media = "stand_in" if files["path"].map(trailers.is_stand_in).any() else "real"
    seen = pd.Index(films["id"]).get_indexer(files["id"])
    inputs = {"video": pool_frames(frames), "audio": waveforms}
inputs = {
    name: values for name, values in {"text": text[seen], **inputs}.items() if name in modalities
}
trailer_seconds = perf_counter() - start
save_table("multimodal", "skipped", skipped)
if len(seen) < 24:
    raise ValueError(
        f"{trailer_dir} has readable trailers of only {len(seen)} films, too few to train and test on: "
        "bring trailers with `python scripts/fetch.py trailers`, or raise synthesize.trailers"
    )
told = {
    "stand_in": "**These trailers are stand-ins** that `synthesize` rendered from facts known before "
    "release. What follows shows that the pipeline works, and says nothing about real trailers.",
    "real": "These are real trailers.",
    "none": "No trailers are used: `multimodal.modalities` names neither video nor audio, so what follows "
    "is about text alone, of all films.",
}
Markdown(f"{told[media]} {len(seen):,} films, {len(skipped)} files set aside.")

# %% [markdown]
# ## Three splits
#
# Training, validation and test, each holding the same share of every eighth. Text, video and audio are
# joined → 512 → 256 → 8 classes. Labels spread a little to the neighbouring classes, for they are
# ordered; classes are weighted to count the same; at times a film misses a modality in training, so that
# the network can do without one.


# %%
def parts_of(split):
    """Parts by the shares that a split's name states, with the same share of every stratum."""
    _, validation_size, test_size = (int(share) / 100 for share in split.split("/"))
    smallest = int(len(seen) * min(validation_size, test_size))
    strata = pd.qcut(revenue[seen], min(len(CLASSES), smallest), labels=False, duplicates="drop")
    return random_parts(len(seen), validation_size, test_size, seed, strata)


def named(split):
    return split.replace("/", "_")


cuts = {split: parts_of(split) for split in splits}
calls = {
    split: train_and_ask(
        inputs,
        revenue[seen],
        parts,
        settings,
        modality_dropout=modality_dropout,
        checkpoint=CHECKPOINTS / "multimodal" / f"{named(split)}.pt",
    )
    for split, parts in cuts.items()
}
start = perf_counter()
*earlier, last = calls
rest = side_by_side(train_classes, [calls[split] for split in earlier])
with live_log("multimodal") as live:
    answers = {last: train_classes(**calls[last], live=live, progress=True)}
answers |= dict(zip(earlier, rest, strict=True))
split_seconds = perf_counter() - start

by_split = {}
for split, call in calls.items():
    trained, probability = answers[split]
    truth = call["asked"].target
    by_split[split] = {
        "train": len(call["train"]),
        "validation": len(call["validation"]),
        "test": len(truth),
        "best_epoch": trained.best_epoch,
        "val_loss": trained.val_loss,
        **class_scores(truth, probability.argmax(axis=1)),
    }
best = min(by_split, key=lambda split: by_split[split]["val_loss"])
comparison = pd.DataFrame(by_split).T.rename_axis("split")
save_table("", "split_comparison", comparison, index=True)
comparison.style.format(precision=3).format(
    "{:.0f}", subset=["train", "validation", "test", "best_epoch"]
)

# %% [markdown]
# The best split is the one with the lowest validation loss; the test films have no say. The splits
# validate on other films, so their losses compare only roughly.

# %%
figure, axes = plt.subplots(
    1, len(calls), figsize=(4.4 * len(calls), 3.4), layout="constrained", sharey=True, squeeze=False
)
for axis, split in zip(axes.flat, calls, strict=True):
    trained = answers[split][0]
    axis.plot(trained.history["epoch"], trained.history["train_loss"], label="training")
    axis.plot(trained.history["epoch"], trained.history["val_loss"], label="validation")
    axis.axvline(trained.best_epoch, color="k", linestyle=":", label="best epoch")
    axis.set(title=split, xlabel="epoch")
axes.flat[0].set_ylabel("cross-entropy")
axes.flat[0].legend()
save_plot("multimodal", "loss", figure)

# %%
truth = calls[best]["asked"].target
forecast = answers[best][1].argmax(axis=1)
print(f"{best}, test films\n")
print(
    classification_report(
        truth, forecast, labels=range(len(CLASSES)), target_names=CLASSES, digits=3, zero_division=0
    )
)
reports = [
    pd.DataFrame(
        classification_report(
            call["asked"].target,
            answers[split][1].argmax(axis=1),
            labels=range(len(CLASSES)),
            target_names=CLASSES,
            output_dict=True,
            zero_division=0,
        )
    )
    .T.rename_axis("class")
    .reset_index()
    .assign(split=split)
    for split, call in calls.items()
]
save_table("multimodal", "classification_reports", pd.concat(reports))

# %%
save_plot_data(
    "multimodal",
    "confusion",
    pd.DataFrame({"actual": truth, "predicted": forecast}).map(lambda place: CLASSES[place]),
)
figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    truth,
    forecast,
    labels=range(len(CLASSES)),
    display_labels=CLASSES,
    xticks_rotation=45,
    colorbar=False,
    ax=axis,
)
axis.grid(False)
save_plot("multimodal", "confusion", figure)

# %% [markdown]
# ## Ablation: what does each modality add?
#
# The same network and the same films of the best split, with every choice of modalities, with the facts
# alone, and with the facts beside all modalities. McNemar's exact test asks whether a choice is right on
# more films than always naming the largest class is, a binomial test whether it is right more often than
# one in eight. A few test films can't tell the choices apart: look at the intervals first.

# %%
parts = cuts[best]
history = learned_from(films, films.iloc[seen[parts != "train"]])
facts = {**inputs, "metadata": pre_release_numbers(films, history, films.iloc[seen])}
everything = "_".join(modalities)
todo = {
    which: train_and_ask(
        {name: facts[name] for name in names},
        revenue[seen],
        parts,
        settings,
        modality_dropout=modality_dropout,
        checkpoint=CHECKPOINTS / "multimodal" / f"ablation-{which}.pt",
    )
    for which, names in combinations_of(modalities).items()
    if which != everything
}
start = perf_counter()
said = {everything: forecast}
trainings = tqdm(side_by_side(train_classes, todo.values()), total=len(todo), desc="ablation")
for which, (_, probability) in zip(todo, trainings, strict=True):
    said[which] = probability.argmax(axis=1)
ablation_seconds = perf_counter() - start
said = {which: said[which] for which in combinations_of(modalities)}
said["majority"] = np.full(len(truth), np.bincount(calls[best]["train"].target).argmax())
ablation = compared(truth, said, "majority")
for which, found in said.items():
    ablation[which]["p_against_chance"] = against_chance(truth, found)
shown(ablation)

# %%
figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
names = list(ablation)
values = np.array([ablation[name]["accuracy"] for name in names])
ends = np.array([list(ablation[name]["accuracy_95"].values()) for name in names])
axis.errorbar(values, names, xerr=np.abs(ends.T - values), fmt="o", capsize=3)
axis.axvline(1 / len(CLASSES), color="k", linestyle="--", label="chance")
axis.set(xlabel=f"accuracy on {len(truth)} test films, with 95 % interval")
axis.invert_yaxis()
axis.legend()
save_plot("multimodal", "ablation", figure)

# %% [markdown]
# ## The exported network

# %%
trained = answers[best][0]
card = {
    "network": "FusionNetwork",
    "target": "revenue class",
    "classes": list(CLASSES),
    "edges_usd": class_edges(revenue[seen][parts == "train"]).tolist(),
    "source": source,
    "media": media,
    "text_encoder": {"key": reader.key, "arguments": sentences},
    "image_encoder": {"key": viewer.key, "arguments": image} if watches else None,
    "widths": {name: values.shape[1] for name, values in inputs.items()},
    "fusion": fusion,
    "row_filter": "budget and revenue known" + ", a readable trailer" * watches,
    "split": best,
    "training_rows": by_split[best]["train"],
    "metrics": {
        name: by_split[best][name] for name in ("accuracy", "one_away_accuracy", "f1_macro")
    },
    "not_for": [
        "not for markets other than that of the training films, mostly American ones with a cinema run",
        *(["not for real trailers: it was trained on rendered stand-ins"] * (media == "stand_in")),
    ],
}
save_network("multimodal", trained.network, card)

# %% tags=["timing"]
pd.Series(
    {
        "texts": text_seconds,
        "trailers": trailer_seconds,
        "three splits": split_seconds,
        "ablation": ablation_seconds,
    },
    name="seconds",
).round(1).to_frame()

# %% [markdown]
# ## Conclusion

# %%
metrics = {
    "media": media,
    "source": source,
    "text_encoder": text_encoder,
    "image_encoder": image_encoder if watches else None,
    "weights": {"text": reader.weights, "image": viewer.weights if watches else None},
    "fusion": fusion,
    "rows": {"usable": len(films), "compared": len(seen), "set_aside": len(skipped)},
    "splits": {f"split_{named(split)}": scores for split, scores in by_split.items()},
    "best_split": f"split_{named(best)}",
    "chance": 1 / len(CLASSES),
    "ablation": ablation,
    "all_films": all_films,
}
write_metrics("multimodal", metrics)
forget("multimodal")
cv = all_films["cv"]
of_media = {
    "stand_in": f"On {len(seen)} films with rendered stand-in trailers",
    "real": f"On {len(seen)} films with real trailers",
    "none": f"On all {len(seen):,} films, without trailers",
}
Markdown(
    f"With text and facts of {len(films):,} films, each held out once, the network names the right class "
    f"of eight for {cv['text_metadata']['accuracy']:.1%} and the right one or its neighbour for "
    f"{cv['text_metadata']['one_away_accuracy']:.1%}; facts alone reach "
    f"{cv['metadata']['accuracy']:.1%} and {cv['metadata']['one_away_accuracy']:.1%}, a random forest on "
    f"the facts {cv['forest']['accuracy']:.1%} and {cv['forest']['one_away_accuracy']:.1%} (the difference "
    f"from the network with text has p = {cv['text_metadata']['p_against_forest']:.2g}). "
    f"{of_media[media]}, the best split ({best}) scores {by_split[best]['accuracy']:.1%} and "
    f"{by_split[best]['one_away_accuracy']:.1%} on its {by_split[best]['test']} test films."
)
