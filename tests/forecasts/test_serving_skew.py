"""The service's features are the pipeline's, for every film that it learned from, exactly."""

import numpy as np
import orjson
import pandas as pd
import pytest
from ruamel.yaml import YAML

from boxoffice.films.companies import companies_of
from boxoffice.films.features import CLASSIC_GENRES, column_name, input_columns
from boxoffice.films.votes import votes_of
from boxoffice.forecasts.names import KINDS
from boxoffice.forecasts.request import Film, faults
from boxoffice.forecasts.table_columns import ChunkReader
from boxoffice.forecasts.table_files import open_table
from boxoffice.tabular.pipelines import fit_films


def expected(feature_set, films):
    """What the pipeline's models are given for the films that the exported ones learned from."""
    pipeline = fit_films(feature_set, films, "passthrough")
    return pipeline[0].transform(films[input_columns(feature_set, films)])


def known(value):
    return None if pd.isna(value) else value


def classic_request(film):
    """A film of the table as a client of the classic service would state it."""
    return {
        "budget": film["budget"],
        "popularity": known(film.get("popularity")),
        "runtime": known(film["runtime"]),
        "vote_avg": known(film["vote_average"]),
        "vote_count": known(film["vote_count"]),
        "release_year": film["release_year"],
        "release_date": f"{film['release_date']:%Y-%m-%d}",  # for the prices of its month
        **{
            column_name(genre): int(film[f"genre_{column_name(genre)}"]) for genre in CLASSIC_GENRES
        },
    }


def pre_release_request(film):
    """All that is known of it before release, people by their ids."""
    request = {
        "budget": film["budget"],
        "runtime": known(film["runtime"]),
        "release_year": film["release_year"],
        "title": film["title"],
        "release_date": f"{film['release_date']:%Y-%m-%d}",
        "original_language": film["original_language"],
        "certificate": known(film.get("certificate")),
        "genres": list(film["genres"]),
        **{role: [int(each) for each in film[role]] for role in KINDS if role in film},
    }
    if "countries" in film:
        request["countries"] = list(film["countries"])
    return {name: value for name, value in request.items() if value is not None}


def as_the_api_reads(request):
    """From JSON, through the schema of the request."""
    body = orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY)
    return Film.model_validate_json(body).__dict__


def test_a_classic_request_gives_the_classic_features(forecasts, films):
    table = expected("classic", films)
    rated = films[["vote_average", "vote_count"]].notna().all(axis=1)
    assert rated.mean() > 0.9
    rows = films[rated].to_dict("records")
    whose = {"votes_of": forecasts.cards["revenue_classic"]["votes"]}  # the source's own
    requests = [as_the_api_reads(classic_request(film) | whose) for film in rows]
    (together,) = forecasts.read(requests)
    assert together.models.features == list(table)
    np.testing.assert_array_equal(together.features, table[rated])
    alone = [read.features[0] for request in requests for read in forecasts.read([request])]
    np.testing.assert_array_equal(alone, table[rated])


def test_a_pre_release_request_gives_the_pre_release_features(forecasts, films):
    table = expected("pre_release", films)
    kind = {"companies_of": forecasts.companies_of}  # the source's own
    rows = films.to_dict("records")
    requests = [as_the_api_reads(pre_release_request(film) | kind) for film in rows]
    assert [faults(request) for request in requests] == [[]] * len(requests)
    (together,) = forecasts.read(requests)
    assert together.models.features == list(table)
    np.testing.assert_array_equal(together.features, table)
    alone = [read.features[0] for request in requests for read in forecasts.read([request])]
    np.testing.assert_array_equal(alone, table)


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_a_table_gives_the_same_features(forecasts, films, workspace, tmp_path, feature_set):
    asked = films
    if feature_set == "classic":
        asked = films[films[["vote_average", "vote_count"]].notna().all(axis=1)]
    table = expected(feature_set, films).loc[asked.index]
    raw = as_one_table(workspace, asked["id"], feature_set)
    raw.to_csv(tmp_path / "films.csv", index=False)
    with open_table(tmp_path / "films.csv", "csv") as opened:
        (chunk,) = opened.chunks(len(raw))
    reader = ChunkReader(chunk, forecasts.names, forecasts.roles)
    ((models, rows, features, _),) = forecasts.answering(reader.films())
    assert reader.faults == {}
    assert models.features == list(table)
    np.testing.assert_array_equal(features, table.iloc[rows])
    assert len(rows) == len(raw)


def as_one_table(workspace, ids, feature_set):
    """These films of the source with their credits, votes known or unknown."""
    source = YAML(typ="safe").load((workspace / "params.yaml").read_text())["data"]["source"]
    movies, credits = (
        pd.read_csv(workspace / "data" / "raw" / source / name, dtype=str, keep_default_na=False)
        for name in ("movies.csv", "credits.csv")
    )
    credits = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
    table = movies.merge(credits, on="id", how="left").set_index("id").loc[ids.astype(str)]
    if feature_set == "pre_release":
        return table.assign(vote_count="", companies_of=companies_of(source))
    return table.assign(votes_of=votes_of(source))
