"""The directions of core/README.md: who may include whom."""

import ast
import json
import re
import shutil
import subprocess
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest
from library.support import CORE, LIBRARY, ROOT, execute

#: Whoever answers includes it.
STATUS = "../include/tmpalloc/status"
#: What is made while the library is built.
GENERATED = "reports/report_pprof.pb-c"


#: What only the platform's files may know: registers, instructions, pages and names of a C library.
PLATFORM = re.compile(
    r"\b(rdi|rsi|rsp|rbp|fs_base|EM_X86_64|R_X86_64_\w+|0xcc)\b|libc\.so\.6|ld-linux|__GI_"
    r"|PAGE\w*[( ].*\b4096\b|% *4096"
)
PLATFORM_FOLDERS = ("platform/", "agent/x86_64/")
#: Lines of others that a second processor or C library would leave as they are.
PLATFORM_EXCEPTIONS = {
    "agent/system/c_library": '"libc.so.6"',  # the agent's own seam: all that it needs of glibc
    "names/library_names": '"ld-linux*"',  # a list of the files of all languages and C libraries
    "commands/commands_blocks": "$rdi",  # an example in a help text
}


class Stage(NamedTuple):
    name: str
    uses: list
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
            name: Stage(name, uses.split(), libraries.split())
            for name, uses, libraries, _ in table(readme, "stage")
        }
        self.libraries = {name: headers.split() for name, headers, _ in table(readme, "library")}

    def stage_of(self, name):
        """The stage of a file, by its path relative to core/ without suffix."""
        own = None if (CORE / name).is_dir() else self.stages.get(name)
        return own or self.stages.get(name.rpartition("/")[0])

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
            if not {other.name, used} & {stage.name, *stage.uses}:
                return f"{name} ({stage.name}) uses {used} ({other.name})"
        else:
            library = self.library_of(used)
            if library is not None and library not in stage.libraries:
                return f"{name} ({stage.name}) uses {used} ({library})"
        return None


LAYERS = Layers((CORE / "README.md").read_text())
C_SOURCES = sorted(CORE.rglob("*.[chS]"))
PYTHON_SOURCES = sorted(
    path
    for pattern in ("python/tmpalloc/*.py", "../gdb/*.py", "../lldb/*.py")
    for path in CORE.glob(pattern)
)


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
        name = own_name(header) if kind == '"' else header
        if name != STATUS:
            yield name, kind == '"'


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


def circles(uses):
    """The groups of names that lead back to themselves: {name: names that it uses}."""
    reached = {}
    for name in uses:
        seen, ahead = set(), [name]
        while ahead:
            new = uses.get(ahead.pop(), set()) - seen
            seen |= new
            ahead += new
        reached[name] = seen
    groups = {
        frozenset(other for other in seen if name in reached.get(other, ()))
        for name, seen in reached.items()
        if name in seen
    }
    return sorted(map(sorted, groups))


def calls(objects):
    """The files whose functions each file names, of {object file: name of its source}.

    Data is none: a pointer that is declared for another file to fill in leads nowhere."""
    own, used = {}, defaultdict(set)
    command = ["gcc-nm", "--print-file-name", "--format=posix", *objects]
    for line in subprocess.check_output(command, text=True).splitlines():
        file, _, symbol = line.partition(": ")
        symbol, kind = symbol.split()[:2]
        if kind in "TW":
            own[symbol] = objects[Path(file)]
        elif kind in "Uw":
            used[objects[Path(file)]].add(symbol)
    return {
        name: {own[symbol] for symbol in symbols if symbol in own} - {name}
        for name, symbols in used.items()
    }


def objects_of(library):
    """What a library was built of."""
    build = LIBRARY.parent
    if not (build / "compile_commands.json").is_file():
        pytest.skip(f"{build} has no object files: the library was installed")
    commands = json.loads((build / "compile_commands.json").read_text())
    sources = {
        build / command["output"]: (build / command["file"]).resolve()
        for command in commands
        if command["output"].startswith(f"{library}.p/")
    }
    return {file: file_name(path) for file, path in sources.items() if path in C_SOURCES}


def platform_facts(name, text):
    """The lines that say what only a file of the platform may know."""
    if name.startswith(PLATFORM_FOLDERS):
        return []
    excepted = PLATFORM_EXCEPTIONS.get(name)
    lines = [line.strip() for line in text.splitlines() if PLATFORM.search(line)]
    return [line for line in lines if not excepted or excepted not in line]


def found_in(paths, find):
    """What is found in the files where something is: {path: findings}."""
    findings = {str(path): find(file_name(path), path.read_text()) for path in paths}
    return {path: found for path, found in findings.items() if found}


def test_a_c_source_includes_only_what_its_stage_may():
    assert found_in(C_SOURCES, lambda name, text: violations(c_uses(text), name)) == {}


def test_a_python_source_imports_only_what_its_stage_may():
    def find(name, text):
        return violations(python_uses(text, name), name)

    assert found_in(PYTHON_SOURCES, find) == {}


def test_what_a_processor_or_a_c_library_means_is_said_in_the_platform_alone():
    paths = [*C_SOURCES, *CORE.glob("python/tmpalloc/*.py")]
    assert found_in(paths, platform_facts) == {}


@pytest.mark.parametrize(
    "line",
    [
        'names[] = {"rdi"};',
        "/* at rsp */",
        "byte == 0xcc",
        'strcmp(soname, "libc.so.6")',
        "#define PAGE_BYTES 4096",
        "address % 4096",
        "case R_X86_64_64:",
    ],
)
def test_a_fact_of_the_platform_is_found(line):
    assert platform_facts("engines/engine_hits", line) == [line]
    assert platform_facts("platform/processor_x86_64", line) == []


def test_the_exceptions_are_still_needed():
    for name, excepted in PLATFORM_EXCEPTIONS.items():
        text = (CORE / f"{name}.c").read_text()
        assert any(PLATFORM.search(line) for line in text.splitlines() if excepted in line), name


def test_sources_were_found():
    assert len(C_SOURCES) > 200 and len(PYTHON_SOURCES) > 3


def test_every_include_of_ours_names_a_file_by_its_folder():
    names = {file_name(path) for path in C_SOURCES}
    names |= {own_name(f"tmpalloc/{path.name}") for path in (ROOT / "include/tmpalloc").iterdir()}
    used = {u for path in C_SOURCES for u, own in c_uses(path.read_text()) if own}
    assert used - names - {GENERATED} == set()


def test_the_top_level_has_nothing_but_what_a_user_looks_for():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone of the repository")
    files = execute("git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files").splitlines()
    entries = {file.split("/")[0] for file in files}
    folders = {"core", "examples", "gdb", "include", "lldb", "tests"}
    texts = {"CHANGELOG.md", "LICENSE", "README.md", "setup.sh"}
    assert {entry for entry in entries if not entry.startswith(".")} == folders | texts


def test_no_two_files_have_the_same_name():
    folders = defaultdict(set)
    for path in C_SOURCES:
        folders[path.stem].add(path.parent)
    assert [stem for stem, found in folders.items() if len(found) > 1] == []


def test_nobody_but_its_own_stage_looks_into_the_debugger():
    inside = re.compile(r"[.>]primitives\b")
    lookers = {path.parent.name for path in C_SOURCES if inside.search(path.read_text())}
    assert lookers == {"debugger"}


def test_no_files_include_each_other_in_a_circle():
    uses = defaultdict(set)
    for path in C_SOURCES:
        name = file_name(path)
        uses[name] |= {u for u, own in c_uses(path.read_text()) if own and u != name}
    assert circles(uses) == []


@pytest.mark.parametrize(
    "library, caller, callee",
    [
        ("libcore.a", "commands/api", "session/session_control"),
        ("libtmpalloc-agent.so", "agent/hooks/hooks", "agent/count/events"),
    ],
)
def test_no_files_call_each_other_in_a_circle(library, caller, callee):
    uses = calls(objects_of(library))
    assert callee in uses[caller]
    assert circles(uses) == []


def test_a_circle_of_calls_is_found_and_a_pointer_is_none(tmp_path):
    sources = {
        "below": "void above(void); void below(void) { above(); }",
        "above": "void below(void); void above(void) { below(); }",
        "asks": "extern void (*const answer)(void); void ask(void) { answer(); }",
        "tells": "void ask(void); void tell(void) { ask(); } void (*const answer)(void) = tell;",
    }
    objects = {}
    for name, text in sources.items():
        (tmp_path / f"{name}.c").write_text(text)
        objects[tmp_path / f"{name}.o"] = name
        subprocess.run(["cc", "-c", f"{name}.c"], cwd=tmp_path, check=True)
    assert circles(calls(objects)) == [["above", "below"]]


def test_a_circle_is_found():
    uses = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"e"}}
    assert circles(uses) == [["a", "b", "c"], ["e"]]


#: The adapters are described in core/README.md.
FOLDERS = [s for s in LAYERS.stages.values() if (CORE / s.name).is_dir() and s.name[0] != "."]


@pytest.mark.parametrize("stage", FOLDERS, ids=lambda stage: stage.name)
def test_a_folder_says_what_it_may_include(stage):
    """Its own README, by name where that leaves no other file to look into."""
    folder = (CORE / stage.name / "README.md").read_text()
    said = folder.partition("\nMay ")[2]
    rooms = {name.removeprefix("agent/") for name in stage.uses if name.startswith("agent/")}
    stages = {name for name in stage.uses if (CORE / name).is_dir()} - {f"agent/{r}" for r in rooms}
    assert said, stage.name
    if "of the rooms" in said:
        assert set(re.findall(r"`(\w+)`", said)) == rooms
    elif "README.md" not in said:
        assert set(re.findall(r"`(\w+)/`", said)) == stages


@pytest.mark.parametrize("stage", LAYERS.stages.values(), ids=lambda stage: stage.name)
def test_every_name_in_the_table_exists(stage):
    names = [stage.name, *stage.uses]
    assert [n for n in names if not (CORE / n).is_dir() and not list(CORE.glob(f"{n}.*"))] == []


#: A file of an answer, and functions in it.
ANSWER = re.compile(r"`([^` ]+/[^` ]*)`(?: \(((?:`[^`]+`(?:, )?)+)\))?")


def test_each_answer_to_where_something_is_names_what_is_there():
    answers = list(table((CORE / "README.md").read_text().partition("## Where is")[2], "|"))
    assert len(answers) > 20
    for question, answer in answers:
        for path, functions in ANSWER.findall(answer):
            assert (CORE / path).exists(), (question, path)
            text = (CORE / path).read_text() if functions else ""
            assert all(name in text for name in re.findall(r"(\w+)`", functions)), question


def test_the_stages_are_in_the_order_of_their_directions():
    order = list(LAYERS.stages)
    for stage in LAYERS.stages.values():
        used = [LAYERS.stages.get(name) or LAYERS.stage_of(name) for name in stage.uses]
        assert [s for s in used if order.index(s.name) >= order.index(stage.name)] == []


def test_the_libraries_of_the_stages_are_explained():
    for stage in LAYERS.stages.values():
        assert set(stage.libraries) <= set(LAYERS.libraries)


@pytest.mark.parametrize(
    "name, line",
    [
        ("tables/detector", '#include "names/modules.h"'),
        ("tables/sites", "#include <elfutils/libdwfl.h>"),
        ("tables/tracker", "  # include <fcntl.h>"),
        ("names/symbolizer", '#include "session/session.h"'),
        ("reports/report_json", '#include "engines/engine_breakpoint.h"'),
        ("support/memory", '#include "tables/detector.h"'),
        ("session/session", "#include <popt.h>"),
        ("nowhere", '#include "support/memory.h"'),
        ("session/session", '#include "session.h"'),
        ("session/session", '#include "tmpalloc/agent_image.h"'),
        ("agent/agent", '#include "tmpalloc/tmpalloc.h"'),
        ("agent/unwind/capture", '#include "unwind/unwinder.h"'),
        ("agent/system/memory_mmap", '#include "agent/count/image.h"'),
        ("agent/x86_64/code_move", '#include "agent/patch/patch.h"'),
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


def test_an_allocator_function_is_named_in_one_place():
    functions = (ROOT / "include/tmpalloc/allocator_functions.h").read_text()
    functions = functions.partition("FOR_EACH_SECONDARY_FUNCTION")[0]  # libraries have those, too
    called_by_us = {"malloc", "free", "realloc", "mmap", "munmap"}
    names = set(re.findall(r"FUNCTION\([A-Z_]+, (\w+),", functions)) - called_by_us
    assert "posix_memalign" in names
    for source in [*CORE.rglob("*.c"), *CORE.rglob("*.h")]:
        assert names.isdisjoint(re.findall(r'"(\w+)"', source.read_text())), source
