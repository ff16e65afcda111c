"""Programs that stop themselves."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from stopped import Stopped  # noqa: E402


@pytest.fixture
def stopped(tmp_path):
    """Runs a command until it stops itself."""
    running = []

    def run(*command, **environment):
        running.append(Stopped(command, {"SCENE_DIRECTORY": str(tmp_path)} | environment))
        return running[-1]

    yield run
    for program in running:
        program.close()
