"""start_lesson(): settings before TensorFlow, threads, seeds, silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from utils.course.places import ROOT
from utils.session import TENSORFLOW_SETTINGS, TENSORFLOW_THREAD_VARIABLES, THREADS

START = "from utils.session import start_lesson; start_lesson()"


def fresh_python(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a Python whose environment has none of the settings, but for those given."""
    ours = (
        *TENSORFLOW_SETTINGS,
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_WAIT_POLICY",
        *TENSORFLOW_THREAD_VARIABLES,
    )
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=120
    )


def result(code: str, **environment: str):
    """What code prints as JSON."""
    done = fresh_python(code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_settings_stand_and_nothing_is_printed():
    found = result(f"{START}\nimport json, os, sys; print(json.dumps(dict(os.environ)))")
    assert TENSORFLOW_SETTINGS.items() <= found.items()
    assert (
        found["OMP_NUM_THREADS"]
        == found["OPENBLAS_NUM_THREADS"]
        == found["MKL_NUM_THREADS"]
        == str(THREADS)
    )
    assert fresh_python(START).stdout == fresh_python(START).stderr == ""


def test_threads_that_the_environment_names_win():
    code = f"{START}\nimport json, os; print(os.environ['OMP_NUM_THREADS'])"
    assert result(code, OMP_NUM_THREADS="1") == 1


@pytest.mark.parametrize(
    ("start", "environment", "threads"),
    [
        (START, {}, str(THREADS)),
        (START, {"OMP_NUM_THREADS": "1"}, "1"),
        (
            START,
            {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"},
            "2",
        ),
        ("from utils.training import keras; keras.Variable", {"OMP_NUM_THREADS": "1"}, "1"),
    ],
)
def test_tensorflow_gets_as_many_threads_as_the_rest(start, environment, threads):
    code = f"{start}\nimport json, os; print(json.dumps(dict(os.environ)))"
    found = result(code, **environment)
    assert {found[variable] for variable in TENSORFLOW_THREAD_VARIABLES} == {threads}


def test_libraries_that_are_already_loaded_are_capped_too():
    code = "import numpy\n" + START + "\nfrom threadpoolctl import threadpool_info\nimport json\n"
    code += "print(json.dumps([pool['num_threads'] for pool in threadpool_info()]))"
    pools = result(code, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="2")
    assert pools and set(pools) == {1}


@pytest.mark.parametrize("loaded", ["tensorflow", "keras"])
def test_tensorflow_loaded_too_early_is_an_error_with_its_cure(loaded):
    done = fresh_python(
        f"import sys, types; sys.modules[{loaded!r}] = types.ModuleType({loaded!r})\n{START}"
    )
    assert done.returncode != 0
    assert f"RuntimeError: {loaded} is already loaded" in done.stderr
    assert "Restart the kernel and run the setup cell first" in done.stderr


def test_it_can_run_again_after_tensorflow():
    load = "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')"
    code = f"{START}\n{load}\nstart_lesson()"
    assert fresh_python(code).returncode == 0


def test_seeds_repeat_and_differ():
    draw = "import json, random, numpy\nfrom utils.session import start_lesson\ndrawn = []\n"
    draw += "for seed in (0, 0, 1):\n    start_lesson(seed)\n"
    draw += "    drawn.append([random.random(), numpy.random.rand()])\n"
    first, again, other = result(draw + "print(json.dumps(drawn))")
    assert first == again
    assert first[0] != other[0] and first[1] != other[1]
