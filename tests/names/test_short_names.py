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
    "lib::join[abi:cxx11]": "lib::join",
    "Tagged[abi:one][abi:two]::get": "Tagged::get",
    "std::__1::vector<int, std::__1::allocator<int> >::push_back[abi:ne190107]": "std::vector<int>::push_back",
    f"std::map<key[abi:cxx11], {STRING} >::at": "std::map<key, std::string>::at",
    "join[abi:cxx11": "join[abi:cxx11",
    "(anonymous namespace)::Hidden::name[abi:cxx11]": "(anonymous namespace)::Hidden::name",
    "parse(char const*, int) const::{lambda(int)#1}::operator()": "parse::{lambda(int)#1}::operator()",
    "X::operator()(int) const &&::{lambda(int)#1}::operator()": "X::operator()::{lambda(int)#1}::operator()",
    "X::operator int<int>()::{lambda()#2}::operator()": "X::operator int<int>::{lambda()#2}::operator()",
    "apply<parse(int)::{lambda(int)#1}>": "apply<parse::{lambda(int)#1}>",
    "call<std::function<int (int)> >": "call<std::function<int (int)> >",
    "decltype (f(1))::g": "decltype (f(1))::g",
    "X::operator()": "X::operator()",
    "operator<": "operator<",
    "std::queue<int, std::deque<int, std::allocator<int> > >::push": "std::queue<int>::push",
    "std::priority_queue<a, std::vector<a, std::allocator<a> >, std::less<a> >::pop": "std::priority_queue<a>::pop",
    "std::pair<int, std::deque<int, std::allocator<int> > >::swap": "std::pair<int, std::deque<int> >::swap",
    "std::__cxx11::basic_regex<char, std::__cxx11::regex_traits<char> >::~basic_regex": "std::regex::~basic_regex",
    "std::chrono::_V2::system_clock::now": "std::chrono::system_clock::now",
    "<shop::Shelf>::put": "shop::Shelf::put",
    "<[T]>::to_vec": "[T]::to_vec",
    "<alloc::vec::Vec<<A as T>::B>>::push::{closure#0}": "alloc::vec::Vec<<A as T>::B>::push::{closure#0}",
    "<shop::Shelf as core::fmt::Display>::fmt": "<shop::Shelf as core::fmt::Display>::fmt",
    "<fn(u8) -> u8 as core::ops::FnOnce>::call": "<fn(u8) -> u8 as core::ops::FnOnce>::call",
    "shop::{impl#3}::put": "shop::put",
    "main::main::{{closure}}": "main::main::{{closure}}",
    "shop.Shelf!(int).Shelf.put": "shop.Shelf!(int).put",
    "std.conv.to!(immutable(char)[]).to!(int).to": "std.conv.to!(string).to!(int)",
    "std.array.Appender!(immutable(dchar)[]).Appender.put!(char).put": "std.array.Appender!(dstring).put!(char)",
    "shop.price(int).round": "shop.price.round",
    "shop.Shelf!(int).Shelf2.put": "shop.Shelf!(int).Shelf2.put",
    "__shapes_MOD_grow": "shapes::grow",
    "__shapes_grow": "__shapes_grow",
    "words.join": "words.join",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_reader_knows_anyway_is_left_out(core_program, name):
    done = core_program("short_names")(name)
    assert (done.stdout, done.returncode) == (NAMES[name] + "\n", 0)
