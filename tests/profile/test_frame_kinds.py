"""Whose a frame is: an allocator's, a language library's, others', or the program's own."""

import os
import subprocess

import pytest
from library.support import built

PROGRAM = "/home/me/app/build/app"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"

#: Function, source file, module and kind; "-" is unknown.
FRAMES = [
    ("malloc", "-", LIBC, "allocator"),
    ("__libc_calloc", "-", LIBC, "allocator"),
    ("__GI___libc_malloc", "./malloc/malloc.c", LIBC, "allocator"),
    ("__interceptor_realloc", "-", "/usr/lib/libasan.so.8", "allocator"),
    ("___interceptor_malloc", "-", PROGRAM, "allocator"),
    ("xmalloc.part.0.constprop.1", "-", PROGRAM, "allocator"),
    ("xstrdup.cold", "/home/me/app/x.c", PROGRAM, "allocator"),
    ("operator new[]", "-", "/lib/libstdc++.so.6", "allocator"),
    ("g_malloc0_n", "-", "/lib/libglib-2.0.so.0", "allocator"),
    ("QListData::realloc_grow", "-", "/lib/libQt5Core.so.5", "allocator"),
    ("__rust_alloc_zeroed", "-", PROGRAM, "allocator"),
    ("alloc::alloc::exchange_malloc", "-", PROGRAM, "allocator"),
    ("g_aligned_alloc0", "-", "/lib/libglib-2.0.so.0", "allocator"),
    ("QArrayData::reallocateUnaligned", "-", "/lib/libQt5Core.so.5", "allocator"),
    ("QTypedArrayData<int>::allocate", "/usr/include/qt5/QtCore/qarraydata.h", PROGRAM, "allocator"),
    ("__gnat_malloc", "-", "/lib/libgnat-12.so", "allocator"),
    ("strdup", "./string/strdup.c", LIBC, "library"),
    ("-", "-", LIBC, "library"),
    ("std::string::append", "-", PROGRAM, "library"),
    ("push_back", "/usr/include/c++/12/bits/stl_vector.h", PROGRAM, "library"),
    ("f", "/rustc/0123/library/alloc/src/vec/mod.rs", PROGRAM, "library"),
    ("<me::List as core::clone::Clone>::clone", "-", PROGRAM, "own"),
    ("<T as alloc::string::ToString>::to_string", "-", PROGRAM, "library"),
    ("<[me::Record]>::sort_by_key::<u8, me::sort::{closure#0}>::{closure#0}", "-", PROGRAM, "library"),
    ("<[T]>::concat::<u8>", "-", PROGRAM, "library"),
    ("<str>::to_lowercase", "-", PROGRAM, "library"),
    ("<&me::Record as core::fmt::Display>::fmt", "-", PROGRAM, "library"),
    ("<&mut me::Record as me::Show>::show", "-", PROGRAM, "own"),
    ("<(me::A, me::B) as core::fmt::Debug>::fmt", "-", PROGRAM, "library"),
    ("<[me::A; 3] as me::Show>::show", "-", PROGRAM, "own"),
    ("<u8 as <[_]>::to_vec_in::ConvertVec>::to_vec::<alloc::alloc::Global>", "-", PROGRAM, "library"),
    ("<fn(u8) -> u8 as core::ops::function::FnOnce>::call_once", "-", PROGRAM, "library"),
    ("<[<me::A as me::B>::C] as core::fmt::Debug>::fmt", "-", PROGRAM, "library"),
    ("<me::Record>::new", "-", PROGRAM, "own"),
    ("<alloc::vec::Vec<me::Record>>::push", "-", PROGRAM, "library"),
    ("<lambda(int)>::operator()", "-", PROGRAM, "own"),
    ("std.array.Appender!(string).Appender.put", "-", PROGRAM, "library"),
    ("core.internal.container.array.Array!(me.Thing).Array.insertBack", "-", PROGRAM, "library"),
    ("core.engine.step", "-", PROGRAM, "own"),
    ("rt.trace.ray", "-", PROGRAM, "own"),
    ("ada__strings__unbounded__append__2", "-", PROGRAM, "library"),
    ("_gfortrani_xmallocarray", "-", PROGRAM, "library"),
    ("_d_run_main", "-", PROGRAM, "library"),
    ("asprintf", "-", PROGRAM, "library"),
    ("asprintf", "/home/me/app/gnulib/asprintf.c", PROGRAM, "own"),
    ("main", "/home/me/app/src/main.c", PROGRAM, "own"),
    ("main", "-", PROGRAM, "own"),
    ("-", "-", PROGRAM, "own"),
    ("helper", "-", "/home/me/app/build/libhelper.so", "own"),
    ("yaml_parse", "./src/parse.c", "/usr/lib/libyaml.so.2", "foreign"),
    ("yaml_parse", "/build/yaml/src/parse.c", "/usr/lib/libyaml.so.2", "foreign"),
    ("inline_node", "/usr/include/yaml/node.h", PROGRAM, "foreign"),
    ("plugin", "-", "/opt/plugin/libplugin.so", "foreign"),
    ("push", "/home/me/.cargo/registry/src/github.com-1/smallvec-1.0/lib.rs", PROGRAM, "foreign"),
    ("dot", "-", "/home/me/app/venv/lib/python3.11/site-packages/np/core.so", "foreign"),
    ("dumps", "/usr/lib/python3.11/json/__init__.py", "-|python", "foreign"),
    ("load", "<frozen importlib._bootstrap>", "-|python", "foreign"),
    ("concatenate", "<__array_function__ internals>", "-|python", "foreign"),
    ("__init__", "<attrs generated init shop.Item>", "-|python", "foreign"),
    ("parse", "/home/me/app/parse.py", "-|python", "own"),
    ("malloc", "/home/me/app/parse.py", "-|python", "own"),
    ("work", "<string>", "-|python", "own"),
    ("work", "<stdin>", "-|python", "own"),
    ("work", "<ipython-input-3-5a7d0e>", "-|python", "own"),
    ("work", "<doctest shop.total[2]>", "-|python", "own"),
    ("make", "<artificial>", PROGRAM, "own"),
    ("__restore_rt", "-", LIBC, "none"),
    ("-", "-", "-", "none"),
]


def kinds(frames, *settings, executable=PROGRAM, **more):
    """What frame_kinds prints for frames without their kinds."""
    text = "".join("|".join(frame[:3]) + "\n" for frame in frames)
    command = [built("frame_kinds"), executable, *settings]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True, **more)
    return done.stdout.splitlines()


def test_each_frame_has_the_kind_of_the_first_rule_that_holds():
    assert list(zip(FRAMES, kinds(FRAMES))) == [(frame, frame[3]) for frame in FRAMES]


SYSTEM = [("f", "/usr/src/app/src/f.c", "/usr/bin/app")]


def test_the_program_is_own_wherever_it_was_installed():
    assert kinds([("f", "-", "/usr/bin/jq")], executable="/usr/bin/jq") == ["own"]
    assert kinds([("f", "src/f.c", "/usr/bin/jq")], executable="/usr/bin/jq") == ["own"]


def test_sources_where_the_program_was_compiled_are_own():
    assert kinds(SYSTEM, executable="/usr/bin/app") == ["foreign"]
    assert kinds(SYSTEM, "directory", "/usr/src/app", executable="/usr/bin/app") == ["own"]
    assert kinds(SYSTEM, "directory", "/usr/src/ap", executable="/usr/bin/app") == ["foreign"]


def test_sources_beneath_the_program_and_the_working_directory_are_own(tmp_path):
    frames = [("f", f"{os.path.realpath(tmp_path)}/f.c", "/usr/lib/libf.so.1")]
    assert kinds(frames, cwd=tmp_path) == ["own"]
    assert kinds([("f", "/opt/app/f.c", "/usr/lib/f.so")], executable="/opt/app/app") == ["own"]


@pytest.mark.parametrize("directory", ["/", "/usr", "/usr/include", "relative"])
def test_a_folder_that_holds_the_system_makes_nothing_own(directory):
    assert kinds(SYSTEM, "directory", directory, executable="/usr/bin/app") == ["foreign"]


def test_what_the_user_says_of_frames_decides():
    frames = [("f", "/usr/include/f.h", PROGRAM), ("g", "-", "/usr/lib/libmine.so"), ("h", "-", PROGRAM)]
    assert kinds(frames) == ["foreign", "foreign", "own"]
    assert kinds(frames, "own", "f at /usr/include|libmine") == ["own", "own", "own"]
    assert kinds(frames, "foreign", "^h$") == ["foreign", "foreign", "foreign"]
    assert kinds(frames, "foreign", "^h$", "own", "^h$") == ["foreign", "foreign", "own"]
    assert kinds(frames, "wrapper", "^[fh]") == ["allocator", "foreign", "allocator"]
    assert kinds(frames, "own", "^f", "own", "") == ["foreign", "foreign", "own"]


def test_a_bad_expression_keeps_the_former_one():
    line, *rest = kinds([("h", "-", PROGRAM)], "foreign", "^h", "foreign", "(")
    assert line.startswith("bad regular expression '(': ") and rest == ["foreign"]


@pytest.mark.parametrize(
    "skip",
    [
        ("function", "ns::f"),
        ("function", "ns::f(char const*)"),
        ("file", "f.c"),
        ("file", "src/f.c"),
        ("file", "/home/me/app/src/f.c"),
        ("glob", "*.c"),
        ("glob", "/home/*/f.c"),
        ("step", "^ns::"),
        ("library", "app"),
        ("library", PROGRAM),
    ],
)
def test_what_the_debugger_steps_over_is_foreign(skip):
    frames = [("ns::f", "/home/me/app/src/f.c", PROGRAM), ("g", "/home/me/app/xf.cc", "/home/me/app/g.so")]
    assert kinds(frames, *skip) == ["foreign", "own"]
