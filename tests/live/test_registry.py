"""Versions of the models in a real repository: registered, promoted or refused, checked out."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import run
from releases import CHECKED_OUT, Releases, another, known_films
from ruamel.yaml import YAML
from serving import Server, get, post

import registry as command
from boxoffice.core import paths
from boxoffice.core.files import SourceError
from boxoffice.core.model_files import ModelFileError
from boxoffice.films.features import input_columns
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.live import promotion, registry
from boxoffice.live.versions import release_of, served_models, version_of
from boxoffice.tabular.backtest import backtest
from boxoffice.tabular.models import revenue_models, success_models
from boxoffice.tabular.pipelines import fit_films

FILM = {"budget": 3e7, "release_year": 2009, "runtime": 110, "genres": ["Comedy"]}


@pytest.fixture(scope="module")
def films(workspace):
    return known_films(workspace)


@pytest.fixture(scope="module")
def forecasts_ahead(films):
    """A true backtest, of a quick model from few cut-offs: `frozen`, `updated` and `log_budget`.

    `in_cents` is the frozen model with its dollars taken for cents.
    """
    made = backtest(films, "pre_release", revenue_models(seed=0)["linear"], 2003, every=5)
    return made.assign(in_cents=made["frozen"] + np.log(100))


@pytest.fixture(scope="module")
def tables(films, forecasts_ahead):
    """What `promotion.HELD_OUT_FORECASTS` names, with the forecasts of a column of the backtest."""
    train, test = (films[films["split_temporal"] == part] for part in ("train", "test"))
    model = success_models(seed=0)["logistic_regression"]
    pipeline = fit_films("pre_release", train, model, target="success")
    probability = pipeline.predict_proba(test[input_columns("pre_release", films)])[:, 1]
    latest = pd.DataFrame(
        {"id": test["id"], "actual": test["success"].astype(int), "predicted": probability}
    ).assign(feature_set="pre_release")

    def of(column):
        ids = films["id"].loc[forecasts_ahead["film"]].to_numpy()
        revenue = forecasts_ahead.assign(
            feature_set="pre_release", id=ids, predicted=forecasts_ahead[column]
        )
        kept = ["feature_set", "id", "cutoff", "horizon", "actual", "predicted"]
        return {"revenue": revenue[kept], "success": latest}

    return of


# Which difference is worse than noise


def test_a_version_is_not_worse_than_itself(tables):
    compared = promotion.backtest_comparison(tables("frozen"), tables("frozen"))
    assert set(zip(compared["target"], compared["horizon"], strict=True)) == {
        *(("revenue", name) for name in ("h0", "h1_2", "h3_5", "h6_9")),
        ("success", "latest"),
    }
    assert (compared[["difference", "lower", "upper"]] == 0).all(axis=None)
    assert not compared["worse"].any()


def test_the_same_model_with_a_later_history_is_within_noise_or_better(tables):
    compared = promotion.backtest_comparison(tables("frozen"), tables("updated"))
    assert promotion.worse_in_words(compared) == []


def test_revenue_in_cents_is_worse_and_the_other_way_round_better(tables):
    worse = promotion.backtest_comparison(tables("frozen"), tables("in_cents"))
    better = promotion.backtest_comparison(tables("in_cents"), tables("frozen"))
    assert worse["worse"].tolist() == (worse["target"] == "revenue").tolist()
    revenue = worse[worse["worse"]]
    assert (revenue["candidate"] > revenue["champion"]).all()
    assert not better["worse"].any()
    assert worse["difference"].tolist() == pytest.approx((-better["difference"]).tolist())
    assert promotion.worse_in_words(worse)[0].startswith("revenue, pre_release, h")


def test_a_worse_chance_of_success_is_worse(tables):
    sure = tables("frozen")
    sure["success"] = sure["success"].assign(predicted=lambda t: t["predicted"].round())
    compared = promotion.backtest_comparison(tables("frozen"), sure)
    assert compared.loc[compared["worse"], "target"].tolist() == ["success"]


def test_only_films_that_both_have_forecast_count(tables):
    fewer = tables("frozen")
    fewer["revenue"] = fewer["revenue"][fewer["revenue"]["cutoff"] < 2008]
    compared = promotion.backtest_comparison(tables("log_budget"), fewer)
    rows = fewer["revenue"][fewer["revenue"]["horizon"] == 0]
    by_horizon = compared.set_index("horizon")
    assert by_horizon.loc["h0", "films"] == rows["id"].nunique()
    error = rows["predicted"] - rows["actual"]
    assert by_horizon.loc["h0", "candidate"] == pytest.approx(np.sqrt((error**2).mean()))


def test_a_candidate_without_forecasts_that_the_champion_has_is_not_compared(tables):
    lacking = tables("frozen")
    lacking["revenue"] = lacking["revenue"][lacking["revenue"]["horizon"] < 3]
    with pytest.raises(SourceError, match=": revenue, pre_release, h3_5; revenue, pre_release, h6"):
        promotion.backtest_comparison(tables("frozen"), lacking)
    compared = promotion.backtest_comparison(lacking, tables("frozen"))  # it may have more
    assert set(compared["horizon"]) == {"h0", "h1_2", "latest"}

    classic = tables("frozen")["success"].assign(feature_set="classic")
    both = tables("frozen") | {"success": pd.concat([tables("frozen")["success"], classic])}
    with pytest.raises(SourceError, match=r": success, classic, latest$"):
        promotion.backtest_comparison(both, tables("frozen"))


def test_few_forecasts_of_the_champion_may_be_lacking(tables):
    few = tables("frozen")["success"].head(promotion.FEWEST_PAIRED - 1)
    champion = tables("frozen")
    champion["success"] = pd.concat([champion["success"], few.assign(feature_set="classic")])
    compared = promotion.backtest_comparison(champion, tables("frozen"))
    assert set(compared["feature_set"]) == {"pre_release"}


def test_versions_without_common_films_are_not_compared(tables):
    others = {target: table.assign(id=-table["id"]) for target, table in tables("frozen").items()}
    with pytest.raises(SourceError, match="fewer than 20 films"):
        promotion.backtest_comparison(tables("frozen"), others)


# A repository


@pytest.fixture(scope="module")
def by_path(tables):
    def of(column):
        return {
            path: tables(column)[target] for target, path in promotion.HELD_OUT_FORECASTS.items()
        }

    return of


@pytest.fixture(scope="module")
def history(tmp_path_factory, models, films, by_path):
    """Three versions, promoted and refused; what was said on the way."""
    folder = tmp_path_factory.mktemp("releases")
    (folder / "repository").mkdir()
    clone = Releases(folder / "repository").start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clone.environment.items():
            if name.startswith("GIT_"):  # this process signs tags as the commands do
                patch.setenv(name, value)
        yield three_versions(clone, folder, models, films, by_path)


def asked(clone, *words):
    """What the command does in a repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", clone.root)
        return run("registry.py", *words)


def told(clone, *words):
    """What it prints; it must succeed."""
    done = asked(clone, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def three_versions(clone, folder, models, films, by_path):
    clone.train(models, by_path("frozen"))
    clone.first = told(clone, "register")
    registry.promote(clone.root, "v1.0.0", "champion")

    clone.train(another(models, films, folder / "another"), by_path("updated"))
    registry.register(clone.root)
    registry.promote(clone.root, "v1.1.0", "challenger")
    clone.both = told(clone, "checkout")
    for role in ("champion", "challenger"):
        shutil.copytree(clone.root / "models" / role, folder / role)
    clone.kept = folder

    clone.train(models, by_path("in_cents"))
    registry.register(clone.root)
    clone.refused = asked(clone, "promote", "v1.2.0")
    clone.tags_then = clone.tags()
    told(clone, "promote", "v1.2.0", "--because", 'the "old" one reads no Polish')
    time.sleep(1)  # GTO puts tags in the order of their seconds
    registry.promote(clone.root, "v1.1.0", "champion")  # better than the worse one
    for role in ("champion", "challenger"):
        registry.check_out(clone.root, role)
    return clone


def test_a_version_is_two_annotated_tags_at_one_commit(history):
    assert history.first.startswith("v1.0.0 is commit ")
    tags = history.tags()
    for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
        commits = {
            history.said("git", "rev-parse", f"{name}@{version}^{{commit}}")
            for name in registry.ARTIFACTS
        }
        assert len(commits) == 1
        assert tags[f"revenue@{version}"] == f"revenue {version}"
    assert "there is no champion yet" in tags["revenue#champion#1"]
    assert "beside the champion v1.0.0" in tags["success#challenger#2"]


def test_dvc_yaml_declares_what_is_tagged():
    dvc = YAML(typ="safe", pure=True).load((paths.ROOT / "dvc.yaml").read_text("utf-8"))
    assert set(dvc["artifacts"]) == set(registry.ARTIFACTS)
    outs = {out for stage in dvc["stages"].values() for out in stage["outs"]}
    assert {each["path"] for each in dvc["artifacts"].values()} <= outs


def test_gto_and_dvc_read_the_same(history, tmp_path):
    shown = history.said("gto", "show", "--plain")
    assert [line.split()[:3] for line in shown.splitlines() if "revenue" in line] == [
        ["revenue", "v1.2.0", "v1.1.0"]
    ]
    got = tmp_path / "model.onnx"
    options = ("--stage", "champion", "--out", str(got), "--quiet")
    history.said("dvc", "artifacts", "get", ".", "revenue", *options)
    champion = history.root / "models" / "champion" / "revenue_pre_release.onnx"
    assert got.read_bytes() == champion.read_bytes()


def test_a_worse_version_is_refused_unless_told_why(history):
    assert history.refused.returncode == 1
    assert (
        "v1.2.0 is not promoted, as its backtest is worse than v1.0.0's" in history.refused.stderr
    )
    assert "revenue, pre_release, h1_2: RMSE" in history.refused.stderr
    assert len(history.refused.stderr.splitlines()) == 1
    assert [name for name in history.tags_then if "champion" in name] == [
        "revenue#champion#1",
        "success#champion#1",
    ]
    said = history.tags()["revenue#champion#3"]
    assert said.startswith(
        'revenue v1.2.0 is champion: the "old" one reads no Polish; its backtest'
    )
    assert "is worse than v1.0.0's" in said


def test_an_older_version_comes_back(history):
    assert "not worse than v1.2.0's" in history.tags()["revenue#champion#4"]
    assert release_of(history.root / "models" / "champion") == {
        "version": "v1.1.0",
        "role": "champion",
    }
    lines = told(history, "show").splitlines()
    versions = [line.split()[0] for line in lines if line.startswith("v")]
    assert versions == ["v1.2.0", "v1.1.0", "v1.0.0"]
    assert "by test: its backtest is not worse" in lines[2]


def test_roles_are_folders_with_all_files_that_answer(history, models):
    assert history.both == "models/champion: v1.0.0\nmodels/challenger: v1.1.0\n"
    folder = history.kept / "champion"
    names = {path.name for path in models.iterdir() if path.is_file()}
    assert {path.name for path in folder.iterdir()} == names | {"version.json"}
    assert Forecasts(folder).revenue(FILM) == Forecasts(models).revenue(FILM)
    assert Forecasts(history.kept / "challenger").revenue(FILM) != Forecasts(models).revenue(FILM)
    stated = json.loads((folder / "version.json").read_text())
    assert stated["commit"] == history.said("git", "rev-parse", "revenue@v1.0.0^{commit}").strip()
    assert len(stated["promoted"]) == len("2026-01-01")
    assert version_of(folder) == "v1.0.0"


def test_a_challenger_that_became_champion_is_none(history):
    assert not (history.root / "models" / "challenger").is_symlink()
    assert registry.check_out(history.root, "challenger") is None


def test_dvc_and_git_leave_what_was_checked_out_alone(history):
    before = sorted((history.root / "models").rglob("*"))
    history.said("dvc", "repro", "--force", "--quiet")
    history.said("dvc", "checkout", "--quiet")
    assert sorted((history.root / "models").rglob("*")) == before
    assert history.said("git", "status", "--porcelain") == ""


def test_the_service_answers_with_the_champion_and_says_its_version(history, tmp_path):
    server = Server("", tmp_path, root=history.root, page=1).start()  # unset, as it is empty
    try:
        welcome = get(f"{server.wait().address}/").json()
        answer = post(f"{server.address}/predict/revenue", json=FILM).json()
        footer = get(f"{server.address}/ui").text
    finally:
        server.stop()
    assert (welcome["models_version"], welcome["role"]) == ("v1.1.0", "champion")
    assert answer == Forecasts(history.root / "models" / "champion").revenue(FILM)
    assert "v1.1.0" in footer


# What goes wrong


@pytest.fixture
def broken(history, tmp_path):
    """A copy of the repository that a test may break."""
    root = tmp_path / "copy"
    shutil.copytree(history.root, root, symlinks=True)
    return root


@pytest.fixture
def unread(monkeypatch):
    """Models are registered without loading them first, which takes a while."""
    monkeypatch.setattr(registry, "fetch_models", lambda *_: None)


@pytest.mark.usefixtures("unread")
def test_a_registration_that_ended_half_way_is_finished(broken):
    git("commit", "--quiet", "--allow-empty", "--message", "later", cwd=broken)
    registry.gto.register(str(broken), registry.ARTIFACTS[0], "HEAD", "v1.3.0")
    assert registry.releases(broken)[0].version == "v1.2.0"
    assert registry.register(broken).version == "v1.3.0"
    assert registry.register(broken).version == "v1.3.0"  # once more changes nothing
    with pytest.raises(SourceError, match=r"v2\.0\.0 can't be registered: .*v1\.3\.0"):
        registry.register(broken, "v2.0.0")


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("message", [("--message", "success v1.3.0"), ()])
def test_the_tags_of_a_version_are_of_one_commit(broken, message):
    tag = "success@v1.3.0"
    git("commit", "--quiet", "--allow-empty", "--message", "half registered", cwd=broken)
    git("tag", tag, *message, cwd=broken)
    git("commit", "--quiet", "--allow-empty", "--message", "later", cwd=broken)
    with pytest.raises(SourceError, match=f"the tag {tag} is there .*or run `git tag -d {tag}`"):
        registry.register(broken)
    assert "revenue@v1.3.0" not in git("tag", cwd=broken)
    git("tag", "-d", tag, cwd=broken)
    commit = registry.register(broken).commit
    assert git("rev-parse", f"{tag}^{{commit}}", "HEAD", cwd=broken).split() == [commit, commit]


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("version", ["v1.0.0", "1.3", "latest"])
def test_a_version_is_new_and_of_three_numbers(broken, version):
    git("commit", "--quiet", "--allow-empty", "--message", "later", cwd=broken)
    with pytest.raises(SourceError, match=f"{version} can't be registered"):
        registry.register(broken, version)


def test_what_is_not_committed_is_not_registered(broken):
    with (broken / "dvc.lock").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(SourceError, match=r"dvc\.lock is not the committed one"):
        registry.register(broken)


def test_an_unknown_version_is_named_with_those_that_there_are(broken):
    with pytest.raises(SourceError, match=r"v9\.0\.0 is not registered \(v1\.2\.0, v1\.1\.0"):
        registry.promote(broken, "v9.0.0", "champion")


def test_promoting_the_champion_again_changes_nothing(broken):
    before = git("tag", cwd=broken)
    assert "not worse than v1.2.0's" in registry.promote(broken, "v1.1.0", "champion")
    assert git("tag", cwd=broken) == before


@pytest.mark.usefixtures("unread")
def test_what_cannot_be_compared_is_refused_unless_told_why(broken, by_path, models):
    clone = Releases(broken)
    only_revenue = {path: table for path, table in by_path("frozen").items() if "regress" in path}
    clone.train(models, only_revenue)
    registry.register(broken)
    with pytest.raises(registry.Refused, match=r"can't be compared.*classify/latest\.csv"):
        registry.promote(broken, "v1.3.0", "champion")
    assert registry.holder(broken, "champion").version == "v1.1.0"
    why = registry.promote(broken, "v1.3.0", "champion", "the first with votes")
    assert why.startswith("the first with votes; its backtest can't be compared")
    assert registry.holder(broken, "champion").roles["champion"].why.endswith(why)


def test_a_failed_checkout_leaves_the_last_one(broken):
    cache = broken / ".dvc" / "cache"
    champion = broken / "models" / "champion"
    before = champion.resolve()
    time.sleep(1)
    registry.promote(broken, "v1.0.0", "champion", "to go back")
    cache.rename(broken / "elsewhere")
    with pytest.raises(SourceError, match=r"neither in DVC's cache nor in a remote.*dvc push"):
        registry.check_out(broken, "champion")
    assert champion.resolve() == before
    assert version_of(champion) == "v1.1.0"
    (broken / "elsewhere").rename(cache)
    registry.check_out(broken, "champion")
    assert version_of(champion) == "v1.0.0"
    assert len(list((broken / "models" / ".champion").iterdir())) == 2  # with the lock


def test_models_come_from_the_remote_of_today(broken, tmp_path, history):
    """Also those of commits that know of none."""

    def dvc(*words):
        subprocess.run(["dvc", *words], cwd=broken, env=history.environment, check=True)

    store = "--quiet", "--default", "store", str(tmp_path / "store")
    dvc("remote", "add", "--local", *store)
    dvc("push", "--quiet", "--all-tags")
    (broken / ".dvc" / "config.local").unlink()
    dvc("remote", "add", *store)
    shutil.rmtree(broken / ".dvc" / "cache")
    shutil.rmtree(broken / "models")
    assert registry.check_out(broken, "champion").version == "v1.1.0"
    assert Forecasts(broken / "models" / "champion").revenue(FILM)


def test_an_altered_file_is_not_checked_out(broken):
    model = broken / "models" / "champion" / "poster.safetensors"
    for path in (broken / ".dvc" / "cache" / "files").rglob("*"):
        if path.is_file() and path.stat().st_size == model.stat().st_size:
            path.chmod(0o644)
            path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(SourceError, match=r"poster\.safetensors of \w+ is altered"):
        registry.check_out(broken, "champion")


def test_models_that_this_code_cannot_load_are_not_registered(broken, by_path, history, tmp_path):
    wrong = tmp_path / "wrong"
    shutil.copytree(history.kept / "champion", wrong)
    (wrong / "version.json").unlink()
    (wrong / "hit.onnx").write_bytes(b"no model")
    clone = Releases(broken)
    clone.train(wrong, by_path("frozen"))
    with pytest.raises(SourceError, match=r"don't work with this code: .*hit\.onnx"):
        registry.register(broken)


def git(*words, cwd: Path) -> str:
    return subprocess.run(
        ["git", *words], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


# The folder that answers


def test_the_champion_answers_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    assert served_models() == tmp_path
    (tmp_path / "champion").mkdir()
    assert served_models() == tmp_path / "champion"


def test_a_champion_that_is_gone_is_not_replaced_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    (tmp_path / "champion").symlink_to(".champion/v1.0.0-gone")
    assert served_models() == tmp_path / "champion"
    with pytest.raises(ModelFileError, match="is missing"):
        Forecasts(served_models())


def test_trained_models_have_a_version_and_no_role(models, tmp_path):
    found = release_of(models)
    assert found["role"] is None
    assert len(found["version"]) == 12
    shutil.copytree(models, tmp_path / "models", ignore=CHECKED_OUT)
    card = tmp_path / "models" / "success_pre_release.json"
    card.write_text(card.read_text().replace("trained_until", "trained_up_to", 1))
    assert version_of(tmp_path / "models") != found["version"]


@pytest.mark.parametrize("content", ["", "[]", '{"version": "v1.0.0"}'])
def test_a_version_that_cannot_be_read_says_what_to_do(tmp_path, content):
    (tmp_path / "version.json").write_text(content)
    with pytest.raises(ModelFileError, match="make champion"):
        release_of(tmp_path)


def test_help_has_examples():
    assert "registry.py promote v1.1.0" in (command.about.__doc__)
