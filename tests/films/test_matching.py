"""Films of two sources are matched by title and year."""

import pandas as pd

from boxoffice.films.matching import same_films


def films(*rows):
    table = pd.DataFrame(rows, columns=["title", "release_year"])
    return table.set_axis([f"film {number}" for number in range(len(rows))])


def test_titles_and_years_need_not_agree_exactly():
    left = films(("The Matrix", 1999), ("Heat", 1995), ("Heat", 1972), ("!", 2000))
    right = films(("matrix", 2000), ("Heat!", 1995), ("Heat", 1997), ("?", 2000))
    pairs = same_films(left, right)
    assert pairs.to_records(index=False).tolist() == [("film 0", "film 0"), ("film 1", "film 1")]


def test_a_film_may_be_in_several_pairs():
    pairs = same_films(films(("Heat", 1995)), films(("Heat", 1995), ("Heat", 1996)))
    assert pairs["right"].tolist() == ["film 0", "film 1"]
