"""The build of the html report's page, with what it is made of and without."""

import re
import sys
from pathlib import Path

from library.support import execute

BUILD_PAGE = Path(__file__).resolve().parents[2] / "core/reports/html/build_page.py"


def build(folder, **environment):
    """The C source, and the files that it depends on."""
    output, dependencies = folder / "page.c", folder / "page.d"
    execute(sys.executable, BUILD_PAGE, output, dependencies, env=environment)
    return output.read_text(), dependencies.read_text().split()


def test_a_build_without_the_packages_of_the_page_names_them(tmp_path):
    source, dependencies = build(tmp_path, NODE_PATH="/nowhere")
    assert 'report_html_lacks = "node-d3-hierarchy";' in source
    # A file that is missing makes each build look again.
    assert dependencies[0] == "page.c:" and "/nowhere/d3-hierarchy/package.json" in dependencies
    assert len(re.findall(r"_bytes = sizeof", source)) == 2


def test_the_page_holds_all_that_it_needs(tmp_path):
    source, _ = build(tmp_path)
    assert "report_html_lacks = NULL;" in source and len(source) > 50_000
