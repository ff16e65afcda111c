"""Reports written to files: whole, or not at all."""

import os
import stat

import pytest

FORMATS = ["json", "csv", "folded", "speedscope", "pprof", "callgrind", "sarif", "github", "markdown", "junit", "html"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_written_report_is_the_printed_one_for_its_owner_alone(driver, tmp_path, name):
    file = tmp_path / "report"
    driver.report("example", name, "--write", file)
    assert file.read_bytes() == driver.run("example", name).stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["report"]


def test_the_umask_can_take_more_rights_away(driver, tmp_path):
    driver.report("example", "csv", "--write", tmp_path / "report", umask=0o277)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o400


def test_a_report_is_written_into_the_current_folder(driver, tmp_path):
    driver.report("example", "folded", "--write", "report", cwd=tmp_path)
    assert (tmp_path / "report").read_text() == driver.report("example", "folded")


def test_an_existing_file_is_replaced_only_by_force(driver, tmp_path):
    file = tmp_path / "report"
    file.write_text("old")
    line = driver.error("example", "csv", "--write", file)
    assert line == f"error -5: {file} exists; --force replaces it\n"
    assert file.read_text() == "old"
    driver.report("example", "csv", "--write", file, "--force")
    assert file.read_text().startswith("id,count")
    assert os.listdir(tmp_path) == ["report"]


def test_a_symbolic_link_is_never_followed(driver, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "report"
    link.symlink_to(victim)
    assert "exists" in driver.error("example", "csv", "--write", link)
    driver.report("example", "csv", "--write", link, "--force")
    assert victim.read_text() == "precious"
    assert not link.is_symlink() and link.read_text().startswith("id,count")


def test_a_dangling_link_is_an_existing_file(driver, tmp_path):
    link = tmp_path / "report"
    link.symlink_to(tmp_path / "elsewhere")
    line = driver.error("example", "csv", "--write", link)
    assert line == f"error -5: {link} exists; --force replaces it\n"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_regular_file_is_not_replaced_even_by_force(driver, tmp_path, kind):
    target = tmp_path / "target"
    target.mkdir() if kind == "folder" else os.mkfifo(target)
    line = driver.error("example", "csv", "--write", target, "--force", timeout=20)
    assert line == f"error -5: {target} is not a regular file\n"
    assert os.listdir(tmp_path) == ["target"]


def test_a_device_is_not_replaced_even_by_force(driver):
    line = driver.error("example", "csv", "--write", "/dev/full", "--force")
    assert line == "error -5: /dev/full is not a regular file\n"
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("target", ["/dev/full", "/proc/self/fd/1", "/"])
def test_a_link_to_what_is_no_regular_file_is_not_replaced_even_by_force(driver, tmp_path, target):
    link = tmp_path / "link"
    link.symlink_to(target)
    line = driver.error("example", "csv", "--write", link, "--force")
    assert line == f"error -5: {link} is not a regular file\n"
    assert os.readlink(link) == target


def test_a_missing_folder_is_named(driver, tmp_path):
    file = tmp_path / "missing" / "report"
    line = driver.error("example", "csv", "--write", file)
    assert line == f"error -5: can't write {file}: No such file or directory\n"


def test_a_path_that_ends_with_a_slash_names_no_file(driver, tmp_path):
    line = driver.error("example", "csv", "--write", f"{tmp_path}/")
    assert line == f"error -5: {tmp_path}/ names a folder, not a file\n"


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(driver, tmp_path, name):
    file = tmp_path / "report"
    file.write_text("old")
    line = driver.error("example", name, "--write", file, "--force", "--file-limit", 200)
    assert line == f"error -5: can't write {file}: File too large\n"
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["report"]
