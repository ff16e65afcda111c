"""Addresses to functions and lines, and functions by name, on small compiled targets."""

import re
import shutil
import socket
import subprocess

import pytest
from library.compiled import PROGRAMS, File
from library.support import PROGRAMS, execute

COMPILERS = ["gcc", "clang"]
FORMATS = [
    ("-gdwarf-4",),
    ("-gdwarf-5",),
    ("-gdwarf-4", "-no-pie", "-fno-pie"),
    ("-gdwarf-5", "-gz"),
    ("-gdwarf64",),
    ("-g", "-ffunction-sections"),
    ("-gdwarf-4", "-flto"),
]
OWN_FUNCTIONS = ["holder", "hidden", "never_returns", "exported_function", "main"]


def line_of(source, text):
    lines = (PROGRAMS / source).read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


def names(activations):
    return [a["function"] for a in activations]


def lines(activations):
    return [a["line"] for a in activations]


def addr2line(path, addresses):
    """[[(function, line), ...] for each address], innermost first."""
    text = execute("addr2line", "-a", "-i", "-f", "-e", path, *map(hex, addresses))
    blocks = re.split(r"^0x[0-9a-f]+\n", text, flags=re.MULTILINE)[1:]
    answers = []
    for block in blocks:
        rows = block.strip().split("\n")
        places = [re.sub(r" \(discriminator \d+\)", "", row) for row in rows[1::2]]
        numbers = [int(place.rpartition(":")[2].replace("?", "0")) for place in places]
        functions = [row.split(".")[0] for row in rows[::2]]  # without "main.cold"
        answers.append(list(zip(functions, numbers)))
    return answers


def code_addresses(file, functions):
    found = []
    for name in functions:
        for symbol, (start, size) in file.symbols.items():
            if symbol.split(".")[0] == name:
                found.extend(range(start, start + size))
    return found


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_functions_inlining_and_lines_are_those_of_addr2line(build, compiler, options):
    if compiler == "clang" and "-flto" in options:
        pytest.skip("clang's link-time optimization needs a linker plugin")
    file = build("inlined.c", "-O2", *options, compiler=compiler)
    addresses = code_addresses(file, OWN_FUNCTIONS)
    assert len(addresses) > 50
    expected = addr2line(file.path, addresses)
    answers = [[(a["function"], a["line"]) for a in chain] for chain in file.at(*addresses)]
    if (compiler, *options) == ("clang", "-gdwarf64") and {chain[0][1] for chain in answers} == {0}:
        pytest.skip("elfutils here (0.192 is one) can't read this compiler's 64-bit line tables")
    assert dict(zip(addresses, answers)) == dict(zip(addresses, expected))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_functions_inlined_three_deep_are_shown_with_their_call_sites(build, compiler):
    file = build("inlined.c", "-O2", "-g", compiler=compiler)
    start, size = file.symbols["holder"]
    chains = [a for a in file.at(*range(start, start + size)) if len(a) == 4]
    assert chains
    for activations in chains:
        assert names(activations) == ["innermost", "middle", "outer", "holder"]
        assert [a["inlined"] for a in activations] == [True, True, True, False]
        assert lines(activations)[1:] == [
            line_of("inlined.c", "innermost(value + 1)"),
            line_of("inlined.c", "middle(value * 3)"),
            line_of("inlined.c", "    outer(value)"),
        ]
        assert {a["file"] for a in activations} == {str(PROGRAMS / "inlined.c")}


def source_file(tmp_path, *options, compiler):
    """The source file of a main() that was compiled with a relative path."""
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "relative.c").write_text("int main(void) {\n    return 0;\n}\n")
    command = [compiler, "-g", *options, "here/relative.c", "-o", "target"]
    subprocess.run(command, cwd=tmp_path, check=True)
    file = File(tmp_path / "target")
    return file.at(file.address("main"))[0][0]["file"]


@pytest.mark.parametrize("dwarf", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_relative_source_path_is_made_absolute(tmp_path, compiler, dwarf):
    expected = str(tmp_path / "here" / "relative.c")
    assert source_file(tmp_path, dwarf, compiler=compiler) == expected


def test_a_source_path_with_a_relative_directory_stays_as_it_is(tmp_path):
    option = f"-fdebug-prefix-map={tmp_path}=./here"
    assert source_file(tmp_path, option, compiler="gcc") == "here/relative.c"


@pytest.mark.parametrize("pie", [("-pie", "-fPIE"), ("-no-pie", "-fno-pie")], ids=["pie", "no-pie"])
def test_a_run_time_address_is_the_link_time_address_plus_the_load_bias(build, pie):
    file = build("inlined.c", "-g", *pie)
    (activation,) = file.at(file.address("main"))[0]
    bias = activation["address"] - activation["offset"]
    assert activation["offset"] == file.address("main")
    assert (bias != 0) == ("-pie" in pie)
    assert file.find("main")["address"] == file.address("main") + bias


def test_a_return_address_belongs_to_the_call_before_it(build):
    file = build("inlined.c", "-O2", "-g")
    start, size = file.symbols["never_returns"]
    end = start + size
    assert names(file.calls(end)[0]) == ["never_returns"]
    assert lines(file.calls(end)[0]) == [line_of("inlined.c", "abort();")]
    assert names(file.at(end)[0]) != ["never_returns"]


def test_a_stripped_file_names_exported_functions_only(build):
    file = build("inlined.c", "-O2", "-rdynamic").strip()
    assert file.function_at(file.address("exported_function")) == "exported_function"
    assert file.function_at(file.address("hidden")) is None
    assert file.at(file.address("hidden"))[0][0]["file"] is None


def test_a_fully_stripped_file_names_nothing(build):
    file = build("inlined.c", "-O2").strip()
    assert {file.function_at(file.address(name)) for name in OWN_FUNCTIONS} == {None}


@pytest.mark.skipif(shutil.which("xz") is None, reason="there is no xz")
def test_compressed_symbols_within_the_file_name_functions(build, tmp_path):
    """What Fedora's files have: a section .gnu_debugdata."""
    file = build("inlined.c", "-O2", "-no-pie", "-fno-pie")
    symbols = tmp_path / "symbols"
    execute("objcopy", "--only-keep-debug", file.path, symbols)
    execute("xz", symbols)
    file.strip()
    execute("objcopy", f"--add-section=.gnu_debugdata={symbols}.xz", file.path)
    assert file.function_at(file.address("hidden")) == "hidden"
    assert file.find("hidden")["address"] == file.address("hidden")


def test_without_debug_information_the_symbol_table_names_functions(build):
    file = build("inlined.c", "-O2")
    assert file.function_at(file.address("hidden") + 1) == "hidden"
    assert file.at(file.address("hidden"))[0][0]["line"] == 0


def test_addresses_in_gaps_and_at_labels_without_size_have_no_name(build):
    file = build("gaps.S")
    first, first_size = file.symbols["first"]
    second, second_size = file.symbols["second"]
    assert file.function_at(first + first_size - 1) == "first"
    assert file.function_at(first + first_size) is None
    assert file.function_at(second - 1) is None
    assert file.function_at(second) == "second"
    assert file.function_at(second + second_size) is None
    assert file.function_at(second + second_size + 4) is None
    assert file.function_at(file.address("main")) == "main"


def test_a_label_inside_of_a_function_does_not_name_it(build):
    file = build("gaps.S")
    assert file.function_at(file.address("first") + 1) == "first"


def test_an_address_outside_of_the_file_has_no_name(build):
    file = build("inlined.c", "-g")
    assert names(file.at(0x7FFFFFFF0000)[0]) == [None]


@pytest.fixture
def split(build, tmp_path):
    """A stripped program, and its debug file that lies nowhere to be found."""

    def make(*options):
        file = build("inlined.c", "-O2", "-g", *options, name="bin/target")
        debug_file = tmp_path / "elsewhere" / "target.debug"
        file.split(debug_file)
        return file, debug_file

    return make


def move(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def is_named(file, directories=""):
    activations = file.at(file.address("hidden"), directories=directories)[0]
    return activations[0]["function"] == "hidden" and activations[0]["line"] > 0


def test_a_debug_file_is_found_by_build_id(split, tmp_path):
    file, debug_file = split("-Wl,--build-id=sha1")
    directory = tmp_path / "debug"
    assert not is_named(file, directory)
    move(debug_file, directory / ".build-id" / file.build_id[:2] / f"{file.build_id[2:]}.debug")
    assert is_named(file, directory)
    assert is_named(file, f"/nowhere:{directory}")
    assert not is_named(file, "/nowhere")


def test_a_debug_file_of_another_build_is_not_used(build, split, tmp_path):
    file, _ = split("-Wl,--build-id=sha1")
    other = build("inlined.c", "-O1", "-g", "-Wl,--build-id=sha1", name="other")
    directory = tmp_path / "debug"
    place = directory / ".build-id" / file.build_id[:2] / f"{file.build_id[2:]}.debug"
    place.parent.mkdir(parents=True)
    shutil.copy(other.path, place)
    assert not is_named(file, directory)


@pytest.mark.parametrize("build_id", ["none", "sha1"])
@pytest.mark.parametrize("place", ["bin", "bin/.debug", "global{bin}"])
def test_a_debug_file_is_found_by_its_debug_link(split, tmp_path, place, build_id):
    file, debug_file = split(f"-Wl,--build-id={build_id}")
    file.link(debug_file)
    directory = tmp_path / "global"
    assert not is_named(file, directory)
    move(debug_file, tmp_path / place.format(bin=tmp_path / "bin") / "target.debug")
    assert is_named(file, directory)


def test_a_debug_file_is_found_beside_the_file_that_a_link_points_to(split, tmp_path):
    file, debug_file = split("-Wl,--build-id=none")
    file.link(debug_file)
    move(debug_file, file.path.parent / "target.debug")
    alias = tmp_path / "links" / "alias"
    alias.parent.mkdir()
    alias.symlink_to(file.path)
    assert is_named(File(alias, file.symbols))


def test_a_debug_file_with_another_checksum_is_not_used(split):
    file, debug_file = split("-Wl,--build-id=none")
    file.link(debug_file)
    beside = file.path.parent / "target.debug"
    move(debug_file, beside)
    assert is_named(file)
    with beside.open("ab") as stream:
        stream.write(b"\0")
    assert not is_named(file)


def test_a_damaged_debug_file_is_not_used(split):
    file, debug_file = split("-Wl,--build-id=none")
    debug_file.write_bytes(b"\x7fELF" + bytes(100))
    file.link(debug_file)
    move(debug_file, file.path.parent / "target.debug")
    assert not is_named(file)


def test_a_file_that_was_replaced_is_not_used(build):
    file = build("inlined.c", "-O2", "-g", "-Wl,--build-id=sha1")
    other = build("inlined.c", "-O0", "-g", "-Wl,--build-id=sha1", name="other")
    address = file.address("hidden")
    assert names(file.after_replacing(other, address)) == [None]


def test_a_file_replaced_by_the_same_build_is_used(build, tmp_path):
    file = build("inlined.c", "-O2", "-g", "-Wl,--build-id=sha1")
    other = file.copy(tmp_path / "other")
    assert names(file.after_replacing(other, file.address("hidden"))) == ["hidden"]


def test_split_dwarf_is_read_from_its_dwo_file(tmp_path, monkeypatch, build):
    monkeypatch.chdir(tmp_path)
    file = build("inlined.c", "-O2", "-g", "-gsplit-dwarf")
    start, size = file.symbols["holder"]
    assert list(tmp_path.glob("*.dwo"))
    chains = {tuple(names(a)) for a in file.at(*range(start, start + size))}
    assert ("innermost", "middle", "outer", "holder") in chains


@pytest.mark.skipif(shutil.which("dwz") is None, reason="there is no dwz")
@pytest.mark.parametrize("place", ["by name", "by build id"])
def test_debug_information_shared_by_dwz_is_followed(build, tmp_path, place):
    one = build("names.cpp", "-g", compiler="g++", name="one")
    other = build("names.cpp", "-g", "-O1", compiler="g++", name="other")
    common = tmp_path / "common.debug"
    execute("dwz", "-m", common, one.path, other.path)
    directory = tmp_path / "debug"
    if place == "by build id":
        build_id = File(common).build_id
        move(common, directory / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug")
    address = one.address("_ZN4shop5priceEi")
    (activation,) = one.at(address, directories=directory)[0]
    assert activation["function"] == "shop::price"
    assert activation["line"] == line_of("names.cpp", "NOINLINE int price(int value)")


def test_no_server_is_asked_for_debug_files(split):
    file, _ = split("-Wl,--build-id=sha1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        environment = {"DEBUGINFOD_URLS": url, "DEBUGINFOD_TIMEOUT": "2"}
        assert file.at(file.address("hidden"), env=environment)[0][0]["function"] is None
        with pytest.raises(BlockingIOError):
            server.accept()


CXX_FUNCTIONS = {
    "_ZN4shop5ShelfIiLi4EE3putEi": "shop::Shelf<int, 4>::put",
    "_ZNK4shop5ShelfIiLi4EEeqERKS1_": "shop::Shelf<int, 4>::operator==",
    "_ZN4shop5priceEi": "shop::price",
    "_ZN4shop5priceEd": "shop::price",
    "_ZN4shop12_GLOBAL__N_113hidden_helperEi": "shop::(anonymous namespace)::hidden_helper",
}


@pytest.mark.parametrize("debug", ["-g", "-g0"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_cxx_names_are_demangled_without_parameters(build, compiler, debug):
    file = build("names.cpp", "-O1", debug, compiler=compiler)
    found = {s: file.function_at(a) for s, (a, _) in file.symbols.items() if s in CXX_FUNCTIONS}
    assert found == CXX_FUNCTIONS


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_lambda_is_named_with_the_function_around_it(build, compiler):
    file = build("names.cpp", "-O1", "-g", compiler=compiler)
    (symbol,) = [s for s in file.symbols if "ENKUl" in s or "EN3$_0" in s or "ENK3$_0" in s]
    name = file.function_at(file.address(symbol))
    assert name.startswith("shop::Till::count(") or name.startswith("shop::Till::count::")
    assert name.endswith("operator()")


def test_functions_without_a_linkage_name_get_their_scopes_from_the_debug_information(build):
    file = build("names.cpp", "-O1", "-g", compiler="g++")
    address = file.address("_ZN4shop12_GLOBAL__N_113hidden_helperEi")
    execute("strip", "--strip-symbol=_ZN4shop12_GLOBAL__N_113hidden_helperEi", file.path)
    assert file.function_at(address) == "shop::(anonymous namespace)::hidden_helper"


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc")
@pytest.mark.parametrize("mangling", ["legacy", "v0"])
def test_rust_names_are_demangled_without_their_hash(build, mangling):
    options = ["-g", "-Zunstable-options", f"-Csymbol-mangling-version={mangling}"]
    file = build("names.rs", *options, compiler="rustc", env={"RUSTC_BOOTSTRAP": "1"})
    (price,) = [s for s in file.symbols if "shop" in s and "price" in s]
    assert file.function_at(file.address(price)).endswith("shop::price")
    (put,) = [s for s in file.symbols if "Shelf" in s and "put" in s]
    name = file.function_at(file.address(put))
    assert "shop::Shelf<" in name and name.endswith("::put")


D_FUNCTIONS = {
    "_D4shop5priceFiZi": "shop.price",
    "_D4shop__T5ShelfTiZ3putFiZv": "shop.Shelf!(int).put",
    "_Dmain": "D main",
    "_Dictionary": "_Dictionary",
}


def test_d_names_are_demangled_without_parameters(build):
    file = build("names_d.c", "-O1", "-g0")
    found = {s: file.function_at(a) for s, (a, _) in file.symbols.items() if s in D_FUNCTIONS}
    assert found == D_FUNCTIONS


PARTS = {
    "fill.part.0": "fill",
    "fill.isra.0.cold": "fill",
    "fill.constprop.12": "fill",
    "fill.lto_priv.3.llvm.4711": "fill",
    "_ZN4shop4fillEi.part.0.cold": "shop::fill",
    "_D4shop4fillFiZi.constprop.0": "shop.fill",
    "main.coldstart": "main.coldstart",
    "main.part.of": "main.part.of",
}


def test_a_part_of_a_function_that_the_compiler_made_is_that_function(build):
    file = build("names_parts.c", "-O1", "-g0")
    found = {s: file.function_at(a) for s, (a, _) in file.symbols.items() if s in PARTS}
    assert found == PARTS


def test_fortran_names_are_those_of_the_source(build, tmp_path):
    file = build("names_fortran.f90", "-g", "-O0", "-J", tmp_path, compiler="gfortran")
    found = {s.split(".")[0]: file.function_at(a) for s, (a, _) in file.symbols.items()}
    assert (found["plain_"], found["inner"]) == ("plain", "plain::inner")
    assert found["__shapes_MOD_grow"] == "__shapes_MOD_grow"  # short: shapes::grow


def test_ada_names_are_those_of_the_source(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the compiler leaves its files
    file = build("names_ada.adb", "-g", compiler="gnatmake")
    found = {s.split(".")[0]: file.function_at(a) for s, (a, _) in file.symbols.items()}
    assert (found["_ada_names_ada"], found["names_ada__join"]) == ("names_ada", "names_ada.join")


def test_the_version_of_a_symbol_is_no_part_of_the_name_of_its_function(build):
    file = build("inlined.c", "-O2", "-g0")
    address = file.address("hidden")
    execute("objcopy", "--redefine-sym", "hidden=hidden@@LIB_2.0", file.path)
    assert file.function_at(address) == "hidden"


@pytest.mark.parametrize(
    "typed",
    [
        "shop::price",
        "shop::price(int)",
        "shop::price( int )",
        "shop::Shelf<int, 4>::put",
        "shop::Shelf<int,4>::put(int)",
        "shop::(anonymous namespace)::hidden_helper",
        "_ZN4shop5priceEi",
        "main",
    ],
)
def test_a_user_finds_a_function_by_plain_or_demangled_name(build, typed):
    file = build("names.cpp", "-O1", compiler="g++")
    assert file.find(typed) is not None


def test_a_parameter_list_chooses_among_overloads(build):
    file = build("names.cpp", "-O1", "-no-pie", "-fno-pie", compiler="g++")
    assert file.find("shop::price(int)")["address"] == file.address("_ZN4shop5priceEi")
    assert file.find("shop::price(double)")["address"] == file.address("_ZN4shop5priceEd")


@pytest.mark.parametrize("typed", ["shop", "price", "shop::price(char)", "sho", "", "sink"])
def test_what_names_no_function_is_not_found(build, typed):
    assert build("names.cpp", "-O1", compiler="g++").find(typed) is None


def test_an_undefined_symbol_is_not_a_function_of_the_file(build):
    file = build("inlined.c")
    assert "abort" in execute("nm", "-D", file.path)
    assert file.exported("abort") is None
    assert file.find("abort") is None


def test_functions_of_a_static_executable_are_found_in_its_symbol_table(build):
    file = build("inlined.c", "-static")
    for name in ["malloc", "free", "hidden"]:
        assert file.find(name)["address"] == file.address(name)
        assert file.exported(name) is None
    assert file.strip().find("malloc") is None


def test_functions_of_a_stripped_file_are_found_in_its_debug_file(split):
    file, debug_file = split("-Wl,--build-id=none", "-no-pie", "-fno-pie")
    file.link(debug_file)
    assert file.find("hidden") is None
    move(debug_file, file.path.parent / "target.debug")
    assert file.find("hidden")["address"] == file.address("hidden")


def test_the_default_version_of_an_exported_function_is_found(build, tmp_path):
    source = tmp_path / "versions.c"
    source.write_text(
        "int old_one(void) { return 1; }\n"
        "int new_one(void) { return 2; }\n"
        '__asm__(".symver old_one, thing@V1");\n'
        '__asm__(".symver new_one, thing@@V2");\n'
    )
    (tmp_path / "versions.map").write_text("V1 { local: *; };\nV2 { } V1;\n")
    library = tmp_path / "versions.so"
    script = tmp_path / "versions.map"
    execute("gcc", "-shared", "-fPIC", f"-Wl,--version-script={script}", source, "-o", library)
    file = File(library)
    found = file.exported("thing")
    (activation,) = file.at(file.address("new_one"))[0]
    assert found["address"] == activation["address"]


@pytest.mark.parametrize("debug", ["-g", "-g0"])
def test_every_failed_allocation_is_reported(build, debug):
    file = build("inlined.c", "-O2", debug)
    assert file.failing(file.address("holder"), "holder") > 10


def test_a_function_of_the_c_library_has_the_name_that_people_call(tmp_path):
    source = tmp_path / "library.c"
    source.write_text(
        'int __libc_thing(int value) __asm__("__GI___libc_thing");\n'
        "int __libc_thing(int value) { return value; }\n"
        '__asm__(".globl thing, __libc_thing\\n"\n'
        '        ".set thing, __GI___libc_thing\\n.set __libc_thing, __GI___libc_thing\\n");\n'
    )
    execute("gcc", "-g", "-shared", "-fPIC", source, "-o", tmp_path / "library.so")
    file = File(tmp_path / "library.so")
    assert set(file.symbols) >= {"thing", "__libc_thing", "__GI___libc_thing"}
    assert file.function_at(file.address("thing")) == "thing"
