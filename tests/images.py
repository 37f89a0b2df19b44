"""What the Dockerfile's commands make, in a folder, for tests: no container engine is needed."""

import json
import os
import re
import shutil
import subprocess
import sys

from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

from boxoffice.core import paths

ROOT = paths.ROOT
DOCKERFILE = DockerfileParser(path=str(ROOT / "Dockerfile"))
INSTALL_PIPENV, INSTALL, COMPILE, CHECK = range(4)  # the RUN lines
SETPRIV = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
INSIDE = re.compile(r"(?<![\w./}-])/(srv|tmp|root|opt)\b")  # folders of the image
FLAGS = re.compile(r"^(--\S+\s+)+")
# What a build gets from its machine: where packages come from, and how to reach it.
MACHINE = re.compile(r"HOME|PIP_.*|PIPENV_PYPI_MIRROR|SSL_.*|(https?|no)_proxy", re.IGNORECASE)


def values(instruction):
    """What stands behind an instruction, flags such as --mount left out."""
    steps = [step for step in DOCKERFILE.structure if step["instruction"] == instruction]
    return [FLAGS.sub("", step["value"]) for step in steps]


class Image:
    """The image's folder `/srv`, below a folder that stands for `/`."""

    def __init__(self, root, media="0", python=f'exec {sys._base_executable} "$@"'):
        self.root, self.srv = root, root / "srv"
        for folder in (self.srv, root / "tmp"):
            folder.mkdir(parents=True)
        stand_in(root / "opt" / "bin" / "python", python)
        DOCKERFILE.parent_env = {"PATH": "/opt/bin:/usr/bin:/bin"}
        DOCKERFILE.build_args = {"MEDIA": media}
        steps = zip(DOCKERFILE.structure, DOCKERFILE.context_structure, strict=True)
        self.runs = [  # command and environment of each RUN line
            (FLAGS.sub("", step["value"]), context.args | context.envs)
            for step, context in steps
            if step["instruction"] == "RUN"
        ]

    def inside(self, text):
        """A text whose absolute paths lie below the folder that stands for `/`."""
        return INSIDE.sub(lambda found: f"{self.root}{found[0]}", text)

    def start(self, *words, number=CHECK, **machine):
        """Start a program in the environment of a RUN line."""
        settings = {name: self.inside(value) for name, value in self.runs[number][1].items()}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(words, cwd=self.srv, env=machine | settings, **output)

    def run(self, number):
        """Follow a RUN line; its exit status and what it printed."""
        machine = {name: value for name, value in os.environ.items() if MACHINE.fullmatch(name)}
        command = self.inside(self.runs[number][0])
        process = self.start("/bin/sh", "-c", command, number=number, **machine)
        said = process.communicate()[0]
        return process.returncode, said

    def serve(self, *words):
        """Start a program of the finished image, without root's power to write everywhere."""
        powerless = SETPRIV if os.geteuid() == 0 and shutil.which("setpriv") else ()
        return self.start(*powerless, *words)

    def seal(self, mode):
        for folder, _, _ in os.walk(self.srv):
            os.chmod(folder, mode)


def stand_in(program, script):
    """Put a shell script in the place of a program."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def context():
    """Files of the checkout that .dockerignore lets through to the engine."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return {name for name in exclude_paths(str(ROOT), patterns) if (ROOT / name).is_file()}


def copied():
    """The sources of the COPY lines that come from the checkout."""
    return {source for value in values("COPY") for source in value.split()[:-1]} - {"/srv/.venv"}


def words_of(instruction, port):
    """The words of CMD or HEALTHCHECK, with a port that is free here."""
    (value,) = values(instruction)
    return [word.replace("8000", str(port)) for word in json.loads(value[value.index("[") :])]
