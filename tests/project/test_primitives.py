"""A debugger primitive is written in several places: whoever forgets one is told here."""

import ast
import re

import pytest
from library.support import CORE, ROOT

HEADER = (ROOT / "include/tmpalloc/tmpalloc.h").read_text()
BINDING = ast.parse((CORE / "python/tmpalloc/binding.py").read_text())
HOST = CORE / "python/tmpalloc/host.py"
#: Where the Python method has another name, as it reads one at a time.
METHODS = {"read_registers": "read_register"}
#: Python's own: what raised is known there.
OF_HOST = {"reason"}


def declared():
    """Name and number of parameters of each primitive of struct tmpalloc_host, in their order."""
    body = re.search(r"struct tmpalloc_host \{(.*?)\n\};", HEADER, re.DOTALL)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    found = re.findall(r"void \(\*(\w+)\)\(([^)]*)\);", body)
    return {name: parameters.count(",") + 1 for name, parameters in found}


def bound():
    """The same of the Python binding's table, without what a primitive returns."""
    for node in BINDING.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "PRIMITIVES":
            pairs = zip(node.value.keys, node.value.values)
            return {key.value: len(prototype.args) - 1 for key, prototype in pairs}
    raise AssertionError("the binding has no table of primitives")


def methods(path, name):
    """Parameters of each method of a class, without self."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            functions = [f for f in node.body if isinstance(f, ast.FunctionDef)]
            return {f.name: [a.arg for a in f.args.args[1:]] for f in functions}
    raise AssertionError(f"{path} has no {name}")


def names():
    return [METHODS.get(name, name) for name in declared()]


def test_the_binding_has_the_headers_primitives_in_their_order():
    assert len(declared()) > 20
    assert list(bound().items()) == list(declared().items())


def test_each_primitive_reports_by_its_last_parameter_and_knows_its_host():
    for parameters in re.findall(r"void \(\*\w+\)\(([^)]*)\);", HEADER):
        assert parameters.startswith("void *arg, ") and parameters.endswith("int *status")


def test_a_callback_takes_what_its_primitive_does():
    callbacks = methods(HOST, "Host")
    for name, count in declared().items():
        assert len(callbacks[f"_c_{name}"]) == count - 2, name  # arg and status aside


@pytest.mark.parametrize("adapter, host", [("gdb", "GdbHost"), ("lldb", "LldbHost")])
def test_both_adapters_have_each_primitive(adapter, host):
    wanted = methods(HOST, "Host")
    given = methods(ROOT / adapter / f"tmpalloc_{adapter}_host.py", host)
    for name in names():
        if name not in OF_HOST:
            assert len(given[name]) == len(wanted[name]), name


def test_the_core_calls_each_primitive():
    text = "".join(file.read_text() for file in sorted((CORE / "debugger").glob("host*.c")))
    for name in declared():
        assert re.search(rf"\bCALL\(host, {name}\b|primitives\.{name}\(", text), name
