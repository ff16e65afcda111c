"""All formats of one session with a program that none of us wrote."""

import csv
import json
import re
import shutil

import pytest
from library.published import (
    read_callgrind,
    read_commands,
    read_junit,
    read_markdown,
    read_pprof,
    read_sarif,
    read_speedscope,
)
from library.results import read_results

pytestmark = pytest.mark.usefixtures("library")

FORMATS = ["json", "csv", "folded", "speedscope", "pprof", "callgrind", "sarif", "github"]
FORMATS += ["markdown", "junit", "html"]
STATEMENTS = (
    "create table t (n integer primary key, name text);"
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 400)"
    " insert into t select n, hex(zeroblob(n)) from c;"
    "select count(*), length(group_concat(upper(name))) from t where name like '%0' order by 1;"
)


def sums_of_formats(folder):
    """Count and bytes of all temporaries, as each format has them."""
    document = read_results(folder / "report.json")
    with (folder / "report.csv").open(newline="") as file:
        sites = list(csv.DictReader(file))
    folded = (folder / "report.folded").read_text().splitlines()
    by_bytes, by_count = read_speedscope((folder / "report.speedscope").read_text())["profiles"]
    samples = read_pprof((folder / "report.pprof").read_bytes()).sample
    results = read_sarif((folder / "report.sarif").read_text())["results"]
    commands = read_commands((folder / "report.github").read_text())
    titles = [command.properties["title"].split()[0] for command in commands]
    rows = read_markdown((folder / "report.markdown").read_text()).tables[0][1:]
    outputs = [case.findtext("system-out").split()[0]
               for case in read_junit((folder / "report.junit").read_text()).values()]
    page = (folder / "report.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    triples = [site["distances"][i : i + 3] for site in data["sites"] for i in (0, 3)]
    within = [triple for triple in triples if triple and triple[0] <= data["threshold"]]
    return {
        "json": tuple(document["totals"]["temporary"].values()),
        "csv": tuple(sum(int(site[key]) for site in sites) for key in ("count", "bytes")),
        "folded": (None, sum(int(line.rpartition(" ")[2]) for line in folded)),
        "speedscope": (sum(by_count["weights"]), sum(by_bytes["weights"])),
        "pprof": tuple(sum(sample.value[i] for sample in samples) for i in (0, 1)),
        "callgrind": read_callgrind(folder / "report.callgrind").totals[::-1],
        "sarif": tuple(sum(r["properties"][key] for r in results) for key in ("count", "bytes")),
        "github": (sum(int(title.replace(",", "")) for title in titles), None),
        "markdown": (sum(int(row[2].replace(",", "")) for row in rows), None),
        "junit": (sum(int(output.replace(",", "")) for output in outputs), None),
        "html": tuple(sum(triple[i] for triple in within) for i in (1, 2)),
    }


def test_one_session_writes_every_format_and_all_have_the_same_sums(debugger, tmp_path):
    program = shutil.which("sqlite3", path="/usr/bin")
    steps = ["tmpalloc start", debugger.run()]
    steps += [f"tmpalloc report {name} report.{name}" for name in FORMATS]
    steps += [f"tmpalloc report {name} report.{name}" for name in FORMATS]
    steps += [f"tmpalloc report {name} no/report" for name in FORMATS]
    steps += ["tmpalloc report pdf report.pdf"]
    result = debugger.session(program, steps, [":memory:", STATEMENTS])
    formats = len(FORMATS)
    written, existing, missing = (result.outputs[i : i + formats] for i in range(2, 2 + 3 * formats, formats))
    assert written == [f"tmpalloc: wrote report.{name}\n" for name in FORMATS], result.text
    for outputs, reason in (existing, "exists"), (missing, "No such file or directory"):
        assert [out.count("\n") for out in outputs] == [1] * formats
        assert all(reason in out for out in outputs)
    assert f"unknown format pdf: accepted are {', '.join(FORMATS)}" in result.outputs[-1]
    assert sorted(f.suffix[1:] for f in tmp_path.glob("report.*")) == sorted(FORMATS)
    assert list(tmp_path.glob(".tmpalloc*")) == []
    sums = sums_of_formats(tmp_path)
    count, size = sums["json"]
    assert count > 100
    counts = dict.fromkeys(["github", "markdown", "junit"], (count, None))
    assert sums == dict.fromkeys(FORMATS, (count, size)) | {"folded": (None, size)} | counts
    mappings = read_pprof((tmp_path / "report.pprof").read_bytes())
    strings = mappings.string_table
    assert strings[mappings.mapping[0].filename].endswith("/sqlite3")
    assert re.fullmatch("[0-9a-f]{40}", strings[mappings.mapping[0].build_id])


def test_a_page_may_say_what_became_of_saved_results(debugger, tmp_path):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc save before.json"]
    steps += [f"tmpalloc report {name} report.{name} --baseline {file}"
              for name, file in [("csv", "before.json"), ("html", "missing.json"), ("html", "before.json")]]
    program = shutil.which("sqlite3", path="/usr/bin")
    text = debugger.session(program, steps, [":memory:", STATEMENTS]).text
    assert "csv takes no --baseline, only folded, markdown, junit, html" in text
    assert "can't read missing.json: No such file or directory" in text
    assert "tmpalloc: wrote report.html" in text and not (tmp_path / "report.csv").exists()
    page = (tmp_path / "report.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    pairs = [[(site["pair"], site["distances"]) for site in data[key]] for key in ("sites", "baseline")]
    assert pairs[0] == pairs[1] and len(pairs[0]) > 100
