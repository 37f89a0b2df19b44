"""What a source's lists of companies name: production companies alone, or the distributor too.

TMDB lists production companies. The open films list the distributor first, from Vega's table, and
then production companies from Wikidata. The two kinds differ in what they say of a film's revenue:
a film that found a large distributor has passed a test. So a model that learned one kind may do
worse with the other than with none (`docs/results.md`, films of another source).

One kind can't be translated into the other, as votes can. Companies that are not of the
kind that a model learned count as not stated.
"""

COMPANY_LISTS = {
    "producers": "production companies alone",
    "distributors": "the distributor and production companies",
}
DEFAULT_COMPANIES = "producers"  # the schema of requests and tables is TMDB's
COMPANIES_OF_SOURCE = {"open_films": "distributors"}  # folders of data/raw that differ


def companies_of(source: str) -> str:
    """Which companies a source lists, by its name: 'open_films' -> 'distributors'."""
    return COMPANIES_OF_SOURCE.get(source, DEFAULT_COMPANIES)


def kind_of_list(text: str | None) -> str | None:
    """'Distributors' -> 'distributors'; the default for nothing or a blank, None if not known."""
    name = (text or "").strip().lower() or DEFAULT_COMPANIES
    return name if name in COMPANY_LISTS else None


def not_used_in_words(of: str, learned: str) -> str:
    """Why companies of one kind are not used by a model that learned another, and what to state."""
    return (
        f"not used: they are taken for {COMPANY_LISTS[of]}, but the model learned from lists of "
        f"{COMPANY_LISTS[learned]}; if that is what this list holds, state companies_of: {learned}"
    )
