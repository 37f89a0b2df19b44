"""The image: what the Dockerfile's commands make is a service that answers."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest
from images import (
    CHECK,
    COMPILE,
    DOCKERFILE,
    INSTALL,
    INSTALL_PIPENV,
    Image,
    context,
    copied,
    stand_in,
    values,
    words_of,
)
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML
from serving import CLASSIC, eventually, free_port

from boxoffice.core import paths

ROOT = paths.ROOT
LOCK = json.loads((ROOT / "Pipfile.lock").read_text("utf-8"))


@pytest.fixture(scope="module")
def image(tmp_path_factory, models):
    """The finished image, which takes about half a minute, most of it for the packages."""
    image = Image(tmp_path_factory.mktemp("container") / "image")
    for name in context():
        if name.startswith(tuple(copied() - {"models"})):
            (image.srv / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, image.srv / name)
    shutil.copytree(models, image.srv / "models")
    for number in (INSTALL_PIPENV, INSTALL, COMPILE, CHECK):
        code, said = image.run(number)
        assert code == 0, said
    image.pipenv = (image.srv / ".pipenv").rename(image.root / ".pipenv")
    for name in ("Pipfile", "Pipfile.lock"):  # as .pipenv, of the first stage only
        (image.srv / name).unlink()
    image.seal(0o555)
    yield image
    image.seal(0o755)
    shutil.rmtree(image.root)


def is_healthy(image, port):
    return image.serve(*words_of("HEALTHCHECK", port)).wait() == 0


@pytest.fixture(scope="module")
def service(image):
    """A client of what the image's CMD starts."""
    port = free_port()
    process = image.serve(*words_of("CMD", port))
    try:
        eventually(lambda: process.poll() is not None or is_healthy(image, port))
        assert process.poll() is None, process.communicate()[0]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)


def packages(*categories):
    return {name: each["version"] for each in categories for name, each in LOCK[each].items()}


# What is written


def test_hadolint_finds_no_fault():
    hadolint = shutil.which("hadolint", path=os.path.dirname(sys.executable))
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_base_is_slim_and_of_the_locked_python():
    version = LOCK["_meta"]["requires"]["python_version"]
    assert set(DOCKERFILE.parent_images) == {f"python:{version}-slim"}


def test_it_runs_without_root_and_says_so_by_number():
    """An engine can tell from a number alone that it is not root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", values("USER")[-1])


def test_one_port_is_exposed_served_and_checked():
    assert values("EXPOSE") == ["8000"]
    assert all("8000" in " ".join(words_of(each, 8000)) for each in ("CMD", "HEALTHCHECK"))


def test_only_what_is_copied_reaches_the_engine():
    assert copied() == {"Pipfile", "Pipfile.lock", "scripts/boxoffice", "app", "models"}
    of_the_engine = {"Dockerfile", ".dockerignore"}  # which it always reads
    assert {"app/main.py", "Pipfile.lock", "scripts/boxoffice/core/paths.py"} <= context()
    assert not [
        name
        for name in context() - of_the_engine
        if not name.startswith(tuple(copied())) or "__pycache__" in name or "tests" in name
    ]


def test_pipenv_is_the_makefiles():
    files = (ROOT / "Makefile", ROOT / "Dockerfile")
    here, there = (re.findall(r"pipenv==[\d.]+", file.read_text("utf-8")) for file in files)
    assert here == there
    assert len(here) == 1


def test_the_composed_service_is_locked_down_and_reads_the_models_of_the_checkout():
    compose = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text("utf-8"))
    (service,) = compose["services"].values()
    locked_down = {
        "volumes": ["./models:/srv/models:ro"],
        "read_only": True,
        "tmpfs": ["/tmp:size=2g"],
        "cap_drop": ["ALL"],
        "restart": "unless-stopped",
        "ports": ["${PORT:-8000}:8000"],
    }
    assert locked_down.items() <= service.items()
    assert service["mem_limit"]
    assert list(service["build"]["args"]) == [values("ARG")[0].partition("=")[0]]
    assert "test" not in service["healthcheck"]  # the image's own


@pytest.mark.parametrize(("media", "categories"), [("0", "serve"), ("1", "serve media")])
def test_the_media_models_packages_are_installed_when_asked_for(tmp_path, media, categories):
    image = Image(tmp_path / "image", media, python="exit 0")
    stand_in(image.srv / ".pipenv" / "bin" / "pipenv", 'printf "%s|" "$@"')
    assert image.run(INSTALL) == (0, f"sync|--categories|{categories}|")


# What it makes


def test_the_image_answers(service):
    assert [service.get(path).status_code for path in ("/", "/health", "/ui")] == [200] * 3
    answer = service.post("/predict/revenue", json=CLASSIC)
    assert answer.status_code == 200
    assert answer.json()["interval"]["lower"] < answer.json()["interval"]["upper"]


def test_the_image_takes_uploads(service):
    """They pass through /tmp; without torch a poster gets a clear answer, and no figure."""
    table = b"budget,release_date,title,original_language,genres\n20000000,2024-05-01,Yes,en,[]\n"
    scored = service.post("/predict/batch", files={"file": ("films.csv", table, "text/csv")})
    poster = service.post("/predict/poster", files={"file": ("poster.png", b"none")})
    assert scored.status_code == 200
    assert '"pre_release",' in scored.text
    assert poster.status_code == 503
    assert "torch" in poster.text


def test_the_image_is_read_only(image):
    """What stands for the engine does its part, so the service has answered without writing."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and setpriv is not here to take that from it")
    for place, said in ((".", "Permission"), ("app", "Permission"), (image.root / "tmp", "[]")):
        words = f"open(r'{place}/new', 'w').close(); print([])"
        assert said in image.serve("python", "-c", words).communicate()[0]


def test_its_health_check_tells(image, service):
    assert is_healthy(image, service.base_url.port)
    assert not is_healthy(image, free_port())


def test_the_image_has_the_locked_packages_and_no_others(image):
    listing = "import json; print(json.dumps({d.name: d.version for d in distributions()}))"
    words = f"from importlib.metadata import distributions; {listing}"
    listed = json.loads(image.serve("python", "-c", words).communicate()[0])
    installed = {canonicalize_name(name): f"=={version}" for name, version in listed.items()}
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
    assert image.serve("python", "-c", words, *modules).communicate()[0].strip() == "[]"
    assert {path.name for path in image.srv.iterdir()} == {".venv", "app", "models", "scripts"}
    assert [path.name for path in (image.srv / "scripts").iterdir()] == ["boxoffice"]


@pytest.mark.parametrize("name", ["revenue_classic.onnx", "history.parquet", "hit.json"])
def test_a_build_without_a_model_ends_with_its_name(image, tmp_path, name):
    without = Image(tmp_path / "image")
    (without.srv / ".venv").symlink_to(image.srv / ".venv")
    for part in ("scripts", "models"):
        shutil.copytree(image.srv / part, without.srv / part, ignore=shutil.ignore_patterns(name))
    code, said = without.run(CHECK)
    assert code != 0
    assert name in said
    assert "dvc repro" in said


def test_a_package_with_another_hash_than_the_locks_is_refused(image, tmp_path):
    """A lock of one small package, whose hashes are altered."""
    without_pip = f'exec {sys._base_executable} "$@" --without-pip'  # pipenv brings its own
    altered = Image(tmp_path / "image", python=without_pip)
    pipenv = f'exec {image.pipenv}/bin/python -m pipenv "$@"'
    stand_in(altered.srv / ".pipenv" / "bin" / "pipenv", pipenv)
    shutil.copy(ROOT / "Pipfile", altered.srv)
    six = LOCK["serve"]["six"] | {"hashes": [f"sha256:{'0' * 64}"]}
    lock = {"_meta": LOCK["_meta"], "default": {}, "develop": {}, "serve": {"six": six}}
    (altered.srv / "Pipfile.lock").write_text(json.dumps(lock))
    code, said = altered.run(INSTALL)
    assert code != 0
    assert "DO NOT MATCH THE HASHES" in said


# The media models' packages, which are too large to install in a test


def test_the_media_models_need_no_other_packages(tmp_path):
    """With the packages of both categories alone, their modules import and the encoders load."""
    locked = packages("serve", "media")
    for distribution in importlib.metadata.distributions():
        if canonicalize_name(distribution.name) not in locked:
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
