"""The public functions under a driver that plays the debugger."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def session_calls(tmp_path):
    """Runs the driver in an empty folder; gives the completed process."""
    build = Path(os.environ.get("TMPALLOC_BUILD") or ROOT / ".build")

    def run(*arguments):
        command = [build / "session_calls", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run


def test_every_scene_of_a_session_ends_as_it_should(session_calls):
    done = session_calls()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_allocation_of_a_session_may_fail(session_calls):
    done = session_calls("--fail-every-allocation")
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 13, done.stdout
