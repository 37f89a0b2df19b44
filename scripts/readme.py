"""Write the figures of README.md from the committed reports, or check that they agree."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from boxoffice import paths
from boxoffice.files import replacing
from boxoffice.films.features import FEATURE_SETS

README = paths.ROOT / "README.md"
START, END = "<!-- figures: start -->", "<!-- figures: end -->"
SOURCES = {"open films": paths.METRICS, "TMDB 5000": paths.REPORTS / "tmdb5000" / "metrics"}
STAGES = ("preprocess", "segment", "regress", "classify", "poster", "multimodal")
MEDIA = {"stand_in": "stand-ins", "real": "real", "none": "none"}
SETS = dict(zip(FEATURE_SETS, ("classic", "**pre-release**", "full"), strict=True))


def metrics(folder: Path) -> dict[str, Any]:
    """All metrics of a run, by stage.

    Raises
    ------
    SystemExit
        If a stage's metrics are missing.
    """
    files = {stage: folder / f"{stage}.json" for stage in STAGES}
    if missing := [
        str(path.relative_to(paths.ROOT)) for path in files.values() if not path.exists()
    ]:
        sys.exit(f"{', '.join(missing)} missing: run `dvc repro` (or `make tmdb5000`) first")
    return {stage: json.loads(path.read_text(encoding="utf-8")) for stage, path in files.items()}


def revenue_rows(source: str, run: dict) -> list[dict]:
    """The selected model of each feature set, beside the budget alone."""
    regress = run["regress"]
    rows = []
    for feature_set, label in SETS.items():
        temporal = regress["temporal"][feature_set]
        interval = regress["interval"][feature_set]
        cv = regress["cv"][feature_set]["selected"]
        r2 = regress["r2_95"][feature_set]
        quarters = interval["coverage_by_quartile"].values()
        rows.append(
            {
                "films": source,
                "features": label,
                "selected": regress["selected"][feature_set].replace("_", " "),
                "R² cv": f"{cv['r2']:.3f} ± {cv['r2_std']:.3f}",
                "R² random": f"{regress['random'][feature_set]['selected']['r2']:.3f}",
                "R² temporal": f"**{temporal['selected']['r2']:.3f}**",
                "95 %": f"{r2['lower']:.2f}-{r2['upper']:.2f}",
                "budget alone": f"{temporal['log_budget']['r2']:.3f}",
                "RMSE": f"{temporal['selected']['rmse']:.3f}",
                "90 % interval holds": f"{interval['coverage']:.1%}",
                "by quarter of forecast": " / ".join(f"{share:.0%}" for share in quarters),
            }
        )
    return rows


def success_rows(source: str, run: dict) -> list[dict]:
    """Success on the latest films, beside always saying yes."""
    rows = []
    for feature_set, label in SETS.items():
        scores = run["classify"]["success"]["temporal"][feature_set]
        selected = scores["selected"]
        cv = run["classify"]["success"]["cv"][feature_set]["selected"]
        rows.append(
            {
                "films": source,
                "features": label,
                "selected": run["classify"]["selected"][feature_set].replace("_", " "),
                "ROC AUC cv": f"{cv['roc_auc']:.3f} ± {cv['roc_auc_std']:.3f}",
                "ROC AUC": f"**{selected['roc_auc']:.3f}**",
                "Brier": f"{selected['brier']:.3f}",
                "F1": f"{selected['f1']:.3f}",
                "F1 of always yes": f"{scores['baseline']['f1']:.3f}",
                "recall of success": f"{selected['recall_1']:.3f}",
                "recall of no success": f"{selected['recall_0']:.3f}",
            }
        )
    return rows


def hit_rows(source: str, run: dict) -> list[dict]:
    """Hit models: what they were asked about, and how they did."""
    hit = run["classify"]["hit"]
    shown = {
        "15 original films, leave-one-out": hit["original"]["logistic_regression_leave_one_out"],
        "synthetic films, held out": hit["synthetic"]["selected"],
        "trained on synthetic, tested on the 15": hit["external"],
        f"{source}, engagement proxies, temporal": hit["tmdb"]["selected"],
    }
    return [
        {
            "hit model": name,
            "ROC AUC": f"{scores['roc_auc']:.3f}",
            "accuracy": f"{scores['accuracy']:.3f}",
        }
        for name, scores in shown.items()
    ]


def poster_rows(source: str, run: dict) -> list[dict]:
    """The poster network beside the training median, the facts, and both."""
    poster = run["poster"]
    test = {"poster": {"scores": poster["test"]}, **poster["baselines"]}
    held_out = {
        f"random, {poster['rows']['test']} films": (test, poster["gain"]["random"]),
        f"latest, {poster['rows']['test_temporal']} films": (
            poster["temporal"],
            poster["gain"]["temporal"],
        ),
        f"each of {poster['rows']['with_poster']} once": (poster["cv"], poster["gain"]["cv"]),
    }
    rows = []
    for label, (results, gains) in held_out.items():
        gain = gains["poster_over_median"]
        ends = f"{gain['lower']:+.3f} to {gain['upper']:+.3f}"
        scores = {name: result["scores"] for name, result in results.items()}
        rows.append(
            {
                "films": source,
                "posters": MEDIA[poster["media"]],
                "held out": label,
                "loss of the median": f"{scores['training_median']['loss']:.3f}",
                "of the poster": f"**{scores['poster']['loss']:.3f}**",
                "gain (95 %)": f"{gain['value']:+.3f} ({ends})",
                "accuracy": f"{scores['poster']['accuracy']:.1%}",
                "ROC AUC": f"{scores['poster']['roc_auc']:.3f}",
                "loss of ridge": f"{scores['ridge']['loss']:.3f}",
                "of the facts": f"{scores['metadata']['loss']:.3f}",
                "of facts and poster": f"{scores['metadata_poster']['loss']:.3f}",
            }
        )
    return rows


def class_rows(source: str, run: dict) -> list[dict]:
    """Eight classes of all films, from text and facts: exact and one away."""
    shown = {"forest": "random forest, facts", "metadata": "network, facts"}
    shown |= {"text_metadata": "**network, text and facts**"}
    columns = {"cv": "five folds", "temporal": "latest films"}
    return [
        {
            "films": source,
            "model": label,
            **{
                f"{score}, {words}": f"{run['multimodal']['all_films'][where][name][key]:.3f}"
                for where, words in columns.items()
                for score, key in (("exact", "accuracy"), ("one away", "one_away_accuracy"))
            },
            "p against the forest, five folds": (
                f"{run['multimodal']['all_films']['cv'][name]['p_against_forest']:.2g}"
            ),
        }
        for name, label in shown.items()
    ]


def table(rows: list[dict]) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def figures() -> str:
    """The block of README.md that holds figures."""
    runs = {source: metrics(folder) for source, folder in SOURCES.items() if folder.exists()}
    counted = "\n".join(
        f"- **{source}**: {run['preprocess']['rows']['movies']:,} films read, "
        f"{run['preprocess']['rows']['rejected']} rejected, "
        f"{run['preprocess']['rows']['usable']:,} usable (budget and revenue known); "
        f"{run['preprocess']['success_rate']:.1%} succeed; log budget and log revenue correlate at "
        f"{run['regress']['log_budget_corr']:.3f}; "
        f"budgets below $1,000, in another unit: {run['preprocess']['budget_implausible']}; "
        f"lacking: {', '.join(run['regress']['lacking']) or 'nothing'}."
        for source, run in runs.items()
    )
    segment = next(iter(runs.values()))["segment"]["synthetic"]
    return "\n\n".join(
        [
            counted,
            "**Revenue** (log; RMSE in natural log units; last six columns: temporal split, "
            "R² with its 95 % bootstrap interval; quarters from the smallest forecasts up)",
            table([row for source, run in runs.items() for row in revenue_rows(source, run)]),
            "**Success**, revenue > 1.5 × budget, on the latest films (temporal split)",
            table([row for source, run in runs.items() for row in success_rows(source, run)]),
            "**Poster** (mean squared error of log10 revenue; accuracy and ROC AUC of earning more "
            "than the training median)",
            table([row for source, run in runs.items() for row in poster_rows(source, run)]),
            "**Eight revenue classes of all films**, from text and facts (chance: 0.125)",
            table([row for source, run in runs.items() for row in class_rows(source, run)]),
            "**Hit and segments**",
            table(hit_rows(*next(iter(runs.items())))),
            f"{segment['k']} segments of the synthetic films, "
            f"silhouette {segment['silhouette']:.2f}, "
            f"stability {segment['stability']:.2f} (mean adjusted Rand index over bootstraps).",
        ]
    )


def rendered(text: str) -> str:
    """README text with its figures replaced by those of the reports.

    Raises
    ------
    SystemExit
        If the markers are missing.
    """
    if START not in text or END not in text:
        sys.exit(f"README.md lacks the markers {START} and {END}")
    before, rest = text.split(START, 1)
    return f"{before}{START}\n{figures()}\n{END}{rest.split(END, 1)[1]}"


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail on a difference")
    ] = False,
):
    """Refresh the figures in README.md.

    For example: python scripts/readme.py --check
    """
    text = README.read_text(encoding="utf-8")
    fresh = rendered(text)
    if fresh == text:
        return
    if check:
        sys.exit("README.md's figures are not those of the reports: run `make format`")
    with replacing(README) as temporary:
        temporary.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
