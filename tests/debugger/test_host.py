"""Shortcuts past the debugger give what it would give, or nothing."""

import platform

import pytest

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="registers of x86_64")

NAMES = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()


def test_the_kernel_gives_each_register_under_its_name(core_program):
    done = core_program("host_registers")("kernel")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"{name} {i}" for i, name in enumerate(NAMES, start=1)]


def test_registers_come_from_the_kernel_only_in_a_hit_where_the_thread_is_stopped(core_program):
    done = core_program("host_registers")("hit")
    assert done.returncode == 0
    assert done.stdout.split() == ["kernel", "debugger", "debugger", "debugger"]


def test_debug_registers_are_believed_once_one_has_fired(core_program, registers_fire):
    done = core_program("host_registers")("debug")
    assert done.returncode == 0
    assert done.stdout.split() == ["fire" if registers_fire else "ignored"]
