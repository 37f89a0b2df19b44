"""One film: the form, and the answer to it."""

import re
from datetime import date, timedelta
from typing import Any

from starlette.datastructures import FormData

from app.page.pictures import Scale, bars, render
from app.page.words import LABELS, effect_on_chance, effect_on_revenue, money, name_list, plain
from boxoffice.films.companies import DEFAULT_COMPANIES
from boxoffice.films.features import AMERICA, CERTIFICATES, CLASSIC_GENRES, GENRES, column_name
from boxoffice.films.money import MILLION, SUCCESS_MULTIPLE
from boxoffice.films.votes import DEFAULT_VOTES, VOTE_SOURCES
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import SHOWN, Film, faults, limits

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
# What the form calls its fields, by their names in a request.
ON_FORM = LABELS | {
    "budget": "Budget, $ million",
    "runtime": "Runtime, minutes",
    "vote_avg": "Average vote, 0 to 10",
    "american": "US production or co-production",
    "cast": "Leading cast",
    "popularity": "TMDB popularity",
}
TEXTS = ("title", "director", "writers", "cast", "companies")
CHOICES = ("release_date", "original_language", "certificate", "votes_of")
NUMBERS = ("budget", "runtime", "vote_avg", "vote_count", "popularity")
A_BUDGET = f"a number above 0, at most {limits('budget')[1] / MILLION:,.0f} ($ million)"
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
        **dict.fromkeys(TEXTS, ""),
        **dict.fromkeys(NUMBERS),
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


def read_form(data: FormData) -> dict[str, Any]:
    """The form's values as they were sent; numbers that can't be read stay text."""
    sent = {name: str(data.get(name, "")).strip() for name in (*TEXTS, *CHOICES, *NUMBERS)}
    return sent | {
        **{name: _number(sent[name]) for name in NUMBERS},
        "genres": [str(genre) for genre in data.getlist("genres")],
        "american": "american" in data,
    }


def _number(text: str) -> float | str | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def stated_film(form: dict[str, Any], companies_of: str | None) -> dict[str, Any]:
    """The form's values as fields of a request; None is not stated.

    `companies_of` says which companies the form asked for, see `films.companies`.
    """
    released, budget, genres = form["release_date"], form["budget"], form["genres"]
    year = re.match(r"\d{4}", released)
    return {
        "title": form["title"] or None,
        "budget": budget * MILLION if isinstance(budget, int | float) else budget,
        "runtime": form["runtime"],
        "release_year": int(year.group()) if year else None,
        "release_date": released if released and not re.fullmatch(r"\d{4}", released) else None,
        "original_language": form["original_language"] or None,
        "certificate": form["certificate"] or None,
        "genres": genres,
        **{column_name(genre): int(genre in genres) for genre in CLASSIC_GENRES},
        "countries": [AMERICA] if form["american"] else [],
        **{role: name_list(form[role]) for role in ("director", "writers", "cast", "companies")},
        "companies_of": companies_of,
        **{name: form[name] for name in ("popularity", "vote_avg", "vote_count")},
        "votes_of": form["votes_of"] or None,
    }


def form_faults(form: dict[str, Any], film: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a film as the form stated it, by the form's fields."""
    found: dict[str, str] = {}
    for fault in faults(film):
        name, text = re.fullmatch(r"([a-z_]*):? ?(.*)", fault, re.DOTALL).groups()
        if name == "budget":
            budget = form["budget"]
            wrong = f"{budget!r:.{SHOWN}} is not {A_BUDGET}"
            text = f"is missing: give {A_BUDGET}" if budget is None else wrong
        if name == "release_year":  # it is read from the date
            name = "release_date"
        if found.get(name, "is missing").startswith("is missing"):
            found[name] = text
    return found


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

    def examples(self) -> list[dict[str, Any]]:
        """The examples' titles and years, and whether the models learned from them."""
        films = [(film["title"], int(film["release_date"][:4])) for film in EXAMPLES]
        return [
            {"title": title, "year": year, "known": self.knows(title, year)}
            for title, year in films
        ]

    def choices(self) -> dict[str, Any]:
        """What the form offers: the fields that the models learned."""
        before, after = (
            {feature["name"] for feature in self._forecasts.cards[f"revenue_{model}"]["features"]}
            for model in ("pre_release", "classic")
        )
        companies = COMPANIES_LABELS[self._forecasts.companies_of or DEFAULT_COMPANIES]
        return {
            "labels": ON_FORM | {"companies": companies},
            "genres": [name for name in GENRES if f"genre_{column_name(name)}" in before],
            "certificates": [*((name, name) for name in CERTIFICATES), ("", "Not known")],
            "languages": [(code, name) for name, code in LANGUAGES.items()],
            "votes": list(VOTE_SOURCES.items()),
            # A model whose data has no popularity has no use for it.
            "popular": "popularity" in after,
        }

    def invitation(self) -> str:
        """What stands there before anything was asked."""
        text = "Describe a film and ask for its forecast, or start from one of the examples."
        return render("empty", text=text, picture=self._scale.picture())

    def answer(self, form: dict[str, Any]) -> tuple[str, dict[str, str]]:
        """HTML of the forecast for the form's film, and what is wrong with the form by field."""
        film = stated_film(form, self._forecasts.companies_of)
        wrong = form_faults(form, film)
        if wrong:
            told = [(name, ON_FORM.get(name, name), text) for name, text in wrong.items()]
            return render("faults", heading="Please check the form", faults=told), wrong
        film = Film.model_validate(film).__dict__
        revenue, success = self._forecasts.revenue(film), self._forecasts.success(film)
        comparables = self._forecasts.comparables(film)["comparables"]
        card = self._forecasts.cards[revenue["model"]]
        html = render(
            "film_answer",
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
        return html, {}

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
