"""The text of a film: its overview, else a sentence of facts known before release."""

import numpy as np
import pandas as pd

from boxoffice.films.text import facts_sentence, film_text

PEOPLE = pd.DataFrame({"id": [1, 2, 3], "name": ["Ann Lee", "Bo Ek", "Cy Roy"]})
FILMS = pd.DataFrame(
    {
        "genres": [["Drama", "Romance"], ["Comedy"]],
        "release_year": [1999, 2010],
        "countries": [["France"], []],
        "director": [[1], []],
        "writers": [[2], [2]],
        "cast": [[3, 1], [99]],
        "certificate": ["PG", np.nan],
        "revenue": [1e6, 2e6],
        "overview": ["Two meet.", "  "],
    }
)


def test_the_sentence_tells_what_is_known():
    assert facts_sentence(FILMS, PEOPLE).tolist() == [
        "Drama, Romance film of 1999 from France, directed by Ann Lee, written by Bo Ek, "
        "with Cy Roy, Ann Lee, rated PG.",
        "Comedy film of 2010, written by Bo Ek.",
    ]


def test_the_overview_comes_first():
    assert film_text(FILMS, PEOPLE).tolist() == [
        "Two meet.",
        "Comedy film of 2010, written by Bo Ek.",
    ]


def test_a_source_may_lack_columns():
    bare = FILMS[["genres", "release_year"]]
    assert film_text(bare, PEOPLE).tolist() == [
        "Drama, Romance film of 1999.",
        "Comedy film of 2010.",
    ]


def test_what_is_known_after_release_has_no_say():
    richer = FILMS.assign(revenue=9e9, vote_average=9.9, popularity=500.0)
    assert film_text(richer, PEOPLE).equals(film_text(FILMS, PEOPLE))
