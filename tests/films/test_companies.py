"""Which companies a source lists, and how that is read and told."""

import pytest

from boxoffice.films.companies import (
    COMPANY_LISTS,
    DEFAULT_COMPANIES,
    companies_of,
    kind_of_list,
    not_used_in_words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("distributors", "distributors"),
        (" Distributors ", "distributors"),
        ("PRODUCERS", "producers"),
        ("", "producers"),
        (None, "producers"),
        ("financiers", None),
    ],
)
def test_which(text, expected):
    assert kind_of_list(text) == expected


def test_a_source_lists_producers_unless_it_is_known_to_list_distributors():
    assert companies_of("open_films") == "distributors"
    assert companies_of("tmdb5000") == companies_of("my_films") == DEFAULT_COMPANIES == "producers"


@pytest.mark.parametrize("learned", COMPANY_LISTS)
def test_in_words(learned):
    (other,) = set(COMPANY_LISTS) - {learned}
    words = not_used_in_words(other, learned)
    assert words.startswith(f"not used: they are taken for {COMPANY_LISTS[other]},")
    assert words.endswith(f"state companies_of: {learned}")
