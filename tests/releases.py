"""Releases of the models for tests: another than this checkout's, a repository of several."""

import json
import shutil

import pandas as pd
import pytest
from clones import Clone
from ruamel.yaml import YAML

from boxoffice.core import paths
from boxoffice.films.features import input_columns
from boxoffice.tabular.export import export_model
from boxoffice.tabular.models import revenue_models
from boxoffice.tabular.pipelines import fit_films

REVENUE = "revenue_pre_release"
CHECKED_OUT = shutil.ignore_patterns(".*", "champion", "challenger")


def known_films(workspace):
    films = pd.read_parquet(workspace / "data" / "processed" / "films.parquet")
    return films[films["usable"]].reset_index(drop=True)


def another(models, films, folder):
    """The same models, but for revenue before release: a linear one, fitted on all films."""
    shutil.copytree(models, folder, ignore=CHECKED_OUT)
    card = json.loads((folder / f"{REVENUE}.json").read_text())
    told = {key: card[key] for key in card.keys() - {"name", "model", "features", "sha256"}}
    pipeline = fit_films("pre_release", films, revenue_models(seed=0)["linear"])
    features = pipeline[0].transform(films[input_columns("pre_release", films)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MODELS", folder)
        export_model(REVENUE, pipeline[1:], features, told)
    return folder


class Releases(Clone):
    """A repository whose only stage copies models, tables and metrics from `trained/`."""

    def start(self):
        """Make the repository, with this checkout's code."""
        for name in ("scripts", "app"):
            shutil.copytree(paths.ROOT / name, self.root / name)
        ignored = "__pycache__/\n/trained\n/models\n/reports/tables\n"
        (self.root / ".gitignore").write_text(ignored)
        self.said("git", "init", "--quiet")
        self.said("dvc", "init", "--quiet")
        shutil.copy(paths.ROOT / ".dvc" / "config", self.root / ".dvc")
        return self

    def train(self, models, tables):
        """Put models and held-out forecasts where the stages would, and commit."""
        trained = self.root / "trained"
        shutil.rmtree(trained, ignore_errors=True)
        shutil.copytree(models, trained / "models", ignore=CHECKED_OUT)
        shutil.copytree(paths.METRICS, trained / "reports" / "metrics")
        for path, table in tables.items():
            (trained / path).parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(trained / path, index=False)
        outs = sorted(f"models/{path.name}" for path in (trained / "models").iterdir())
        copy = {
            "cmd": "cp -r trained/. .",
            "deps": ["trained"],
            "outs": [*outs, "reports/tables"],
            "metrics": [{"reports/metrics": {"cache": False}}],
        }
        yaml = YAML(typ="safe", pure=True)
        artifacts = yaml.load((paths.ROOT / "dvc.yaml").read_text())["artifacts"]
        with (self.root / "dvc.yaml").open("w") as file:
            yaml.dump({"stages": {"copy": copy}, "artifacts": artifacts}, file)
        self.said("dvc", "repro", "--quiet")
        self.commit()

    def tags(self):
        """The message of each tag by its name."""
        names = self.said("git", "tag").split()
        return {
            name: self.said("git", "tag", "--list", "--format=%(contents)", name).strip()
            for name in names
        }
