"""`.github/workflows/weekly.yml`: what it names exists, and its steps do what they say.

The steps run as they stand, by bash, in a throw-away repository, with a bare one to push to and a
remote of DVC behind a password. GitHub's own actions are not run.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from boxoffice.core import paths

FILE = paths.ROOT / ".github" / "workflows" / "weekly.yml"
WORKFLOW = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
RUNS = {step["name"]: step["run"] for step in STEPS if "run" in step}
MAKEFILE = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
USER, PASSWORD = "films", "correct-horse-battery"
LOG = "data/log/tmdb_api/forecasts.csv"
HEADER = "film_id,as_of,predicted_revenue\n"


# What is written


def test_it_runs_every_week_and_by_hand_and_never_twice_at_a_time():
    ((cron,),) = (each.values() for each in WORKFLOW["on"]["schedule"])
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", cron)
    assert set(WORKFLOW["on"]) == {"schedule", "workflow_dispatch"}
    assert WORKFLOW["concurrency"] == {"group": "weekly", "cancel-in-progress": False}


def test_it_may_do_no_more_than_it_must():
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()} == {
        "forecast": {"contents": "write"},
        "publish": {"pages": "write", "id-token": "write"},
    }
    assert all(job["timeout-minutes"] <= 150 for job in WORKFLOW["jobs"].values())


def test_its_actions_are_githubs_own_of_a_stated_version():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", name) for name in used), used


def test_the_make_targets_and_commands_that_it_names_exist():
    text = "\n".join(RUNS.values())
    targets = re.findall(r"\bmake ([a-z0-9_-]+)", text)
    assert {"setup", "repro", "weekly"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:.*##", MAKEFILE, re.MULTILINE), target
    for name in re.findall(r"\b(?:scripts|app)/[\w/]+\.py", text):
        assert (paths.ROOT / name).is_file(), name


def test_secrets_reach_only_the_steps_that_need_them():
    text = FILE.read_text(encoding="utf-8")
    held = {
        step["name"]: set(re.findall(r"secrets\.(\w+)", str(step.get("env"))))
        for step in STEPS
        if "name" in step
    }
    assert {name: secrets for name, secrets in held.items() if secrets} == {
        "Name DVC's remote, if there is one": {"DVC_REMOTE_USER", "DVC_REMOTE_PASSWORD"},
        "Forecast and score": {"TMDB_API_KEY"},
    }
    assert text.count("secrets.") == 3


@pytest.mark.parametrize("name", RUNS)
def test_no_step_prints_its_environment_or_takes_text_from_outside(name):
    """An expression within a script would be run as it is written; a variable is not."""
    assert "${{" not in RUNS[name]
    assert not re.search(r"set -\w*[xv]|\b(printenv|declare|env)\b", RUNS[name])
    printed = re.findall(r"(?:echo|printf|cat) .*", RUNS[name])
    assert not any(re.search(r"PASSWORD|USER|KEY|TOKEN|ADDRESS", line) for line in printed)


# What the steps do


class Checkout:
    """A clone of a bare repository, as a runner has it."""

    def __init__(self, root, origin):
        self.root = root
        self.output = root.parent / f"{root.name}.output"
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(root.parent),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GITHUB_REF_NAME": "main",
            "GITHUB_OUTPUT": str(self.output),
            "REMOTE": "",
        }
        self.said("git", "clone", "--quiet", str(origin), str(root), cwd=root.parent)

    def run(self, *command, cwd=None, **environment):
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def said(self, *command, **settings):
        """What a command prints; it must succeed."""
        done = self.run(*command, **settings)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def step(self, name, **environment):
        """Run a step as GitHub does."""
        bash = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
        return self.run(*bash, RUNS[name], **environment)

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def pushed(self, name="data/log"):
        """The subjects of the commits at the origin that touch a path, the latest first."""
        self.said("git", "fetch", "--quiet")
        listed = self.said("git", "log", "--format=%s", "origin/main", "--", name)
        return listed.splitlines()


@pytest.fixture
def origin(tmp_path):
    """A bare repository with a log and the rules of this project on what is ignored."""
    bare = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", bare], check=True)
    first = Checkout(tmp_path / "first", bare)
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        first.write(name, (paths.ROOT / name).read_text())
    first.write("README.md", "films\n")
    first.write(LOG, HEADER)
    commit(first, "First state")
    return bare


@pytest.fixture
def runner(tmp_path, origin):
    return Checkout(tmp_path / "runner", origin)


def commit(checkout, subject):
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    checkout.said("git", "add", "--all")
    checkout.said("git", *who, "commit", "--quiet", "--message", subject)
    checkout.said("git", "push", "--quiet", "origin", "HEAD:main")


def add_line(checkout, line):
    with (checkout.root / LOG).open("a") as log:
        log.write(line)


def test_the_log_is_committed_once(runner):
    add_line(runner, "1,2026-11-23,5000000\n")
    runner.write("reports/weekly.html", "<p>a page</p>")
    first, second = runner.step("Commit the log"), runner.step("Commit the log")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "nothing new to commit" in second.stdout
    subject, before = runner.pushed()
    assert re.fullmatch(r"Forecasts of \d{4}-\d\d-\d\d", subject)
    assert before == "First state"
    changed = runner.said("git", "show", "--name-only", "--format=%an", "origin/main").split()
    assert changed == ["github-actions[bot]", LOG]  # and neither the page nor anything else


def test_a_week_without_forecasts_commits_nothing(runner):
    runner.write("README.md", "changed by a stage\n")
    assert runner.step("Commit the log").returncode == 0
    assert runner.pushed(".") == ["First state"]


def test_a_push_of_somebody_else_meanwhile_is_survived(tmp_path, origin, runner):
    """Also with tracked files that a stage has changed, which stay as they are."""
    other = Checkout(tmp_path / "other", origin)
    other.write("README.md", "films of today\n")
    commit(other, "Somebody else's work")
    add_line(runner, "1,2026-11-23,5000000\n")
    runner.write(".dvcignore", "changed by a stage\n")
    done = runner.step("Commit the log")
    assert done.returncode == 0, done.stderr
    newest, theirs, _ = runner.pushed(".")
    assert newest.startswith("Forecasts of")
    assert theirs == "Somebody else's work"
    assert (runner.root / ".dvcignore").read_text() == "changed by a stage\n"
    shown = runner.said("git", "show", f"origin/main:{LOG}")
    assert shown == HEADER + "1,2026-11-23,5000000\n"


def test_the_same_lines_written_elsewhere_end_the_job(tmp_path, origin, runner):
    """Nobody's forecasts are overwritten; the next run starts from theirs."""
    other = Checkout(tmp_path / "other", origin)
    add_line(other, "1,2026-11-23,7000000\n")
    commit(other, "Forecasts of a colleague")
    add_line(runner, "1,2026-11-23,5000000\n")
    done = runner.step("Commit the log")
    assert done.returncode != 0
    assert "CONFLICT" in done.stdout + done.stderr
    assert runner.pushed()[0] == "Forecasts of a colleague"


def test_pages_are_gathered_with_the_weekly_one_first(runner):
    runner.write("reports/weekly.html", "<p>weekly</p>")
    assert runner.step("Gather the pages").returncode == 0
    site = {path.name: path.read_text() for path in (runner.root / "site").iterdir()}
    assert site == dict.fromkeys(("index.html", "weekly.html"), "<p>weekly</p>")
    runner.write("reports/watch.html", "<p>watch</p>")
    assert runner.step("Gather the pages").returncode == 0
    assert (runner.root / "site" / "watch.html").read_text() == "<p>watch</p>"


def test_without_a_page_the_job_ends(runner):
    assert runner.step("Gather the pages").returncode != 0


# DVC's remote


class _Files(BaseHTTPRequestHandler):
    """Keeps what is posted, for those who know the password."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content, status = self.server.files.get(self.path), 404
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        body = self._body()
        if self.headers.get("Authorization") != f"Basic {known}":
            content, status = None, 401
        elif self.command == "POST":
            self.server.files[self.path], content, status = body, b"", 200
        elif content is not None:
            status = 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content or b"")

    do_HEAD = do_POST = do_GET

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


@contextmanager
def running_remote():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        server.files, server.daemon_threads = {}, True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


NAME, PULL, PUSH = (
    "Name DVC's remote, if there is one",
    "Pull the store and what the stages made",
    "Push the store and what the stages made",
)


def name_remote(checkout, server, password=PASSWORD):
    address = f"http://127.0.0.1:{server.server_port}/films" if server else ""
    done = checkout.step(NAME, ADDRESS=address, REMOTE_USER=USER, REMOTE_PASSWORD=password)
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr
    return checkout.output.read_text()


def test_without_a_remote_none_is_named(runner):
    assert name_remote(runner, None) == "name=\n"
    assert runner.said("git", "status", "--porcelain") == ""


def test_without_a_remote_git_keeps_the_store(tmp_path, origin, runner):
    part = "data/store/tmdb_api/films/2026-11-23-001-0123456789ab.parquet"
    runner.write(part, "facts")
    runner.write("data/store/tmdb_api/.lock", "")
    add_line(runner, "1,2026-11-23,5000000\n")
    done = runner.step("Commit the log", REMOTE="")
    assert done.returncode == 0, done.stderr
    assert (Checkout(tmp_path / "later", origin).root / part).read_text() == "facts"
    changed = runner.said("git", "show", "--name-only", "--format=", "origin/main").split()
    assert changed == [LOG, part]
    assert "nothing new" in runner.step("Commit the log", REMOTE="").stdout


def test_the_store_comes_back_the_next_week(tmp_path, origin, runner):
    facts = "data/store/tmdb_api/films.csv"
    with running_remote() as server:
        assert name_remote(runner, server) == "name=weekly\n"
        assert runner.step(PULL).returncode == 0  # nothing is there yet
        runner.write(facts, "id,as_of\n1,2026-11-23\n")
        add_line(runner, "1,2026-11-23,5000000\n")
        pushed = runner.step(PUSH)
        assert pushed.returncode == 0, pushed.stderr
        assert runner.step("Commit the log", REMOTE="weekly").returncode == 0
        changed = runner.said("git", "show", "--name-only", "--format=", "origin/main").split()
        assert changed == [LOG, "data/store.dvc"]

        later, lost = (Checkout(tmp_path / name, origin) for name in ("later", "lost"))
        for checkout in (later, lost):  # as name_remote does, which takes seconds
            shutil.copy(runner.root / ".dvc" / "config.local", checkout.root / ".dvc")
        pulled = later.step(PULL)
        assert pulled.returncode == 0, pulled.stderr
        assert (later.root / facts).read_text() == "id,as_of\n1,2026-11-23\n"
        assert later.step(PUSH).returncode == 0
        assert "nothing new" in later.step("Commit the log", REMOTE="weekly").stdout

        server.files.clear()  # a store that is lost isn't replaced by an empty one
        assert lost.step(PULL).returncode != 0
    for done in (pushed, pulled):
        assert PASSWORD not in done.stdout + done.stderr


def test_a_wrong_password_ends_the_job_and_is_not_shown(runner):
    wrong = "another-secret"
    with running_remote() as server:
        name_remote(runner, server, password=wrong)
        runner.write("data/store/films.csv", "id\n1\n")
        done = runner.step(PUSH)
        assert not server.files
    assert done.returncode != 0
    assert wrong not in done.stdout + done.stderr
