"""Bundles the page of the html report and writes it as C: build_page.py OUTPUT DEPENDENCIES

Needs Debian's esbuild and node-d3-hierarchy.  Without them the page is left out, and what it lacks is
said when a report is asked for; DEPENDENCIES names what was looked for, so that the next build bundles
the page as soon as that is there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = "@DATA@"
BYTES_PER_LINE = 24
MODULES = Path(os.environ.get("NODE_PATH", "/usr/share/nodejs"))  # where Debian's are
ESBUILD = Path(shutil.which("esbuild") or "/usr/bin/esbuild")
NEEDED = {
    "esbuild": ESBUILD,
    "node-d3-hierarchy": MODULES / "d3-hierarchy/package.json",
}


def bundle(folder):
    """Script and style sheet, each with all that it imports."""
    command = [ESBUILD, HERE / "page.js", "--bundle", "--minify", "--format=iife"]
    command += ["--charset=ascii", "--keep-names", "--log-level=warning", f"--outdir={folder}"]
    if subprocess.run(command, env=dict(os.environ, NODE_PATH=str(MODULES))).returncode != 0:
        sys.exit("esbuild can't bundle the html report")
    return [(folder / f"page.{kind}").read_text().strip() for kind in ("js", "css")]


def page(folder):
    """What comes before and after the data."""
    script, style = bundle(folder)
    assert "</script" not in script.lower() and "</style" not in style.lower()
    text = (HERE / "page.html").read_text()
    return text.replace("@STYLE@", style).replace("@SCRIPT@", script).split(DATA)


def c_array(name, text):
    content = text.encode("ascii")  # other bytes are negative where char is signed
    lines = [
        ",".join(map(str, content[i : i + BYTES_PER_LINE]))
        for i in range(0, len(content), BYTES_PER_LINE)
    ]
    return (
        f"const char {name}[] = {{\n" + ",\n".join([*lines, "0"]) + "};\n"
        f"const size_t {name}_bytes = sizeof {name} - 1;\n"
    )


def main(output, dependencies):
    missing = [package for package, file in NEEDED.items() if not file.exists()]
    head, tail = ("", "") if missing else page(output.parent / "html")
    lacks = f'"{" and ".join(missing)}"' if missing else "NULL"
    arrays = c_array("report_html_head", head) + "\n" + c_array("report_html_tail", tail)
    output.write_text(
        f'#include "reports/report_html.h"\n\nconst char *const report_html_lacks = {lacks};\n{arrays}'
    )
    dependencies.write_text(f"{output.name}: {' '.join(map(str, NEEDED.values()))}\n")


main(*[Path(path).resolve() for path in sys.argv[1:]])
