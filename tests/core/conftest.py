"""Fixtures of the core's tests."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def core_program():
    """Gives a function that runs a driver of the core: name, arguments -> completed process."""
    build = Path(os.environ.get("TMPALLOC_BUILD") or ROOT / ".build")

    def program(name):
        path = build / name
        if not path.exists():
            pytest.fail(f"{path} is not built")

        def run(*arguments, text=None, timeout=120):
            command = [path, *map(str, arguments)]
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=timeout, check=False
            )

        return run

    return program
