"""Registers of a stopped thread straight from the kernel, which GDB's own thread may ask for.

Reading one through GDB's expressions costs more than the rest of a hit together.  This needs a
native x86-64 process that isn't being replayed; everything else goes through GDB.
"""

import ctypes
import os

import gdb

_PTRACE_GETREGS = 12

#: Position in struct user_regs_struct of <sys/user.h>.
_POSITIONS = {
    "r15": 0,
    "r14": 1,
    "r13": 2,
    "r12": 3,
    "rbp": 4,
    "rbx": 5,
    "r11": 6,
    "r10": 7,
    "r9": 8,
    "r8": 9,
    "rax": 10,
    "rcx": 11,
    "rdx": 12,
    "rsi": 13,
    "rdi": 14,
    "rip": 16,
    "rsp": 19,
}
_COUNT = 27

NAMES = tuple(_POSITIONS)


class NativeRegisters:
    """Reads registers of threads that this GDB traces."""

    def __init__(self):
        self._ptrace = ctypes.CDLL(None).ptrace
        self._ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._ptrace.restype = ctypes.c_long
        self._registers = (ctypes.c_uint64 * _COUNT)()
        self._address = ctypes.addressof(self._registers)
        self._known = False

    @staticmethod
    def serve(inferior):
        """Whether this inferior's registers can be read so."""
        connection = getattr(inferior, "connection", None)
        return (
            connection is not None
            and connection.type == "native"
            and os.uname().machine == "x86_64"
            and inferior.architecture().name().startswith("i386:x86-64")
        )

    def forget(self):
        """The thread that is asked about has run, or is another one."""
        self._known = False

    def read(self, thread, name):
        """Value of a register of a stopped gdb.InferiorThread; None: ask GDB."""
        position = _POSITIONS.get(name)
        if position is None or not (self._known or self._read_all(thread)):
            return None
        return self._registers[position]

    def _read_all(self, thread):
        if gdb.current_recording() is None:
            lwp = thread.ptid[1]
            self._known = self._ptrace(_PTRACE_GETREGS, lwp, None, self._address) == 0
        return self._known
