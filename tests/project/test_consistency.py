"""What is committed fits together: notebooks, params, dependencies, lock files, metrics."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import get_args

import jupytext
import nbformat
import pandas as pd
import pytest
from clones import SMALL
from ruamel.yaml import YAML

import pair_notebooks
import run_notebook
from boxoffice.core import paths
from boxoffice.films.features import FEATURE_SETS
from boxoffice.films.forecast_errors import HORIZONS
from boxoffice.films.splits import SPLITS
from boxoffice.live.versions import version_of
from boxoffice.media.encoders import ARCHITECTURES
from boxoffice.networks.layers import FUSIONS
from boxoffice.networks.multimodal_model import MODALITIES, combinations_of
from boxoffice.tabular.backtest import FEWEST_SCORED
from boxoffice.tabular.models import revenue_models, success_models
from parameters import SECTIONS, ImageEncoder, Modality

ROOT = paths.ROOT
PACKAGE = ROOT / "scripts" / "boxoffice"
SOURCES = sorted(paths.NOTEBOOKS.glob("*.py"))
PARAMS = run_notebook.read_params()
ELSEWHERE = ROOT / "reports" / "tmdb5000"  # the metrics of one run on TMDB 5000, with their lock


def read_yaml(path):
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


DVC = read_yaml(ROOT / "dvc.yaml")
STAGES = DVC["stages"]


def names(entries):
    """Paths or params of dvc.yaml, whose entries are either a name or {name: settings}."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def param(name):
    """The value of `section.name` in params.yaml."""
    value = PARAMS
    for key in name.split("."):
        value = value[key]
    return value


def deps(stage):
    return [
        re.sub(r"\$\{([\w.]+)\}", lambda found: param(found[1]), name)
        for name in STAGES[stage]["deps"]
    ]


def outs(stage):
    return [name for kind in ("outs", "plots", "metrics") for name in names(STAGES[stage][kind])]


def git_files(*options):
    listed = subprocess.run(
        ["git", "ls-files", "-z", *options], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def is_tracked(path):
    """Whether git holds this file, or a file below this folder."""
    return any(name == path or name.startswith(f"{path}/") for name in git_files())


def run(*command, **settings):
    # `dvc` and `python` are those of the Python that runs the tests.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path} | settings
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


# Stages and their notebooks


def test_every_stage_is_a_pair_of_notebooks_and_one_command():
    pairs = {path.stem for path in SOURCES}
    assert pairs == {path.stem for path in paths.NOTEBOOKS.glob("*.ipynb")}
    assert pairs == set(STAGES)
    for stage, settings in STAGES.items():
        assert settings["cmd"] == f"python scripts/run_notebook.py {stage}"
        assert settings["desc"]
        assert names(settings["metrics"]) == [f"reports/metrics/{stage}.json"]
        pictures, *curves = names(settings["plots"])
        assert pictures == f"reports/plots/{stage}"
        assert all(path.startswith(f"reports/curves/{stage}/") for path in curves)
        assert f"reports/notebooks/{stage}.ipynb" in outs(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_the_run_cache_works(stage):
    """DVC keeps no runs of a stage with an uncached output that is neither plot nor metric."""
    assert all(isinstance(out, str) for out in STAGES[stage]["outs"])


def test_pairs_are_in_step():
    assert pair_notebooks.differing() == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_pair_loses_nothing_on_its_way_and_holds_no_outputs(source):
    pair = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(pair)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in pair.cells)
    script = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    assert script.metadata["kernelspec"]["name"] == pair.metadata["kernelspec"]["name"] == "python3"
    assert script.metadata["jupytext"]["formats"] == "ipynb,py:percent"
    back = jupytext.reads(jupytext.writes(pair, fmt="py:percent"), fmt="py:percent")
    assert pair_notebooks.content(back) == pair_notebooks.content(script)


# Params


@pytest.mark.parametrize("stage", STAGES)
def test_the_notebooks_defaults_are_params_yaml(stage):
    defaults = run_notebook.notebook_defaults(run_notebook.read_notebook(stage))
    assert run_notebook.stage_params(stage, PARAMS, defaults) == defaults


def test_every_section_of_params_yaml_is_shared_or_of_a_stage():
    shared = {keys[0] for keys in run_notebook.SHARED.values()}
    assert set(PARAMS) - shared == {stage for stage in STAGES if PARAMS.get(stage)}


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_names_the_params_that_the_notebook_takes(stage):
    defaults = run_notebook.notebook_defaults(run_notebook.read_notebook(stage))
    shared = [".".join(keys) for name, keys in run_notebook.SHARED.items() if name in defaults]
    own = [stage] if stage in PARAMS else []
    assert sorted(STAGES[stage]["params"]) == sorted(shared + own)


@pytest.mark.parametrize("stage", STAGES)
def test_every_parameter_says_what_it_takes(stage):
    shared = set(run_notebook.SHARED)
    assert set(SECTIONS[stage].model_fields) - shared == set(PARAMS.get(stage, {}))


def test_choices_of_parameters_are_those_of_the_code():
    assert get_args(ImageEncoder) == tuple(ARCHITECTURES)
    assert get_args(Modality) == MODALITIES
    assert get_args(SECTIONS["multimodal"].model_fields["fusion"].annotation) == FUSIONS


def test_small_params_name_the_same():
    """What the end-to-end test runs with."""
    small = run_notebook.read_params(SMALL)
    for stage in STAGES:
        defaults = run_notebook.notebook_defaults(run_notebook.read_notebook(stage))
        assert run_notebook.stage_params(stage, small, defaults)
    assert {name: set(part) for name, part in small.items() if isinstance(part, dict)} == {
        name: set(part) for name, part in PARAMS.items() if isinstance(part, dict)
    }
    assert set(small) == set(PARAMS)


# Imports


def imported(path):
    """Dotted names that a file imports, `from a import b` as `a.b`; inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name):
    """The file of the package that a name such as `boxoffice.core.paths.ROOT` is in, or None."""
    first, *rest = name.split(".")
    if first != PACKAGE.name or not rest:
        return None
    place = PACKAGE.joinpath(*rest[:2]).with_suffix(".py")
    assert place.exists(), f"{name} is no module of the package"
    return place


def modules(*files):
    """Modules of the package that these files import, directly or through another."""
    found, waiting = set(), list(files)
    while waiting:
        new = {module_of(name) for name in imported(waiting.pop())} - {None} - found
        found |= new
        waiting += new
    return found


def room_of(module):
    """`films` for films/credits.py."""
    return module.relative_to(PACKAGE).parts[0]


def is_code(name):
    return name.endswith(".py") or name.startswith("scripts/")


@pytest.mark.parametrize("stage", STAGES)
def test_the_rooms_that_a_stage_depends_on_are_those_it_imports(stage):
    notebook = paths.NOTEBOOKS / f"{stage}.py"
    runner = ROOT / "scripts" / "run_notebook.py"
    code = {path.relative_to(ROOT).as_posix() for path in (notebook, runner)}
    code |= {f"scripts/boxoffice/{room_of(module)}" for module in modules(notebook, runner)}
    assert sorted(filter(is_code, deps(stage))) == sorted(code)


# Which rooms a room may import, beside core and itself (docs/extending.md says what they hold).
ROOMS = {
    "core": set(),
    "films": set(),
    "tabular": {"films"},
    "audience": {"tabular"},
    "media": set(),
    "networks": {"media", "tabular", "films"},
    "standins": set(),
    "sources": {"films", "media"},
    "forecasts": {"films"},
    "live": {"films", "forecasts", "sources", "tabular"},
}


def test_docs_name_these_rooms_and_what_they_may_import():
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|([^|]*)\|$", text, re.MULTILINE)
    assert {room: set(re.findall(r"`(\w+)`", may)) for room, may in rows} == ROOMS
    assert set(ROOMS) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_rooms_import_only_what_they_may():
    for module in PACKAGE.glob("*/*.py"):
        reached = {room_of(module_of(name)) for name in imported(module) if module_of(name)}
        allowed = ROOMS[room_of(module)] | {room_of(module), "core"}
        assert reached <= allowed, f"{module.relative_to(PACKAGE)} imports {reached - allowed}"


def test_no_modules_import_each_other():
    for module in PACKAGE.rglob("*.py"):
        assert module not in modules(module), f"{module.name} imports itself through others"


def test_a_name_means_one_thing():
    """No public class, function or constant is defined in two modules of the package."""
    places = {}
    for module in PACKAGE.rglob("*.py"):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [node]
            for target in targets:
                name = getattr(target, "name", getattr(target, "id", "_"))
                if not name.startswith("_"):
                    places.setdefault(name, []).append(module.relative_to(PACKAGE).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("stage", STAGES)
def test_the_data_that_a_stage_depends_on_is_raw_or_made_by_another(stage):
    made = {name for other in STAGES if other != stage for name in outs(other)}
    for name in deps(stage):
        if not is_code(name):
            assert name in made or (name.startswith("data/raw/") and is_tracked(name)), name


@pytest.mark.parametrize("stage", STAGES)
def test_a_notebook_reads_and_writes_no_table_that_dvc_yaml_does_not_name(stage):
    tree = ast.parse((paths.NOTEBOOKS / f"{stage}.py").read_text(encoding="utf-8"))
    literals = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    tables = {x for x in literals if re.fullmatch(r"[\w.-]+\.(csv|parquet|json|onnx)", str(x))}
    named = {PurePosixPath(name).name for name in deps(stage) + outs(stage)}
    if any(name.startswith("data/raw/") for name in STAGES[stage]["deps"]):
        named |= {"movies.csv", "credits.csv"}
    assert tables <= named


def test_arrows_run_one_way():
    """Notebooks and commands import the package; never back, and no notebook imports another."""
    notebooks = {path.stem for path in SOURCES} | {"notebooks"}
    commands = {path.stem for path in (ROOT / "scripts").glob("*.py")} | {"scripts", "app"}
    for source in SOURCES:
        assert not {name.split(".")[0] for name in imported(source)} & (notebooks | commands)
    for module in PACKAGE.rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(module)} & (notebooks | commands)


def test_importing_a_room_runs_nothing():
    for module in PACKAGE.rglob("__init__.py"):
        (docstring,) = ast.parse(module.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr)
        assert isinstance(docstring.value, ast.Constant)


# Lock files


def test_dvc_lock_is_of_this_code_these_params_and_these_metrics():
    """By DVC's own word, for all that git holds; what the cache holds may be absent."""
    done = run("dvc", "status", "--json")
    assert done.returncode == 0, done.stderr
    stale = []
    for stage, changes in json.loads(done.stdout).items():
        for change in changes:
            if isinstance(change, str):
                stale.append(f"{stage}: {change}")
                continue
            (details,) = change.values()
            stale += [
                f"{stage}: {path} {what}" for path, what in details.items() if is_tracked(path)
            ]
    assert stale == [], "run `dvc repro` and commit what it changes"


def broken_links(locked):
    """Stages of a lock that ran on something else than what the stage before them had made."""
    made = {out["path"]: out["md5"] for stage in locked.values() for out in stage["outs"]}
    return [
        f"{name}: {dep['path']}"
        for name, stage in locked.items()
        for dep in stage["deps"]
        if made.get(dep["path"], dep["md5"]) != dep["md5"]
    ]


def test_stages_ran_on_what_the_others_made():
    locked = read_yaml(ROOT / "dvc.lock")["stages"]
    assert set(locked) == set(STAGES)
    assert broken_links(locked) == []


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def elsewhere():
    """The stages of the dvc.lock of a run on TMDB 5000."""
    if not ELSEWHERE.exists():
        pytest.skip("no run on TMDB 5000 is committed (make tmdb5000)")
    return read_yaml(ELSEWHERE / "dvc.lock")["stages"]


@pytest.fixture(scope="module")
def measured(elsewhere):
    """The commit that the run was made at, where git has it."""
    measured = json.loads((ELSEWHERE / "measured.json").read_text(encoding="utf-8"))
    shallow = run("git", "rev-parse", "--is-shallow-repository")
    if shallow.returncode:
        pytest.skip("not a git checkout")
    present = run("git", "cat-file", "-e", f"{measured['commit']}^{{commit}}").returncode == 0
    if shallow.stdout.strip() == "true" and not present:
        pytest.skip("a shallow clone, without the commit of the run on TMDB 5000")
    return measured


def test_tmdb5000_was_measured_at_a_commit_of_this_history(measured):
    commit = measured["commit"]
    assert run("git", "merge-base", "--is-ancestor", commit, "HEAD").returncode == 0, commit
    date = run("git", "show", "--no-patch", "--format=%cs", commit).stdout.strip()
    assert measured["date"] == date


def test_tmdb5000_ran_the_notebooks_of_that_commit(elsewhere, measured):
    for stage, locked in elsewhere.items():
        sums = {dep["path"]: dep["md5"] for dep in locked["deps"]}
        source = f"notebooks/{stage}.py"
        shown = run("git", "show", f"{measured['commit']}:{source}")
        assert md5(shown.stdout.encode()) == sums[source], source


def test_transfer_was_measured_with_the_models_that_are_here():
    """Where there are models: git holds none."""
    told = json.loads((ELSEWHERE / "metrics" / "transfer.json").read_text("utf-8"))
    cards = {name: paths.MODELS / f"{name}.json" for name in told["sha256"]}
    if not all(card.is_file() for card in cards.values()):
        pytest.skip("no models here: run `dvc repro`")
    here = {name: json.loads(card.read_text("utf-8"))["sha256"] for name, card in cards.items()}
    assert here == told["sha256"], "run `python scripts/transfer.py`"


def test_the_year_was_played_with_the_models_that_are_here():
    told = json.loads((ROOT / "reports" / "played" / "open_films_2009.json").read_text("utf-8"))
    if not (paths.MODELS / "revenue_pre_release.json").is_file():
        pytest.skip("no models here: run `dvc repro`")
    assert told["versions"] == {"champion": f"{version_of(paths.MODELS)}@2009-01-01"}, (
        "play it again: docs/reproducibility.md says how"
    )


def test_tmdb5000_metrics_are_those_of_its_lock(elsewhere):
    measured = {path.stem for path in ELSEWHERE.glob("metrics/*.json")}
    assert measured - {"transfer"} == set(elsewhere)  # scripts/transfer.py is no stage
    assert broken_links(elsewhere) == []
    for stage, locked in elsewhere.items():
        sums = {out["path"]: out["md5"] for out in locked["outs"]}
        metrics = ELSEWHERE / "metrics" / f"{stage}.json"
        assert md5(metrics.read_bytes()) == sums[f"reports/metrics/{stage}.json"], stage
    regress = json.loads((ELSEWHERE / "metrics" / "regress.json").read_text())
    assert regress["source"] == "tmdb5000"


def test_pipfile_lock_belongs_to_the_pipfile():
    pipenv = ROOT / ".pipenv" / "bin" / "pipenv"
    if not pipenv.exists():
        pytest.skip("Pipenv is not in .pipenv (make setup)")
    done = run(str(pipenv), "verify", PIPENV_IGNORE_VIRTUALENVS="1", PIPENV_VERBOSITY="-1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_pipfile_and_lock_name_no_index():
    lock = json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))
    assert lock["_meta"]["sources"] == []
    for name in ("Pipfile", "Pipfile.lock"):
        assert not re.search(r"https?://", (ROOT / name).read_text(encoding="utf-8")), name


def test_every_package_is_locked_with_hashes():
    lock = json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))
    sections = set(lock) - {"_meta"}
    assert sections == {"default", "develop", "serve", "media"}
    for section in sections:
        for name, package in lock[section].items():
            if name == "boxoffice":
                assert package == {"editable": True, "path": "."}
                continue
            assert package["version"].startswith("=="), name
            assert package["hashes"], name
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in package["hashes"])


# Metrics


METRICS = sorted([*paths.METRICS.glob("*.json"), *ELSEWHERE.glob("metrics/*.json")])
REGRESS = [path for path in METRICS if path.name == "regress.json"]
CLASSIFY = [path for path in METRICS if path.name == "classify.json"]
POSTER = [path for path in METRICS if path.name == "poster.json"]
AVERAGES = ("weighted", "macro")
REVENUE_SCORES = {"r2", "rmse", "mae", "usd_r2", "usd_mae"}
SUCCESS_SCORES = {"roc_auc", "f1", "brier", "accuracy", "recall_0", "recall_1"}
BASELINES = {"baseline", "log_budget"}


def source_of(path):
    """open_films or tmdb5000: the run that a metrics file is of."""
    return "tmdb5000" if ELSEWHERE in path.parents else "default"


def committed(stage):
    """The metrics of a stage on the default source, which this code has made.

    The metrics of TMDB 5000 are of an earlier commit, which may have had other models.
    """
    return json.loads((paths.METRICS / f"{stage}.json").read_text())


def strict(path):
    """Read JSON, every number exact, and refuse what JSON doesn't know (NaN)."""

    def refuse(word):
        raise AssertionError(f"{path.name}: {word} is not JSON")

    return json.loads(path.read_text(), parse_float=Decimal, parse_constant=refuse)


def leaves(value, name=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, f"{name}[{place}]")
    else:
        yield name, value


@pytest.mark.parametrize("path", METRICS, ids=lambda path: f"{source_of(path)}-{path.stem}")
def test_metrics_are_strict_json_with_six_digits(path):
    content = strict(path)
    numbers = {name: value for name, value in leaves(content) if isinstance(value, Decimal)}
    assert numbers
    for name, value in numbers.items():
        assert len(value.normalize().as_tuple().digits) <= 6, f"{path.name}: {name} is {value}"
    keys = re.findall(r'"([^"]+)":', path.read_text())
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for key in keys)


def test_every_stage_has_metrics():
    assert {path.stem for path in paths.METRICS.glob("*.json")} == set(STAGES)


INTERVAL_SCORES = {"nominal", "coverage", "width", "score", "coverage_by_quartile"}
BACKTEST_SCORES = {
    "n", "r2", "rmse", "bias", "median_error", "within_2", "within_2_large", "largest_ratio",
    "total_ratio", "roc_auc", "interval", "coverage",
}  # fmt: skip


def test_regress_holds_what_it_is_asked_for():
    metrics = committed("regress")
    models = {*revenue_models(seed=0), "ensemble", "selected"}
    assert {"linear", "random_forest", "gradient_boosting", "xgboost"} < models
    assert set(metrics) == {
        "source", "rows", "log_budget_corr", "lacking", "selected", *SPLITS, "temporal_updated",
        "cv", "as_is", "backtest", "backtest_updated", "backtest_baselines", "feature_selection",
        "interval", "r2_95",
    }  # fmt: skip
    for split in SPLITS:
        assert set(metrics[split]) == set(FEATURE_SETS)
        for by_model in metrics[split].values():
            assert set(by_model) == models | BASELINES
            assert all(set(scores) == REVENUE_SCORES for scores in by_model.values())
    assert set(metrics["cv"]) == set(metrics["interval"]) == set(FEATURE_SETS)
    for feature_set, by_model in metrics["cv"].items():
        assert set(by_model) == models | BASELINES
        r2, between = (
            metrics["temporal"][feature_set]["selected"]["r2"],
            metrics["r2_95"][feature_set],
        )
        assert between["lower"] < r2 < between["upper"]
        assert all(set(scores) == {"r2", "r2_std", "rmse"} for scores in by_model.values())
        assert metrics["selected"][feature_set] != "gradient_boosting"
        assert set(metrics["interval"][feature_set]) == INTERVAL_SCORES
        assert metrics["interval"][feature_set]["nominal"] == PARAMS["regress"]["coverage"]


def test_regress_holds_its_backtests():
    metrics = committed("regress")
    assert set(metrics["temporal_updated"]) == set(FEATURE_SETS)
    assert all(set(scores) == REVENUE_SCORES for scores in metrics["temporal_updated"].values())
    for kind in ("backtest", "backtest_updated"):
        assert set(metrics[kind]) == set(FEATURE_SETS)
        for by_horizon in metrics[kind].values():
            assert set(by_horizon) == set(HORIZONS)
            for scores in by_horizon.values():
                assert set(scores) == BACKTEST_SCORES
                assert set(scores["interval"]) == INTERVAL_SCORES
                assert scores["coverage"] == scores["interval"]["coverage"]
                assert scores["n"] >= FEWEST_SCORED
    assert metrics["backtest"]["classic"] == metrics["backtest_updated"]["classic"]
    assert set(metrics["backtest_baselines"]) == {"log_budget", "comparables"}
    for by_horizon in metrics["backtest_baselines"].values():
        assert set(by_horizon) == set(HORIZONS)
        assert all(set(scores) == {"r2", "within_2"} for scores in by_horizon.values())


def test_regress_holds_its_scores_on_the_amounts_as_stated():
    metrics, preprocess = committed("regress"), committed("preprocess")
    as_is = metrics["as_is"]
    assert set(as_is) == {"films", "temporal", "temporal_updated", "cv"}
    assert as_is["films"] == preprocess["in_millions"]
    assert set(as_is["temporal"]) == set(as_is["temporal_updated"]) == REVENUE_SCORES
    if as_is["films"] == 0:  # nothing was repaired, so the scores are the same
        assert as_is["temporal"] == metrics["temporal"]["pre_release"]["selected"]
        assert as_is["cv"] == metrics["cv"]["pre_release"]["selected"]


def test_regress_holds_its_selection_of_features():
    chosen = committed("regress")["feature_selection"]
    assert set(chosen) == {"features", "lasso", "eliminated_to", "r2"}
    assert 0 < chosen["lasso"] <= chosen["features"]
    assert 0 < chosen["eliminated_to"] <= chosen["features"]
    assert len(chosen["r2"]) == 2
    assert all(set(r2) == set(HORIZONS) for r2 in chosen["r2"].values())


def test_preprocess_tells_whose_revenue_is_known_and_what_was_repaired():
    metrics = committed("preprocess")
    assert set(metrics) == {
        "source", "rows", "missing", "in_millions", "budget_implausible", "revenue_known",
        "success_rate", "log_budget_corr", "splits", "genre_share",
    }  # fmt: skip
    assert set(metrics["revenue_known"]) == {"below_1m", "1m_10m", "10m_50m", "from_50m"}
    assert all(0 <= share <= 1 for share in metrics["revenue_known"].values())
    assert 0 <= metrics["in_millions"] <= metrics["rows"]["usable"]


def test_classify_holds_what_it_is_asked_for():
    metrics = committed("classify")
    models = {*success_models(seed=0), "ensemble", "selected"}
    assert {"logistic_regression", "decision_tree", "xgboost"} < models
    for split in SPLITS:
        assert set(metrics["success"][split]) == set(FEATURE_SETS)
        for by_model in metrics["success"][split].values():
            assert set(by_model) == models | BASELINES
            assert all(set(scores) == SUCCESS_SCORES for scores in by_model.values())
    for by_model in metrics["success"]["cv"].values():
        assert set(by_model) == models
        assert all(set(scores) == {"roc_auc", "roc_auc_std"} for scores in by_model.values())
    asked = {
        "original": {"logistic_regression", "random_forest"},
        "synthetic": {"random_forest", "xgboost"},
        "tmdb": {"random_forest", "xgboost", "voting", "stacking"},
    }
    assert set(metrics["hit"]) == {*asked, "external"}
    for data, asked_models in asked.items():
        assert asked_models | {"baseline", "selected"} <= set(metrics["hit"][data])
        assert all(set(scores) >= SUCCESS_SCORES for scores in metrics["hit"][data].values())
    assert set(metrics["hit"]["external"]) >= SUCCESS_SCORES


POSTER_SCORES = {
    "loss", "r2", "rmse", "within_25", "within_50",
    "accuracy", "precision", "recall", "f1", "roc_auc",
}  # fmt: skip


def test_poster_holds_what_it_is_asked_for():
    metrics = committed("poster")
    assert {"media", "encoder", "rows", "best_epoch", "val_loss", "test"} <= set(metrics)
    assert metrics["weights"] == "pretrained"
    assert set(metrics["test"]) == set(metrics["test_95"]) == POSTER_SCORES
    baselines = {"training_mean", "facts", "facts_poster", "ridge"}
    assert set(metrics["baselines"]) == baselines
    assert set(metrics["temporal"]) == set(metrics["cv"]) == baselines | {"poster"}
    for results in (metrics["baselines"], metrics["temporal"], metrics["cv"]):
        for result in results.values():
            assert set(result["scores"]) == set(result["interval_95"]) == POSTER_SCORES
    assert set(metrics["gain"]) == {"random", "temporal", "cv"}
    for gains in metrics["gain"].values():
        assert set(gains) == {"poster_over_mean", "poster_over_facts"}
    assert f"revenue above ${PARAMS['poster']['threshold']:,}" in metrics["row_filter"]
    rows = metrics["rows"]
    assert rows["train"] + rows["validation"] + rows["test"] == rows["with_poster"]
    assert rows["test"] / rows["with_poster"] == pytest.approx(0.10, abs=0.005)
    assert rows["validation"] / rows["with_poster"] == pytest.approx(0.09, abs=0.005)


def test_multimodal_holds_what_it_is_asked_for():
    metrics = committed("multimodal")
    kinds = {f"{score}_{mean}" for score in ("f1", "precision", "recall") for mean in AVERAGES}
    scores = {"accuracy", "one_away_accuracy", *kinds}
    assert set(metrics["splits"]) == {"split_70_20_10", "split_75_15_10", "split_80_10_10"}
    assert metrics["best_split"] == min(
        metrics["splits"], key=lambda split: metrics["splits"][split]["val_loss"]
    )
    assert all(scores < set(split) for split in metrics["splits"].values())
    heard = metrics["media"] != "none"
    choices = set(combinations_of(["text", "video", "audio"] if heard else ["text"]))
    assert set(metrics["ablation"]) == {*choices, "majority"}
    for part in metrics["all_films"].values():
        assert set(part) == {"forest", "majority", "metadata", "text_metadata"}
        assert all(scores < set(model) for model in part.values())
    assert set(metrics["served"]) == {"text", "metadata", "text_metadata"}
    assert metrics["served"]["text_metadata"] == {
        "tested": "the latest films",
        "films": metrics["served"]["text"]["films"],
        "exact": metrics["all_films"]["temporal"]["text_metadata"]["accuracy"],
        "one_away": metrics["all_films"]["temporal"]["text_metadata"]["one_away_accuracy"],
        "chance": metrics["chance"],
    }


def test_rendered_media_are_named_and_real_ones_too():
    default = {path.stem: json.loads(path.read_text()) for path in paths.METRICS.glob("*.json")}
    for stage in ("synthesize", "poster", "multimodal"):
        assert default[stage]["media"] == "stand_in"
    for path in POSTER:
        if source_of(path) == "tmdb5000":
            assert json.loads(path.read_text())["media"] == "real"


@pytest.mark.parametrize("path", REGRESS + CLASSIFY, ids=lambda p: f"{source_of(p)}-{p.stem}")
def test_selected_is_the_model_that_it_names(path):
    metrics = json.loads(path.read_text())
    figures = metrics.get("success", metrics)
    for split in SPLITS:
        for feature_set, by_model in figures.get(split, {}).items():
            assert by_model["selected"] == by_model[metrics["selected"][feature_set]]


def test_stages_agree_on_the_films():
    preprocess, regress, classify = (
        json.loads((paths.METRICS / f"{stage}.json").read_text())
        for stage in ("preprocess", "regress", "classify")
    )
    assert preprocess["source"] == regress["source"] == classify["source"] == "open_films"
    assert preprocess["rows"]["usable"] == regress["rows"] == classify["rows"]
    assert preprocess["log_budget_corr"] == regress["log_budget_corr"]
    assert PARAMS["data"]["source"] == "open_films"


CURVES = {
    path: settings
    for stage in STAGES.values()
    for plot in stage["plots"]
    for path, settings in plot.items()
    if path.endswith((".csv", ".tsv"))
}


@pytest.mark.parametrize("path", CURVES)
def test_dvc_plots_name_columns_that_there_are(path):
    settings = CURVES[path]
    assert settings["template"] in {"scatter", "confusion", "simple"}
    table = pd.read_csv(ROOT / path, sep="\t" if path.endswith(".tsv") else ",")
    assert {settings["x"], settings["y"]} <= set(table.columns)


def test_only_pictures_are_drawn_from_folders():
    """DVC would draw a table in such a folder against its row numbers."""
    drawn = {path.suffix for path in paths.PLOTS.rglob("*") if path.is_file()}
    assert drawn == {".png"}
    curves = {path for path in paths.CURVES.rglob("*") if path.suffix in (".csv", ".tsv")}
    assert {str(path.relative_to(ROOT)) for path in curves} == set(CURVES)


# What a reader meets


def test_no_committed_file_holds_a_path_of_somebodys_machine():
    homes = re.compile(rb"(?<![\w.~-])/(home|root|Users)/[\w.-]|[A-Z]:\\Users")
    places = [os.fsencode(path) for path in (ROOT, Path.home()) if len(path.parts) > 2]
    found = []
    for name in git_files("--cached", "--others", "--exclude-standard"):
        content = (ROOT / name).read_bytes()
        if name.endswith(".png"):  # compressed: chance may spell anything
            continue
        if name == "Dockerfile":  # its paths are those of the image
            continue
        if homes.search(content) or any(place in content for place in places):
            found.append(name)
    assert found == []
