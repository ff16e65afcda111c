"""Programs to compile, and to stop and unwind."""

import json

import pytest
from library.compiled import build as build
from library.support import built, execute


@pytest.fixture
def unwind():
    """Runs a program under the unwinding driver: unwind(path, scene, depth=) -> its answer."""

    def run(path, *arguments, depth=None, env=None):
        options = ["-d", depth] if depth else []
        return json.loads(execute(built("unwind_dump"), *options, path, *arguments, env=env))

    return run
