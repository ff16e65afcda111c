"""Seconds of processor time that real programs take, with all of what records them."""

import resource

from bench import variants
from bench.comparison import compare

TITLE = "seconds"

PYTHON = """
import json
words = [{"word": f"w{i}", "count": i, "places": list(range(i % 9))} for i in range(COUNT)]
text = json.dumps(words)
print(len(sorted(json.loads(text), key=lambda w: w["word"])), len(text.split(" ")))
"""
JSON = """
import json
words = [{"word": f"w{i}", "count": i, "places": list(range(i % 9))} for i in range(200)]
text = json.dumps(words)
for _ in range(COUNT):
    json.dumps(json.loads(text))
"""
SQL = """
create table word(id integer primary key, text text, length integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < COUNT)
insert into word select i, printf('word %d', i * 7919 % 10007), i % 97 from n;
create index by_text on word(text);
select length, count(*), group_concat(substr(text, 1, 3)) from word group by length;
select count(*) from word a join word b on a.text = b.text where a.length = 1;
"""
JQ = '[range(COUNT) | {word: "w\\(.)", count: .}] | group_by(.count % 10) | map(length)'
PERL = """
for my $i (1 .. COUNT) { push @{$places{"w" . $i % 997}}, "place $i"; }
print scalar(map { join(",", sort @$_) } values %places), "\\n";
"""


def write_xml(path, scale):
    entries = (f'<entry id="{i}"><word>w{i}</word><n>{i % 9}</n></entry>' for i in range(scale))
    path.write_text(f"<words>{''.join(entries)}</words>\n")
    return path


def count_to(text, count):
    return text.replace("COUNT", str(count))


def write_script(path, text, count):
    """heaptrack takes a command's lines for its own."""
    path.write_text(count_to(text, count))
    return path


# Each gives a command whose work is in proportion to a number.
CASES = {
    "python3": lambda directory, scale: [
        "/usr/bin/python3", write_script(directory / "words.py", PYTHON, 50 * scale)
    ],
    "sqlite3": lambda _, scale: ["sqlite3", ":memory:", count_to(SQL, 90 * scale)],
    "jq": lambda _, scale: ["jq", "-n", "-c", count_to(JQ, 30 * scale)],
    "perl": lambda _, scale: ["perl", "-e", count_to(PERL, 500 * scale)],
    "xmllint": lambda directory, scale: [
        "xmllint", "--format", write_xml(directory / "words.xml", 90 * scale)
    ],
    "json": lambda directory, scale: [
        "/usr/bin/python3", write_script(directory / "json_loop.py", JSON, scale)
    ],
}  # fmt: skip

#: CPython's own allocator would leave next to nothing to count.
ENVIRONMENTS = {"json": {"PYTHONMALLOC": "malloc"}}


def processor_time():
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(variant, command, environment):
    before = processor_time()
    variants.run(variant, command, environment)
    return processor_time() - before


def rows(names, directory, all_variants, quick):
    scale, rounds = (20, 1) if quick else (2000, 5)
    for name in names:
        command, environment = CASES[name](directory, scale), ENVIRONMENTS.get(name, {})
        yield compare(
            name, all_variants, rounds, lambda v, c=command, e=environment: seconds(v, c, e)
        )
