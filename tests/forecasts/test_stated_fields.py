"""What is stated of a film doesn't make its forecast worse than leaving it out, on average."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import r2_score

from boxoffice.core.paths import RAW
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import film_facts, input_columns, without_absent
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import add_splits
from boxoffice.forecasts.canonical import known_members
from boxoffice.forecasts.names import KINDS
from boxoffice.tabular.models import revenue_ensemble, revenue_models
from boxoffice.tabular.pipelines import fit_films

FIELDS = ("companies", "director", "writers", "cast", "certificate")
# What a field adds is known to about 0.01 on 550 films (half of a 95 % bootstrap interval).
NOISE = 0.01


@pytest.fixture(scope="module")
def split():
    """Usable open films as training films and, the latest fifth, test films."""
    movies, credits, _ = read_source(RAW / "open_films")
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = add_splits(without_absent(films.join(film_facts(films))), test_size=0.2, seed=0)
    return tuple(films[films["split_temporal"] == part] for part in ("train", "test"))


@pytest.fixture(scope="module")
def r2(split):
    """A function of the test films, as they are stated: R2 of a model of the training films."""
    train, test = split
    pipeline = fit_films("pre_release", train, revenue_ensemble(revenue_models(seed=0)))

    def score(stated):
        predicted = pipeline.predict(stated[input_columns("pre_release", stated)])
        return r2_score(test["log_revenue"], predicted)

    return score


@pytest.fixture(scope="module")
def stated(split):
    """The test films as requests are read: names that no training film has are not stated."""
    train, test = split
    roles = {role: kind for role, kind in KINDS.items() if role in test}
    ids = {kind: set() for kind in roles.values()}
    for role, kind in roles.items():
        ids[kind] |= set(train[role].explode().dropna())
    names = SimpleNamespace(ids=ids)
    known = {
        role: [known_members(role, list(listed), names) or None for listed in test[role]]
        for role in roles
    }
    return test.assign(**known)


def without(films, field):
    if field == "certificate":
        return films.assign(certificate_rank=np.nan)
    return films.assign(**{field: None})


@pytest.mark.parametrize("field", FIELDS)
def test_a_stated_field_costs_nothing_against_leaving_it_out(r2, stated, field):
    assert r2(stated) >= r2(without(stated, field)) - NOISE


def test_companies_that_the_own_source_does_not_know_are_new(split, r2, stated):
    """Where ids are the models' own, strangers tell more than an unknown list: `--own-ids`."""
    _, test = split
    assert r2(stated.assign(companies=test["companies"])) > r2(stated) + NOISE


def test_fields_together_are_worth_stating(r2, stated):
    nothing = stated
    for field in FIELDS:
        nothing = without(nothing, field)
    assert r2(stated) > r2(nothing)
