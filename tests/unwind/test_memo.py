"""Walks found again by comparing what they read, by the core's own tree of them."""

from library.support import built, execute


def test_walks_whose_departures_have_one_hash_are_all_found_again():
    output = execute(built("memo_calls"))
    assert output == "000 3 links, found 1 1 1, from others 1 1 1, the root 1\n"
