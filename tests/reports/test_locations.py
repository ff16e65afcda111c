"""Which frame is the location of a site: the first one that is no allocator and no library's."""


import pytest

ALLOCATORS = """malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc
pvalloc free cfree __libc_malloc __GI___libc_malloc __libc_memalign __posix_memalign je_malloc
je_free tc_malloc tc_new tc_newarray_nothrow tc_deletearray mi_malloc mi_new mi_free mi_realloc"""
CXX_ALLOCATORS = [
    "operator new",
    "operator new[]",
    "operator new(unsigned long)",
    "operator delete",
    "operator delete[]",
    "std::allocator<char>::allocate",
    "std::allocator_traits<std::allocator<int> >::allocate",
    "std::__new_allocator<char>::allocate",
    "__gnu_cxx::new_allocator<int>::allocate",
    "std::__1::allocator<char>::allocate",
]
WRAPPERS = """xmalloc xstrdup g_malloc0_n g_try_realloc g_slice_alloc0 CRYPTO_malloc _emalloc_56 av_malloc
sqlite3MemMalloc PyMem_Malloc _PyObject_Malloc QArrayData::allocate1 __rust_alloc __rdl_realloc
alloc::alloc::realloc malloc.part.0 xmalloc.constprop.0.isra.0 __interceptor_malloc"""
OTHERS = [
    "main",
    "mallocate",
    "my_malloc",
    "xmalloc_usage",
    "PyObject_Call",
    "strdup",
    "mi_parse_arguments",
    "tc_init",
    "je_",
    "operator newt",
    "operator<",
    "Foo::operator new",
    "std::allocators",
    "std::allocator_helper<int>::f",
    "std::vector<int, std::allocator<int> >::push_back",
    "freeze",
    "",
]


def test_allocators_are_told_from_their_callers(driver):
    names = [*ALLOCATORS.split(), *CXX_ALLOCATORS, *WRAPPERS.split(), *OTHERS]
    answers = driver.run(b"", "allocators", *names).stdout.decode().splitlines()
    expected = ["yes"] * (len(names) - len(OTHERS)) + ["no"] * len(OTHERS)
    assert answers == [f"{answer} {name}" for answer, name in zip(expected, names)]


def test_a_stack_of_allocators_alone_is_at_its_innermost_frame(driver):
    text = """threshold 0 0
process 1
engine breakpoint
totals 1 1 0 0 0
frame malloc | malloc | - | -
frame new | operator new | - | -
site malloc new
  temporaries 0 1 1
  allocations 1 1
  threads 1
site
  temporaries 0 1 1
  allocations 1 1
  threads 1
"""
    sites = driver.results(text.encode())["sites"]
    assert [s["location"]["function"] for s in sites] == ["malloc", None]


STACK = """threshold 0 0
process 1 /app/program ./program
engine breakpoint
totals 1 1 0 0 0
frame malloc | malloc | - | /lib/libc.so.6
frame f | {function} | {file} | {module}
frame main | main | /src/main.c:3 | /app/program
site malloc f main
  temporaries 0 1 1
  allocations 1 1
  threads 1
"""


def charged(driver, function="-", file="-", module="/app/program"):
    """The location of what main allocates by way of such a function."""
    text = STACK.format(function=function, file=file, module=module)
    (site,) = driver.results(text.encode())["sites"]
    return site["location"]["function"]


LIBRARIES = """/lib/x86_64-linux-gnu/libc.so.6 /lib/libc-2.31.so /lib64/ld-linux-x86-64.so.2
/usr/lib/libstdc++.so.6.0.30 /usr/lib/libc++.so.1 /usr/lib/libc++abi.so.1 /usr/lib/libgnat-12.so.12
/usr/lib/libgfortran.so.5 /usr/lib/libasan.so.8 /home/me/rust/lib/libstd-0a1b2c3d.so
/lib/ld-musl-x86_64.so.1"""


@pytest.mark.parametrize("module", LIBRARIES.split())
def test_what_a_language_library_allocates_is_its_callers(driver, module):
    assert charged(driver, "f", "./string/strdup.c:42", module) == "main"
    assert charged(driver, "f", "-", module) == "main"
    assert charged(driver, module=module) == "main"


@pytest.mark.parametrize(
    "module", ["/lib/libcairo.so.2", "/lib/libc-client.so.2007e", "/lib/libmagic.so.1"]
)
def test_what_another_library_allocates_is_its_own(driver, module):
    assert charged(driver, "f", "-", module) == "f"


@pytest.mark.parametrize(
    "file",
    [
        "/usr/include/c++/12/bits/basic_string.tcc:417",
        "/opt/llvm/include/c++/v1/string:20",
        "/rustc/9fc6b43126469e3858e2fe86cafb4f0fd5068869/library/alloc/src/raw_vec.rs:5",
        "/usr/src/rustc-1.63.0/library/alloc/src/vec/mod.rs:5",
        "/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ptr/mod.rs:5",
    ],
)
def test_the_source_file_of_a_language_library_tells(driver, file):
    assert charged(driver, "f", file) == "main"


@pytest.mark.parametrize(
    "function",
    [
        "std::vector<int, std::allocator<int> >::_M_realloc_insert<int>",
        "void std::vector<me::Item>::_M_realloc_insert<me::Item const&>",
        "std::pair<int, me::Item>* std::__copy_move<false>::__copy_m<int>",
        "std::operator+<char>",
        "__gnu_cxx::__to_xstring<std::string, char>",
        "alloc::raw_vec::finish_grow",
        "core::ops::function::FnOnce::call_once",
        "<alloc::string::String as core::fmt::Write>::write_str",
        "<T as alloc::string::ToString>::to_string",
        "<&T as core::fmt::Debug>::fmt",
        "<str as alloc::string::ToString>::to_string",
        "<alloc::vec::Vec<me::Item>>::push",
        "hashbrown::raw::RawTable<T,A>::reserve_rehash",
        "core::ptr::drop_in_place<fn(&str) -> alloc::string::String>",
        "getline",
        "__GI___strdup",
        "_IO_file_doallocate",
        "vasprintf.part.0",
    ],
)
def test_without_a_source_file_the_name_of_a_language_function_tells(driver, function):
    assert charged(driver, function) == "main"
    assert charged(driver, function, "/src/mine.cc:1") == function


@pytest.mark.parametrize(
    "function",
    [
        "me::append<std::string>",
        "std::string me::join<std::vector<int> >",
        "me::Text::operator std::string",
        "stdx::split",
        "core::Engine::start",
        "<me::Item as core::clone::Clone>::clone",
        "<me::List<alloc::string::String>>::push",
        "(anonymous namespace)::read",
    ],
)
def test_a_function_that_only_names_library_types_is_its_own(driver, function):
    assert charged(driver, function) == function


def test_a_c_library_function_elsewhere_than_in_the_executable_is_its_own(driver):
    assert charged(driver, "getline", module="/app/libreader.so") == "getline"


def test_code_without_any_name_is_passed_over(driver):
    assert charged(driver, module="-") == "main"


THROUGH = """threshold 0 0
process 1 /app/program ./program
engine breakpoint
totals 9 900 0 0 0
frame malloc | malloc | - | /lib/libc.so.6
frame append | std::string::append | /usr/include/c++/12/string:9 | /app/program
frame insert | std::vector<int>::insert | - | /app/program
frame allocate | std::allocator<char>::allocate | - | /app/program
frame main | main | /src/main.cc:3 | /app/program
frame start | start | /src/main.cc:9 | /app/program
"""
SITE = """site {stack}
  temporaries 0 1 {bytes}
  allocations 1 {bytes}
  threads 1
"""


def first_cells(driver, stacks, *arguments):
    """The first column of the summary's rows."""
    sites = "".join(SITE.format(stack=stack, bytes=size) for stack, size in stacks.items())
    lines = driver.report((THROUGH + sites).encode(), "summary", *arguments).splitlines()[1:]
    return [line.split("  ")[0] for line in lines]


def test_a_row_says_what_its_location_is_charged_through(driver):
    assert first_cells(driver, {"malloc main start": 1}) == ["main at main.cc:3"]
    assert first_cells(driver, {"malloc allocate main start": 1}) == ["main at main.cc:3"]
    assert first_cells(driver, {"malloc allocate append main start": 1}) == [
        "main at main.cc:3 (std::string::append)"
    ]


def test_of_several_the_one_with_most_bytes_is_said(driver):
    stacks = {"malloc append main": 1, "malloc append main start": 2, "malloc insert main start": 2}
    assert first_cells(driver, stacks) == ["main at main.cc:3 (std::string::append, 1 more)"]
    stacks["malloc insert main"] = 9
    assert first_cells(driver, stacks) == ["main at main.cc:3 (std::vector<int>::insert, 1 more)"]


def test_what_does_not_fit_leaves_the_location_whole(driver):
    stacks = {"malloc append main start": 1}
    assert first_cells(driver, stacks, "--columns", 80) == ["main at main.cc:3"]
