"""Names and ids of the training films' people, whatever ids a table comes with."""

import pandas as pd
import pytest

from boxoffice.forecasts import names
from boxoffice.forecasts.names import Names


@pytest.fixture
def known(tmp_path):
    """Two people, of whom one has a less known namesake with the id 3, and a company."""
    table = pd.DataFrame(
        [
            ("person", "penelope cruz", "Penélope Cruz", 1),
            ("person", "john smith", "John Smith", 2),
            ("company", "pixar", "Pixar", 1),
        ],
        columns=["kind", "key", "name", "id"],
    )
    table.to_parquet(tmp_path / "names.parquet")
    return Names(tmp_path / "names.parquet", {"person": {1, 2, 3}, "company": {1}})


def test_names_are_found_in_any_spelling_and_by_their_kind(known):
    assert known.id_of("person", None, "PENELOPE  CRUZ") == 1
    assert known.id_of("company", None, "Pixar") == 1
    assert known.id_of("person", None, "Pixar") < 0


def test_an_id_is_known_by_its_kind(known):
    assert known.has("person", 3)
    assert not known.has("company", 3)


def test_an_id_of_the_models_source_stays(known):
    assert known.id_of("person", 2, "John Smith") == 2
    assert known.id_of("person", 3, "John Smith") == 3  # the namesake keeps his own record


def test_an_id_of_another_source_is_replaced_by_the_one_the_name_has_here(known):
    assert known.id_of("person", 90210, "Penelope Cruz") == 1
    assert known.id_of("person", 1, "John Smith") == 2  # 1 is somebody else here


def test_who_has_no_id_is_known_by_name_alone(known):
    assert known.id_of("person", None, "penelope cruz") == 1
    nobody = known.id_of("person", None, "Nobody  At All")
    assert nobody < 0  # so it is nobody's here
    assert nobody == known.id_of("person", None, "nobody at all")
    assert nobody != known.id_of("person", None, "Somebody Else")


def test_who_is_unknown_keeps_the_id(known):
    assert known.id_of("person", 90210, "Nobody") == 90210
    assert known.id_of("company", 77, "Penelope Cruz") == 77


def test_a_long_name_is_found_and_not_kept(known):
    long = "Penelope " * 10_000
    kept = names._cached_key.cache_info().currsize
    assert known.id_of("person", None, long) < 0
    assert names._cached_key.cache_info().currsize == kept
