"""The html report in a browser, as a user has it: with clicks, keys, and without a network."""

import json
import re

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Frames are where they belong at once.
ARGUMENTS += ["--force-prefers-reduced-motion", "--window-size=1400,1000"]

HOSTILE = """threshold 0 0
process 1 /bin/x</script><script>hacked=1</script>
engine agent
totals 3 3 3 0 0
frame script | </script><script>hacked=1</script> | /a/<img src=x onerror=hacked=1>.c:1 | /bin/x
frame comment | <!--<script>"'`&amp; | - | "><b>
site script comment
  temporaries 0 3 3
  allocations 3 3
  sizes 1 1
"""


#: Own functions that allocate by a library's, and by none.
THROUGH = """threshold 1 1
engine agent
process 1 /x
totals 9 900 9 0 0
frame malloc | malloc | - | /lib/libc.so.6
frame strdup | strdup | - | /lib/libc.so.6
frame mutate | std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_mutate | - | /lib/libstdc++.so.6
frame append | std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append | - | /lib/libstdc++.so.6
frame reserve | std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::reserve | - | /lib/libstdc++.so.6
frame join | join | /src/t.cpp:7 | /x
frame copy | copy | /src/t.cpp:9 | /x
frame plain | plain | /src/t.cpp:11 | /x
site malloc mutate append join
  temporaries 1 5 500
  allocations 5 500
site malloc reserve join
  temporaries 0 1 200
  allocations 1 200
site malloc strdup copy
  temporaries 0 1 90
  allocations 1 90
site malloc plain
  temporaries 0 1 9
  allocations 1 9
"""


class Page:
    """A report that is shown."""

    def __init__(self, browser):
        self.browser = browser

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def element(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def elements(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.element(selector).text

    def click(self, selector):
        self.element(selector).click()
        self.settle()

    def type(self, selector, *keys):
        self.element(selector).send_keys(*keys)
        self.settle()

    def settle(self):
        """Waits until the page has shown what it was told."""
        self.browser.execute_async_script(
            "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => "
            "requestAnimationFrame(() => setTimeout(done, 0))), 0)"
        )

    def choose(self, group, value):
        self.click(f"#{group} label:has([value={value}])")

    def filter(self, text):
        self.element("#filter").clear()
        self.type("#filter", text)

    def rows(self):
        """The table's cells, by row."""
        return self.run(
            "return [...document.querySelectorAll('#table tr.row')].map((row) =>"
            " [...row.cells].map((cell) => cell.textContent.trim()))"
        )

    def names(self):
        return [row[0].split(" at ")[0] for row in self.rows()]

    def frames(self):
        """Name and width of each frame of the flame graph."""
        return dict(
            self.run(
                "return [...document.querySelectorAll('#flame .frame')].map((frame) =>"
                " [frame.dataset.name, frame.getBoundingClientRect().width])"
            )
        )

    def click_frame(self, name):
        next(f for f in self.elements("#flame .frame") if f.get_attribute("data-name") == name).click()
        self.settle()

    def marked(self):
        """Names of the frames that have the filter's colour."""
        return self.run(
            "return [...document.querySelectorAll('#flame .frame')].filter((frame) =>"
            " frame.style.background.includes('--flame-match')).map((frame) => frame.dataset.name)"
        )

    def background(self):
        return self.run("return getComputedStyle(document.body).backgroundColor")


@pytest.fixture(scope="module")
def browser():
    options = Options()
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options) as started:
        yield started


@pytest.fixture
def page(browser, driver, tmp_path):
    """Shows a description's report; afterwards the browser must have nothing to complain of."""
    file = tmp_path / "report.html"

    def show(description, *options):
        driver.report(description, "html", "--write", file, "--force", *options)
        browser.get(file.as_uri())
        return Page(browser)

    yield show
    assert browser.get_log("browser") == []


def cells(line):
    """The cells of a summary's row; share, scope and pattern may be missing."""
    expression = r"(.*?) +(\S+B) +(\S+%) +(\S+B) +(\S+%) +([\d,]+)"
    expression += r"(?: +(\S+%))?(?: +(\S+%|-))?(?:  (\w+))?"
    return [cell or "" for cell in re.fullmatch(expression, line).groups()]


def table(driver, description, threshold, *options):
    text = (driver.profiles / f"{description}.txt").read_text()
    text = re.sub(r"(?m)^threshold \d+", f"threshold {threshold}", text)
    lines = driver.report(text.encode(), "summary", "--rows", 0, *options).splitlines()[1:]
    return [cells(line) for line in lines if "(tmpalloc site" not in line]


def test_the_table_is_the_summary_at_every_threshold(driver, page):
    shown = page("example")
    shown.type("#threshold", Keys.HOME)
    for threshold in range(5):
        assert shown.text("#threshold-value") == str(threshold)
        assert shown.rows() == table(driver, "example", threshold)
        text = (driver.profiles / "example.txt").read_text()
        text = text.replace("threshold 1", f"threshold {threshold}").encode()
        wanted = json.loads(driver.report(text, "json"))["totals"]
        tiles = [tile.text for tile in shown.elements("#totals dd")]
        assert tiles[0] == str(wanted["temporary"]["count"])
        assert tiles[2] == f"{wanted['allocations']:,}"
        assert len(shown.elements("#distances .within")) == threshold + 1
        shown.type("#threshold", Keys.ARROW_RIGHT)


def test_callers_are_shown_when_they_are_asked_for(driver, page):
    shown = page("example")
    shown.click("#inclusive")
    assert sorted(shown.rows()) == sorted(table(driver, "example", 1, "--inclusive"))


def test_what_was_suppressed_is_counted_at_every_threshold(page, tmp_path):
    (tmp_path / "suppressions").write_text("join # known")
    shown = page("example", "--suppress", tmp_path / "suppressions")
    assert "join" not in shown.names()
    assert shown.elements("#totals dd")[0].text == "508"
    assert shown.text("#shown") == "5 of 5 locations, 400 temporaries suppressed"
    shown.type("#threshold", Keys.HOME)
    assert shown.text("#shown") == "4 of 4 locations"


def test_the_table_is_sorted_by_each_column(page):
    shown = page("example")
    assert shown.element("th[data-key=own]").get_attribute("aria-sort") == "descending"
    by_bytes = shown.names()
    shown.click("th[data-key=count] button")
    assert shown.names()[:3] == ["join", "buffer_append", "libplugin.so+0x100b"]
    shown.click("th[data-key=count] button")
    assert shown.element("th[data-key=count]").get_attribute("aria-sort") == "ascending"
    assert shown.element("th[data-key=own]").get_attribute("aria-sort") is None
    assert shown.names()[-1] == "join"
    shown.click("th[data-key=location] button")
    assert shown.names() == sorted(by_bytes)
    shown.type("th[data-key=share] button", Keys.ENTER)
    shares = [float(row[6].rstrip("%")) for row in shown.rows()]
    assert shares == sorted(shares, reverse=True)
    shown.click("th[data-key=own] button")
    assert shown.names() == by_bytes


def test_a_filter_takes_a_regular_expression_or_plain_text(page):
    shown = page("example")
    shown.filter("READER|^join")
    assert shown.names() == ["buffer_append", "join", "read_line"]  # the first is called by a reader
    assert shown.text("#shown") == "3 of 3 locations, the filter hides 13.721KB"
    assert set(shown.marked()) == {"read_file", "read_line"}
    shown.filter("+0x100b(")
    assert shown.text("#filter-note") and shown.text("#empty") == "No call stack matches the filter."
    shown.filter("+0x100b")
    assert shown.names() == ["libplugin.so+0x100b"]


LONG_NAMES = """threshold 0 0
process 1 /bin/f
engine agent
totals 9 9 0 0 0
frame join | lib::join[abi:cxx11] | /src/a.cc:5 | /bin/f
frame pushed | std::vector<int, std::allocator<int> >::push_back | /src/one/b.h:7 | /bin/f
frame other | std::vector<int, std::allocator<int> >::push_back | /src/two/b.h:7 | /bin/f
site join
  temporaries 0 3 300
  allocations 3 300
site pushed join
  temporaries 0 3 30
  allocations 3 30
site other join
  temporaries 0 3 3
  allocations 3 3
"""


def test_names_are_short_and_whole_ones_are_found(page):
    shown = page(LONG_NAMES.encode())
    rows = [row[0] for row in shown.rows()]
    assert rows == [
        "lib::join at a.cc:5",
        "std::vector<int>::push_back at one/b.h:7",
        "std::vector<int>::push_back at two/b.h:7",
    ]
    assert set(shown.frames()) >= {"lib::join", "std::vector<int>::push_back"}
    title = shown.element("#table tr.row button.name").get_attribute("title")
    assert title == "lib::join[abi:cxx11] at /src/a.cc:5"
    shown.filter(r"allocator<int> >::push_back at /src/two")
    assert [row[0] for row in shown.rows()] == rows[2:]


def test_a_row_names_what_its_location_is_charged_through(driver, page):
    shown = page(THROUGH.encode())
    names = [row[0] for row in shown.rows()]
    assert names == [
        "join at t.cpp:7 (std::string::append, 1 more)",
        "copy at t.cpp:9 (strdup)",
        "plain at t.cpp:11",
    ]
    summary = driver.report(THROUGH.encode(), "summary", "--columns", 150).splitlines()[1:4]
    assert [line.split("  ")[0] for line in summary] == names
    shown.filter("_M_mutate")
    assert [row[0] for row in shown.rows()] == ["join at t.cpp:7 (std::string::append)"]
    shown.filter("reserve")
    assert [row[0] for row in shown.rows()] == ["join at t.cpp:7 (std::string::reserve)"]


def test_the_flame_graph_shows_bytes_or_counts(page):
    shown = page("example")
    bytes_of = shown.frames()
    assert bytes_of["buffer_append"] > 0.99 * bytes_of["all"] and "join" not in bytes_of
    shown.choose("measure", "count")
    counts = shown.frames()
    assert counts["join"] / counts["all"] == pytest.approx(400 / 508, rel=0.01)
    assert counts["buffer_append"] / counts["all"] == pytest.approx(77 / 508, rel=0.01)
    shown.choose("measure", "bytes")
    assert shown.frames() == bytes_of


def test_the_flame_graph_follows_the_width_of_the_window(browser, page):
    shown = page("example")
    before = shown.frames()["all"]
    browser.set_window_size(700, 900)
    shown.settle()
    width = shown.run("return document.querySelector('#flame').getBoundingClientRect().width")
    assert shown.frames()["all"] == width < before
    assert shown.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.set_window_size(1400, 1000)


def test_a_click_zooms_into_the_flame_graph_and_back(page):
    shown = page("example")
    shown.choose("measure", "count")
    before = shown.frames()
    assert not shown.element("#zoom-out").is_displayed()
    shown.click_frame("buffer_append")
    assert shown.frames()["buffer_append"] == before["all"] and "join" not in shown.frames()
    assert shown.text("#frame-details").endswith("buffer.c:31: 77, 15.16%")
    shown.type("#threshold", Keys.HOME)
    assert shown.frames()["buffer_append"] == before["all"]
    shown.type("#threshold", Keys.ARROW_RIGHT)
    shown.click("#zoom-out")
    assert shown.frames() == before


def many_sites(count, heaviest):
    lines = ["threshold 0 0", "process 1", "engine agent", "totals 9999 99999999 0 0 0"]
    lines += ["frame main | main | /src/main.c:1 | /src/x"]
    for i in range(count):
        lines += [f"frame f{i} | f{i} | /src/a.c:{i + 1} | /src/x", f"site f{i} main"]
        lines += [f"temporaries 0 3 {heaviest if i == 0 else 9}", "allocations 3 900"]
    return "\n".join(lines).encode()


def test_what_is_too_thin_to_see_is_counted(page):
    shown = page(many_sites(400, heaviest=200_000))
    assert set(shown.frames()) == {"all", "main", "f0", "399 more"}  # together wide enough for a box
    assert shown.text("#thin") == ""
    shown = page(many_sites(21, heaviest=200_000))
    assert set(shown.frames()) == {"all", "main", "f0"}
    assert shown.text("#thin") == "20 functions too thin to see: 180B, 0.09%"


KINDS = """threshold 0 0
process 1 /home/me/app
engine agent
totals 3 3 3 0 0
frame malloc | malloc | ./malloc/malloc.c:3301 | /lib/x86_64-linux-gnu/libc.so.6
frame strdup | strdup | - | /home/me/app
frame vector | std::vec::Vec<T>::push | /rustc/90b35a6/library/alloc/src/vec/mod.rs:1836 | /home/me/app
frame parse | parse | /usr/src/libparse/parse.c:7 | /usr/lib/x86_64-linux-gnu/libparse.so.1
frame own | own | /home/me/app.rs:3 | /home/me/app
python script | script | /home/me/script.py:9 | -
site malloc vector own
  temporaries 0 3 3
  allocations 3 3
site malloc strdup parse script
  temporaries 0 3 3
  allocations 3 3
"""


def test_own_code_libraries_and_allocators_have_colours_of_their_own(page):
    shown = page(KINDS.encode())
    kinds = shown.run(
        "return Object.fromEntries([...document.querySelectorAll('#flame .frame')].map((frame) =>"
        " [frame.dataset.name, frame.style.background.match(/flame-(\\w+)/)[1]]))"
    )
    del kinds["all"]
    assert kinds == {"malloc": "allocator", "strdup": "library", "std::vec::Vec<T>::push": "library",
                     "parse": "foreign", "own": "own", "script": "python"}
    assert [entry.text for entry in shown.elements("#legend li")] == [
        "own code", "own Python code", "others' code", "languages' libraries", "allocators"]


def test_the_table_is_on_the_first_screen(browser, page):
    browser.set_window_size(1400, 900)
    shown = page(many_sites(30, heaviest=200))
    tops = shown.run(
        "return [...document.querySelectorAll('#table tr.row')].map((row) => row.getBoundingClientRect().bottom)"
    )
    assert sum(bottom < 900 for bottom in tops) >= 10
    assert shown.run("return document.querySelector('#flame').getBoundingClientRect().top") > tops[-1]
    browser.set_window_size(1400, 1000)


def test_a_long_name_is_cut_in_its_middle(page):
    name = "very::long::" * 30 + "end"
    text = f"threshold 0 0\nprocess 1\nengine agent\ntotals 3 3 3 0 0\nframe a | {name} | /src/a.c:77 | /src/x"
    shown = page((text + "\nsite a\n  temporaries 0 3 3\n  allocations 3 3\n").encode())
    for selector in ("tr.row .name", "#flame .frame[data-name^=very]"):
        start = shown.element(f"{selector} .start").rect
        whole = shown.element(selector).rect
        assert 100 < start["width"] < whole["width"] - 50
    assert shown.run("return document.querySelector('tr.row .start').nextSibling.data").endswith("a.c:77")


def test_a_stack_is_whole_around_the_function_that_is_charged(page):
    lines = ["threshold 0 0", "process 1", "engine agent", "totals 3 3 3 0 0"]
    lines += [f"frame l{i} | std::l{i} | - | /usr/lib/libstdc++.so.6" for i in range(20)]
    lines += [f"frame o{i} | o{i} | /src/o.cc:{i + 1} | /src/x" for i in range(40)]
    stack = [*(f"l{i}" for i in range(20)), *(f"o{i}" for i in range(40))]
    lines += [f"site {' '.join(stack)}", "temporaries 0 3 3", "allocations 3 3"]
    shown = page("\n".join(lines).encode())
    shown.click("tr.row .name")
    visible = [line.text for line in shown.elements(".stack > ol li")]
    assert visible[0].startswith("std::l0 ") and visible[-1] == "o8 at o.cc:9" and len(visible) == 29
    assert [line.text for line in shown.elements(".stack li.charged")] == ["o0 at o.cc:1"]
    shown.click(".stack summary")
    assert shown.text(".stack summary") == "31 more callers"
    assert shown.elements(".stack li")[-1].text == "o39 at o.cc:40"


def test_the_flame_graph_is_used_with_the_keyboard(page):
    shown = page("example")
    shown.choose("measure", "count")
    before = shown.frames()
    shown.type("#flame", Keys.ARROW_DOWN)
    assert shown.text("#frame-details").startswith("all: 508")
    shown.type("#flame", *[Keys.ARROW_DOWN] * 4)
    assert shown.text("#frame-details").startswith("join at ")
    shown.type("#flame", Keys.ARROW_RIGHT)
    assert shown.text("#frame-details").startswith("read_line at ")
    shown.type("#flame", Keys.ENTER)
    assert shown.frames()["read_line"] == before["all"]
    shown.type("#flame", Keys.ESCAPE)
    assert shown.frames() == before


def test_a_row_opens_its_stacks_and_leads_to_the_flame_graph(page):
    shown = page("example")
    shown.click("tr.row:nth-child(2) .name")
    assert shown.element("tr.row:nth-child(2) .name").get_attribute("aria-expanded") == "true"
    details = shown.text("td.details")
    assert "Repeats one size: reuse a buffer or a pool." in details
    assert "75.00% freed by the function itself" in details
    assert "80.00% of 500 allocations" in details and "2 threads" in details
    stacks = [[li.text for li in s.find_elements(By.TAG_NAME, "li")] for s in shown.elements(".stack")]
    assert stacks[0][0] == "operator new at new_op.cc:50" and stacks[0][-1] == "_start in example"
    assert len(stacks) == 3
    shown.click("td.details button")
    assert shown.frames()["join"] == shown.frames()["all"]
    assert shown.text("#frame-details").startswith("join at ")
    shown.type("tr.row:nth-child(2) .name", Keys.ENTER)
    assert shown.elements("td.details") == []


@pytest.mark.parametrize("width", [420, 700, 1000])
def test_long_names_fit_the_window(browser, page, width):
    browser.set_window_size(width, 900)
    shown = page("names")
    for i in range(7):
        shown.elements("tr.row .name")[i].click()
    for selector in ("html", ".scroll"):
        assert shown.run(
            "const e = document.querySelector(arguments[0]);"
            "return e.scrollWidth <= e.clientWidth", selector
        )
    browser.set_window_size(1400, 1000)


def test_it_is_light_or_dark_as_the_system_or_the_reader_wants(browser, page):
    shown = page("example")
    colors = {}
    for system in ("light", "dark"):
        preference = [{"name": "prefers-color-scheme", "value": system}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": preference})
        for scheme in ("auto", "light", "dark"):
            shown.choose("scheme", scheme)
            colors[system, scheme] = shown.background()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    light, dark = colors["light", "light"], colors["light", "dark"]
    assert light != dark
    assert colors["light", "auto"] == colors["dark", "light"] == light
    assert colors["dark", "auto"] == colors["dark", "dark"] == dark


def test_names_of_the_program_are_text_and_nothing_else(page):
    shown = page(HOSTILE.encode())
    assert shown.run("return typeof hacked") == "undefined"
    assert shown.names() == ["</script><script>hacked=1</script>"]
    assert "<img src=x" in shown.rows()[0][0]
    shown.click("tr.row .name")
    assert """<!--<script>"'`&amp; in "><b>""" in shown.text("td.details")
    assert shown.text("#command") == "/bin/x</script><script>hacked=1</script>"
    assert shown.run("return document.querySelectorAll('img, b, script').length") == 2


def test_nothing_is_loaded_from_anywhere(driver, page):
    shown = page("names")
    assert len(shown.rows()) == 7
    assert shown.run("return performance.getEntriesByType('resource').length") == 0
    text = driver.report("names", "html")
    assert re.findall('(?:src|href)="(?!data:)', text.partition("<script")[0]) == []
    assert "default-src 'none'" in text


def test_every_control_has_a_name(page):
    shown = page("example")
    for selector in ("button", "input", "[tabindex]"):
        for control in shown.elements(selector):
            assert control.accessible_name or not control.is_displayed(), control.get_attribute("id")


def test_no_temporaries_are_said_to_be_none(page):
    shown = page("none")
    assert shown.text("#empty") == "No temporary allocations at threshold 1."
    assert shown.rows() == [] and not shown.element("#flame").is_displayed()


def test_of_many_rows_more_are_shown_on_demand(page):
    lines = ["threshold 0 0", "process 1", "engine agent", "totals 900 900 0 0 0"]
    for i in range(300):
        lines += [f"frame f{i} | f{i} | /a.c:{i + 1} | /bin/x", f"site f{i}"]
        lines += [f"temporaries 0 3 {1000 - i}", "allocations 3 900"]
    shown = page("\n".join(lines).encode())
    assert shown.names() == [f"f{i}" for i in range(20)]
    assert shown.text("#shown") == "20 of 300 locations"
    shown.click("#show-more")
    assert len(shown.names()) == 300 and not shown.element("#show-more").is_displayed()
    assert shown.run("return document.activeElement.innerText").endswith("f20 at a.c:21")


@pytest.fixture
def compared(driver, page, tmp_path):
    """Shows what became of one description in another, and gives the same as text."""

    def show(before, after):
        old = tmp_path / "before.json"
        driver.report(before, "json", "--write", old, "--force")
        text = driver.report(after, "diff", "--before", old, "--rows", 0)
        return page(after, "--before", old), text

    return show


def test_a_page_says_what_became_of_a_baseline(compared, page):
    lines = ["threshold 1 4", "process 1", "engine agent", "totals 9 9 9 0 0"]
    frames = [f"frame {name} | {name} | /src/{name}.c:7 | /src/x" for name in ("new", "worse", "better", "gone", "same")]

    def description(**bytes_of):
        sites = [f"site {name}\ntemporaries 1 2 {size}\nallocations 2 {size}" for name, size in bytes_of.items()]
        return "\n".join([*lines, *frames, *sites]).encode()

    before = description(worse=2048, better=9000, gone=100, same=7)
    shown, text = compared(before, description(new=57920, worse=4096, better=10, same=7))
    rows = shown.run(
        "return [...document.querySelectorAll('#changes-table tbody tr')].map((row) =>"
        " [...row.cells].map((cell) => cell.textContent))"
    )
    assert [row[0] for row in rows] == ["new at new.c:7", "better at better.c:7", "worse at worse.c:7", "gone at gone.c:7"]
    for name, *cells in rows:
        assert re.search(rf"(?m)^{name.split()[0]} .*? {' +'.join(map(re.escape, cells))}$", text), text
    assert shown.text("#changes-sum") == (
        "5 call stacks: 1 new, 1 worse, 1 better, 1 gone, 1 unchanged; +49.686KB, 0 temporaries")
    shown.type("#threshold", Keys.HOME)
    assert shown.text("#changes-sum") == "0 call stacks; 0, 0 temporaries"
    assert not page(before).element("#changes").is_displayed()
