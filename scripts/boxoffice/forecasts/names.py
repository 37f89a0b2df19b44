"""Which person or company of the training films a name or an id means."""

import zlib
from functools import lru_cache
from pathlib import Path

import pandas as pd

from boxoffice.films.credits import PEOPLE, name_key

KINDS = dict.fromkeys(PEOPLE, "person") | {"companies": "company"}  # by role

_CACHED = 100  # characters of a name that is remembered

_cached_key = lru_cache(maxsize=2**14)(name_key)  # casts and companies come again and again


def _key(name: str) -> str:
    return name_key(name) if len(name) > _CACHED else _cached_key(name)


class Names:
    """Ids of the training films' people and companies.

    Parameters
    ----------
    path : Path
        `names.parquet`, as the stage `regress` exports it.
    ids : dict of kind to set of int
        All ids of the training films, also of those whose name means somebody better known.

    Attributes
    ----------
    ids : dict of kind to set of int
    """

    def __init__(self, path: Path, ids: dict[str, set[int]]):
        table = pd.read_parquet(path)
        self._ids = table.set_index(["kind", "key"])["id"].to_dict()
        self._keys = {(kind, number): key for (kind, key), number in self._ids.items()}
        self.ids = ids

    def has(self, kind: str, number: int) -> bool:
        """Whether a training film names this id."""
        return number in self.ids[kind]

    def id_of(self, kind: str, number: int | None, name: str) -> int:
        """The models' id of somebody whose name is known, and perhaps an id.

        The id counts if it means the same name here: a table may come from a source that numbers
        people otherwise. Who is unknown keeps the id, or gets a negative one.
        """
        key = None if number is None else self._keys.get((kind, number))
        if number is not None and key is None and number in self.ids[kind]:
            return number  # the name means somebody better known, and the id does not
        own = _key(name)
        if key is not None and key == own:
            return number
        found = self._ids.get((kind, own), number)
        return ~zlib.crc32(own.encode()) if found is None else found
