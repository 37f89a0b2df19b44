"""What a film is about, in words: its overview, else a sentence of facts."""

import pandas as pd


def people_of(films: pd.DataFrame, role: str, names: pd.Series) -> pd.Series:
    """Names of a role's people, joined by commas; empty where the source has no such role."""
    if role not in films:
        return pd.Series("", index=films.index)
    return films[role].map(lambda ids: ", ".join(names[i] for i in ids if i in names.index))


def facts_sentence(films: pd.DataFrame, people: pd.DataFrame) -> pd.Series:
    """One sentence per film from facts known before release, as far as the source has them.

    'Drama, Romance film of 1940 from United States of America, directed by ..., written by ...,
    with ..., rated PG.' Names are those of `people`, a table of `credits.people_names`.
    """
    names = people.set_index("id")["name"]
    blank = pd.Series("", index=films.index)
    countries = films["countries"].map(", ".join) if "countries" in films else blank
    certificate = films["certificate"].fillna("") if "certificate" in films else blank
    clauses = {
        " from ": countries,
        ", directed by ": people_of(films, "director", names),
        ", written by ": people_of(films, "writers", names),
        ", with ": people_of(films, "cast", names),
        ", rated ": certificate,
    }
    sentence = films["genres"].map(", ".join) + " film of " + films["release_year"].astype(str)
    for words, values in clauses.items():
        sentence += (words + values).where(values != "", "")
    return sentence.str.strip() + "."


def film_text(films: pd.DataFrame, people: pd.DataFrame) -> pd.Series:
    """The overview where a film has one, else the sentence of facts: Series of str."""
    sentence = facts_sentence(films, people)
    if "overview" not in films:
        return sentence
    overview = films["overview"].fillna("").str.strip()
    return overview.where(overview != "", sentence)
