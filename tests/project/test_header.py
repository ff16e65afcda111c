"""The public header alone, and what the library exports."""

import re
import subprocess

import pytest
from library.support import ROOT

INCLUDE = ROOT / "include"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def compile_only(compiler, language, standard, source):
    command = [compiler, "-x", language, f"-std={standard}", *WARNINGS, "-fsyntax-only"]
    return subprocess.run(
        [*command, f"-I{INCLUDE}", "-"], input=source, text=True, capture_output=True
    )


@pytest.mark.parametrize(
    "compiler, language, standard",
    [
        ("gcc", "c", "c11"),
        ("g++", "c++", "c++17"),
        ("clang", "c", "c11"),
        ("clang++", "c++", "c++17"),
    ],
)
def test_the_header_compiles_alone_and_twice(compiler, language, standard):
    source = '#include "tmpalloc/tmpalloc.h"\n' * 2
    result = compile_only(compiler, language, standard, source)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_header_names_nothing_without_the_prefix():
    text = "".join((INCLUDE / f"tmpalloc/{name}.h").read_text() for name in ("status", "tmpalloc"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    macros = re.findall(r"#define\s+(\w+)", text)
    types = re.findall(r"^(?:typedef\s+)?(?:struct|enum)\s+(\w+)\s*[{;]", text, re.MULTILINE)
    constants = re.findall(r"^\s*([A-Z]\w+)\s*=", text, re.MULTILINE)
    assert len(macros) > 1 and len(types) > 5 and len(constants) > 5
    names = macros + types + constants
    assert [n for n in names if not n.lower().startswith("tmpalloc_")] == []


def declared_functions():
    text = (INCLUDE / "tmpalloc/tmpalloc.h").read_text()
    return set(re.findall(r"^TMPALLOC_API[^;(]*?(\w+)\(", text, re.MULTILINE))


def exported_symbols(library):
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", library]
    return {line.split()[0] for line in subprocess.check_output(command, text=True).splitlines()}


def test_the_library_exports_what_the_header_declares_and_nothing_else(library):
    assert len(declared_functions()) > 5
    assert exported_symbols(library) == declared_functions()
