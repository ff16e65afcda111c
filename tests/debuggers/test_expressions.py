"""What the user names by an expression of the debugger's: blocks and call sites."""

import re
import shutil
import subprocess

import pytest
from library.support import PROGRAMS

TEXTS = r"""
#include <string>
#include <vector>
struct Inner { int number; char *held; };
struct Middle { int number; Inner inner; };
struct Outer { long number; Middle middle; void *nothing; };
struct Deep { int number; Outer outer; };
struct Deeper { int number; Deep deep; };
static void look(std::string &reference) {
    (void)reference.size();
}
int main() {
    std::string text(300, 'x'), small("x");
    std::vector<int> numbers(77);
    Outer outer = {1, {2, {3, new char[55]}}, nullptr};
    Deeper deeper = {4, {5, outer}};
    std::string *pointer = &text;
    look(text);
    delete[] outer.middle.inner.held;
    return (int)(numbers[0] + small.size() + pointer->size() + deeper.number) == 0;
}
"""


def test_the_buffer_of_a_struct_is_explained_by_the_member_that_holds_it(
    debugger, start, compile
):
    program = compile(TEXTS, "-O0", language="cpp")
    expressions = ["text", "numbers", "outer", "*pointer", "deeper.deep.outer", "text[0]", "small"]
    expressions += ["deeper", "reference", "outer.middle.inner.held + 3", "look(text)"]
    steps = [start, debugger.break_at("look"), debugger.run(), "up"]
    steps += [f"tmpalloc explain {expression}" for expression in expressions[:8]]
    steps += ["down", *(f"tmpalloc explain {expression}" for expression in expressions[8:])]
    outputs = debugger.session(program, steps).outputs[4:]
    del outputs[8]
    said = dict(zip(expressions, outputs))
    for expression, name, size in [
        ("text", r"text\._M_dataplus\._M_p", "301B"),
        ("numbers", r"numbers\._M_impl\._M_start", "308B"),
        ("outer", r"outer\.middle\.inner\.held", "55B"),
        ("*pointer", r"\*pointer\._M_dataplus\._M_p", "301B"),
        ("deeper.deep.outer", r"deeper\.deep\.outer\.middle\.inner\.held", "55B"),
        ("reference", r"reference\._M_dataplus\._M_p", "301B"),
    ]:
        assert re.match(rf"{name}, 0x\w+ is the block of {size} \(tmpalloc site \d+\)\n", said[expression]), said
    for expression in "small", "deeper":
        assert said[expression].count("\n") == 1 and "is in no block" in said[expression], said
    assert said["small"].startswith("small._M_dataplus._M_p, 0x")
    assert said["deeper"].startswith("deeper.deep.outer.nothing, 0x0 ")
    assert "no address 'look(text)': a number or an expression" in said["look(text)"]


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc")
def test_the_buffer_of_a_rust_string_and_vector_is_explained(debugger, start, tmp_path):
    source = tmp_path / "texts.rs"
    source.write_text("""
#[inline(never)]
fn look(number: usize) -> usize { number }
fn main() {
    let text = "x".repeat(300);
    let numbers = vec![7u32; 20];
    let sum = look(text.len() + numbers.len());
    println!("{} {} {}", sum, text.len(), numbers[3]);
}
""")
    program = tmp_path / "texts"
    subprocess.run(["rustc", "-g", "-o", program, source], check=True)
    look = {"gdb": "texts::look", "lldb": "look"}[debugger.name]
    steps = [start, debugger.break_at(look), debugger.run(), "up"]
    steps += ["tmpalloc explain text", "tmpalloc explain numbers"]
    result = debugger.session(program, steps)
    text, numbers = result.outputs[4:]
    assert re.match(r"text\.vec\.buf\.\S*, 0x\w+ is the block of 300B ", text), result.text
    assert re.match(r"numbers\.buf\.\S*, 0x\w+ is the block of 80B ", numbers), result.text


def test_variables_of_a_catch_name_its_block_and_its_site(debugger, start, compile):
    program = compile(PROGRAMS / "caught.cpp", "-O0", "-pthread", "-fno-builtin")
    prefix = {"gdb": "$_tmpalloc_", "lldb": "$tmpalloc_"}[debugger.name]
    steps = [start, "tmpalloc catch -t 3 --at make", debugger.run()]
    steps += [f"tmpalloc explain {prefix}addr", f"tmpalloc explain {prefix}addr + 5"]
    steps += [f"tmpalloc site {prefix}site", f"tmpalloc site {prefix}site + 99", "tmpalloc site nothing"]
    steps += [debugger.continue_(), f"tmpalloc explain {prefix}addr"]
    result = debugger.session(program, steps)
    caught, within, site, unknown, nothing, _, second = result.outputs[3:]
    number = re.search(r"\(tmpalloc site (\d+)\)", result.outputs[2])[1]
    assert re.match(rf"0x\w+ is the block of 24B \(tmpalloc site {number}\)\n", caught), result.text
    assert "\n  Age          0 other allocations of its thread since\n" in caught
    assert "\n  Caught       about to be freed by its thread: temporary at threshold 0 and above\n" in caught
    assert re.search(r"(?m)^ *#\d+ +make at .*caught.cpp:15$", caught)
    assert re.match(r"0x\w+ is 5 bytes into the block of 24B at 0x", within)
    assert site.startswith(f"Site {number}: make at ")
    assert re.search(rf"no site {int(number) + 99}: sites are 1 to \d+\n", unknown)
    assert "no site 'nothing': a number or an expression of this stop" in nothing
    assert "\n  Age          1 other allocation of its thread since\n" in second
