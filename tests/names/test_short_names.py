"""Functions' names as tables show them."""

import pytest

STRING = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
PAIR = f"std::pair<{STRING} const, int>"
NAMES = {
    "main": "main",
    "": "",
    f"{STRING}::append": "std::string::append",
    f"{STRING}::~basic_string": "std::string::~basic_string",
    "std::basic_ostream<wchar_t, std::char_traits<wchar_t> >::put": "std::wostream::put",
    "std::__1::vector<int, std::__1::allocator<int>>::reserve": "std::vector<int>::reserve",
    f"std::vector<{STRING}, std::allocator<{STRING} > >::push_back": "std::vector<std::string>::push_back",
    "std::vector<std::vector<int, std::allocator<int> >, my::pool<int> >::at": (
        "std::vector<std::vector<int>, my::pool<int> >::at"
    ),
    f"std::map<{STRING}, int, std::less<{STRING} >, std::allocator<{PAIR} > >::operator[]": (
        "std::map<std::string, int>::operator[]"
    ),
    "std::map<int, int, std::less<int>, my::pool<int> >::at": (
        "std::map<int, int, std::less<int>, my::pool<int> >::at"
    ),
    "std::unordered_set<int, std::hash<int>, std::equal_to<int>, std::allocator<int> >::insert": (
        "std::unordered_set<int>::insert"
    ),
    "std::set<int, std::less<void>, std::allocator<int> >::find": "std::set<int, std::less<void> >::find",
    "std::unique_ptr<node, std::default_delete<node> >::reset": "std::unique_ptr<node>::reset",
    "std::allocator_traits<std::allocator<char> >::allocate": (
        "std::allocator_traits<std::allocator<char> >::allocate"
    ),
    "std::operator<< <std::char_traits<char> >": "std::operator<< <std::char_traits<char> >",
    "my::basic_string<char>::get": "my::basic_string<char>::get",
    "foo__cxx11::bar": "foo__cxx11::bar",
    "std::vector<int, std::allocator<int": "std::vector<int, std::allocator<int",
    "alloc::string::String::push::h0123456789abcdef": "alloc::string::String::push",
    "core::num::<impl usize>::pow": "usize::pow",
    "alloc::slice::<impl [T]>::to_vec": "[T]::to_vec",
    "core::fmt::num::imp::<impl core::fmt::Display for u32>::fmt": "<u32 as core::fmt::Display>::fmt",
    "<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop": (
        "<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop"
    ),
    "a::<impl b": "a::<impl b",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_reader_knows_anyway_is_left_out(core_program, name):
    done = core_program("short_names")(name)
    assert (done.stdout, done.returncode) == (NAMES[name] + "\n", 0)
