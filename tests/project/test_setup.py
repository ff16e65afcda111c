"""setup.sh: its words, and the lines that it leaves in a user's files."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from library.support import ROOT
from tmpalloc import binding

SETUP = ROOT / "setup.sh"
GDB_LINE = f"source {ROOT}/gdb/tmpalloc_gdb.py\n"
LLDB_LINE = f'command script import "{ROOT}/lldb/tmpalloc_lldb.py"\n'


@pytest.fixture
def home(tmp_path):
    return tmp_path


def setup(*arguments, home=None, folder=None, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "XDG_CONFIG_HOME"} | variables
    if home:
        environment["HOME"] = str(home)
    return subprocess.run(
        [SETUP, *arguments], cwd=folder, env=environment, text=True, capture_output=True
    )


def install(home, *arguments):
    result = setup("install", *arguments, home=home)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_an_unknown_verb_is_one_line_and_status_2():
    result = setup("frobnicate")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "frobnicate" in result.stderr and "build" in result.stderr


@pytest.mark.parametrize("arguments", [["help"], ["--help"], []])
def test_help_names_every_verb(arguments):
    result = setup(*arguments)
    assert result.returncode == 0
    for verb in ("demo", "build", "test", "bench", "install", "help"):
        assert f"\n  {verb}" in result.stdout


def test_a_second_build_from_another_directory_builds_nothing(tmp_path):
    assert setup("build", folder=tmp_path).returncode == 0
    result = setup("build", folder=tmp_path)
    assert result.returncode == 0 and "no work to do" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_shows_the_same_of_its_program_in_both_debuggers():
    shown = setup("demo")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    row = re.compile(r"(?m)^(?:lines|pad) at word_report\.py:\d+ .*")
    gdb, lldb = (row.findall(part) for part in shown.stdout.split("\n== LLDB\n"))
    assert len(gdb) > 2 and gdb == lldb, shown.stdout


@pytest.mark.parametrize("debugger", ["gdb", "lldb"])
@pytest.mark.parametrize("end", ["exit 0", "exit 3", "kill -SEGV $$", "kill -KILL $$"])
def test_the_demo_fails_unless_its_program_ends_normally(debugger, end):
    code = f"source {SETUP}; {debugger}_session run -- /bin/sh -c {shlex.quote(end)}"
    done = subprocess.run(["bash", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode == 0) == (end == "exit 0"), done.stdout


def test_it_works_through_a_symbolic_link(tmp_path):
    link = tmp_path / "tmpalloc-setup"
    link.symlink_to(SETUP)
    result = subprocess.run([link, "help"], cwd="/", text=True, capture_output=True)
    assert result.returncode == 0 and "build" in result.stdout


def test_install_adds_a_line_to_each_debugger_and_says_so(home):
    output = install(home)
    assert (home / ".gdbinit").read_text() == GDB_LINE
    assert (home / ".lldbinit").read_text() == LLDB_LINE
    assert GDB_LINE in output and LLDB_LINE in output and "install --remove" in output


def test_install_twice_is_install_once(home):
    install(home)
    output = install(home)
    assert (home / ".gdbinit").read_text() == GDB_LINE
    assert output.count("already") == 3


def test_what_the_user_wrote_stays(home):
    gdbinit = home / ".gdbinit"
    gdbinit.write_text("set pagination off\n\nset history save on")
    install(home)
    assert gdbinit.read_text() == "set pagination off\n\nset history save on\n" + GDB_LINE
    install(home, "--remove")
    assert gdbinit.read_text() == "set pagination off\n\nset history save on\n"


def test_install_replaces_the_line_of_another_checkout(home):
    (home / ".gdbinit").write_text("source /elsewhere/gdb/tmpalloc_gdb.py\n" + GDB_LINE)
    install(home)
    assert (home / ".gdbinit").read_text() == GDB_LINE


def test_remove_takes_the_lines_away_and_can_be_repeated(home):
    install(home)
    assert "no longer" in install(home, "--remove")
    assert (home / ".gdbinit").read_text() == (home / ".lldbinit").read_text() == ""
    assert "no longer" not in install(home, "--remove")


def test_remove_makes_no_files(home):
    install(home, "--remove")
    assert not (home / ".gdbinit").exists() and not (home / ".lldbinit").exists()


def test_install_uses_the_file_that_gdb_reads(home):
    config = home / ".config" / "gdb" / "gdbinit"
    config.parent.mkdir(parents=True)
    config.touch()
    install(home)
    assert config.read_text() == GDB_LINE and not (home / ".gdbinit").exists()


def test_install_keeps_a_linked_file_linked(home):
    target = home / "dotfiles"
    target.touch()
    (home / ".gdbinit").symlink_to(target)
    install(home)
    assert (home / ".gdbinit").is_symlink() and target.read_text() == GDB_LINE


def test_install_links_the_command_for_saved_results(home):
    link = home / ".local" / "bin" / "tmpalloc"
    assert f"{link} is the command" in install(home)
    done = subprocess.run([link, "--version"], text=True, capture_output=True)
    assert done.stdout.startswith("tmpalloc ")
    assert "is there already" in install(home)
    assert "is gone" in install(home, "--remove") and not link.is_symlink()


def test_install_leaves_a_command_of_the_same_name_alone(home):
    command = home / ".local" / "bin" / "tmpalloc"
    command.parent.mkdir(parents=True)
    command.write_text("mine")
    for arguments in [], ["--remove"]:
        assert "is not from here" in install(home, *arguments)
        assert command.read_text() == "mine"


def test_install_refuses_an_unknown_option(home):
    result = setup("install", "--upgrade", home=home)
    assert result.returncode == 2 and "--upgrade" in result.stderr
    assert list(home.iterdir()) == []


def test_gdb_loads_the_extension_after_install(home):
    install(home)
    result = subprocess.run(
        ["gdb", "-q", "-batch", "-ex", "tmpalloc help"],
        env=os.environ | {"HOME": str(home)}, text=True, capture_output=True,
    )
    assert "summary" in result.stdout, result.stderr


@pytest.mark.parametrize("variables", [{"HOME": ""}, {}])
def test_without_home_install_is_one_line(variables):
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | variables
    result = subprocess.run([SETUP, "install"], env=environment, text=True, capture_output=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("setup.sh: HOME is not set") and result.stderr.count("\n") == 1


def as_nobody(*command, **options):
    """Runs a command without the right to write to what isn't its own, as root as well."""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] * (os.getuid() == 0)
    return subprocess.run([*words, *command], text=True, capture_output=True, **options)


@pytest.fixture
def folder_of_all():
    """A folder that everybody may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_an_init_file_that_can_t_be_written_is_one_line_and_stays(folder_of_all):
    gdbinit = folder_of_all / ".gdbinit"
    gdbinit.write_text("set pagination off\nsource /elsewhere/gdb/tmpalloc_gdb.py\n")
    gdbinit.chmod(0o444)
    copy = shutil.copy(SETUP, folder_of_all)
    environment = os.environ | {"HOME": str(folder_of_all)}
    result = as_nobody(copy, "install", "--remove", env=environment)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"setup.sh: {gdbinit} can't be written\n"
    assert "tmpalloc" in gdbinit.read_text()
    # Where there is nothing to be changed it needn't be written.
    gdbinit.chmod(0o644)
    gdbinit.write_text("set pagination off\n")
    gdbinit.chmod(0o444)
    assert as_nobody(copy, "install", "--remove", env=environment).returncode == 0


BUILD_OF_ANOTHER = """\
rule copy
  command = cp $in $out
build out: copy in
"""


def test_the_build_of_another_user_is_taken_while_it_is_up_to_date(folder_of_all):
    copy = shutil.copy(SETUP, folder_of_all)
    home = folder_of_all / "home"
    build = folder_of_all / ".build"
    for folder in (home, build):
        folder.mkdir()
    home.chmod(0o777)
    (build / "build.ninja").write_text(BUILD_OF_ANOTHER)
    (build / "in").touch()
    (folder_of_all / ".build.lock").touch()
    subprocess.run(["ninja", "-C", build], check=True, capture_output=True)
    for path in (build, *build.iterdir(), folder_of_all / ".build.lock", folder_of_all):
        path.chmod(path.stat().st_mode & ~0o222)
    result = as_nobody(copy, "install", env=os.environ | {"HOME": str(home)})
    assert result.returncode == 0, result.stderr
    assert f"{build} can't be written, but is up to date" in result.stdout
    assert (home / ".gdbinit").read_text() == f"source {folder_of_all}/gdb/tmpalloc_gdb.py\n"
    for path in (build, build / "in"):
        path.chmod(path.stat().st_mode | 0o200)
    (build / "in").write_text("changed")
    os.utime(build / "in", (2**32, 2**32))
    build.chmod(0o555)
    result = as_nobody(copy, "install", env=os.environ | {"HOME": str(home)})
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"setup.sh: {build} can't be written and isn't up to date")
    folder_of_all.chmod(0o755)
    build.chmod(0o755)


@pytest.fixture
def poor_machine(tmp_path):
    """A PATH with the tools that setup.sh is written in, and no package manager."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "cat", "dirname", "env", "grep", "readlink", "sed", "sort"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    return {"PATH": str(tools)}


def fake(tmp_path, name, body="exit 0"):
    """A program of the poor machine."""
    file = tmp_path / "bin" / name
    file.write_text(f"#!/usr/bin/bash\n{body}\n")
    file.chmod(0o755)


def test_without_apt_it_lists_what_is_missing_with_status_1(poor_machine):
    result = setup("build", **poor_machine)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert " meson " in result.stderr and " lldb-19 " in result.stderr


def test_a_failed_installation_is_tried_again_with_fresh_lists_then_status_1(
    poor_machine, tmp_path
):
    fakes = {
        "dpkg-query": "exit 1",
        "apt-cache": "exit 0",
        "apt-get": f"echo $* >>{tmp_path}/calls; [ $2 = update ]",
        "sudo": 'exec "$@"',
    }
    for name, body in fakes.items():
        fake(tmp_path, name, body)
    result = setup("build", **poor_machine)
    assert result.returncode == 1
    assert result.stderr.startswith("setup.sh: could not install gcc ")
    *_, first, update, second = (tmp_path / "calls").read_text().splitlines()
    assert (first, update) == (second, "-q update")
    assert first.endswith(" lldb-19 python3-lldb-19")


def test_node_and_npm_of_another_origin_than_debian_are_taken(poor_machine, tmp_path):
    fake(tmp_path, "dpkg-query")  # has neither of them
    assert " nodejs npm" in setup("test", **poor_machine).stderr
    for name in ("node", "npm"):
        fake(tmp_path, name)
    assert "npm" not in setup("test", **poor_machine).stderr


# --- for everybody -----------------------------------------------------------------------------------


def files_below(folder):
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_what_is_installed_for_everybody_works_by_itself_and_can_be_removed(tmp_path):
    installed = setup("install", "--system", DESTDIR=str(tmp_path))
    assert installed.returncode == 0, installed.stdout + installed.stderr
    (script,) = tmp_path.rglob("tmpalloc_gdb.py")
    (init,) = tmp_path.rglob("tmpalloc.gdb")
    assert init.read_text() == f"source {str(script).removeprefix(str(tmp_path))}\n"
    command = ["gdb", "-q", "-nx", "-batch", "-x", script, "-ex", "tmpalloc start", "-ex", "run"]
    command += ["-ex", "tmpalloc status", "--args", "/bin/true"]
    without = {name: value for name, value in os.environ.items() if name != "TMPALLOC_LIBRARY"}
    shown = subprocess.run(command, env=without, text=True, stdout=subprocess.PIPE).stdout
    assert "results as of its exit" in shown, shown
    removed = setup("install", "--system", "--remove", DESTDIR=str(tmp_path))
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert files_below(tmp_path) == [] or {p.suffix for p in files_below(tmp_path)} == {".pyc"}


def test_a_bad_word_behind_system_installs_nothing(tmp_path):
    result = setup("install", "--system", "--force", DESTDIR=str(tmp_path))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert files_below(tmp_path) == []


def test_the_manual_page_has_every_command_and_option():
    page = (Path(binding.library_path()).parent / "tmpalloc.1").read_text().replace("\\-", "-")
    library, i = binding.load_library(), 0
    while command := library.tmpalloc_command(i):
        assert f'.SS "{command.contents.name.decode()}' in page
        options, i = command.contents.options, i + 1
        for j in range(100):
            if options[j].name is None:
                break
            assert f"--{options[j].name.decode()}\\fR" in page
    assert i > 10
