"""What a measurement on another source reads, and which params it changes."""

import pytest

import measure
from boxoffice import paths


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "data" / "raw" / "tmdb5000").mkdir(parents=True)
    return tmp_path


def test_without_media_posters_are_stand_ins_and_text_teaches_the_classes(root):
    read, params = measure.settings("tmdb5000")
    assert read == ["data/raw/tmdb5000"]
    assert params == ["data.source=tmdb5000", "multimodal.modalities=[text]"]


def test_real_media_are_used_where_they_have_been_brought(root):
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


def test_media_of_another_source_are_not(root):
    (root / "data" / "raw" / "posters" / "open_films").mkdir(parents=True)
    assert measure.settings("tmdb5000")[0] == ["data/raw/tmdb5000"]
