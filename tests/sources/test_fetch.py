"""`scripts/fetch.py tmdb5000`: right files or none, from a folder, a server or Kaggle."""

import os
import subprocess
import sys
import threading
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import run

from boxoffice.core import paths
from boxoffice.core.files import SourceError
from boxoffice.sources import open_films, tmdb5000

CONTENT = {
    "movies.csv": b"id,title\n1,A film\n" * 4000,
    "credits.csv": b"movie_id,cast\n1,[]\n" * 9000,
}
FETCH = [sys.executable, paths.ROOT / "scripts" / "fetch.py"]
SHA256 = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; of a file named in `broken`, half, and then it waits for `close`."""

    broken: tuple[str, ...] = ()
    half_sent: threading.Event
    close: threading.Event

    def copyfile(self, source, outputfile):
        if Path(self.path).name not in self.broken:
            return super().copyfile(source, outputfile)
        content = source.read()
        outputfile.write(content[: len(content) // 2])
        outputfile.flush()
        self.half_sent.set()
        self.close.wait(60)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream(tmp_path) -> Path:
    """A folder with a pair under Kaggle's names."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / tmdb5000.UPSTREAM[name]).write_bytes(content)
    return folder


@pytest.fixture
def serve():
    """Start servers of a folder; they stop with the test."""
    servers = []

    def start(folder: Path, **attributes) -> str:
        events = {"half_sent": threading.Event(), "close": threading.Event()}
        handler = type("TestHandler", (Handler,), events | attributes)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append((server, handler))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, handler in servers:
        handler.close.set()
        server.shutdown()
        server.server_close()


def held(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, temporary files too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def command(*arguments) -> subprocess.CompletedProcess:
    return run("fetch.py", *arguments)


# -------------------------------------------------------------------------------------- folder


@pytest.mark.parametrize("naming", [lambda name: name, tmdb5000.UPSTREAM.get])
def test_a_folder_may_hold_either_naming(tmp_path, naming):
    for name, content in CONTENT.items():
        (tmp_path / naming(name)).write_bytes(content)
    assert tmdb5000.install(str(tmp_path), tmp_path / "to", SHA256)
    assert held(tmp_path / "to") == CONTENT


def test_right_files_in_place_need_no_source(tmp_path, upstream):
    tmdb5000.install(str(upstream), tmp_path / "to", SHA256)
    assert not tmdb5000.install(NOWHERE, tmp_path / "to", SHA256)


@pytest.mark.parametrize("name", list(CONTENT))
def test_one_wrong_file_leaves_both_in_place(tmp_path, upstream, name):
    to = tmp_path / "to"
    to.mkdir()
    old = {"movies.csv": b"old", "credits.csv": b"old"}
    for file, content in old.items():
        (to / file).write_bytes(content)
    wrong = upstream / tmdb5000.UPSTREAM[name]
    wrong.write_bytes(b"saved by a spreadsheet")
    with pytest.raises(SourceError) as raised:
        tmdb5000.install(str(upstream), to, SHA256)
    for said in (str(wrong), SHA256[name], sha256(b"saved by a spreadsheet").hexdigest(), "--from"):
        assert said in str(raised.value)
    assert held(to) == old


def test_a_folder_without_the_pair_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"has neither tmdb_5000_movies\.csv nor movies\.csv"):
        tmdb5000.install(str(tmp_path), tmp_path / "to", SHA256)


# -------------------------------------------------------------------------------------- server


def test_a_download_arrives_unchanged(tmp_path, upstream, serve):
    assert tmdb5000.install(serve(upstream), tmp_path / "to", SHA256)
    assert held(tmp_path / "to") == CONTENT


def test_a_scheme_may_be_in_capitals(tmp_path, upstream, serve):
    base = serve(upstream).replace("http://", "HTTP://")
    assert tmdb5000.install(base, tmp_path / "to", SHA256)
    assert held(tmp_path / "to") == CONTENT


@pytest.mark.parametrize("base", ["http://[1/x", "http://..a/x", "http://me:se/cret@host/x"])
def test_an_address_that_is_none_is_one_clear_message(tmp_path, base):
    result = command("tmdb5000", "--from", base, "--to", tmp_path / "to")
    assert result.returncode == 1
    assert "could not be downloaded" in result.stderr and "cret" not in result.stderr


def test_a_truncated_download_leaves_nothing_and_the_next_starts_clean(tmp_path, upstream, serve):
    to = tmp_path / "to"
    closed = threading.Event()
    closed.set()
    base = serve(upstream, broken=("tmdb_5000_credits.csv",), close=closed)
    with pytest.raises(SourceError, match=r"tmdb_5000_credits\.csv"):
        tmdb5000.install(base, to, SHA256)
    assert held(to) == {}
    tmdb5000.install(serve(upstream), to, SHA256)
    assert held(to) == CONTENT


def test_wrong_bytes_are_refused(tmp_path, upstream, serve):
    (upstream / "tmdb_5000_movies.csv").write_bytes(b"other")
    with pytest.raises(SourceError) as raised:
        tmdb5000.install(serve(upstream), tmp_path / "to", SHA256)
    for said in ("tmdb_5000_movies.csv", SHA256["movies.csv"], sha256(b"other").hexdigest()):
        assert said in str(raised.value)
    assert held(tmp_path / "to") == {}


def test_a_killed_download_leaves_nothing_under_the_final_name(tmp_path, upstream, serve):
    half_sent = threading.Event()
    base = serve(upstream, broken=("tmdb_5000_movies.csv",), half_sent=half_sent)
    process = subprocess.Popen(
        [*FETCH, "tmdb5000", "--from", base, "--to", tmp_path / "to"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    assert half_sent.wait(60)
    assert process.poll() is None  # it waits for the other half
    process.kill()
    process.wait()
    assert held(tmp_path / "to") == {}


# ------------------------------------------------------------------------------------- command


def test_a_missing_page_is_one_clear_message(tmp_path, serve):
    result = command("tmdb5000", "--from", serve(tmp_path), "--to", tmp_path / "to")
    assert result.returncode == 1
    assert "404" in result.stderr and "tmdb_5000_movies.csv" in result.stderr
    assert "error: " in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp"])
def test_a_password_is_never_shown(tmp_path, serve, scheme):
    base = serve(tmp_path).replace("http://", f"{scheme}://me:secret@")
    result = command("tmdb5000", "--from", base, "--to", tmp_path / "to")
    assert result.returncode == 1
    assert "secret" not in result.stdout + result.stderr
    assert "***@127.0.0.1" in result.stderr and "Traceback" not in result.stderr


def test_without_kaggle_the_command_explains_where_to_get_a_key(tmp_path):
    """In a process of its own, for kagglehub reads its settings when it is imported."""
    settings = {"HOME": str(tmp_path), "KAGGLEHUB_CACHE": str(tmp_path)}
    settings |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), NOWHERE)
    settings |= dict.fromkeys(("NO_PROXY", "no_proxy"), "")
    result = subprocess.run(
        [*FETCH, "tmdb5000", "--to", tmp_path / "to"],
        capture_output=True,
        text=True,
        env=os.environ | settings,
        timeout=120,
    )
    assert result.returncode == 1
    for said in ("kaggle.json", "KAGGLE_USERNAME", "Create New Token", "--from DIR"):
        assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert held(tmp_path / "to") == {}


def test_a_wrong_vega_table_stops_open_films(tmp_path):
    wrong = tmp_path / "movies.json"
    wrong.write_text("[]")
    result = command("open_films", "--vega", wrong, "--movies-db", wrong, "--to", tmp_path / "to")
    assert result.returncode == 1
    assert str(wrong) in result.stderr and open_films.VEGA_SHA256 in result.stderr
    assert "Traceback" not in result.stderr
    assert held(tmp_path / "to") == {}


def test_help_shows_examples():
    result = command("tmdb5000", "--help")
    assert result.returncode == 0
    assert "python scripts/fetch.py tmdb5000 --from" in result.stdout


def test_the_real_pair_passes_the_check(tmp_path, shared_data):
    source, to = shared_data / "tmdb5000", tmp_path / "to"
    result = command("tmdb5000", "--from", source, "--to", to)
    assert result.returncode == 0, result.stderr
    for name, upstream_name in tmdb5000.UPSTREAM.items():
        assert (to / name).read_bytes() == (source / upstream_name).read_bytes()
    again = command("tmdb5000", "--to", to)
    assert again.returncode == 0 and "nothing to do" in again.stdout
