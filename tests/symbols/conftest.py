"""Fixtures of the tests about symbols and call stacks."""

import json
import shutil
from pathlib import Path

import pytest
from compiled import TARGETS, File, driver
from support import execute



@pytest.fixture
def build(tmp_path):
    """Compiles a target: build("names.cpp", "-O2", compiler="g++") -> File."""

    def compile_target(source, *options, compiler="gcc", name="target", env=None):
        if shutil.which(compiler) is None:
            pytest.skip(f"there is no {compiler}")
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        execute(compiler, TARGETS / source, *options, "-o", path, env=env)
        return File(path)

    return compile_target


@pytest.fixture
def unwind():
    """Runs a program under the unwinding driver: unwind(path, scene, depth=) -> its answer."""

    def run(path, *arguments, depth=None, env=None):
        options = ["-d", depth] if depth else []
        return json.loads(execute(driver("unwind_dump"), *options, path, *arguments, env=env))

    return run
