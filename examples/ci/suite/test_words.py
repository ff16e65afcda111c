"""pytest is a program itself: `tmpalloc run -- python3 -m pytest`."""


def test_words_are_joined():
    words = [str(i) for i in range(1000)]
    line = ""
    for word in words:
        line += word + " "
    assert line.split() == words
