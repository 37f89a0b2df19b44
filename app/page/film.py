"""The tab for one film: its form, and the answer to it."""

import re
from datetime import date, timedelta
from typing import Any

import gradio as gr

from app.page.pictures import Scale, bars, render
from app.page.words import effect_on_chance, effect_on_revenue, labelled, money, name_list, plain
from boxoffice.films.companies import DEFAULT_COMPANIES
from boxoffice.films.features import AMERICA, CERTIFICATES, CLASSIC_GENRES, GENRES, column_name
from boxoffice.films.money import MILLION, SUCCESS_MULTIPLE
from boxoffice.films.votes import DEFAULT_VOTES, VOTE_SOURCES
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import Film, faults

LANGUAGES = {
    "English": "en",
    "Chinese": "zh",
    "French": "fr",
    "German": "de",
    "Hindi": "hi",
    "Italian": "it",
    "Japanese": "ja",
    "Korean": "ko",
    "Portuguese": "pt",
    "Russian": "ru",
    "Spanish": "es",
    "Another language": "xx",
}
NOT_RATED = "Not known"
# The form asks for the companies that the models learned.
COMPANIES_LABELS = {
    "producers": "Production companies",
    "distributors": "Distributor, production companies",
}

# Films that the default models have never seen; `earned` in dollars of their time.
EXAMPLES = (
    {
        "title": "Bridesmaids",
        "budget": 32.5,
        "runtime": 125,
        "release_date": "2011-05-13",
        "certificate": "R",
        "genres": ["Comedy", "Romance"],
        "director": "Paul Feig",
        "writers": "Kristen Wiig, Annie Mumolo",
        "cast": "Kristen Wiig, Maya Rudolph, Rose Byrne, Melissa McCarthy",
        "companies": "Universal Pictures, Apatow Productions",
        "earned": 288_400_000,
    },
    {
        "title": "The Dark Knight Rises",
        "budget": 250,
        "runtime": 165,
        "release_date": "2012-07-20",
        "certificate": "PG-13",
        "genres": ["Action", "Crime", "Drama", "Thriller"],
        "director": "Christopher Nolan",
        "writers": "Christopher Nolan, Jonathan Nolan",
        "cast": "Christian Bale, Michael Caine, Gary Oldman, Anne Hathaway, Tom Hardy",
        "companies": "Warner Bros., Legendary Pictures, Syncopy Inc.",
        "earned": 1_081_000_000,
    },
    {
        "title": "Gravity",
        "budget": 100,
        "runtime": 91,
        "release_date": "2013-10-04",
        "certificate": "PG-13",
        "genres": ["Drama", "Science Fiction", "Thriller"],
        "director": "Alfonso Cuarón",
        "writers": "Alfonso Cuarón, Jonás Cuarón",
        "cast": "Sandra Bullock, George Clooney",
        "companies": "Warner Bros.",
        "earned": 723_200_000,
    },
)


def next_summer(today: date) -> date:
    """The first Friday of June of next year."""
    june = date(today.year + 1, 6, 1)
    return june + timedelta(days=(4 - june.weekday()) % 7)


def defaults(today: date) -> dict[str, Any]:
    """What the form starts with: a middling film, due next summer."""
    return {
        **dict.fromkeys(("title", "director", "writers", "cast", "companies"), ""),
        **dict.fromkeys(("popularity", "vote_avg", "vote_count")),
        "votes_of": DEFAULT_VOTES,
        "budget": 40,
        "runtime": 110,
        "release_date": next_summer(today).isoformat(),
        "original_language": "en",
        "certificate": "PG-13",
        "genres": ["Comedy", "Drama"],
        "american": True,
    }


def example(number: int, today: date) -> dict[str, Any]:
    """An example film as the form's values, and what it earned."""
    return defaults(today) | EXAMPLES[number]


def stated_film(form: dict[str, Any], companies_of: str | None) -> dict[str, Any]:
    """The form's values as fields of a request; None is not stated.

    `companies_of` says which companies the form asked for, see `films.companies`.
    """
    released = (form["release_date"] or "").strip()
    year = re.match(r"\d{4}", released)
    budget, genres = form["budget"], form["genres"] or []
    return {
        "title": (form["title"] or "").strip() or None,
        "budget": None if budget is None else budget * MILLION,
        "runtime": form["runtime"],
        "release_year": int(year.group()) if year else None,
        "release_date": released if released and not re.fullmatch(r"\d{4}", released) else None,
        "original_language": form["original_language"],
        "certificate": None if form["certificate"] == NOT_RATED else form["certificate"],
        "genres": genres,
        **{column_name(genre): int(genre in genres) for genre in CLASSIC_GENRES},
        "countries": [AMERICA] if form["american"] else [],
        **{role: name_list(form[role]) for role in ("director", "writers", "cast", "companies")},
        "companies_of": companies_of,
        **{name: form[name] for name in ("popularity", "vote_avg", "vote_count", "votes_of")},
    }


def form_fields(forecasts: Forecasts, today: date) -> dict[str, gr.components.Component]:
    """The form's components by name, drawn where this is called."""
    start = defaults(today)
    features = {
        name: {feature["name"] for feature in forecasts.cards[f"revenue_{name}"]["features"]}
        for name in ("pre_release", "classic")
    }
    fields: dict[str, gr.components.Component] = {}

    def add(component: type[gr.components.Component], name: str, label: str, **settings) -> None:
        fields[name] = component(label=label, value=start[name], min_width=130, **settings)

    add(gr.Textbox, "title", "Title", info="Earlier films of a series are found by it.")
    with gr.Row():
        add(gr.Number, "budget", "Budget, $ million")
        add(gr.Number, "runtime", "Runtime, minutes")
    with gr.Row():
        add(gr.Textbox, "release_date", "Release date", info="YYYY-MM-DD or YYYY")
        certificates = {"choices": [*CERTIFICATES, NOT_RATED], "info": "American (MPA)"}
        add(gr.Dropdown, "certificate", "Certificate", filterable=False, **certificates)
    genres = [name for name in GENRES if f"genre_{column_name(name)}" in features["pre_release"]]
    add(gr.CheckboxGroup, "genres", "Genres", choices=genres)
    with gr.Row(equal_height=True):
        languages = list(LANGUAGES.items())
        add(gr.Dropdown, "original_language", "Language", filterable=False, choices=languages)
        add(gr.Checkbox, "american", "US production or co-production")
    companies = COMPANIES_LABELS[forecasts.companies_of or DEFAULT_COMPANIES]
    for pair in (
        {"director": "Director", "writers": "Writers"},
        {"cast": "Leading cast", "companies": companies},
    ):
        with gr.Row():
            for name, label in pair.items():
                add(gr.Textbox, name, label, placeholder="Name, name")
    popular = "popularity" in features["classic"]
    after = "popularity and votes" if popular else "votes"
    with gr.Accordion(f"After release: {after}", open=False):
        gr.HTML(
            '<p class="lead">When all are filled in, the model that has seen such figures '
            "answers. It explains a film that is out; it can’t forecast one that is coming.</p>"
        )
        with gr.Row():
            add(gr.Number, "vote_avg", "Average vote, 0 to 10")
            add(gr.Number, "vote_count", "Number of votes")
            sources = [(label, name) for name, label in VOTE_SOURCES.items()]
            add(gr.Dropdown, "votes_of", "Voted at", filterable=False, choices=sources)
        # A model whose data has no popularity has no use for it.
        add(gr.Number, "popularity", "TMDB popularity", visible=popular)
    return fields


class FilmAnswers:
    """Answers to the form as HTML."""

    def __init__(self, forecasts: Forecasts, scale: Scale):
        self._forecasts = forecasts
        self._scale = scale
        films = forecasts.known_films
        keys = zip(films["title"], films["release_year"].astype(int), strict=True)
        self._known = dict(zip(keys, films["revenue"], strict=True))

    def knows(self, title: str, year: int) -> bool:
        """Whether the models learned from this film."""
        return (title, year) in self._known

    def invitation(self) -> str:
        """What stands there before anything was asked."""
        text = "Describe a film and ask for its forecast, or start from one of the examples."
        return render("empty", text=text, picture=self._scale.picture())

    def answer(self, form: dict[str, Any]) -> str:
        """The forecast for the form's film, or what is wrong with the form."""
        film = stated_film(form, self._forecasts.companies_of)
        wrong = faults(film)
        if wrong:
            return render("faults", heading="Please check the form", faults=labelled(wrong))
        film = Film.model_validate(film).__dict__
        revenue, success = self._forecasts.revenue(film), self._forecasts.success(film)
        comparables = self._forecasts.comparables(film)["comparables"]
        card = self._forecasts.cards[revenue["model"]]
        return render(
            "film",
            about=_about(film, revenue["model"]),
            revenue=revenue,
            coverage=_coverage(card),
            known=self._truth(film),
            warnings=[
                plain(text) for text in dict.fromkeys(revenue["warnings"] + success["warnings"])
            ],
            picture=self._scale.picture(revenue, comparables, film["release_year"]),
            success=success,
            multiple=SUCCESS_MULTIPLE,
            goal=SUCCESS_MULTIPLE * film["budget"],
            revenue_bars=bars(revenue["drivers"], effect_on_revenue),
            success_bars=bars(success["drivers"], effect_on_chance),
            limits=card["not_for"],
        )

    def _truth(self, film: dict[str, Any]) -> str | None:
        """What is known of the film's true revenue."""
        title, year = film["title"], film["release_year"]
        if self.knows(title, year):
            earned = money(self._known[title, year])
            return f"It earned {earned}. The models learned from this film, so this is no test."
        for other in EXAMPLES:
            if (title, year) == (other["title"], int(other["release_date"][:4])):
                return f"It earned {money(other['earned'])}. The models have never seen this film."
        return None


def _coverage(card: dict[str, Any]) -> float | None:
    """The share of films that the interval held in the backtest, a year or two ahead."""
    scores = card.get("backtest", {}).get("h1_2")
    return scores["coverage"] if scores else None


def _about(film: dict[str, Any], model: str) -> str:
    basis = "after release, with votes" if model == "revenue_classic" else "before release"
    title = film["title"] or "A film"
    return f"{title}, {film['release_year']}, {money(film['budget'])} budget · {basis}"
