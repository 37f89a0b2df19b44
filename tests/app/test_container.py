"""The image: its Dockerfile's own steps, followed in an empty folder, make a service that answers.

No engine is needed: a folder stands for the image's root, this Python for its base, and the steps
run in a shell as they are written.
"""

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import httpx
import pytest
from docker.utils.build import PatternMatcher
from dockerfile_parse import DockerfileParser
from ruamel.yaml import YAML

from boxoffice import paths

ROOT = paths.ROOT
STEPS = [
    step
    for step in DockerfileParser(path=str(ROOT / "Dockerfile")).structure
    if step["instruction"] != "COMMENT"
]
SECOND = [step["instruction"] for step in STEPS].index("FROM", 1)
BUILDER, LAST = STEPS[:SECOND], STEPS[SECOND:]
LOCK = json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))
IGNORED = PatternMatcher(
    [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
)
# What the steps get from the machine that builds: where packages come from and how to reach it.
OF_THE_MACHINE = re.compile(
    r"HOME|PIP_.*|PIPENV_PYPI_MIRROR|SSL_.*|(https?|no)_proxy", re.IGNORECASE
)
INSIDE = re.compile(r"(?<![\w.:/}-])/(srv|tmp|root)\b")  # folders of the image that steps name
FILM = {
    "budget": 150_000_000,
    "popularity": 60.5,
    "runtime": 128,
    "vote_avg": 7.1,
    "vote_count": 5200,
    "release_year": 2005,
    "action": 1,
    "adventure": 1,
}


def values(instruction):
    return [step["value"] for step in STEPS if step["instruction"] == instruction]


def flags_and_rest(value):
    """`--from=builder a b` -> ({'from': 'builder'}, 'a b')."""
    flags = {}
    while found := re.match(r"--([a-z-]+)=(\S+)\s+", value):
        flags[found[1]] = found[2]
        value = value[found.end() :]
    return flags, value


def copies():
    """Sources and destination of each COPY from the checkout."""
    for value in values("COPY"):
        flags, rest = flags_and_rest(value)
        if "from" not in flags:
            *sources, destination = rest.split()
            yield sources, destination


def copy_context(source, destination):
    """Copy a file or folder of the checkout as the engine would: without what is ignored."""
    kept = [
        path
        for path in [source, *source.rglob("*")]
        if path.is_file() and not IGNORED.matches(path.relative_to(ROOT).as_posix())
    ]
    assert kept, f"COPY {source.name}: nothing is there that .dockerignore lets pass"
    for path in kept:
        place = destination / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)


def linked(source, destination):
    """Copy a package's file at no cost."""
    if os.path.islink(source):
        return shutil.copyfile(source, destination, follow_symlinks=False)
    return os.link(source, destination)


class Image:
    """What a Dockerfile's steps make below a folder that stands for `/`."""

    def __init__(self, folder, models=None, arguments=None):
        self.root = folder / "image"
        self.base = folder / "base"  # what `FROM` gives: Python, beside the system's commands
        self.models = models
        self.arguments = arguments or {}
        self.stages = {}  # roots of the stages that are done, by name
        self.name = None
        self.base.mkdir(parents=True)
        (self.base / "python").symlink_to(sys._base_executable)

    def follow(self, steps, only=()):
        for step in steps:
            action = getattr(self, f"on_{step['instruction'].lower()}", None)
            if action and (not only or step["instruction"] in only):
                action(step["value"])
        return self

    def inside(self, text):
        """A text whose absolute paths are below the folder that stands for `/`."""
        return INSIDE.sub(lambda found: f"{self.root}{found[0]}", text)

    def on_from(self, value):
        if self.name:
            self.stages[self.name] = self.root.rename(self.root.with_name(self.name))
        self.name = value.partition(" AS ")[2] or "last"
        self.root.mkdir()
        self.settings = {"PATH": f"{self.base}:/usr/bin:/bin"}

    def on_workdir(self, value):
        self.place = Path(self.inside(value))
        self.place.mkdir(parents=True)

    def on_env(self, value):
        for setting in shlex.split(value):
            name, _, content = setting.partition("=")
            content = re.sub(r"\$(\w+)", lambda found: self.settings[found[1]], content)
            self.settings[name] = self.inside(content)
        (self.root / "tmp").mkdir(exist_ok=True)

    def on_arg(self, value):
        name, _, default = value.partition("=")
        self.settings[name] = self.arguments.get(name, default)

    def on_copy(self, value):
        flags, rest = flags_and_rest(value)
        *sources, destination = rest.split()
        for source in sources:
            place = self.place / destination
            if destination.endswith("/"):
                place /= PurePosixPath(source).name
            if "from" in flags:
                made = self.stages[flags["from"]] / source.lstrip("/")
                shutil.copytree(made, place, symlinks=True, copy_function=linked)
            elif source == "models":
                shutil.copytree(self.models, place)
            else:
                copy_context(ROOT / source, place)

    def on_run(self, value):
        done = self.shell(value)
        assert done.returncode == 0, f"RUN {value}\n{done.stdout}{done.stderr}"

    def shell(self, value):
        _, script = flags_and_rest(value)
        machine = {k: v for k, v in os.environ.items() if OF_THE_MACHINE.fullmatch(k)}
        return subprocess.run(
            ["/bin/sh", "-c", self.inside(script)],
            cwd=self.place,
            env=machine | self.settings,
            capture_output=True,
            text=True,
        )

    def seal(self, mode=0o555):
        """Let nothing be written outside /tmp, as in a read-only container."""
        for folder in [self.place, *self.place.rglob("*")]:
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(mode)

    def start(self, *words):
        """Start a program in the image, without root's power to write where it must not."""
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            powerless = []
        return subprocess.Popen(
            [*powerless, *words],
            cwd=self.place,
            env=self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory, models):
    """All that the steps make, every package of the category `serve`; takes about half a minute."""
    folder = tmp_path_factory.mktemp("container")
    image = Image(folder, models).follow(STEPS)
    image.seal()
    yield image
    image.seal(0o755)
    shutil.rmtree(folder)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def on_port(instruction, port):
    """The words of a CMD or HEALTHCHECK, with a port that is free here."""
    (value,) = values(instruction)
    words = json.loads(value[value.index("[") :])
    return [word.replace("8000", str(port)) for word in words]


def is_healthy(image, port):
    process = image.start(*on_port("HEALTHCHECK", port))
    process.communicate()
    return process.returncode == 0


@pytest.fixture(scope="module")
def service(image):
    """The port at which the image's CMD answers."""
    port = free_port()
    process = image.start(*on_port("CMD", port))
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(f"the service ended: {process.communicate()[0]}")
            if is_healthy(image, port):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


def normal(name):
    """A package's name as the lock spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(*categories):
    return {
        name: each["version"] for category in categories for name, each in LOCK[category].items()
    }


# What is written


def test_the_base_is_slim_tagged_and_of_the_locked_python():
    version = LOCK["_meta"]["requires"]["python_version"]
    bases = {value.split()[0] for value in values("FROM")}
    assert bases == {f"python:{version}-slim"}


def test_it_runs_without_root_and_says_so_by_number():
    """An engine can tell from a number alone that it is not root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", values("USER")[-1])


def test_one_port_is_exposed_served_and_checked():
    assert values("EXPOSE") == ["8000"]
    for instruction in ("CMD", "HEALTHCHECK"):
        (value,) = values(instruction)
        assert "8000" in value
    assert "curl" not in values("HEALTHCHECK")[0]


def test_only_what_is_copied_reaches_the_engine():
    sources = {source for named, _ in copies() for source in named}
    assert sources == {"Pipfile", "Pipfile.lock", "scripts/boxoffice", "app", "models"}
    for source in sources - {"models"}:  # which the stages make
        assert (ROOT / source).exists()
        assert not IGNORED.matches(source)
    for kept in ("models/history.parquet", "models/poster.safetensors", "app/main.py"):
        assert not IGNORED.matches(kept)
    for left in (".git/config", ".venv/bin/python", "data/raw/open_films/movies.csv", "README.md"):
        assert IGNORED.matches(left)
    for left in ("tests/conftest.py", "scripts/fetch.py", "app/__pycache__/main.cpython-311.pyc"):
        assert IGNORED.matches(left)


def test_pipenv_is_the_makefiles():
    pinned = re.compile(r"pipenv==[\d.]+")
    (pin,) = pinned.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert pinned.findall((ROOT / "Dockerfile").read_text(encoding="utf-8")) == [pin]


def test_the_composed_service_is_locked_down_and_reads_the_models_of_the_checkout():
    compose = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text("utf-8"))
    (service,) = compose["services"].values()
    assert service["volumes"] == ["./models:/srv/models:ro"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp:size=2g"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["ports"] == ["${PORT:-8000}:8000"]
    (argument,) = service["build"]["args"]
    assert argument in values("ARG")[0]
    assert "test" not in service["healthcheck"]  # the image's own


def stand_in_for_pipenv(image, script):
    pipenv = image.place / ".pipenv" / "bin" / "pipenv"
    pipenv.parent.mkdir(parents=True)
    pipenv.write_text(f"#!/bin/sh\n{script}\n")
    pipenv.chmod(0o755)


@pytest.mark.parametrize(("media", "categories"), [("0", "serve"), ("1", "serve media")])
def test_the_media_models_packages_are_installed_when_asked_for(tmp_path, media, categories):
    image = Image(tmp_path, arguments={"MEDIA": media})
    image.follow(BUILDER, only=("FROM", "WORKDIR", "ENV", "ARG"))
    stand_in_for_pipenv(image, 'printf "%s|" "$@"')
    assert image.shell(BUILDER[-1]["value"]).stdout == f"sync|--categories|{categories}|"


# What it makes


def test_the_image_answers(service):
    with httpx.Client(base_url=f"http://127.0.0.1:{service}") as client:
        assert client.get("/").status_code == 200
        assert client.get("/health").status_code == 200
        assert client.get("/ui/").status_code == 200
        answer = client.post("/predict/revenue", json=FILM)
    assert answer.status_code == 200
    assert answer.json()["interval"]["lower"] < answer.json()["predicted_revenue"]


def test_the_image_takes_uploads(service):
    """They pass through /tmp; without torch a poster gets a clear answer, and no figure."""
    table = b"budget,release_date,title,original_language,genres\n20000000,2024-05-01,Yes,en,[]\n"
    with httpx.Client(base_url=f"http://127.0.0.1:{service}", timeout=30) as client:
        scored = client.post("/predict/batch", files={"file": ("films.csv", table, "text/csv")})
        poster = client.post("/predict/poster", files={"file": ("poster.png", b"none")})
    assert scored.status_code == 200
    assert '"pre_release",' in scored.text
    assert poster.status_code == 503
    assert "torch" in poster.text


def test_the_image_is_read_only(image):
    """What stands for the engine does its part, so the service has answered without writing."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and setpriv is not here to take that from it")
    for place, fault in ((".", "Permission"), ("app", "Permission"), (image.root / "tmp", "[]")):
        words = f"open(r'{place}/new', 'w').close(); print([])"
        assert fault in image.start("python", "-c", words).communicate()[0]


def test_its_health_check_tells(image, service):
    assert is_healthy(image, service)
    assert not is_healthy(image, free_port())


def test_the_image_has_the_locked_packages_and_no_others(image):
    listing = "import json; print(json.dumps({d.name: d.version for d in distributions()}))"
    words = f"from importlib.metadata import distributions; {listing}"
    listed = image.start("python", "-c", words).communicate()[0]
    installed = {normal(name): f"=={version}" for name, version in json.loads(listed).items()}
    locked = packages("serve")
    of_the_venv = {"pip", "setuptools"} - set(locked)
    assert {k: v for k, v in installed.items() if k not in of_the_venv} == {
        name: version for name, version in locked.items() if name in installed
    }
    for name in set(locked) - set(installed):
        assert "platform" in LOCK["serve"][name]["markers"]  # of another kind of machine


def test_the_image_holds_nothing_that_only_training_needs(image):
    words = "import importlib.util as i, sys; print([m for m in sys.argv[1:] if i.find_spec(m)])"
    modules = ["torch", "sklearn", "matplotlib", "xgboost", "pandera", "dvc", "pytest"]
    assert image.start("python", "-c", words, *modules).communicate()[0].strip() == "[]"
    assert {path.name for path in image.place.iterdir()} == {".venv", "app", "models", "scripts"}
    assert [path.name for path in (image.place / "scripts").iterdir()] == ["boxoffice"]


@pytest.mark.parametrize("name", ["revenue_classic.onnx", "history.parquet", "hit.json"])
def test_a_build_without_a_model_ends_with_its_name(image, tmp_path, name):
    without = Image(tmp_path).follow(LAST, only=("FROM", "WORKDIR", "ENV"))
    (without.place / ".venv").symlink_to(image.place / ".venv")
    for part in ("scripts", "models"):
        shutil.copytree(image.place / part, without.place / part, copy_function=shutil.copyfile)
    (without.place / "models").chmod(0o755)
    (without.place / "models" / name).unlink()
    ended = without.shell(values("RUN")[-1])
    assert ended.returncode != 0
    assert name in ended.stderr
    assert "dvc repro" in ended.stderr


def test_a_package_with_another_hash_than_the_locks_is_refused(image, tmp_path):
    """A lock of one small package, whose hashes are altered."""
    altered = Image(tmp_path).follow(BUILDER, only=("FROM", "WORKDIR", "ENV", "ARG"))
    python = image.stages["builder"] / "srv" / ".pipenv" / "bin" / "python"
    stand_in_for_pipenv(altered, f'exec {python} -m pipenv "$@"')
    shutil.copy(ROOT / "Pipfile", altered.place)
    six = LOCK["serve"]["six"] | {"hashes": [f"sha256:{'0' * 64}"]}
    lock = {"_meta": LOCK["_meta"], "default": {}, "develop": {}, "serve": {"six": six}}
    (altered.place / "Pipfile.lock").write_text(json.dumps(lock))
    ended = altered.shell(BUILDER[-1]["value"])
    assert ended.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ended.stdout + ended.stderr


# The media models' packages, which are too large to install in a test


def test_the_media_models_need_no_other_packages(tmp_path):
    """With the packages of both categories alone, their modules import and the encoders load."""
    locked = packages("serve", "media")
    for distribution in importlib.metadata.distributions():
        if normal(distribution.name) not in locked:
            continue
        tops = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            if not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(distribution.locate_file(top))
    asked = (
        "import boxoffice.networks.poster_model, boxoffice.networks.multimodal_model, sys\n"
        "from boxoffice.media.encoders import image_encoder, text_encoder\n"
        "image_encoder('efficientnet_lite0'), text_encoder('all-MiniLM-L6-v2')\n"
        "print(sorted({'matplotlib', 'dvclive', 'xgboost', 'pandera'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", asked],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), str(tmp_path)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
