"""Bring the store of dated facts to Hopsworks, and back, as Parquet.

The client needs an older pandas, pyarrow and protobuf than the project. So this script has a locked
environment of its own (the Pipfile beside it), and shares nothing with the project but the files of
data/store.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PRIMARY_KEYS = {"films": "id", "people": "person_id", "revenues": "id"}  # of the tables of a store
HOPSWORKS_TYPES = {
    "string": pa.string(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
EXAMPLES = """\
examples:
  export HOPSWORKS_API_KEY=... HOPSWORKS_PROJECT=...
  exchange.py push data/store/tmdb_api --dry-run
  exchange.py push data/store/tmdb_api --since 2026-03-01
  exchange.py pull tmdb_api data/store/tmdb_copy

HOPSWORKS_HOST names an installation of your own.
"""


class ExchangeError(Exception):
    """What was asked for can't be done; the message says why and what to do."""


def facts(store: Path, table: str, since: date = date.min) -> pa.Table | None:
    """All facts of a table that are dated on or after a day; None if there are none.

    A feature group has one row per key and event time: of two writes on a day the later is taken.
    """
    paths = [path for path in (store / table).glob("*.parquet") if path.name[0] != "."]
    paths = [path for path in sorted(paths) if date.fromisoformat(path.name[:10]) >= since]
    if not paths:
        return None
    rows = pa.concat_tables([pq.read_table(path) for path in paths], promote_options="default")
    numbered = rows.append_column("number", pa.array(range(len(rows))))
    last = numbered.group_by([PRIMARY_KEYS[table], "as_of"]).aggregate([("number", "max")])[
        "number_max"
    ]
    return rows.take(last.sort())


def features(rows: pa.Table) -> dict[str, str]:
    """Names of the columns, and their types as Hopsworks calls them."""
    names = {kind: name for name, kind in HOPSWORKS_TYPES.items()}
    return {field.name: names[field.type] for field in rows.schema}


def to_rows(frame: pd.DataFrame, types: dict[str, str]) -> pa.Table:
    """A frame that was read from a feature group as facts, in the types of its features."""
    dates = {
        name: pd.to_datetime(frame[name], utc=True).dt.date
        for name, kind in types.items()
        if kind == "date"
    }
    schema = pa.schema([(name, HOPSWORKS_TYPES[kind]) for name, kind in types.items()])
    return pa.Table.from_pandas(frame.assign(**dates), schema=schema, preserve_index=False)


def write_parts(rows: pa.Table, store: Path, table: str) -> int:
    """Write facts as parts that the project's store reads, one per day; return how many."""
    (store / table).mkdir(parents=True)
    days = sorted(pc.unique(rows["as_of"]).to_pylist())
    for day in days:
        content = pa.BufferOutputStream()
        part = rows.filter(pc.equal(rows["as_of"], day)).sort_by(PRIMARY_KEYS[table])
        pq.write_table(part.replace_schema_metadata(), content)
        content = content.getvalue().to_pybytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        (store / table / f"{day}-001-{digest}.parquet").write_bytes(content)
    return len(days)


def feature_store(project: str | None):
    """Log in with the key in HOPSWORKS_API_KEY; the client would ask for what is missing."""
    if not (key := os.environ.get("HOPSWORKS_API_KEY")):
        raise ExchangeError("HOPSWORKS_API_KEY is not set: make a key in your account's settings")
    if not (project := project or os.environ.get("HOPSWORKS_PROJECT")):
        raise ExchangeError("no project: give --project, or set HOPSWORKS_PROJECT")
    import hopsworks

    login = {"project": project, "api_key_value": key, "engine": "python"}
    return hopsworks.login(**login, hostname_verification=True).get_feature_store()


def group_name(source: str, table: str) -> str:
    """'Open-Films' and 'people' -> 'open_films_people'."""
    return re.sub("[^a-z0-9_]", "_", f"{source}_{table}".lower())


def push(args: argparse.Namespace) -> None:
    """Insert the facts of a store into a feature group per table; twice changes nothing."""
    found = {table: facts(args.store, table, args.since) for table in PRIMARY_KEYS}
    found = {table: rows for table, rows in found.items() if rows is not None}
    if not found:
        raise ExchangeError(f"{args.store} has no facts since {args.since}")
    target = None if args.dry_run else feature_store(args.project)
    for table, rows in found.items():
        name, types = group_name(args.store.resolve().name, table), features(rows)
        days = pc.min_max(rows["as_of"]).as_py()
        print(f"{name} {args.version}: {len(rows):,} facts of {days['min']} to {days['max']}")
        print("  " + ", ".join(f"{column} {kind}" for column, kind in types.items()))
        if target is None:
            continue
        from hsfs.feature import Feature

        group = target.get_or_create_feature_group(
            name=name,
            version=args.version,
            description=f"Dated facts of {table}: as_of is the day on which they were read",
            primary_key=[PRIMARY_KEYS[table]],
            event_time="as_of",
            online_enabled=args.online,
            statistics_config=False,
            features=[Feature(column, kind) for column, kind in types.items()],
        )
        group.insert(rows.to_pandas(), wait=True)


def pull(args: argparse.Namespace) -> None:
    """Write the feature groups of a source as a new store, whole or not at all."""
    if args.store.exists():
        raise ExchangeError(f"{args.store} exists: name a new folder")
    source = feature_store(args.project)
    temporary = args.store.with_name(f".{args.store.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    for table in PRIMARY_KEYS:
        group = source.get_feature_group(group_name(args.source, table), version=args.version)
        if group is None:
            continue
        types = {feature.name: feature.type.lower() for feature in group.columns}
        rows = to_rows(group.read(dataframe_type="pandas"), types)
        parts = write_parts(rows, temporary, table)
        print(f"{args.store / table}: {len(rows):,} facts in {parts} parts")
    if not temporary.exists():
        raise ExchangeError(f"the project has no feature group {group_name(args.source, '*')}")
    temporary.rename(args.store)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    to = commands.add_parser("push", help="insert the facts of a store into feature groups")
    to.add_argument("store", type=Path, help="data/store/SOURCE")
    to.add_argument(
        "--since", type=date.fromisoformat, default=date.min, help="only facts from this day on"
    )
    to.add_argument("--online", action="store_true", help="new groups are served online, too")
    to.add_argument("--dry-run", action="store_true", help="say what would be inserted, no more")
    to.set_defaults(run=push)
    back = commands.add_parser("pull", help="write feature groups as a new store")
    back.add_argument("source", help="the source that was pushed")
    back.add_argument("store", type=Path, help="a new folder, data/store/NAME")
    back.set_defaults(run=pull)
    for command in (to, back):
        command.add_argument("--project", help="by default HOPSWORKS_PROJECT")
        command.add_argument(
            "--version", type=int, default=1, help="of the feature groups; another for new columns"
        )
    return parser.parse_args()


def main() -> None:
    """Run a command; an error ends it in one line, without the key."""
    args = arguments()
    try:
        args.run(args)
    except Exception as error:  # the client's have no common class
        text = " ".join(str(error).split()) or type(error).__name__
        sys.exit("error: " + text.replace(os.environ.get("HOPSWORKS_API_KEY") or "\0", "***"))


if __name__ == "__main__":
    sys.exit(main())
