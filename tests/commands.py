"""Commands of `scripts/`, run in the process of the tests, where the imports are done already."""

import io
import os
import runpy
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest.mock import patch

import pytest

from boxoffice.core import paths


def run(script: str, *words: object, cwd=".", **environment: str) -> CompletedProcess:
    """What `python scripts/<script> <words>` prints and returns; an uncaught error is raised."""
    path = str(paths.ROOT / "scripts" / script)
    argv = [path, *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(cwd),
        patch.dict(os.environ, environment),
        patch.multiple(sys, argv=argv, excepthook=sys.excepthook),  # typer sets another hook
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        runpy.run_path(path, run_name="__main__")
    code = ended.value.code or 0
    if isinstance(code, str):  # as the interpreter ends
        code, _ = 1, err.write(f"{code}\n")
    return CompletedProcess(argv, code, out.getvalue(), err.getvalue())
