"""Stand-ins are real files, the same every time, shaped by what is known before release alone."""

import datetime
from itertools import pairwise

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from boxoffice.core.files import STAND_IN
from boxoffice.core.paths import RAW
from boxoffice.films.credits import credit_roles, people_names
from boxoffice.films.features import GENRES, film_facts, without_absent
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import add_splits
from boxoffice.standins import rendering
from boxoffice.standins.facts import LOOKS, Facts, draw_films, finish, known_before_release
from boxoffice.standins.pictures import poster
from boxoffice.standins.rendering import render, render_poster, render_trailer

FILM = Facts(
    id=7,
    title="The Long Way Home",
    genres=("Drama", "Western"),
    cast=("Ada Berg", "Bo Cruz", "Cy Diaz", "Di Engel", "Ed Fox"),
    certificate="PG-13",
    runtime=104.0,
    budget=2e7,
    release_date=datetime.date(1999, 5, 14),
    countries=("United States of America",),
)
OTHER_FACTS = {
    "title": "The Short Way Home",
    "genres": ("Drama", "Horror"),
    "cast": FILM.cast[:4],
    "certificate": "R",
    "runtime": 119.0,
    "budget": 3e7,
    "release_date": datetime.date(1999, 5, 15),
    "countries": ("Canada",),
}
ODD_FILMS = [
    Facts(id=0, title="?"),
    Facts(id=2**63 - 1, title="X" * 300, genres=("Sport",), runtime=1.0, cast=("N" * 99,) * 5),
    Facts(id=1, title="\x00\n\t", genres=GENRES, cast=("",), certificate="Not Rated", budget=0),
    Facts(id=2, title="דג 日本語 \U0001f3ac \u202e", budget=1e12, runtime=900.0),
]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def drawn(seed=0, **facts):
    return poster(FILM._replace(**facts), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def source():
    """Films and people, as the preprocess stage makes them."""
    movies, credits, _ = read_source(RAW / "open_films")
    films = clean(movies.iloc[:80]).merge(credit_roles(movies, credits), on="id")
    films = without_absent(add_splits(films.join(film_facts(films)), test_size=0.2, seed=42))
    return films[films["usable"]], people_names(credits)


def otherwise(column):
    """The same column with other values."""
    if pd.api.types.is_bool_dtype(column):
        return ~column
    if pd.api.types.is_numeric_dtype(column):
        return column * 3 + 1
    return column.map(lambda cell: "other" if isinstance(cell, str) else [])


def test_nothing_that_is_known_only_later_shapes_them(source, tmp_path):
    films, people = source
    later = films.columns.difference(Facts._fields)
    assert {"revenue", "log_revenue", "vote_count", "success", "split_temporal"} <= set(later)
    others = films.assign(**{name: otherwise(films[name]) for name in later})
    assert not any(others[name].equals(films[name]) for name in later)
    facts, same = (known_before_release(rows, people) for rows in (films, others))
    assert same == facts
    for renderer in (render_poster, render_trailer):
        renderer(facts[0], tmp_path / "one")
        renderer(same[0], tmp_path / "other")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("fact", OTHER_FACTS)
def test_every_fact_shows_in_the_poster(fact):
    assert set(OTHER_FACTS) == set(Facts._fields) - {"id"}
    assert drawn().tobytes() != drawn(**{fact: OTHER_FACTS[fact]}).tobytes()


def test_facts_are_those_of_the_table_and_what_it_lacks_is_unknown(source):
    films, people = source
    names = dict(zip(people["id"], people["name"], strict=True))
    for row, film in zip(films.to_dict("records"), known_before_release(*source), strict=True):
        assert film.cast == tuple(names[person] for person in row["cast"])
        assert film.genres == tuple(row["genres"])
        for name in ("id", "title", "budget", "release_date", "certificate", "runtime"):
            value = getattr(film, name)
            assert pd.isna(row[name]) if value is None else value == row[name]
    lacking = films[["id", "title", "budget"]]
    expected = [Facts(row.id, row.title, budget=row.budget) for row in lacking.itertuples()]
    assert known_before_release(lacking, people) == expected


def test_a_poster_shows_its_genre():
    """The nearest poster drawn with another seed, by 96 pixels, is mostly of the same genre."""
    assert set(LOOKS) == set(GENRES)
    known, asked = (
        np.array([np.ravel(drawn(seed, genres=(genre,)).resize((8, 12))) for genre in GENRES])
        for seed in (1, 2)
    )
    distances = np.linalg.norm(asked[:, None].astype(float) - known[None], axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(GENRES))).mean() > 0.8


def grain(picture):
    """What blurring takes away."""
    grey = picture.convert("L")
    return np.abs(np.subtract(grey, grey.filter(ImageFilter.GaussianBlur(2)), dtype=float)).mean()


@pytest.mark.parametrize("genre", ["Horror", "Comedy", "Drama"])
def test_a_poster_shows_its_budget(genre):
    pictures = [drawn(genres=(genre,), title="", cast=(), budget=x) for x in (1e5, 1e7, 1e8)]
    for less, more in pairwise(pictures):
        assert grain(less) > grain(more)
        less, more = (np.asarray(picture.convert("HSV"))[..., 1].mean() for picture in (less, more))
        assert less < more
    assert finish(0) == finish(1) == 0
    assert finish(1e12) == 100


def test_a_trailer_shows_its_genre_and_budget():
    """Dearer and livelier films have more shots, dearer ones a louder tone."""
    films = [
        FILM._replace(genres=(genre,), budget=budget)
        for genre, budget in (("Drama", 1e6), ("Drama", 1e8), ("Action", 1e6), ("Action", 1e8))
    ]
    shots = [len(rendering.shot_lengths(film, np.random.default_rng(0))) for film in films]
    assert shots == sorted(set(shots))
    drama, dear_drama, action, dear_action = (rendering.tone(film) for film in films)
    assert dear_drama.std() > 1.5 * drama.std()
    assert dear_action.std() > 1.5 * action.std()
    pitches = [np.abs(np.fft.rfft(sound[:24_000])).argmax() for sound in (drama, action)]  # Hz
    assert pitches == pytest.approx([LOOKS["Drama"].pitch, LOOKS["Action"].pitch], abs=50)


@pytest.mark.parametrize("film", ODD_FILMS, ids=range(len(ODD_FILMS)))
def test_unusual_facts_are_drawn(film, tmp_path):
    render_poster(film, tmp_path / "poster.jpg")
    frames = list(rendering.frames(film, np.random.default_rng(0)))
    assert {frame.size for frame in frames} == {(320, 180)}
    assert len(frames) == rendering.frame_count(film)
    assert 100 <= len(frames) <= 140  # 10 to 14 s


@pytest.fixture(scope="module")
def films(source):
    """Facts of five films, two of them with a trailer."""
    return [known_before_release(rows, source[1]) for rows in draw_films(source[0], 5, 2, seed=1)]


@pytest.mark.parametrize("kind", [0, 1], ids=["posters", "trailers"])
def test_the_same_film_gives_the_same_bytes(films, kind, tmp_path):
    """In another run, by one process, in another order, among other films; not by another seed."""
    films, renderer = films[kind], (render_poster, render_trailer)[kind]
    suffix = (".jpg", ".mp4")[kind]
    render(films, tmp_path / "a", renderer, suffix, seed=1, workers=2)
    first = contents(tmp_path / "a")
    assert set(first) == {f"{film.id}{suffix}" for film in films}
    render(films[:0:-1], tmp_path / "a", renderer, suffix, seed=1, workers=1)
    assert contents(tmp_path / "a").items() < first.items()
    render(films[:1], tmp_path / "a", renderer, suffix, seed=2, workers=1)
    (other,) = contents(tmp_path / "a").items()
    assert other not in first.items()


def test_posters_are_jpegs_that_say_what_they_are(tmp_path):
    render_poster(FILM, tmp_path / "7.jpg")
    with Image.open(tmp_path / "7.jpg") as picture:
        picture.load()
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (400, 600))
        assert picture.info["comment"] == STAND_IN.encode()


def test_trailers_are_films_with_sound_that_say_what_they_are(tmp_path):
    render_trailer(FILM, tmp_path / "7.mp4")
    with av.open(tmp_path / "7.mp4") as container:
        assert container.metadata["comment"] == STAND_IN
        assert "creation_time" not in container.metadata
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (320, 180, 10)
        assert (audio.rate, audio.channels) == (24_000, 2)
        media = list(container.decode(video, audio))
    seconds = 11.3  # 10 s, and 4 s more for 100 minutes more than 70
    assert sum(isinstance(part, av.VideoFrame) for part in media) == 10 * seconds
    samples = sum(part.samples for part in media if isinstance(part, av.AudioFrame))
    assert samples / 24_000 == pytest.approx(seconds, abs=0.1)


def test_the_fewer_are_among_the_more():
    films = pd.DataFrame({"id": np.arange(50)[::-1] * 3})
    small, small_trailers = draw_films(films, 20, 5, seed=1)
    posters, trailers = draw_films(films.sample(frac=1, random_state=0), 30, 10, seed=1)
    ids = posters["id"].tolist()
    assert len(set(ids)) == 30
    assert [small["id"].tolist(), small_trailers["id"].tolist()] == [ids[:20], ids[:5]]
    assert trailers["id"].tolist() == ids[:10]


@pytest.mark.parametrize(("posters", "trailers"), [(11, 0), (5, 6), (5, -1)])
def test_more_than_there_are_is_refused(posters, trailers):
    with pytest.raises(ValueError, match=rf"posters: {posters}, trailers: {trailers}; .* 10"):
        draw_films(pd.DataFrame({"id": range(10)}), posters, trailers, seed=0)
