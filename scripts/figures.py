"""Write what README.md and docs/ take from the reports and dvc.yaml, or check that they agree."""

import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ruamel.yaml import YAML

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import replacing
from boxoffice.films.features import FEATURE_SETS
from boxoffice.films.votes import INTERCEPT, SLOPE, read_in_words
from boxoffice.live.scores import GROUPS

ELSEWHERE = paths.REPORTS / "tmdb5000"
PLAYED = paths.REPORTS / "played" / "open_films_2009.json"
TRANSFER = ELSEWHERE / "metrics" / "transfer.json"
SOURCES = {"open films": paths.METRICS, "TMDB 5000": ELSEWHERE / "metrics"}
STAGES = ("preprocess", "segment", "regress", "classify", "poster", "multimodal")
MEDIA = {"stand_in": "stand-ins", "real": "real", "none": "none"}
SETS = dict(zip(FEATURE_SETS, ("classic", "**pre-release**", "full"), strict=True))
CLASS_MODELS = {
    "forest": "random forest, facts",
    "metadata": "network, facts",
    "text_metadata": "**network, text and facts**",
}
TOLD = {
    "facts": "facts alone, without people or companies",
    "pre_release": "**all that is known before release** (TMDB's companies are not used)",
    "companies_read": "the same, with TMDB's companies used all the same",
    "pre_release_after_2010": "**all that is known before release**, films released after 2010",
    "classic": "with the votes of TMDB",
}
Runs = dict[str, dict[str, Any]]


def metrics(folder: Path) -> dict[str, Any]:
    """All metrics of a run, by stage.

    Raises
    ------
    SystemExit
        If the metrics of a stage are missing.
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
        if feature_set not in regress["selected"]:  # measured before there was such a set
            continue
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


AHEAD = {"h0": "the year that begins", "h1_2": "1-2", "h3_5": "3-5", "h6_9": "6-9"}


def backtest_rows(source: str, run: dict) -> list[dict]:
    """Forecasts before release by years ahead, with frozen and with updated history."""
    regress = run["regress"]
    if "backtest" not in regress:  # measured before there was one
        return []
    beside, updated = regress["backtest_baselines"], regress["backtest_updated"]["pre_release"]
    return [
        {
            "films": source,
            "years ahead": AHEAD[name],
            "forecasts": f"{scores['n']:,}",
            "R²": f"**{scores['r2']:.2f}**",
            "R², history up to date": f"{updated[name]['r2']:.2f}",
            "R², budget alone": f"{beside['log_budget'][name]['r2']:.2f}",
            "R², comparable films": f"{beside['comparables'][name]['r2']:.2f}",
            "bias": f"{scores['bias']:+.2f}",
            "within a factor of 2": f"**{scores['within_2']:.0%}**",
            "from $20M on": f"{scores['within_2_large']:.0%}",
            "forecast / actual from $150M on": f"{scores['largest_ratio']:.2f}",
            "expected / actual in all": f"{scores['total_ratio']:.2f}",
            "90 % interval holds": f"{scores['coverage']:.0%}",
            "by quarter of forecast": " / ".join(
                f"{share:.0%}" for share in scores["interval"]["coverage_by_quartile"].values()
            ),
        }
        for name, scores in regress["backtest"]["pre_release"].items()
    ]


def repaired_rows(source: str, run: dict) -> list[dict]:
    """R2 before release with amounts that were read as millions, and as the source states them."""
    regress = run["regress"]
    if "as_is" not in regress:
        return []
    as_is = regress["as_is"]
    repaired = {
        "temporal": regress["temporal"]["pre_release"]["selected"],
        "temporal_updated": regress["temporal_updated"]["pre_release"],
        "cv": regress["cv"]["pre_release"]["selected"],
    }
    words = {
        "temporal": "R² temporal",
        "temporal_updated": "R² temporal, history up to date",
        "cv": "R² cv",
    }
    return [
        {
            "films": source,
            "amounts": label,
            "read as millions": films,
            **{words[name]: f"{scores[name]['r2']:.3f}" for name in words},
        }
        for label, films, scores in (
            ("repaired", as_is["films"], repaired),
            ("as stated", 0, as_is),
        )
    ]


def success_rows(source: str, run: dict) -> list[dict]:
    """Success on the latest films, beside always saying yes."""
    rows = []
    for feature_set, label in SETS.items():
        if feature_set not in run["classify"]["selected"]:
            continue
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
    }
    if "tmdb" in hit:  # a source without votes has no proxies
        shown[f"{source}, engagement proxies, temporal"] = hit["tmdb"]["selected"]
    return [
        {
            "hit model": name,
            "ROC AUC": f"{scores['roc_auc']:.3f}",
            "accuracy": f"{scores['accuracy']:.3f}",
        }
        for name, scores in shown.items()
    ]


def held_out_posters(run: dict) -> dict[str, tuple[dict, dict]]:
    """Scores by model, and gains, for each way to hold out films with a poster."""
    poster = run["poster"]
    if "facts" not in poster["cv"]:  # measured before a tabular model read the facts
        return {}
    rows = poster["rows"]
    random = {"poster": {"scores": poster["test"]}, **poster["baselines"]}
    results = {
        ("random", f"random, {rows['test']} films"): random,
        ("temporal", f"latest, {rows['test_temporal']} films"): poster["temporal"],
        ("cv", f"each of {rows['with_poster']} once"): poster["cv"],
    }
    return {
        label: ({name: each["scores"] for name, each in result.items()}, poster["gain"][key])
        for (key, label), result in results.items()
    }


def with_ends(gain: dict) -> str:
    """A gain and its 95 % interval."""
    return f"{gain['value']:+.4f} ({gain['lower']:+.4f} to {gain['upper']:+.4f})"


def poster_rows(source: str, run: dict) -> list[dict]:
    """The poster network beside the training mean, ridge, the facts, and facts and poster."""
    return [
        {
            "films": source,
            "posters": MEDIA[run["poster"]["media"]],
            "held out": label,
            "mean": f"{scores['training_mean']['loss']:.3f}",
            "poster": f"**{scores['poster']['loss']:.3f}**",
            "ridge": f"{scores['ridge']['loss']:.3f}",
            "facts": f"{scores['facts']['loss']:.3f}",
            "facts and poster": f"{scores['facts_poster']['loss']:.3f}",
            "gain of the poster over the mean": with_ends(gain["poster_over_mean"]),
            "gain of the poster over the facts": with_ends(gain["poster_over_facts"]),
            "accuracy": f"{scores['poster']['accuracy']:.1%}",
            "ROC AUC": f"{scores['poster']['roc_auc']:.3f}",
        }
        for label, (scores, gain) in held_out_posters(run).items()
    ]


def poster_verdict(run: dict) -> str:
    """What the table says about real posters: of each alone, and of what they add to the facts."""
    gains = {label: gain for label, (_, gain) in held_out_posters(run).items()}
    sure = {
        key: [label for label, gain in gains.items() if gain[key]["lower"] > 0]
        for key in ("poster_over_mean", "poster_over_facts")
    }
    alone, added = (
        f"by more than chance in {len(labels)} of {len(gains)} tests"
        + f" ({'; '.join(labels)})" * bool(labels)
        for labels in sure.values()
    )
    verdict = "something" if sure["poster_over_facts"] else "nothing that these films could show"
    return (
        f"Real posters alone beat the mean of the training films {alone}. Added to the tabular "
        f"model of the facts, they improve on it {added}. So a poster adds {verdict}."
    )


def poster_filters(runs: Runs) -> str:
    """Which films the table of posters is about, and how many, of each source in it."""
    return " ".join(
        f"{source}: {run['poster']['rows']['with_poster']:,} of "
        f"{run['poster']['rows']['usable']:,} usable films ({run['poster']['row_filter']})."
        if held_out_posters(run)
        else f"The posters of {source} were last measured against other models, and are left out."
        for source, run in runs.items()
    )


def class_rows(source: str, run: dict) -> list[dict]:
    """Eight classes of all films, from text and facts: exact and one away."""
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
        for name, label in CLASS_MODELS.items()
    ]


def class_verdict(runs: Runs) -> str:
    """Which networks name the exact class more often than the forest, over the five folds."""
    better = []
    for source, run in runs.items():
        cv = run["multimodal"]["all_films"]["cv"]
        for name in ("metadata", "text_metadata"):
            ahead = cv[name]["accuracy"] > cv["forest"]["accuracy"]
            if ahead and cv[name]["p_against_forest"] < 0.05:
                better.append(f"{CLASS_MODELS[name].strip('*')} ({source})")
    if not better:
        return "No network names the exact class significantly more often than the random forest."
    return f"Significantly better than the forest at the exact class: {', '.join(better)}."


def transfer_rows(transfer: dict) -> list[dict]:
    """The default models on films of another source, by what they are told."""
    return [
        {
            "the models are told": label,
            "films": f"{scores['n']:,}",
            "R²": f"{scores['r2']:.3f}",
            "RMSE": f"{scores['rmse']:.3f}",
            "bias": f"{scores['bias']:+.2f}",
            "expected / actual total": f"{scores['total_ratio']:.2f}",
            "90 % interval holds": f"{scores['coverage']:.1%}",
        }
        for name, label in TOLD.items()
        for scores in [transfer[name]]
    ]


def transferred() -> list[str]:
    """The section on films of another source, if they were measured."""
    if not TRANSFER.exists():
        return []
    measured = json.loads(TRANSFER.read_text(encoding="utf-8"))
    transfer = measured["transfer"]
    before, after = (transfer[f"{name}_150_million"] for name in ("pre_release", "classic"))
    return [
        "## Films of another source",
        "The default models, which learned from the open films, asked about films of TMDB 5000 "
        f"({measured['row_filter']}). R² and RMSE are of the "
        "natural log of revenue. Bias is the mean of forecast less actual, also in logs: -0.69 "
        "means half the revenue. The total compares the sum of the expected revenues with what "
        "the films earned.",
        table(transfer_rows(transfer)),
        f"Of the {before['n']} films with a budget of $150 million or more, the median forecast "
        f"is {before['median_ratio']:.2f} times the actual revenue before release, and "
        f"{after['median_ratio']:.2f} times with the votes of TMDB.",
    ]


def votes(_: Runs) -> str:
    """How TMDB's votes are read as IMDb's, and how well that fits, for docs/forecasts.md."""
    measured = json.loads(TRANSFER.read_text(encoding="utf-8"))["votes"]
    (read,) = read_in_words(np.array([11_800.0]), "tmdb", "imdb")
    example = read.replace(", read", " are read")
    return (
        f"On the same films, IMDb counts {measured['median_ratio']:.0f} times as many votes as "
        f"TMDB (median). The translation is log10(IMDb) = {INTERCEPT} + {SLOPE} log10(1 + TMDB), "
        f"so {example}. The line was fitted on {measured['fitted_on']:,} films that both sources "
        f"have, released up to {measured['until']}. Half of them lie within a factor of "
        f"{measured['median_factor']:.2f} of it, one standard deviation is a factor of "
        f"{10 ** measured['spread']['line']:.1f}."
    )


def played(_: Runs) -> str:
    """What came of the forecasts of a year that was played."""
    scores = json.loads(PLAYED.read_text("utf-8"))["scores"]
    ((version, by_days),) = scores.items()
    rows = [
        {
            "films": label,
            "n": group["n"],
            "R²": f"{group['r2']:.2f}",
            "bias": f"{group['bias']:+.2f}",
            "within a factor of 2": f"{group['within_2']:.0%}",
            "coverage": f"{group['coverage']:.0%}",
            "Brier": f"{group['brier']:.3f}",
        }
        for name, label in GROUPS.items()
        for group in [by_days["d180"][name]]
        if "r2" in group
    ]
    return "\n\n".join(
        [
            f"What came of these forecasts, half a year after release (model `{version}`; bias is "
            "the mean of forecast less actual, natural log; coverage is that of the 90% interval):",
            table(rows),
        ]
    )


def served_rows(source: str, run: dict) -> list[dict]:
    """The multimodal network that a run exports, by what it is given of a film."""
    return [
        {
            "films": source,
            "given": " and ".join(given.replace("metadata", "facts").split("_")),
            "tested on": f"{scores['tested']}: {scores['films']:,}",
            "exact": f"{scores['exact']:.3f}",
            "one away": f"{scores['one_away']:.3f}",
            "exact by chance": f"{scores['chance']:.3f}",
        }
        for given, scores in run["multimodal"].get("served", {}).items()
    ]


def table(rows: list[dict]) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def revenue_known(preprocess: dict) -> str:
    """Of which films the revenue is known at all."""
    if "revenue_known" not in preprocess:
        return ""
    known = preprocess["revenue_known"]
    return (
        f"Of films with a known budget, the revenue is known for {known['below_1m']:.0%} of those "
        f"below $1M, {known['1m_10m']:.0%} of those of $1M to $10M and {known['from_50m']:.0%} of "
        "those from $50M on. "
    )


def counted(source: str, run: dict) -> str:
    """How many films a source has, and what it lacks."""
    preprocess, regress = run["preprocess"], run["regress"]
    rows = preprocess["rows"]
    return (
        f"- **{source}**: {rows['movies']:,} films read, {rows['rejected']} rejected, "
        f"{rows['usable']:,} usable (budget and revenue known). "
        f"{preprocess['success_rate']:.1%} succeed. Log budget and log revenue correlate at "
        f"{regress['log_budget_corr']:.3f}. Budgets below $1,000, in another unit: "
        f"{preprocess['budget_implausible']}. "
        f"{revenue_known(preprocess)}"
        f"Missing: {', '.join(regress['lacking']) or 'nothing'}."
    )


def measured() -> str:
    """When TMDB 5000 was measured."""
    commit = json.loads((ELSEWHERE / "measured.json").read_text(encoding="utf-8"))
    return f"measured at commit {commit['commit'][:10]} of {commit['date']}"


def results(runs: Runs) -> str:
    """The tables of docs/results.md."""

    def rows(of: Callable[[str, dict], list[dict]]) -> str:
        return table([row for source, run in runs.items() for row in of(source, run)])

    default = next(iter(runs.items()))
    segment = default[1]["segment"]["synthetic"]
    return "\n\n".join(
        [
            "\n".join(counted(*each) for each in runs.items()),
            f"TMDB 5000 was {measured()}, the open films at the commit you are reading.",
            "## Revenue",
            "R² and RMSE of the natural log of revenue in real dollars. From *R² temporal* on, the "
            "columns are of the temporal split: R² with its 95 % bootstrap interval, and how many "
            "films the 90 % interval holds, overall and by quarter of the forecasts, the smallest "
            "first.",
            rows(revenue_rows),
            "### Years ahead",
            "The backtest: forecasts before release, made on the first day of each year since 1995 "
            "by models that learned from the films before it. Bias is the mean of forecast less "
            "actual in natural log. Comparable films: the median of the five nearest. From $20M "
            "and $150M on are budgets; the ratio of forecast to actual is a median.",
            rows(backtest_rows),
            "### Amounts in another unit",
            "A film whose budget and revenue are both at most $103 states them in millions. The "
            "models learn and are tested with such amounts repaired; beside it, the same models on "
            "the amounts as the source states them.",
            rows(repaired_rows),
            *transferred(),
            "## Success",
            "Revenue above 1.5 times the budget, on the latest films (temporal split).",
            rows(success_rows),
            "## Posters",
            "**Only films that earned more than a threshold and have a poster** are in this table. "
            + poster_filters(runs),
            "Mean squared error of log10 revenue (lower is better) of five models: the mean of the "
            "training films, the poster network, ridge regression on the same embeddings, a "
            "tabular model (XGBoost) of the facts, and that model plus what ridge regression on "
            "the poster tells of its errors. Gains are differences of these errors with 95 % "
            "bootstrap intervals. Accuracy and ROC AUC tell how well the poster network knows "
            "which films earned more than the training median.",
            rows(poster_rows),
            *(
                poster_verdict(run)
                for run in runs.values()
                if run["poster"]["media"] == "real" and held_out_posters(run)
            ),
            "## Eight revenue classes",
            "All films, from text and facts. Chance is 0.125.",
            rows(class_rows),
            class_verdict(runs),
            "The service answers with the network of text and facts that was tested on the latest "
            "films. This is what it is worth, given everything it reads or parts of that.",
            rows(served_rows),
            "## Hits and segments",
            table(hit_rows(*default)),
            f"K-Means finds {segment['k']} segments among the synthetic films: "
            f"silhouette {segment['silhouette']:.2f}, "
            f"stability {segment['stability']:.2f} (mean adjusted Rand index over bootstraps).",
        ]
    )


def headline(runs: Runs) -> str:
    """Three rows of results for README.md."""
    source, run = next(iter(runs.items()))
    revenue = run["regress"]["temporal"]["pre_release"]
    ends, interval = (run["regress"][name]["pre_release"] for name in ("r2_95", "interval"))
    success = run["classify"]["success"]["temporal"]["pre_release"]
    rows = [
        {
            "question": "How much will a film earn?",
            "known": f"what is known before release ({source})",
            "score": f"R² of log revenue **{revenue['selected']['r2']:.2f}** "
            f"({ends['lower']:.2f} to {ends['upper']:.2f})",
            "for comparison": f"{revenue['log_budget']['r2']:.2f} from the budget alone",
        },
        {
            "question": "Will it earn 1.5 times its budget?",
            "known": "the same",
            "score": f"ROC AUC **{success['selected']['roc_auc']:.2f}**",
            "for comparison": f"{success['baseline']['roc_auc']:.2f} by guessing",
        },
    ]
    elsewhere = runs.get("TMDB 5000")
    if elsewhere and elsewhere["poster"]["media"] == "real" and held_out_posters(elsewhere):
        counts = elsewhere["poster"]["rows"]
        scores, _ = held_out_posters(elsewhere)[f"latest, {counts['test_temporal']} films"]
        loss = {name: f"{score['loss']:.2f}" for name, score in scores.items()}
        rows.append(
            {
                "question": "What does a poster tell?",
                "known": f"real posters alone (TMDB 5000, {counts['with_poster']} films: "
                f"{elsewhere['poster']['row_filter']})",
                "score": f"mean squared error of log10 revenue **{loss['poster']}**",
                "for comparison": f"{loss['training_mean']} from the training mean, "
                f"{loss['facts']} from the facts",
            }
        )
    ahead = run["regress"]["backtest"]["pre_release"]["h1_2"]
    held = {name: f"{share:.0%}" for name, share in interval["coverage_by_quartile"].items()}
    return "\n\n".join(
        [
            table(rows),
            "All scores are of the latest films, which the models never saw. Revenue forecasts are "
            f"off by a factor of {math.exp(revenue['selected']['mae']):.1f} on (geometric) "
            "average. Their "
            f"{interval['nominal']:.0%} interval holds {interval['coverage']:.0%} of these films: "
            f"{held['q1']} of the quarter with the smallest forecasts, {held['q4']} of the quarter "
            f"with the largest. In a backtest since 1995, {ahead['within_2']:.0%} of the films one "
            "or two years ahead earned between half and twice the forecast "
            f"({ahead['within_2_large']:.0%} from $20M of budget on). TMDB 5000 was {measured()}.",
        ]
    )


def read_yaml(name: str) -> dict:
    return YAML(typ="safe", pure=True).load((paths.ROOT / name).read_text(encoding="utf-8"))


def named(entries: list) -> list[str]:
    """Paths of dvc.yaml, where an entry is a path or {path: settings}."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def stage_picture(runs: Runs) -> str:
    """The stages of dvc.yaml as a Mermaid diagram: their rooms, and what flows between them."""
    params, stages = read_yaml("params.yaml"), read_yaml("dvc.yaml")["stages"]

    def resolved(path: str) -> str:
        return re.sub(r"\$\{(\w+)\.(\w+)\}", lambda found: params[found[1]][found[2]], path)

    nodes, edges, answering = [], [], []
    for stage, settings in stages.items():
        deps = [resolved(path) for path in named(settings["deps"])]
        rooms = re.findall(r"scripts/boxoffice/(?!core)(\w+)", " ".join(deps))
        nodes.append(f'    {stage}["<b>{stage}</b><br/>{", ".join(rooms)}"]')
        raw = ["raw"] if any(path.startswith("data/raw/") for path in deps) else []
        makers = [other for other in stages if set(named(stages[other]["outs"])) & set(deps)]
        edges.append(f"    {' & '.join(raw + makers)} --> {stage}")
        if any(path.startswith("models/") for path in named(settings["outs"])):
            answering.append(stage)
    edges.append(f"    {' & '.join(answering)} --> forecasts")
    ends = [
        '    raw[("<b>data/raw</b><br/>sources")]',
        '    forecasts(["<b>page, API, command line</b><br/>forecasts"])',
    ]
    return "\n".join(["```mermaid", "flowchart LR", *ends, *nodes, *edges, "```"])


# The blocks of each page, between the markers `<!-- NAME: start -->` and `<!-- NAME: end -->`.
PAGES: dict[str, dict[str, Callable[[Runs], str]]] = {
    "README.md": {"headline": headline, "stages": stage_picture},
    "docs/results.md": {"figures": results},
    "docs/forecasts.md": {"votes": votes},
    "docs/live.md": {"played": played},
}


def rendered(text: str, blocks: dict[str, str], page: str) -> str:
    """A page with the content of its blocks replaced.

    Raises
    ------
    SystemExit
        If a marker is missing.
    """
    for name, content in blocks.items():
        start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
        if start not in text or end not in text:
            sys.exit(f"{page} lacks the markers {start} and {end}")
        before, rest = text.split(start, 1)
        text = f"{before}{start}\n{content}\n{end}{rest.split(end, 1)[1]}"
    return text


def main(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a page is out of date")
    ] = False,
):
    """Refresh the figures of README.md and docs/.

    For example: python scripts/figures.py --check
    """
    runs = {source: metrics(folder) for source, folder in SOURCES.items() if folder.exists()}
    for page, blocks in PAGES.items():
        path = paths.ROOT / page
        text = path.read_text(encoding="utf-8")
        fresh = rendered(text, {name: write(runs) for name, write in blocks.items()}, page)
        if fresh == text:
            continue
        if check:
            sys.exit(f"{page} differs from the reports or dvc.yaml: run `make format`")
        with replacing(path) as temporary:
            temporary.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    with one_line_errors():
        typer.run(main)
