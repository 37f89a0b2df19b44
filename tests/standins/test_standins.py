"""Stand-ins are real files, the same every time, shaped by what is known before release alone."""

import datetime
from itertools import pairwise

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from boxoffice.files import STAND_IN
from boxoffice.films.credits import credit_roles, people_names
from boxoffice.films.features import GENRES, film_facts, without_absent
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import add_splits
from boxoffice.paths import RAW
from boxoffice.standins import lettering, trailer_art
from boxoffice.standins.looks import LOOKS, PLAIN, SANS, Film, finish, known_genres, look_of, mixed
from boxoffice.standins.motifs import MOTIFS
from boxoffice.standins.poster_art import poster
from boxoffice.standins.soundtracks import SAMPLE_RATE, soundtrack
from boxoffice.standins.standins import (
    draw_films,
    known_before_release,
    render,
    render_poster,
    render_trailer,
)

FILM = Film(
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
    Film(id=0, title="?"),
    Film(id=2**63 - 1, title="X" * 300, genres=("Sport",), budget=1, runtime=1.0),
    Film(id=1, title="\x00\n\t", genres=GENRES, cast=("",), certificate="Not Rated", budget=0),
    Film(
        id=2, title="דג 日本語 \U0001f3ac \u202e", cast=("N" * 99,) * 5, budget=1e12, runtime=900.0
    ),
    FILM._replace(release_date=datetime.date(1915, 2, 8), countries=("Côte d’Ivoire",) * 9),
]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rendered(film, folder, seed=0):
    """The bytes of a film's poster and trailer."""
    render_poster(film, folder / "poster.jpg", seed)
    render_trailer(film, folder / "trailer.mp4", seed)
    return contents(folder)


def pixels(film, size=None, seed=0):
    picture = poster(film, np.random.default_rng(seed))
    return np.asarray(picture.resize(size) if size else picture, float)


@pytest.fixture(scope="module")
def source():
    """Films and people, as the preprocess stage makes them."""
    movies, credits, _ = read_source(RAW / "open_films")
    films = clean(movies.iloc[:80]).merge(credit_roles(movies, credits), on="id")
    films = without_absent(add_splits(films.join(film_facts(films)), test_size=0.2, seed=42))
    return films[films["usable"]], people_names(credits)


# What shapes them


def otherwise(column):
    """The same column with other values."""
    if pd.api.types.is_bool_dtype(column):
        return ~column
    if pd.api.types.is_numeric_dtype(column):
        return column * 3 + 1
    return column.map(lambda cell: "other" if isinstance(cell, str) else [])


def test_nothing_that_is_known_only_later_shapes_them(source, tmp_path):
    films, people = source
    later = films.columns.difference(Film._fields)
    assert {"revenue", "log_revenue", "vote_count", "success", "split_temporal"} <= set(later)
    others = films.assign(**{name: otherwise(films[name]) for name in later})
    assert not any(others[name].equals(films[name]) for name in later)

    facts, same = (known_before_release(rows, people) for rows in (films, others))
    assert same == facts
    assert rendered(facts[0], tmp_path / "a") == rendered(same[0], tmp_path / "b")


@pytest.mark.parametrize("fact", OTHER_FACTS)
def test_every_fact_shows_in_the_poster(fact):
    assert set(OTHER_FACTS) == set(Film._fields) - {"id"}
    assert not np.array_equal(pixels(FILM), pixels(FILM._replace(**{fact: OTHER_FACTS[fact]})))


def test_facts_are_those_of_the_table(source):
    films, people = source
    names = dict(zip(people["id"], people["name"], strict=True))
    for row, film in zip(films.to_dict("records"), known_before_release(*source), strict=True):
        assert (film.id, film.title, film.budget) == (row["id"], row["title"], row["budget"])
        assert film.genres == tuple(row["genres"])
        assert film.cast == tuple(names[person] for person in row["cast"])
        assert film.release_date == row["release_date"]
        for name in ("certificate", "runtime"):
            value = getattr(film, name)
            assert pd.isna(row[name]) if value is None else value == row[name]


def test_what_a_source_lacks_is_unknown(source):
    films, people = source
    columns = ["certificate", "countries", "cast", "runtime"]
    for film in known_before_release(films.drop(columns=columns), people):
        assert (film.certificate, film.countries, film.cast, film.runtime) == (None, (), (), None)


def test_every_genre_has_a_look_and_a_motif():
    assert set(LOOKS) == set(MOTIFS) == set(GENRES)
    assert known_genres(["Drama", "Sport", "Western"]) == ["Western", "Drama"]


def test_several_genres_mix():
    both, western, drama = mixed(["Drama", "Western"]), LOOKS["Western"], LOOKS["Drama"]
    for name in ("sky", "ground", "ink", "accent"):
        expected = 2 / 3 * np.array(getattr(western, name)) + 1 / 3 * np.array(getattr(drama, name))
        assert getattr(both, name) == pytest.approx(expected)
    assert western.shot < both.shot < drama.shot
    assert mixed(["Western"]) == western
    assert mixed([]) == mixed(["Sport"]) == PLAIN


def test_a_poster_shows_its_genre():
    """A nearest neighbour, by 96 pixels, is nearly always of the same genre."""
    films = [Film(id=0, title="A Film", genres=(genre,), budget=2e7) for genre in GENRES]
    known, asked = (
        np.array([pixels(film, (8, 12), seed).ravel() for film in films]) for seed in (1, 2)
    )
    distances = np.linalg.norm(asked[:, None] - known[None], axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(GENRES))).mean() > 0.8


def coarseness(picture):
    """What blurring takes away: grain."""
    grey = picture.convert("L")
    blurred = grey.filter(ImageFilter.GaussianBlur(2))
    return np.abs(np.asarray(grey, float) - np.asarray(blurred, float)).mean()


def saturation(picture):
    return np.asarray(picture.convert("HSV"))[..., 1].mean()


@pytest.mark.parametrize("genre", ["Horror", "Comedy", "Drama"])
def test_a_poster_shows_its_budget(genre):
    pictures = [
        poster(FILM._replace(genres=(genre,), budget=budget), np.random.default_rng(0))
        for budget in (1e5, 1e7, 1e8)
    ]
    for less, more in pairwise(pictures):
        assert coarseness(less) > coarseness(more)
        assert saturation(less) < saturation(more)


def test_the_finish_rises_evenly_with_the_budgets_logarithm():
    shares = [finish(budget) for budget in np.geomspace(1, 1e9, 100)]
    steps = np.diff(shares)
    assert (steps > 0).all()
    assert steps.max() < 0.06
    assert finish(0) == finish(1)
    assert 0 < shares[0] < 0.01
    assert 0.95 < shares[-1] < 1


def test_pace_follows_genre_and_budget():
    def shots(genre, budget):
        film = FILM._replace(genres=(genre,), budget=budget)
        return len(trailer_art.shot_list(film, np.random.default_rng(0)))

    assert shots("Drama", 1e6) < shots("Drama", 1e8) < shots("Action", 1e6) < shots("Action", 1e8)


def test_shots_follow_one_another_until_the_title():
    for seed in range(20):
        shots = trailer_art.shot_list(FILM, np.random.default_rng(seed))
        assert shots[0].start == trailer_art.OPENING
        assert shots[-1].stop == trailer_art.frame_count(FILM) - trailer_art.CLOSING
        for shot, after in pairwise(shots):
            assert shot.stop == after.start
            assert shot.scene != after.scene
        assert all(shot.stop - shot.start >= 3 for shot in shots)


def level(look):
    sound = soundtrack(look, 10, [1, 4, 8], np.random.default_rng(0))
    assert sound.shape == (2, 10 * SAMPLE_RATE)
    assert np.abs(sound).max() <= 1
    return 10 * np.log10(np.mean(sound.astype(float) ** 2))


def test_loudness_follows_genre_and_budget():
    looks = [
        look_of(FILM._replace(genres=(genre,), budget=budget))
        for genre, budget in (("Drama", 1e6), ("Drama", 1e8), ("Action", 1e6), ("Action", 1e8))
    ]
    levels = [level(look) for look in looks]
    assert levels == sorted(levels)
    assert levels == pytest.approx([look.loudness for look in looks], abs=2)  # dB


@pytest.mark.parametrize("film", ODD_FILMS, ids=range(len(ODD_FILMS)))
def test_unusual_facts_are_drawn(film, tmp_path):
    render_poster(film, tmp_path / "poster.jpg")
    shots = trailer_art.shot_list(film, np.random.default_rng(0))
    generator = np.random.default_rng(0)
    drawn = sum(1 for _ in trailer_art.frames(film, shots, generator))
    assert drawn == trailer_art.frame_count(film)
    assert 100 <= drawn <= 140  # 10 to 14 s


# Letters


@settings(deadline=None, max_examples=80)
@given(
    text=st.one_of(st.text(max_size=200), st.text("ABC xyz", max_size=400)),
    typeface=st.sampled_from(sorted({look.typeface for look in LOOKS.values()})),
    box=st.sampled_from([(450, 127), (54, 26), (280, 120)]),
)
@example(text="W" * 500, typeface=SANS, box=(450, 127))
@example(text="M", typeface=SANS, box=(450, 127))
def test_every_title_fits(text, typeface, box):
    text = lettering.plain_text(text)
    lines, font = lettering.fitted(text, typeface, box, largest=92)
    assert len(lines) * lettering.line_height(font) <= box[1]
    for line in lines:
        left, _, right, _ = font.getbbox(line)
        assert right - left <= box[0]
    letters, drawn = (part.replace(" ", "") for part in (text, "".join(lines)))
    assert drawn == letters or (drawn.endswith("…") and letters.startswith(drawn[:-1]))


def test_titles_of_films_are_whole_and_large(source):
    films, _ = source
    for title in [*films["title"], "Master and Commander: The Far Side of the World"]:
        lines, font = lettering.fitted(title.upper(), SANS, (450, 127), largest=92)
        assert " ".join(lines) == title.upper()
        assert font.size >= 24


def test_letters_stay_off_the_edge():
    mask = np.asarray(lettering.lettering("ÅQUERY, JAGGED PEG", SANS, (300, 100), 90, narrow=0.8))
    assert mask.shape == (100, 300)
    assert mask.max() == 255
    assert mask[[0, -1]].max() == 0


def test_names_are_not_torn_apart():
    cast = lettering.listed(FILM.cast)
    lines, _ = lettering.fitted(cast, SANS, (170, 60), largest=15)
    names = [line.replace(lettering.NO_BREAK, " ").rstrip(" ·") for line in lines]
    assert len(lines) > 1
    assert [name for line in names for name in line.split(" · ")] == list(FILM.cast)


# Files


@pytest.fixture(scope="module")
def drawn(source):
    """Facts of five films, two of them with a trailer."""
    with_poster, with_trailer = draw_films(source[0], posters=5, trailers=2, seed=1)
    return [known_before_release(rows, source[1]) for rows in (with_poster, with_trailer)]


@pytest.fixture(scope="module")
def folders(drawn, tmp_path_factory):
    """What two processes make of them."""
    root = tmp_path_factory.mktemp("stand-ins")
    render(drawn[0], root / "posters", render_poster, ".jpg", seed=1, workers=2)
    render(drawn[1], root / "trailers", render_trailer, ".mp4", seed=1, workers=2)
    return root / "posters", root / "trailers"


def test_the_same_film_gives_the_same_bytes(drawn, folders, tmp_path):
    """In another run, by one process, in another order, among other films."""
    posters, trailers = drawn
    render(posters[:0:-1], tmp_path / "posters", render_poster, ".jpg", seed=1, workers=1)
    render(trailers[1:], tmp_path / "trailers", render_trailer, ".mp4", seed=1, workers=1)
    for folder, again in zip(folders, ("posters", "trailers"), strict=True):
        first, second = contents(folder), contents(tmp_path / again)
        assert second == {name: first[name] for name in second}
        assert len(second) == len(first) - 1


def test_another_seed_gives_other_files(drawn, folders, tmp_path):
    film = drawn[1][0]
    other = rendered(film, tmp_path, seed=2)
    assert other["poster.jpg"] != (folders[0] / f"{film.id}.jpg").read_bytes()
    assert other["trailer.mp4"] != (folders[1] / f"{film.id}.mp4").read_bytes()


def test_posters_are_jpegs_that_say_what_they_are(drawn, folders):
    assert {path.name for path in folders[0].iterdir()} == {f"{film.id}.jpg" for film in drawn[0]}
    for path in folders[0].iterdir():
        with Image.open(path) as picture:
            picture.verify()
        with Image.open(path) as picture:
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (400, 600))
            assert picture.info["comment"] == STAND_IN.encode()


def test_trailers_are_films_with_sound_that_say_what_they_are(drawn, folders):
    assert {path.name for path in folders[1].iterdir()} == {f"{film.id}.mp4" for film in drawn[1]}
    for film in drawn[1]:
        with av.open(folders[1] / f"{film.id}.mp4") as container:
            assert container.metadata["comment"] == STAND_IN
            assert "creation_time" not in container.metadata
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
            assert (video.width, video.height, video.average_rate) == (320, 180, 10)
            assert (audio.rate, audio.channels) == (SAMPLE_RATE, 2)
            media = list(container.decode(video, audio))
        frames = [part for part in media if isinstance(part, av.VideoFrame)]
        samples = [part.samples for part in media if isinstance(part, av.AudioFrame)]
        assert len(frames) == trailer_art.frame_count(film)
        seconds = len(frames) / trailer_art.FRAME_RATE
        assert sum(samples) / SAMPLE_RATE == pytest.approx(seconds, abs=0.1)


def test_a_folder_holds_what_was_asked_for_and_nothing_else(drawn, tmp_path):
    folder = tmp_path / "posters"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"old")
    film = drawn[0][0]
    render([film], folder, render_poster, ".jpg", seed=1, workers=1)
    assert {path.name for path in folder.iterdir()} == {f"{film.id}.jpg"}
    render([], folder, render_poster, ".jpg", seed=1)
    assert contents(folder) == {}


@settings(deadline=None)
@given(seed=st.integers(0, 1000), counts=st.tuples(*[st.integers(0, 50)] * 4).map(sorted))
def test_the_fewer_are_among_the_more(seed, counts):
    films = pd.DataFrame({"id": np.arange(50)[::-1] * 3})
    fewest, few, more, most = counts
    small_posters, small_trailers = draw_films(films, few, fewest, seed)
    posters, trailers = draw_films(films.sample(frac=1), most, more, seed)
    assert (len(posters), len(trailers)) == (most, more)
    assert posters["id"].is_unique
    assert posters["id"].head(few).tolist() == small_posters["id"].tolist()
    assert posters["id"].head(more).tolist() == trailers["id"].tolist()
    assert posters["id"].head(fewest).tolist() == small_trailers["id"].tolist()


@pytest.mark.parametrize(("posters", "trailers"), [(11, 0), (5, 6), (5, -1)])
def test_more_than_there_are_is_refused(posters, trailers):
    with pytest.raises(ValueError, match=rf"posters: {posters}, trailers: {trailers}; .* 10"):
        draw_films(pd.DataFrame({"id": range(10)}), posters, trailers, seed=0)
