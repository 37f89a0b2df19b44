"""A client of the TMDB API (developer.themoviedb.org/reference): rate limit, retries, errors."""

import logging
import os
import re

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests_ratelimiter import LimiterSession
from urllib3.util import Retry

from boxoffice.core.files import SourceError
from boxoffice.films.credits import title_key

ADDRESS = "https://api.themoviedb.org/3"
ATTRIBUTION = "This product uses the TMDB API but is not endorsed or certified by TMDB."
KEY_VARIABLE = "TMDB_API_KEY"
_KEY_HELP = f"""\
To get a key: an account on themoviedb.org, then Settings, API. Its API key and its API read access
token will both do:
  export {KEY_VARIABLE}=..."""
RATE = 20.0  # requests per second and host; TMDB's own limit is "somewhere around 50"
TRIES = 5
LONGEST_WAIT = 60  # seconds, where a service asks for more
TRANSIENT = (429, 500, 502, 503, 504)
FAULTS_IN_A_ROW = 10  # films that fail one after the other before a run gives up
CLEAR_MARGIN = 10  # times the votes of the next film with this title and year


class Unavailable(Exception):
    """TMDB or YouTube doesn't have what was asked for; the message is the reason."""


class NoSuchFilm(Unavailable):
    """TMDB doesn't have this film, or no longer."""


class ServiceFault(Unavailable):
    """A service failed, which says nothing about the film: a later try may succeed."""


class Images(BaseModel):
    """Where TMDB's images are, and the names of the sizes of posters."""

    secure_base_url: str
    poster_sizes: list[str]


class Configuration(BaseModel):
    """TMDB's answer to /configuration."""

    images: Images


class Found(BaseModel):
    """A film that a search finds."""

    id: int
    title: str | None = None
    original_title: str | None = None
    release_date: str | None = None
    vote_count: int = 0


class Search(BaseModel):
    """TMDB's answer to /search/movie."""

    results: list[Found]


class Video(BaseModel):
    """A video of a film; `key` is the site's."""

    key: str
    type: str | None = None
    site: str | None = None
    official: bool | None = None
    iso_639_1: str | None = None
    published_at: str | None = None


class Videos(BaseModel):
    """The videos of a film."""

    results: list[Video] = []


class Movie(BaseModel):
    """TMDB's answer to /movie/ID."""

    id: int
    poster_path: str | None = None
    videos: Videos = Videos()


class Key(AuthBase):
    """Authenticate with an API key (in the query) or an API read access token (in a header)."""

    def __init__(self, key: str):
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if "." in self._key:  # a token is a JSON Web Token: three parts, dots between
            request.headers["Authorization"] = f"Bearer {self._key}"
        else:
            request.prepare_url(request.url, {"api_key": self._key})
        return request


def key_from_environment() -> Key:
    """Read the user's key; raises SourceError if it is missing or malformed."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise SourceError(f"TMDB wants your key, in the variable {KEY_VARIABLE}. {_KEY_HELP}")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", key):
        raise SourceError(f"{KEY_VARIABLE} is no key of TMDB: copy it anew. {_KEY_HELP}")
    return Key(key)


def patient_session(rate: float = RATE, backoff: float = 0.5) -> LimiterSession:
    """A session that asks `rate` times a second at most, and again where a service fails for now.

    `backoff` is in seconds, see `Tmdb`.
    """
    # Their logs quote URLs, which hold the API key.
    for name in ("urllib3", "requests_ratelimiter"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    retries = Retry(
        TRIES,
        backoff_factor=backoff,
        status_forcelist=TRANSIENT,
        raise_on_status=False,
        retry_after_max=LONGEST_WAIT,
    )
    session = LimiterSession(per_second=rate)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


class Tmdb:
    """A session with TMDB.

    Parameters
    ----------
    key : Key
    address : str
        Of the API, version included.
    rate : float
        Requests per second and host at most.
    backoff : float
        Seconds before the second retry, doubled for each further one; a `Retry-After` wins.
    timeout : float
        Seconds without an answer.
    """

    def __init__(
        self,
        key: Key,
        address: str = ADDRESS,
        rate: float = RATE,
        backoff: float = 0.5,
        timeout: float = 30,
    ):
        self.key, self.address, self.timeout = key, address.rstrip("/"), timeout
        self.session = patient_session(rate, backoff)

    def __enter__(self) -> "Tmdb":
        return self

    def __exit__(self, *_) -> None:
        self.session.close()

    def images(self) -> tuple[str, list[str]]:
        """Return the base URL of images and the names of the poster sizes.

        Asked first, it shows whether the key and the network work. Raises SourceError if TMDB can't
        be reached, refuses the key, or something else answers.
        """
        try:
            images = self.ask("configuration", Configuration).images
            return images.secure_base_url, images.poster_sizes
        except Unavailable as error:
            raise SourceError(
                f"TMDB can't be used at {self.address}: {error}. Check the network, and the "
                "proxy if there is one, and try again"
            ) from error

    def ask(self, path: str, kind: type[BaseModel], **parameters) -> BaseModel:
        """Return the API's answer to a GET request, of which `kind` is read.

        Raises ServiceFault if it is another one than TMDB gives, or see `content`.
        """
        return self.read(path, kind, self.content(path, **parameters))

    def content(self, path: str, **parameters) -> bytes:
        """Return the body of the API's answer to a GET request, unread.

        Raises NoSuchFilm at a 404, Unavailable if the request is refused, ServiceFault if there is
        no answer after the retries, and SourceError if the key is refused.
        """
        response = self._get(f"{self.address}/{path}", params=parameters, auth=self.key)
        if response.status_code == 401:
            raise SourceError(f"TMDB refuses the key in {KEY_VARIABLE}. {_KEY_HELP}")
        if response.status_code == 404:
            raise NoSuchFilm("TMDB has no such film (404)")
        require_ok(response, "TMDB")
        return response.content

    def read(self, path: str, kind: type[BaseModel], content: bytes) -> BaseModel:
        """Read an answer of the API; raises ServiceFault if it is another one than TMDB gives."""
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            fault = error.errors(include_input=False)[0]
            place = ".".join(map(str, fault["loc"])) or "the answer"
            raise ServiceFault(
                f"what answers at {self.address}/{path} is not TMDB ({place}: {fault['msg']})"
            ) from error

    def image(self, address: str) -> bytes:
        """Download an image, unchecked; raises Unavailable or ServiceFault as `ask` does."""
        response = self._get(address)  # without the key: this is another host
        require_ok(response, "the image service")
        return response.content

    def _get(self, address: str, **options) -> requests.Response:
        for _ in range(TRIES):
            try:
                return self.session.get(address, timeout=self.timeout, **options)
            except requests.exceptions.ChunkedEncodingError:
                continue  # the session itself retries only until the headers have come
            except requests.RequestException as error:
                raise ServiceFault(without_address(error)) from error
        raise ServiceFault("every download broke off half way")


def require_ok(response: requests.Response, service: str) -> None:
    """Raise ServiceFault for an error that may pass, Unavailable for another one."""
    if response.ok:
        return
    said = f"{service} answered {response.status_code} {response.reason}".strip()
    raise ServiceFault(said) if response.status_code in TRANSIENT else Unavailable(said)


def without_address(error: requests.RequestException) -> str:
    """What went wrong, without the URL that the error's message quotes, for it holds the key."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return f"no connection ({reason or type(error).__name__})"


def find_film(tmdb: Tmdb, title: str, year: int) -> int:
    """Find TMDB's id of the film with this title (see `title_key`) and this year, give or take one.

    Of several films the one with ten times the votes of the next is taken: the others are unknown
    shorts of the same title. Raises Unavailable if there is none, or none that stands out; or see
    `Tmdb.ask`.
    """
    key = title_key(title)
    if not key:
        raise Unavailable("its title has no Latin letter to compare by")
    for asked in (year, year - 1, year + 1):
        results = tmdb.ask("search/movie", Search, query=title, year=asked).results
        films = [film for film in results if _is(film, key, year)]
        if films:
            return _standing_out(films)
    raise Unavailable(f"TMDB finds no film with this title of {year - 1} to {year + 1}")


def _is(film: Found, key: str, year: int) -> bool:
    titles = {title_key(title or "") for title in (film.title, film.original_title)}
    released = (film.release_date or "")[:4]
    return key in titles and released.isdecimal() and abs(int(released) - year) <= 1


def _standing_out(films: list[Found]) -> int:
    best, *others = sorted(films, key=lambda film: film.vote_count, reverse=True)
    if others and best.vote_count < CLEAR_MARGIN * max(1, others[0].vote_count):
        ids = ", ".join(str(film.id) for film in (best, *others))
        raise Unavailable(f"TMDB has {len(films)} films with this title and year: {ids}")
    return best.id
