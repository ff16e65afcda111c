"""Programs that stop themselves."""

import pytest
from library.stopped import Stopped


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
