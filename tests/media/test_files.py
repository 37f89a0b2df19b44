"""Media files: which is taken for a film, and the reason of each that is not."""

import hashlib

import pandas as pd
import pytest
from pooch import file_hash

from boxoffice.media import files as media
from boxoffice.media.files import MediaError, find_files

SUFFIXES = (".jpg", ".png")


def folder_of(tmp_path, contents):
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def reasons(skipped):
    return dict(zip(skipped["file"], skipped["reason"], strict=True))


def test_files_are_those_of_the_films_asked_for_in_the_order_of_ids(tmp_path):
    folder = folder_of(tmp_path, {"30.jpg": "a", "4.PNG": "b", "100.jpg": "c", "5.jpg": "d"})
    files, skipped = find_files(folder, [100, 30, 4, 7], SUFFIXES)
    assert files.columns.tolist() == ["id", "path", "sha256"]
    assert files["id"].dtype == "int64"
    assert files["id"].tolist() == [4, 30, 100]
    assert files["path"].tolist() == [str(folder / name) for name in ("4.PNG", "30.jpg", "100.jpg")]
    assert files["sha256"].tolist() == [
        hashlib.sha256(text).hexdigest() for text in (b"b", b"a", b"c")
    ]
    assert skipped.empty


def test_every_other_file_has_its_reason(tmp_path):
    contents = {
        "1.jpg": "a",
        "1.png": "b",
        "2.jpg": "",
        "3.gif": "c",
        "007.jpg": "d",
        "poster.jpg": "e",
        "99999999999999999999.jpg": "f",
        "-4.jpg": "g",
        "5 (copy).jpg": "h",
        "notes.txt": "i",
        ".hidden.jpg": "j",
    }
    folder = folder_of(tmp_path, contents)
    (folder / "4.jpg").mkdir()
    (folder / "6.jpg").symlink_to(folder / "nowhere.jpg")
    files, skipped = find_files(folder, range(10), SUFFIXES)
    assert files["id"].tolist() == [1]
    assert skipped.columns.tolist() == ["id", "file", "reason"]
    assert skipped["id"].dtype == "Int64"
    assert reasons(skipped) == {
        "1.png": "1.jpg is used for this film",
        "2.jpg": "empty file",
        "3.gif": "not named .jpg, .png",
        "4.jpg": "not a file",
        "6.jpg": "not a file",
        "007.jpg": "name is not a film's id",
        "-4.jpg": "name is not a film's id",
        "5 (copy).jpg": "name is not a film's id",
        "99999999999999999999.jpg": "name is not a film's id",
        "poster.jpg": "name is not a film's id",
        "notes.txt": "not named .jpg, .png",
    }
    assert skipped["id"].dropna().tolist() == [1, 2, 3, 4, 6]


def test_of_two_files_for_a_film_that_with_the_earlier_suffix_is_taken(tmp_path):
    folder = folder_of(tmp_path, {"1.jpg": "a", "1.png": "b"})
    for suffixes in [(".jpg", ".png"), (".png", ".jpg")]:
        files, skipped = find_files(folder, [1], suffixes)
        assert files["path"].tolist() == [str(folder / f"1{suffixes[0]}")]
        assert skipped["file"].tolist() == [f"1{suffixes[1]}"]


def test_a_film_with_an_empty_file_gets_its_other_one(tmp_path):
    files, skipped = find_files(folder_of(tmp_path, {"1.jpg": "", "1.png": "a"}), [1], SUFFIXES)
    assert files["path"].tolist() == [str(tmp_path / "1.png")]
    assert reasons(skipped) == {"1.jpg": "empty file"}


def test_the_same_file_under_several_ids_belongs_to_none(tmp_path):
    contents = {f"{film}.jpg": "the same" for film in (3, 20, 100, 5, 1)}
    folder = folder_of(tmp_path, contents | {"2.jpg": "another", "4.png": "the same"})
    files, skipped = find_files(folder, [1, 2, 3, 20, 100, 5], SUFFIXES)  # 4 is not asked for
    assert files["id"].tolist() == [2]
    assert skipped["id"].tolist() == [1, 3, 5, 20, 100]
    assert skipped["reason"].tolist() == [
        "same file as 3, 5, 20 and 1 more",
        "same file as 1, 5, 20 and 1 more",
        "same file as 1, 3, 20 and 1 more",
        "same file as 1, 3, 5 and 1 more",
        "same file as 1, 3, 5 and 1 more",
    ]
    assert reasons(find_files(folder, [1, 3, 2], SUFFIXES)[1])["1.jpg"] == "same file as 3"


def test_what_a_file_shows_may_be_judged_by_another_digest(tmp_path):
    def first_word(path):
        word = path.read_text().split()[0]
        if word == "broken":
            raise MediaError("broken by hand")
        return word

    folder = folder_of(tmp_path, {"1.jpg": "x 1", "2.jpg": "x 2", "3.jpg": "y", "4.jpg": "broken"})
    files, skipped = find_files(folder, [1, 2, 3, 4], SUFFIXES, content=first_word, kind="word")
    assert files["id"].tolist() == [3]
    assert files["sha256"].tolist() == [file_hash(folder / "3.jpg")]
    assert skipped["reason"].tolist() == ["same word as 2", "same word as 1", "broken by hand"]


def test_a_file_that_goes_away_meanwhile_is_set_aside(tmp_path):
    def gone(path):
        raise FileNotFoundError(2, "No such file or directory", path)

    folder = folder_of(tmp_path, {"1.jpg": "a"})
    files, skipped = find_files(folder, [1], SUFFIXES, content=gone)
    assert files.empty
    assert reasons(skipped) == {"1.jpg": "can't be read: No such file or directory"}


def test_the_tables_have_their_types_when_there_is_nothing(tmp_path):
    nothing, none_skipped = find_files(tmp_path, [1], SUFFIXES)
    files, skipped = find_files(folder_of(tmp_path, {"1.jpg": "a", "2.jpg": ""}), [1, 2], SUFFIXES)
    pd.testing.assert_series_equal(nothing.dtypes, files.dtypes)
    pd.testing.assert_series_equal(none_skipped.dtypes, skipped.dtypes)


def test_a_missing_folder_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no-such is not a folder. Put files named <id>.jpg"
    ):
        find_files(tmp_path / "no-such", [1], SUFFIXES)


def test_the_table_does_not_depend_on_threads(tmp_path, monkeypatch):
    contents = {f"{film}.jpg": str(film % 40) for film in range(50)}
    folder = folder_of(tmp_path, contents)
    many = find_files(folder, range(50), SUFFIXES)
    monkeypatch.setattr(media, "cores", lambda: 1)
    one = find_files(folder, range(50), SUFFIXES)
    pd.testing.assert_frame_equal(many[0], one[0])
    pd.testing.assert_frame_equal(many[1], one[1])
    assert many[0]["id"].tolist() == list(range(10, 40))
