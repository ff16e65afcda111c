"""The directions of core/README.md: who may include whom."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core"
PUBLIC_HEADER = "tmpalloc/tmpalloc.h"


class Stage(NamedTuple):
    name: str
    files: list
    stages: list
    libraries: list


def table(text, first_column):
    """The cells of the rows below the header that begins with this column."""
    rows = iter(text.splitlines())
    for row in rows:
        if row.startswith(f"| {first_column} |"):
            break
    next(rows)
    for row in rows:
        if not row.startswith("|"):
            return
        yield [cell.strip() for cell in row.strip("|").split("|")]


class Layers:
    """The tables of a README, and what a source may use by them."""

    def __init__(self, readme):
        self.stages = {
            name: Stage(name, files.split(), stages.split(), libraries.split())
            for name, files, stages, libraries, _ in table(readme, "stage")
        }
        self.libraries = {name: headers.split() for name, headers, _ in table(readme, "library")}

    def stage_of(self, name):
        """The stage of a file, by its path relative to core/ without suffix."""
        return next(
            (s for s in self.stages.values() if any(fnmatch(name, f) for f in s.files)), None
        )

    def library_of(self, header):
        return next(
            (n for n, hs in self.libraries.items() if any(fnmatch(header, h) for h in hs)), None
        )

    def violation(self, name, used, is_own):
        """Why the file may not use what it uses (a file of ours, or somebody else's header)."""
        stage = self.stage_of(name)
        if stage is None:
            return f"{name} is in no stage"
        if is_own:
            other = self.stage_of(used)
            if other is None:
                return f"{name} uses {used}, which is in no stage"
            if other.name != stage.name and other.name not in stage.stages:
                return f"{name} ({stage.name}) uses {used} ({other.name})"
        else:
            library = self.library_of(used)
            if library is not None and library not in stage.libraries:
                return f"{name} ({stage.name}) uses {used} ({library})"
        return None


LAYERS = Layers((CORE / "README.md").read_text())


def sources(*patterns):
    return sorted(p for pattern in patterns for p in CORE.glob(pattern) if "agent" not in p.parts)


C_SOURCES = sources("*.[ch]")
PYTHON_SOURCES = sources("python/tmpalloc/*.py", "../gdb/*.py", "../lldb/*.py")


def file_name(path):
    """The path as the README writes it."""
    if path.is_relative_to(CORE):
        return str(path.relative_to(CORE).with_suffix(""))
    return "../" + str(path.resolve().relative_to(ROOT).with_suffix(""))


def own_name(header):
    """A header of ours as the README writes it."""
    public = header.startswith("tmpalloc/")
    return ("../include/" if public else "") + header.removesuffix(".h")


def c_uses(text):
    """What a C source includes: (name, whether it is ours)."""
    for kind, header in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE):
        if header != PUBLIC_HEADER:
            is_own = kind == '"'
            yield (own_name(header) if is_own else header), is_own


def python_uses(text, name):
    """What a Python source imports: (name, whether it is ours)."""
    folder = name.rpartition("/")[0]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"tmpalloc.{node.module or node.names[0].name}"]
        else:
            continue
        for module in modules:
            if module == "tmpalloc":
                yield "python/tmpalloc/__init__", True
            elif module.startswith("tmpalloc."):
                yield "python/" + module.replace(".", "/"), True
            elif (CORE / folder / f"{module}.py").is_file():
                yield f"{folder}/{module}", True
            else:
                yield module, False


def violations(uses, name):
    found = (LAYERS.violation(name, used, own) for used, own in uses)
    return sorted({violation for violation in found if violation})


@pytest.mark.parametrize("path", C_SOURCES, ids=lambda path: path.name)
def test_a_c_source_includes_only_what_its_stage_may(path):
    assert violations(c_uses(path.read_text()), file_name(path)) == []


@pytest.mark.parametrize("path", PYTHON_SOURCES, ids=file_name)
def test_a_python_source_imports_only_what_its_stage_may(path):
    name = file_name(path)
    assert violations(python_uses(path.read_text(), name), name) == []


def test_sources_were_found():
    assert len(C_SOURCES) > 10 and len(PYTHON_SOURCES) > 3


@pytest.mark.parametrize("stage", LAYERS.stages.values(), ids=lambda stage: stage.name)
def test_every_plain_file_name_in_the_table_exists(stage):
    names = [f for f in stage.files if "*" not in f]
    assert [f for f in names if not list(CORE.glob(f + ".*"))] == []


def test_the_stages_are_in_the_order_of_their_directions():
    order = list(LAYERS.stages)
    for stage in LAYERS.stages.values():
        assert [s for s in stage.stages if order.index(s) >= order.index(stage.name)] == []


def test_the_libraries_of_the_stages_are_explained():
    for stage in LAYERS.stages.values():
        assert set(stage.libraries) <= set(LAYERS.libraries)


@pytest.mark.parametrize(
    "name, line",
    [
        ("detector", '#include "modules.h"'),
        ("sites", "#include <elfutils/libdwfl.h>"),
        ("tracker", "  # include <fcntl.h>"),
        ("symbolizer", '#include "session.h"'),
        ("report_json", '#include "engine_breakpoint.h"'),
        ("memory", '#include "detector.h"'),
        ("session", "#include <popt.h>"),
        ("nowhere", '#include "memory.h"'),
        ("session", '#include "nowhere.h"'),
        ("session", '#include "tmpalloc/agent_image.h"'),
    ],
)
def test_an_include_in_the_wrong_direction_is_found(name, line):
    assert len(violations(c_uses(line), name)) == 1


@pytest.mark.parametrize(
    "name, line",
    [
        ("python/tmpalloc/session", "import gdb"),
        ("python/tmpalloc/session", "from lldb.plugins import parsed_cmd"),
        ("../gdb/tmpalloc_gdb", "import lldb"),
        ("../lldb/tmpalloc_lldb", "def f():\n    import gdb"),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(name, line):
    assert len(violations(python_uses(line, name), name)) == 1
