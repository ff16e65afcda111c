"""Tables for merge requests, rendered by cmark-gfm."""

import pytest
from library.published import read_markdown

MOST_BYTES = 60 * 1024
HOSTILE = "f|`a``b`<script>alert(1)</script>\\|_x_ **b** [l](http://e) www.a.de ~~s~~ & &lt; \n| x |"


def many(count, length=0):
    """Sites of so many functions, whose names are so long."""
    text = "threshold 1 1\nprocess 1\nengine agent\ntotals 1 1 0 0 0\n"
    for i in range(count):
        name = f"ns::Type<{'int, ' * length}char>::f{i}"
        text += f"frame f{i} | {name} | /src/a.cc:{i + 1} | /bin/f\nsite f{i}\n"
        text += f"temporaries 0 2 {100000 - i}\nallocations 2 200000\nthreads 1\n"
    return text.encode()


@pytest.mark.parametrize("description", ["example", "names"])
def test_a_table_has_a_row_for_each_location_of_the_summary(driver, description):
    page = read_markdown(driver.report(description, "markdown"))
    ((head, *rows),) = page.tables
    assert head == ["Location", "Memory", "Temporaries", "Share", "Advice"]
    counts = driver.results(description)["totals"]["temporary"]
    assert sum(int(row[2].replace(",", "")) for row in rows) == counts["count"]
    assert page.bold == [] and "at threshold" in page.text


def test_without_temporaries_one_line_says_so(driver):
    assert driver.report("none", "markdown").startswith("No temporary allocations at threshold 1 ")


def test_a_verdict_comes_first_and_then_who_is_to_blame(driver):
    text = driver.report("example", "markdown", "--judged")
    assert text.startswith("**tmpalloc: check failed at threshold 1: 508 temporaries of 72.523MB;")
    page = read_markdown(text)
    assert page.bold == [
        "tmpalloc: check failed at threshold 1: 508 temporaries of 72.523MB; allowed: 0 temporaries"
    ]
    assert "#1   buffer_append at /home/user/example/buffer.c:31" in page.code
    assert driver.report("none", "markdown", "--judged").startswith("**tmpalloc: check passed ")


def test_what_is_new_worse_and_better_stands_in_this_order_by_name_and_line(driver, saved):
    before = (driver.profiles / "example.txt").read_bytes()
    before = before.replace(b"0 76 75900000", b"0 90 85900000").replace(b"| join |", b"| joined |")
    before = before.replace(b"1 400 25600", b"1 399 25500")
    path = saved.save(before, "before.json")
    page = read_markdown(saved.report(saved.save("example"), "markdown", "--before", path))
    ((head, *rows),) = page.tables
    changes = [(row[0], row[1]) for row in rows]
    assert changes == [
        ("new", "join at join.cc:12"),
        ("better", "buffer_append at buffer.c:31"),
        ("gone", "joined at join.cc:12"),
        ("", "Total"),
    ]
    assert "1 new, 0 worse, 1 better, 1 gone, 4 unchanged at threshold 1" in page.text
    assert page.bold[0].startswith("tmpalloc: check ")


@pytest.mark.parametrize(("count", "length"), [(3000, 0), (300, 100), (3, 30000)])
@pytest.mark.parametrize("compared", [False, True])
def test_a_comment_has_room_for_every_table_and_says_what_it_leaves_out(
    driver, saved, compared, count, length
):
    arguments = ["--before", saved.save("none")] if compared else ["--judged"]
    text = driver.report(many(count, length), "markdown", *arguments)
    assert len(text.encode()) <= MOST_BYTES
    page = read_markdown(text)
    ((head, *rows),) = page.tables
    assert {len(row) for row in rows} == {len(head)}
    named = [row for row in rows if "a.cc:" in " ".join(row)]
    hidden = count - len(named)
    more = f"{hidden:,} more changed" if compared else f"{hidden:,} more location"
    assert (more.replace(",", "") in page.text.replace(",", "")) == (hidden > 0)
    assert hidden > 0 or count == 3


def test_names_mean_nothing_in_a_table(saved):
    path = saved.save("example")
    changed = saved.rename(path, function=HOSTILE)
    for arguments in ["markdown", "--judged"], ["markdown", "--before", path]:
        text = saved.report(changed, *arguments)
        page = read_markdown(text)
        ((head, *rows),) = page.tables
        assert {len(row) for row in rows} == {len(head)}
        shown = HOSTILE.replace("\n", " ")
        assert any(shown in row[head.index("Location")] for row in rows)
        assert page.links == [] and "script" not in page.tags
