"""JUnit's XML, accepted by xmllint."""

import pytest
from library.published import read_junit

HOSTILE = "f<&>\"']]>\ufffe\uffff%|\x01\n<failure/>"


@pytest.mark.parametrize("description", ["example", "names"])
def test_each_location_is_a_case_that_passes_where_nothing_is_asked(driver, description):
    cases = read_junit(driver.report(description, "junit"))
    locations = driver.report(description, "csv").count("\r\n") - 1
    assert 0 < len(cases) <= locations
    assert not any(case.findall("failure") for case in cases.values())


def test_nothing_is_no_case_and_with_limits_the_verdict_alone(driver):
    assert read_junit(driver.report("none", "junit")) == {}
    ((name, case),) = read_junit(driver.report("none", "junit", "--judged")).items()
    assert name == "check" and not case.findall("failure")
    assert case.findtext("system-out").startswith("tmpalloc: check passed ")


def test_what_exceeds_the_limits_fails_with_the_verdict(driver):
    cases = read_junit(driver.report("example", "junit", "--judged"))
    failure = cases["check"].find("failure")
    assert failure.get("message").startswith("tmpalloc: check failed at threshold 1: 508 ")
    assert "#1   buffer_append at /home/user/example/buffer.c:31" in failure.text
    place = cases["buffer_append at buffer.c:31"]
    assert place.get("classname") == "/home/user/example/buffer.c"
    assert place.find("failure").get("message") == "77 temporaries of 72.485MB"
    assert "grows step by step" in place.findtext("system-out")


def test_what_has_more_than_the_baseline_fails_and_nothing_else(driver, saved):
    before = (driver.profiles / "example.txt").read_bytes().replace(b"1 400 25600", b"1 399 25500")
    path = saved.save(before, "before.json")
    cases = read_junit(saved.report(saved.save("example"), "junit", "--before", path))
    failed = [name for name, case in cases.items() if case.findall("failure")]
    assert failed == ["check", "join at join.cc:12"]
    assert cases["join at join.cc:12"].find("failure").get("message") == (
        "worse: 400 temporaries of 25.000KB, before 399 temporaries of 24.902KB"
    )
    assert cases["visit at tree.c:3"].findtext("system-out").startswith("unchanged: 3 temporaries")
    assert len(cases) == 7


def test_names_are_text_in_xml(saved):
    path = saved.save("example")
    changed = saved.rename(path, function=HOSTILE)
    shown = HOSTILE.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    shown = shown.replace("\x01", " ").replace("\n", " ")
    for arguments in ["junit"], ["junit", "--judged"], ["junit", "--before", path]:
        names = read_junit(saved.report(changed, *arguments))
        assert any(name.startswith(f"{shown} at ") for name in names)


@pytest.mark.parametrize("report", ["junit", "markdown", "folded", "html"])
def test_a_comparison_survives_every_failing_allocation_and_interrupt(driver, saved, report):
    before = saved.save("none")
    for way in "fail", "interrupt":
        answer = driver.report("example", report, "--before", before, f"--{way}-each")
        assert "all clean" in answer


def test_folded_stacks_of_two_results_have_both_amounts(driver, saved):
    before = (driver.profiles / "example.txt").read_bytes().replace(b"| join |", b"| joined |")
    path = saved.save(before, "before.json")
    lines = saved.report(saved.save("example"), "folded", "--before", path).splitlines()
    pairs = {tuple(line.rsplit(" ", 2)[1:]) for line in lines if "join" in line}
    assert pairs == {("25600", "0"), ("0", "25600")}
    assert any(line.endswith("buffer_append;realloc 76006500 76006500") for line in lines)
    folded = [line.rpartition(" ") for line in driver.report("example", "folded").splitlines()]
    after = {line.rsplit(" ", 2)[0]: line.rsplit(" ", 1)[1] for line in lines}
    assert {name: after[name] for name, _, _ in folded} == {name: size for name, _, size in folded}
