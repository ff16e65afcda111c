"""The tables of CPython's object allocator are found by what its functions load."""

import platform
import subprocess

import pytest
from library.support import built

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="code of x86_64")


def test_tables_are_found_in_code_of_each_kind():
    done = subprocess.run([built("object_allocator_tables")], capture_output=True, text=True, check=True)
    assert dict(line.split() for line in done.stdout.splitlines()) == {
        "both_first": "found",
        "through_a_register": "found",
        "compared_first": "found",
        "in_another_section": "found",
        "close_by": "found",
        "without_context": "missing",
    }
