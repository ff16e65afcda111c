"""Which frame is the location of a site: the first one that is no allocator."""

import json

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
OTHERS = [
    "main",
    "mallocate",
    "my_malloc",
    "xmalloc",
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
    names = [*ALLOCATORS.split(), *CXX_ALLOCATORS, *OTHERS]
    answers = driver.run(b"", "allocators", *names).stdout.decode().splitlines()
    expected = ["yes"] * (len(names) - len(OTHERS)) + ["no"] * len(OTHERS)
    assert answers == [f"{answer} {name}" for answer, name in zip(expected, names)]


def test_a_stack_of_allocators_alone_is_at_its_outermost_frame(driver):
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
    sites = json.loads(driver.report(text.encode(), "json"))["sites"]
    assert [s["location"]["function"] for s in sites] == ["operator new", None]
