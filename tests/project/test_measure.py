"""What a measurement on another source reads and changes, and which commit it names."""

import subprocess

import pytest

import measure
from boxoffice.core import paths


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "data" / "raw" / "tmdb5000").mkdir(parents=True)
    return tmp_path


def test_without_media_posters_are_stand_ins_and_classes_learn_from_text(root):
    read, params = measure.settings("tmdb5000")
    assert read == ["data/raw/tmdb5000"]
    assert params == ["data.source=tmdb5000", "multimodal.modalities=[text]"]


def test_real_media_are_used_if_they_have_been_fetched(root):
    posters, trailers = (f"data/raw/{kind}/tmdb5000" for kind in ("posters", "trailers"))
    for folder in (posters, trailers):
        (root / folder).mkdir(parents=True)
    read, params = measure.settings("tmdb5000")
    assert read == ["data/raw/tmdb5000", posters, trailers]
    assert params == [
        "data.source=tmdb5000",
        f"poster.dir={posters}",
        f"multimodal.trailer_dir={trailers}",
    ]


def test_media_of_another_source_are_not_used(root):
    (root / "data" / "raw" / "posters" / "open_films").mkdir(parents=True)
    assert measure.settings("tmdb5000")[0] == ["data/raw/tmdb5000"]


def git(folder, *words):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(root):
    (root / "code.py").write_text("1\n")
    (root / ".gitignore").write_text("/data/raw/*\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--date", "2020-01-01T12:00:00", "-m", "first")
    return root


def test_a_measurement_names_its_commit_and_the_day_of_that_commit(checkout):
    measured = measure.committed("tmdb5000")
    assert measured["commit"] == git(checkout, "rev-parse", "HEAD")
    assert measured["date"] == git(checkout, "log", "-1", "--format=%cs")


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_files_that_are_not_committed_stop_a_measurement(checkout, name):
    (checkout / name).write_text("2\n")
    with pytest.raises(SystemExit, match=name):
        measure.committed("tmdb5000")


def test_an_earlier_measurement_may_differ_from_the_commit(checkout):
    (checkout / "reports" / "tmdb5000").mkdir(parents=True)
    (checkout / "reports" / "tmdb5000" / "dvc.lock").write_text("stages: {}\n")
    assert measure.committed("tmdb5000")["commit"] == git(checkout, "rev-parse", "HEAD")
    with pytest.raises(SystemExit, match="reports/"):
        measure.committed("another")


def test_a_source_that_is_not_there_names_the_command_that_fetches_it(root):
    with pytest.raises(SystemExit, match=r"fetch\.py another"):
        measure.measure("another")
