"""Formats as their authors published them: readers that check what they read.

The JSON schemas come with npm packages, pprof's description and the readers of other formats with
Debian packages.
"""

import fcntl
import functools
import gzip
import importlib.util
import json
import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import jsonschema
from library.support import BUILD, execute

HERE = Path(__file__).resolve().parent
PPROF = Path("/usr/share/gocode/src/github.com/google/pprof/proto")
SPEEDSCOPE = "speedscope/dist/release/file-format-schema.json"
SARIF = "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"


def install(folder):
    """The packages of schemas/package-lock.json, unless they are there."""
    lock = (HERE / "schemas" / "package-lock.json").read_bytes()
    mark = folder / "installed-lock.json"
    if mark.exists() and mark.read_bytes() == lock:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "schemas" / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    execute("npm", "ci", *options, "--prefix", folder)
    mark.write_bytes(lock)


@functools.cache
def schema(path):
    folder = BUILD / "schemas"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(folder)
    return json.loads((folder / "node_modules" / path).read_text())


def read_speedscope(text):
    document = json.loads(text)
    jsonschema.validate(document, schema(SPEEDSCOPE))
    return document


def read_sarif(text):
    """The only run."""
    log = json.loads(text)
    jsonschema.validate(log, schema(SARIF))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


@functools.cache
def pprof_message():
    with tempfile.TemporaryDirectory() as folder:
        execute("protoc", "--proto_path", PPROF, "--python_out", folder, PPROF / "profile.proto")
        place = Path(folder) / "profile_pb2.py"
        spec = importlib.util.spec_from_file_location("profile_pb2", place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.Profile


def read_pprof(compressed):
    """The profile, with all that readers require of one and nothing that the format doesn't know."""
    packed = gzip.decompress(compressed)
    profile = pprof_message().FromString(packed)
    profile.DiscardUnknownFields()
    assert profile.SerializeToString(deterministic=True) == packed
    strings = profile.string_table
    assert strings[0] == "" and len(set(strings)) == len(strings)
    mappings = by_id(profile.mapping)
    locations = by_id(profile.location)
    functions = by_id(profile.function)
    for sample in profile.sample:
        assert len(sample.value) == len(profile.sample_type)
        assert sample.location_id and set(sample.location_id) <= set(locations)
    for location in profile.location:
        assert location.line and {line.function_id for line in location.line} <= set(functions)
        if location.mapping_id:
            mapping = mappings[location.mapping_id]
            assert mapping.memory_start <= location.address < mapping.memory_limit
    for function in profile.function:
        assert strings[function.name] and function.filename < len(strings)
    return profile


def by_id(messages):
    found = {message.id: message for message in messages}
    assert len(found) == len(messages) and 0 not in found
    return found


class Callgrind(NamedTuple):
    totals: tuple
    functions: dict  # "FILE:FUNCTION" to what it costs


def annotate(file, *options):
    """What callgrind_annotate of valgrind's shows, of every function."""
    command = ["callgrind_annotate", "--threshold=100", "--show-percs=yes", *options, file]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, errors="replace"
    )
    assert done.stderr == ""
    return done.stdout


def read_callgrind(file, *options):
    """Costs, by function, as the columns of the file's events."""
    cost = r"\s*([\d,.]+)(?: \([ \d.]+%\))?\s+"
    rows = {}
    for line in annotate(file, "--auto=no", *options).splitlines():
        if row := re.fullmatch(cost + cost + r"(\S.*)", line):
            name = re.sub(r" \[[^][]*\]$|(?<=TOTALS) .*", "", row[3])
            rows[name] = tuple(0 if n == "." else int(n.replace(",", "")) for n in row.groups()[:2])
    return Callgrind(rows.pop("PROGRAM TOTALS"), rows)


def read_junit(text):
    """The cases of the suite by name, after xmllint has accepted them; its counts are theirs."""
    subprocess.run(["xmllint", "--noout", "-"], input=text.encode(), check=True)
    (suite,) = ElementTree.fromstring(text.encode())
    cases = list(suite.iter("testcase"))
    assert all(case.get("classname") and case.get("name") for case in cases)
    counts = {"tests": len(cases)}
    counts |= {f"{kind}s": len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")}
    assert {name: int(suite.get(name)) for name in counts} == counts
    return {case.get("name"): case for case in cases}


class Command(NamedTuple):
    name: str
    properties: dict
    message: str


def unescape(text, specials):
    for special in specials:
        text = text.replace(f"%{ord(special):02X}", special)
    return text.replace("%25", "%")


def read_commands(text):
    """Workflow commands of a code host, unescaped as its runner does (ActionCommand.cs)."""
    commands = []
    for line in text.split("\n")[:-1]:
        assert "\r" not in line
        name, properties, message = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()
        pairs = [pair.split("=", 1) for pair in properties.split(",")]
        values = {key: unescape(value, "\r\n:,") for key, value in pairs}
        commands.append(Command(name, values, unescape(message, "\r\n")))
    assert text == "" or text.endswith("\n")
    return commands


class Page(HTMLParser):
    """What cmark-gfm makes of markdown."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.bold, self.links, self.tags = [], [], [], set()
        self.text = self.code = ""
        self._open = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
        elif tag == "a":
            self.links.append(attrs)
        elif tag == "strong" and "table" not in self._open:
            self.bold.append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self.text += data
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data
        elif "strong" in self._open:
            self.bold[-1] += data
        elif "pre" in self._open:
            self.code += data


def read_markdown(text):
    options = ["--unsafe", "-e", "table", "-e", "strikethrough", "-e", "autolink"]
    done = subprocess.run(
        ["cmark-gfm", *options], input=text, capture_output=True, text=True, check=True
    )
    return Page(done.stdout)
