"""The runner's settings give the same bits on every processor; emulated ones are asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from boxoffice.core import paths
from boxoffice.core.compute import environment

BITS = Path(__file__).with_name("bits.py")
QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
PROCESSORS = ("Haswell", "EPYC")  # Intel's and AMD's first with AVX2 that matter; no AVX-512


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A poster and a short trailer."""
    folder = tmp_path_factory.mktemp("media")
    draw = np.random.default_rng(0)
    picture = draw.integers(0, 256, (90, 60, 3), np.uint8)
    Image.fromarray(picture).save(folder / "1.jpg")
    with av.open(str(folder / "1.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(10):
            frame = draw.integers(0, 256, (64, 96, 3), np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        wave = draw.normal(0, 0.1, (1, 16_000)).astype("float32")
        samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        samples.sample_rate = 16_000
        container.mux(sound.encode(samples))
        container.mux(sound.encode())
    return folder


def started(folder, *emulator):
    search = os.pathsep.join([str(paths.ROOT / "scripts"), *filter(None, sys.path)])
    return subprocess.Popen(
        [*emulator, os.path.realpath(sys.executable), str(BITS), str(folder)],
        env=os.environ | environment() | {"PYTHONPATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(QEMU is None, reason="qemu-user emulates other processors (apt-get install)")
def test_emulated_processors_give_the_same_bits(folder):
    processes = {"here": started(folder)}
    processes |= {name: started(folder, QEMU, "-cpu", name) for name in PROCESSORS}
    said = {name: process.communicate() for name, process in processes.items()}
    assert not any(process.returncode for process in processes.values()), said
    digests = {name: out.splitlines() for name, (out, _) in said.items()}
    assert len(digests["here"]) == 8
    for name in PROCESSORS:
        assert digests[name] == digests["here"], name


KERNEL = """
import nbformat, sys
from pathlib import Path
import run_notebook
KERNELSPEC = {'kernelspec': {'name': 'python3', 'language': 'python', 'display_name': ''}}
told = "import os; os.environ['ATEN_CPU_CAPABILITY']"
read = "import torch; torch.backends.cpu.get_cpu_capability()"
for exact, words in (({"exact": False}, told), ({"exact": True}, told), ({}, read)):
    params = nbformat.v4.new_code_cell("exact = None", metadata={"tags": ["parameters"]})
    cell = nbformat.v4.new_code_cell(words)
    notebook = nbformat.v4.new_notebook(cells=[params, cell], metadata=KERNELSPEC)
    done = run_notebook.execute(notebook, exact, Path(sys.argv[1]))
    print(exact, done.cells[-1].outputs[-1].data["text/plain"])
"""


def test_the_kernel_has_the_settings_unless_told_otherwise(tmp_path):
    given = os.environ.keys() - environment().keys()
    done = subprocess.run(
        [sys.executable, "-c", KERNEL, str(tmp_path / "failed.ipynb")],
        env={name: os.environ[name] for name in given}
        | {"PYTHONPATH": str(paths.ROOT / "scripts"), "ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "{'exact': False} 'default'",
        "{'exact': True} 'avx2'",
        "{} 'AVX2'",
    ]
