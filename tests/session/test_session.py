"""The public functions under a driver that plays the debugger."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from library.support import built


@pytest.fixture(scope="session")
def bare_libc(tmp_path_factory):
    """The folder of a C library whose debug information isn't found: reading that takes longer than
    everything else in a session, and there are thousands of sessions."""
    folder = tmp_path_factory.mktemp("libc")
    libc = re.search(r"/\S+/libc\.so\.6$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    sections = ["--remove-section=.note.gnu.build-id", "--remove-section=.gnu_debuglink"]
    subprocess.run(["objcopy", *sections, libc[0], folder / "libc.so.6"], check=True)
    return folder


@pytest.fixture
def session_calls(tmp_path, bare_libc):
    """Runs the driver in an empty folder; gives the completed process."""

    def run(*arguments):
        command = [built("session_calls"), *arguments]
        environment = dict(os.environ, LD_LIBRARY_PATH=str(bare_libc))
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )

    return run


def test_every_scene_of_a_session_ends_as_it_should(session_calls):
    done = session_calls()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_allocation_of_a_session_may_fail(session_calls):
    done = session_calls("--fail-every-allocation")
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 14, done.stdout
