"""Formats that other programs read, checked by what those programs' authors published."""

import json

import jsonschema
import pytest

DESCRIPTIONS = ["example", "names", "none"]


@pytest.fixture
def speedscope(driver, schema):
    """A report that has been checked by the format's schema."""

    def load(description):
        document = json.loads(driver.report(description, "speedscope"))
        jsonschema.validate(document, schema("speedscope/dist/release/file-format-schema.json"))
        return document

    return load


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_speedscope_shows_every_temporary_by_bytes_and_by_count(driver, speedscope, description):
    document = speedscope(description)
    wanted = json.loads(driver.report(description, "json"))["totals"]["temporary"]
    by_bytes, by_count = document["profiles"]
    assert (by_bytes["unit"], by_count["unit"]) == ("bytes", "none")
    assert by_bytes["samples"] == by_count["samples"]
    for profile, total in (by_bytes, wanted["bytes"]), (by_count, wanted["count"]):
        assert sum(profile["weights"]) == profile["endValue"] == total
        assert len(profile["weights"]) == len(profile["samples"])


def test_speedscope_stacks_are_the_folded_ones(driver, speedscope):
    document = speedscope("example")
    names = [frame["name"] for frame in document["shared"]["frames"]]
    stacks = [";".join(names[i] for i in s) for s in document["profiles"][0]["samples"]]
    folded = driver.report("example", "folded").splitlines()
    assert stacks == [line.rpartition(" ")[0] for line in folded]
