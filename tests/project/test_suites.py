"""examples/ci/suite: test runners start their programs by `tmpalloc run`."""

import os
import shutil
import subprocess

import pytest
from library.support import ROOT, built

#: The words for bash, in the folder of the suite, and which programs they need.
RUNNERS = {
    "CTest": (
        'cmake -B build -DCMAKE_CROSSCOMPILING_EMULATOR="${run// /;}" && '
        "cmake --build build && ctest --test-dir build",
        ["cmake", "ctest"],
    ),
    "Meson": ('meson setup build && meson test -C build --wrapper "$run"', ["meson"]),
    "automake": (
        'autoreconf -i && ./configure && make check LOG_COMPILER="$run"',
        ["autoreconf", "automake", "make"],
    ),
    "pytest": ("$run python3 -m pytest", []),
}


@pytest.mark.parametrize("name", RUNNERS)
def test_each_program_of_a_suite_leaves_its_results(tmp_path, name):
    line, needed = RUNNERS[name]
    if missing := [word for word in needed if not shutil.which(word)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    suite = tmp_path / "suite"
    shutil.copytree(ROOT / "examples" / "ci" / "suite", suite)
    assert line in (suite / "README.md").read_text()
    (suite / "out").mkdir()
    run = f"{built('tmpalloc')} run -o {suite}/out/%e-%p.json --"
    # Debian's interpreter; and nothing of the pytest that runs this.
    outside = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    variables = outside | {"run": run, "PATH": f"/usr/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=suite, env=variables, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted((suite / "out").glob("*.json"))
    assert len(files) == (1 if name == "pytest" else 3), done.stdout
    check = [built("tmpalloc"), "check", "--max-count", "10"]
    judged = subprocess.run([*check, *files], text=True, capture_output=True)
    assert judged.returncode == 1, judged.stdout
    if name != "pytest":
        # 3 and 200 steps, and 200 where the script has executed the program.
        rows = [built("tmpalloc"), "summary", "--filter", "join_words", *files]
        shown = subprocess.run(rows, text=True, capture_output=True).stdout
        assert "join_words at words.h:9" in shown and " 403 " in shown, shown
