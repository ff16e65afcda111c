"""Source lines beside their temporaries: `tmpalloc list`."""

import re

import pytest
from library.support import C_FLAGS

SOURCE = """#include <stdlib.h>

__attribute__((noinline)) static void *grow(void *block, int size) {
    return realloc(block, size);
}

__attribute__((noinline)) static void use(int size) {
    free(malloc(size));
    for (int i = 0; i < 3; i++)
        size++;
    for (int i = 0; i < 3; i++)
        size++;
    free(malloc(2 * size));
}

__attribute__((noinline)) void idle(void (*function)(int)) {
    for (int i = 0; i < 5; i++)
        function(100);
}

int main(void) {
    void *block = NULL;
    idle(use);
    for (int i = 1; i < 8; i++)
        block = grow(block, 100 * i);
    free(block);
    return 3;
}
"""

GROW = """\
Source                                                                        Temporaries   Memory  Pattern
     1  #include <stdlib.h>
     2
     3  __attribute__((noinline)) static void *grow(void *block, int size) {
     4      return realloc(block, size);                                                7  2.734KB  grows
     5  }
     6
     7  __attribute__((noinline)) static void use(int size) {
"""
USE = """\
Source                                                                Temporaries   Memory  Pattern
     5  }
     6
     7  __attribute__((noinline)) static void use(int size) {
     8      free(malloc(size));                                                 5     500B  repeats
     9      for (int i = 0; i < 3; i++)
    10          size++;
    11      for (int i = 0; i < 3; i++)
    12          size++;
    13      free(malloc(2 * size));                                             5  1.035KB  repeats
    14  }
    15
    16  __attribute__((noinline)) void idle(void (*function)(int)) {
"""
ONE_LINE = """\
Source                                                                Temporaries   Memory  Pattern
    10          size++;
    11      for (int i = 0; i < 3; i++)
    12          size++;
    13      free(malloc(2 * size));                                             5  1.035KB  repeats
    14  }
    15
    16  __attribute__((noinline)) void idle(void (*function)(int)) {
    17      for (int i = 0; i < 5; i++)
2 more lines                                                                   12  3.223KB
"""


@pytest.fixture
def program(compile, tmp_path):
    """With its source beside it, which is the test's own."""
    source = tmp_path / "lines.c"
    source.write_text(SOURCE)
    return compile(source, *C_FLAGS, name="lines")


def test_lines_have_their_temporaries_beside_them(debugger, start, program):
    words = ["grow", "use", "lines.c:14", "lines.c", "use -t 0 --filter main"]
    lists = [f"tmpalloc list {word}" for word in words]
    saved = debugger.directory / "saved.json"
    steps = [start, debugger.run(), *lists, f"tmpalloc save {saved}"]
    result = debugger.session(program, steps)
    path = f"{program.with_suffix('.c').resolve()}\n"
    texts = result.outputs[2 : 2 + len(lists)]
    assert texts[0] == path + GROW
    assert texts[1] == texts[4] == path + USE
    assert texts[2] == path + ONE_LINE
    assert re.findall(r"(?m)^ +(\d+)  .* (\d+) +(\S+B)  ", texts[3]) == [
        ("4", "7", "2.734KB"),
        ("8", "5", "500B"),
        ("13", "5", "1.035KB"),
    ]
    loaded = debugger.session(steps=[f"tmpalloc load {saved}", *lists])
    assert loaded.outputs[1:] == texts


def test_what_cannot_be_listed_is_one_line(debugger, compile, program):
    hidden = program.with_suffix(".c")
    lists = ["idle", "nothing", "nothing.c:3", "lines.c:900", "grow"]
    steps = ["tmpalloc start", debugger.run(), debugger.script(f"import os; os.remove('{hidden}')")]
    words = [f"tmpalloc list {word}" for word in lists]
    steps[2:2] = words[:-1]
    result = debugger.session(program, [*steps, words[-1]])
    idle, nothing, file, beyond = result.outputs[2:6]
    assert idle == "No temporary allocations at threshold 1 in idle itself; 17 elsewhere.\n"
    assert "no function or source file 'nothing' in any recorded call stack\n" in nothing
    assert "no function or source file 'nothing.c' in any recorded call stack\n" in file
    assert re.search(r"(?m)^\S+/lines.c has no line 900$", beyond)
    gone = result.outputs[-1]
    assert re.search(r"(?m)^ +4 +7  2.734KB  grows$", gone)
    assert re.search(r"(?m)^\S+/lines.c can't be read: No such file or directory$", gone)


def test_a_name_of_several_files_names_them(debugger, compile, tmp_path):
    work = "#include <stdlib.h>\nvoid %s(void) { free(malloc(9)); }\n"
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "work.c").write_text(work % name)
    files = [str(tmp_path / name / "work.c") for name in ("one", "other")]
    main = "void one(void); void other(void); int main(void) { one(); other(); return 0; }"
    program = compile(main, *C_FLAGS, *files, name="several")
    lists = [f"tmpalloc list {word}" for word in ("work.c", "other/work.c")]
    outputs = debugger.session(program, ["tmpalloc start", debugger.run(), *lists]).outputs
    assert f"several files are 'work.c': {files[0]}, {files[1]}\n" in outputs[2]
    assert outputs[3].startswith(files[1] + "\n") and " 9B" in outputs[3]


SPLIT = """#include <string>
volatile int length = 100;
__attribute__((noinline)) void text() {
    std::string made(length, 'x');
    made.append(length, 'y');
}
int main() {
    for (int i = 0; i < 6; i++)
        text();
    return 0;
}
"""


def test_what_a_library_allocates_is_beside_the_line_that_called_it(debugger, compile):
    program = compile(SPLIT, name="split", language="cpp")
    result = debugger.session(program, ["tmpalloc start", debugger.run(), "tmpalloc list text"])
    found = re.findall(r"(?m)^ +(\d+)  .*;  +(\d+) +\S+B", result.outputs[2])
    assert found == [("4", "6"), ("5", "6")], result.outputs[2]


TAGGED = """#include <string>
#include <vector>
namespace lib {
struct text {
    std::string all;
    __attribute__((noinline)) std::string twice() const { return all + all; }
};
__attribute__((noinline)) std::string join(const std::vector<text> &parts) {
    std::string all;
    for (const text &part : parts)
        all += part.all;
    return all + parts[0].twice();
}
}
int main() {
    std::vector<lib::text> parts(6, lib::text{"longer than what a string has room for"});
    return lib::join(parts).empty();
}
"""


def test_functions_are_found_without_the_tags_of_their_library(debugger, compile):
    program = compile(TAGGED, "-O1", name="tagged", language="cpp")
    words = ["list join", "list lib::text::twice", "list join[abi:cxx11]", "summary"]
    words += ["summary --filter 'join\\[abi:cxx11\\] '"]
    result = debugger.session(program, ["tmpalloc start", debugger.run(), *(f"tmpalloc {w}" for w in words)])
    join, twice, tagged, summary, filtered = result.outputs[2:7]
    assert "all += part.all;" in join and join == tagged
    assert "return all + all;" in twice
    assert "[abi:" not in summary and re.search(r"(?m)^lib::join at tagged.cpp:1[12]", summary)
    assert re.search(r"(?m)^lib::join at tagged.cpp:1[12]", filtered)
