"""`python -m app.space`: what a Hugging Face Space gets, and how it runs there."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from clones import checkout
from dockerfile_parse import DockerfileParser
from hub import STORAGE_TOKEN, running_hub
from huggingface_hub import SpaceCard
from images import DOCKERFILE, context, copied, values
from serving import CLASSIC, eventually, free_port
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import space
from app.guard import network
from boxoffice.core import paths
from boxoffice.core.model_files import ModelFileError
from boxoffice.sources.tmdb_api import ATTRIBUTION

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
VERSION = "v1.2.0"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
USER = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs")


@pytest.fixture(scope="module")
def clone(tmp_path_factory, models):
    """A checkout with a champion among its models, and a file that git doesn't track."""
    clone = checkout(tmp_path_factory.mktemp("space") / "clone")
    shutil.copytree(models, clone.root / "models" / "champion")
    stated = json.dumps({"version": VERSION, "role": "champion"})
    (clone.root / "models" / "champion" / "version.json").write_text(stated)
    (clone.root / "app" / ".env").write_text(f"HF_TOKEN={TOKEN}\n")
    return clone


def run(clone, *words, **environment):
    """`python -m app.space` in the checkout, with that checkout's package and without a login."""
    return clone.run(
        sys.executable,
        *("-m", "app.space", *map(str, words)),
        **{
            "PYTHONPATH": str(clone.root / "scripts"),
            "HF_HOME": str(clone.root / "home"),
            "HF_TOKEN": "",
            **environment,
        },
    )


@pytest.fixture(scope="module")
def folder(clone):
    folder = clone.root.parent / "written"
    done = run(clone, "--to", folder)
    assert done.returncode == 0, done.stderr
    return folder


def files_of(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


# What it holds


def test_it_holds_what_the_dockerfile_copies_and_nothing_untracked(clone, folder):
    files = files_of(folder)
    for part in copied():
        assert any(name == part or name.startswith(f"{part}/") for name in files), part
    served = {name for name in files if not name.startswith("models/")}
    assert served - {"README.md"} <= set(clone.said("git", "ls-files").splitlines())
    assert served - {"README.md", "LICENSE", "Dockerfile"} == {
        name for name in served if name.startswith(tuple(copied()))
    }


def test_its_models_are_the_champion(clone, folder):
    champion = clone.root / "models" / "champion"
    assert files_of(folder / "models") == files_of(champion)
    for name in files_of(champion):
        assert (folder / "models" / name).read_bytes() == (champion / name).read_bytes()


def test_without_a_champion_its_models_are_those_of_the_stages(tmp_path, models):
    """Folders among them, as of a challenger, stay behind."""
    trained = tmp_path / "models"
    shutil.copytree(models, trained)
    (trained / "challenger").mkdir()
    space.write_space(tmp_path / "space", trained)
    assert files_of(tmp_path / "space" / "models") == files_of(models)


def test_a_champion_that_is_gone_is_not_replaced_in_silence(tmp_path, models, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path / "models")
    shutil.copytree(models, paths.MODELS, ignore=shutil.ignore_patterns(".*", "champion"))
    (paths.MODELS / "champion").symlink_to(".champion/v1.0.0-gone")
    with pytest.raises(ModelFileError, match=r"champion.* is missing"):
        space.space(to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_its_header_is_as_spaces_read_it(folder):
    card = SpaceCard.load(folder / "README.md")
    header = card.data.to_dict()
    assert header["sdk"] == "docker"
    assert [str(header["app_port"])] == values("EXPOSE")
    assert header["base_path"] == "/ui"
    assert {header["colorFrom"], header["colorTo"]} <= COLOURS
    assert len(header["short_description"]) <= 60  # more is refused
    assert header["license"] == "mit"
    assert VERSION in card.text


def test_its_card_names_tmdb_where_the_models_learned_from_it(models):
    card = {"source": "tmdb_api", "trained_until": "2026-10-01"}
    text = space.readme(models, {"revenue_pre_release": card})
    assert ATTRIBUTION in text
    assert "`tmdb_api`" in text
    assert ATTRIBUTION not in space.readme(models, {"revenue_pre_release": card | {"source": "x"}})


def test_the_dockerfile_is_ours_with_a_spaces_settings(folder):
    theirs = DockerfileParser(path=str(folder / "Dockerfile"))
    assert theirs.content.startswith(DOCKERFILE.content)
    assert set(theirs.envs) - set(DOCKERFILE.envs) == {
        "BOXOFFICE_FRAME_ANCESTORS",
        "BOXOFFICE_RATE",
        "FORWARDED_ALLOW_IPS",
    }


def test_the_image_and_the_service_are_without_the_command():
    assert "app/space.py" not in context()
    listing = "import app.main, sys; print([m for m in sys.modules if m.startswith(sys.argv[1])])"
    for module in ("huggingface_hub", "app.space"):
        done = subprocess.run(
            [sys.executable, "-c", listing, module], cwd=paths.ROOT, capture_output=True, text=True
        )
        assert done.stdout == "[]\n", done.stderr


def test_without_a_model_nothing_is_written(clone, models, tmp_path):
    name = "revenue_pre_release.onnx"
    shutil.copytree(models, tmp_path / "models", ignore=shutil.ignore_patterns(name))
    done = run(clone, "--to", tmp_path / "new", "--models", tmp_path / "models")
    assert done.returncode == 1
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"models"}


def test_what_is_asked_for_is_clear(tmp_path):
    for repo, to, said in [
        ("me/films", tmp_path / "new", "give USER/NAME to push, or --to a new folder"),
        (None, None, "give USER/NAME"),
        (None, tmp_path, f"{tmp_path} exists: give a new folder"),
    ]:
        with pytest.raises(space.SpaceError, match=re.escape(said)):
            space.space(repo, to)
    assert not list(tmp_path.iterdir())


# How it runs there


def user_of_spaces():
    """Words that start a program as user 1000, where root can and that user finds this Python."""
    if os.geteuid() or not shutil.which("setpriv"):
        return ()
    found = subprocess.run([*USER, "test", "-x", sys._base_executable])
    return USER if found.returncode == 0 else ()


@contextmanager
def as_a_space(folder):
    """A client of the service in this folder, with the Dockerfile's settings."""
    settings = DockerfileParser(path=str(folder / "Dockerfile")).envs
    port = free_port()
    with tempfile.TemporaryDirectory() as place:  # pytest's folders are closed to other users
        os.chmod(place, 0o755)
        root, temporary = Path(place, "srv"), Path(place, "tmp")
        shutil.copytree(folder, root)
        temporary.mkdir()
        temporary.chmod(0o1777)
        settings |= {"PYTHONPATH": str(root / "scripts"), "PATH": "/usr/bin:/bin"}
        settings |= {name: str(temporary) for name in ("HOME", "TMPDIR")}
        command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)]
        with open(Path(place, "log"), "w+") as log, httpx.Client(timeout=60) as client:
            client.base_url = f"http://127.0.0.1:{port}"
            process = subprocess.Popen(
                [*user_of_spaces(), *command], cwd=root, env=settings, stdout=log, stderr=log
            )
            try:
                assert eventually(lambda: process.poll() is not None or answers(client))
                assert process.poll() is None, Path(log.name).read_text()
                yield client
            finally:
                process.terminate()
                process.wait(60)


def answers(client):
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_it_answers_in_a_frame_of_the_hub(folder):
    with as_a_space(folder) as client:
        page = client.get(SpaceCard.load(folder / "README.md").data.to_dict()["base_path"])
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors https://huggingface.co" in policy
        answer = client.post("/predict/revenue", json=CLASSIC)
        assert answer.status_code == 200
        assert answer.json()["model"] == "revenue_classic"
        table = b"budget,release_date,title,original_language,genres\n2e7,2024-05-01,Yes,en,[]\n"
        scored = client.post("/predict/batch", files={"file": ("films.csv", table, "text/csv")})
        assert scored.status_code == 200, (
            scored.text
        )  # the upload was written, and a worker started
        for _ in range(60):
            answer = client.post("/predict/revenue", json=CLASSIC)
        assert answer.status_code == 429


@pytest.mark.parametrize(
    ("connection", "forwarded", "client"),
    [
        ("10.16.3.80", "203.0.113.7", "203.0.113.7"),
        ("10.16.3.80", "203.0.113.7, 10.20.0.1", "203.0.113.7"),
        ("10.16.3.80", "198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first is forged
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # past the proxies
    ],
)
def test_a_client_is_whom_the_proxy_saw(folder, connection, forwarded, client):
    """Else all visitors would share one rate."""
    seen = []

    async def service(scope, receive, send):
        seen.append(network(scope))

    trusted = DockerfileParser(path=str(folder / "Dockerfile")).envs["FORWARDED_ALLOW_IPS"]
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "client": (connection, 1), "headers": headers}
    asyncio.run(ProxyHeadersMiddleware(service, trusted)(scope, None, None))
    assert seen == [client]


# How it gets there: the real client, against a server on this machine


@pytest.fixture
def hub():
    with running_hub() as hub:
        yield hub


def push(clone, hub, *words):
    return run(clone, *words, HF_ENDPOINT=hub.address, HF_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def pushed(clone):
    """A Hub that got a Space, and what the command said."""
    with running_hub() as hub:
        done = push(clone, hub, "me/films", "--private")
        assert done.returncode == 0, done.stderr
        yield hub, done


def test_a_push_makes_the_space_and_commits_its_files(folder, pushed):
    hub, done = pushed
    assert done.stdout == f"pushed to {hub.address}/spaces/me/films\n"
    (created,) = hub.sent("/repos/create")
    asked = {"name": "films", "organization": "me", "type": "space", "sdk": "docker"}
    assert json.loads(created.body) == asked | {"visibility": "private"}
    (commit,) = hub.commits()
    assert [line["summary"] for line in commit["header"]] == [f"Models {VERSION}"]
    small = {line["path"]: b64decode(line["content"]) for line in commit["file"]}
    large = {line["path"]: line["oid"] for line in commit["lfsFile"]}
    assert set(small) | set(large) == files_of(folder)
    for name, content in small.items():
        assert content == (folder / name).read_bytes()
    for name, oid in large.items():
        assert oid == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert commit["deletedFile"] == [{"path": "models/of_last_year.onnx"}]
    stored = sum(len(request.body) for request in hub.sent("/v1/xorbs/"))
    assert stored > sum((folder / name).stat().st_size for name in large) / 2  # compressed


def test_the_token_goes_to_the_hub_in_a_header_and_nowhere_else(clone, pushed):
    hub, done = pushed
    assert TOKEN not in done.stdout + done.stderr
    for request in hub.requests:
        assert TOKEN not in request.path
        assert TOKEN.encode() not in request.body
        token = STORAGE_TOKEN if request.path.startswith("/cas/") else TOKEN
        assert request.authorization in (f"Bearer {token}", None)
    assert {request.authorization for request in hub.sent("/spaces/")} == {f"Bearer {TOKEN}"}
    assert not hub.sent("telemetry")
    for file in (clone.root / "home").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("refusal", [(401, "Invalid credentials"), (402, "Subscribe to PRO")])
def test_a_refusal_is_one_line_without_the_token(clone, hub, refusal):
    hub.refusal = refusal
    done = push(clone, hub, "me/films")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert refusal[1] in done.stderr
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr
    assert not list(hub.commits())


@pytest.mark.parametrize(
    ("repo", "token", "said"),
    [
        ("me/films", "", "no token: set HF_TOKEN"),
        ("me/my films", TOKEN, "me/my films is no name of a Space"),
        ("me/films", TOKEN, "the Hub can't be reached"),
    ],
)
def test_what_is_lacking_is_said_in_a_line(clone, repo, token, said):
    done = run(clone, repo, HF_ENDPOINT=NOWHERE, HF_TOKEN=token)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert TOKEN not in done.stderr
