"""Install the TMDB 5000 pair from a folder, a URL or Kaggle."""

import re
import shutil
import tempfile
from pathlib import Path

import pooch
import requests

from boxoffice.core import paths
from boxoffice.core.files import SourceError, replacing
from boxoffice.sources import checksums

TMDB5000 = paths.RAW / "tmdb5000"
KAGGLE_DATASET = "tmdb/tmdb-movie-metadata"
KAGGLE_PAGE = f"https://www.kaggle.com/datasets/{KAGGLE_DATASET}"
UPSTREAM = {"movies.csv": "tmdb_5000_movies.csv", "credits.csv": "tmdb_5000_credits.csv"}
SHA256 = {
    "movies.csv": "1e0584a8dd374120e4ed4f2b81f0d2bd0eb95a554708e4a350d00ed5c46d2825",
    "credits.csv": "9d0050599ff88d40366c4841204b1489862bca346bfa46c20b05a65d14508435",
}
REMEDY = (
    f"The known pair is that of {KAGGLE_PAGE}: download it anew, unzip it, don't open or save it "
    "in a spreadsheet, and give its folder with --from DIR."
)
_KEY_HELP = f"""\
To use Kaggle, get a key: kaggle.com, your picture, Settings, API, "Create New Token". Then either
  save the kaggle.json that it gives as ~/.kaggle/kaggle.json, or
  set the environment variables KAGGLE_USERNAME and KAGGLE_KEY.
Without a key: download {KAGGLE_PAGE} in a browser,
unzip it, and run: python scripts/fetch.py tmdb5000 --from DIR"""


def from_folder(folder: Path) -> dict[str, Path]:
    """Find the two files in a folder, under Kaggle's names or ours.

    Raises SourceError if one is under neither name.
    """
    found = {}
    for ours, theirs in UPSTREAM.items():
        present = [path for path in (folder / theirs, folder / ours) if path.is_file()]
        if not present:
            raise SourceError(f"{folder} has neither {theirs} nor {ours}. {REMEDY}")
        found[ours] = present[0]
    return found


def from_url(base: str, folder: Path) -> dict[str, Path]:
    """Download the two files of the folder `base` into `folder`, with a progress bar.

    Raises SourceError if a file can't be downloaded.
    """
    download = pooch.HTTPDownloader(progressbar=True)
    for name in UPSTREAM.values():
        url = f"{base.rstrip('/')}/{name}"
        try:
            download(url, folder / name, None)
        except (requests.RequestException, ValueError) as error:
            raise SourceError(
                f"{url} could not be downloaded: {error}\nCheck that the URL is a folder that "
                f"holds {' and '.join(UPSTREAM.values())}, and try again; nothing was replaced."
            ) from error
    return from_folder(folder)


def from_kaggle() -> dict[str, Path]:
    """Download with Kaggle's client and the user's key.

    Raises SourceError for any failure, with how to get a key.
    """
    try:
        import kagglehub

        folder = Path(kagglehub.dataset_download(KAGGLE_DATASET))
    except Exception as error:  # the client's errors have no common base
        raise SourceError(
            f"Kaggle's client could not get {KAGGLE_DATASET}: {error}\n{_KEY_HELP}"
        ) from error
    return from_folder(folder)


def install(
    origin: str | None = None, folder: Path = TMDB5000, sha256: dict[str, str] = SHA256
) -> bool:
    """Copy both files to `folder`, unchanged, after checking them.

    `origin` is a folder or the http(s) URL of one, by default Kaggle. Returns False if the right
    files were in place already and nothing was done. Raises SourceError if a file can't be had or
    has another checksum; `folder` is left as it was.
    """
    known = {folder / name: expected for name, expected in sha256.items()}
    if all(path.is_file() and pooch.file_hash(path) == known[path] for path in known):
        return False
    with tempfile.TemporaryDirectory() as temporary:
        if origin is None:
            found = from_kaggle()
        elif re.match("https?://", origin, re.IGNORECASE):
            found = from_url(origin, Path(temporary))
        elif "://" in origin:
            raise SourceError(f"{origin} is neither a folder nor an http(s) URL of one")
        else:
            found = from_folder(Path(origin))
        for name, path in found.items():
            checksums.require(path, sha256[name], REMEDY)
        # Both are copied in full before either gets its final name.
        with (
            replacing(folder / "movies.csv") as movies,
            replacing(folder / "credits.csv") as credits,
        ):
            shutil.copyfile(found["movies.csv"], movies)
            shutil.copyfile(found["credits.csv"], credits)
    return True
