"""Bundles the page of the html report and writes it as C: build_page.py OUTPUT

Packages go into the folder of OUTPUT, from where they are taken the next time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = "@DATA@"
BYTES_PER_LINE = 24


def install_packages(folder):
    """What package-lock.json names, unless it is there."""
    lock = (HERE / "package-lock.json").read_bytes()
    mark = folder / "installed-lock.json"
    if mark.exists() and mark.read_bytes() == lock:
        return
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    if subprocess.run(["npm", "ci", "--silent", *options], cwd=folder).returncode != 0:
        sys.exit("npm can't install what the html report needs; this takes a network once")
    mark.write_bytes(lock)


def bundle(folder):
    """Script and style sheet, each with all that it imports."""
    command = ["esbuild", HERE / "page.js", "--bundle", "--minify", "--format=iife"]
    command += ["--charset=ascii", "--keep-names", "--log-level=warning", f"--outdir={folder}"]
    environment = dict(os.environ, NODE_PATH=str(folder / "node_modules"))
    if subprocess.run(command, env=environment).returncode != 0:
        sys.exit("esbuild can't bundle the html report")
    return [(folder / f"page.{kind}").read_text().strip() for kind in ("js", "css")]


def c_array(name, text):
    content = text.encode("ascii")  # other bytes are negative where char is signed
    lines = [
        ",".join(map(str, content[i : i + BYTES_PER_LINE]))
        for i in range(0, len(content), BYTES_PER_LINE)
    ]
    return (
        f"const char {name}[] = {{\n" + ",\n".join(lines) + "};\n"
        f"const size_t {name}_bytes = sizeof {name};\n"
    )


def main(output):
    folder = output.parent / "html"
    install_packages(folder)
    script, style = bundle(folder)
    assert "</script" not in script.lower() and "</style" not in style.lower()
    page = (HERE / "page.html").read_text()
    page = page.replace("@STYLE@", style).replace("@SCRIPT@", script)
    head, tail = page.split(DATA)
    # Bytes above 127 are negative where char is signed.
    arrays = c_array("report_html_head", head) + "\n" + c_array("report_html_tail", tail)
    output.write_text('#include "reports/report_html.h"\n\n' + arrays)


main(Path(sys.argv[1]).resolve())
