"""ctypes mirror of include/tmpalloc/tmpalloc.h: constants, structs and the library's functions."""

import ctypes
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_uint32, c_uint64, c_void_p

HOST_VERSION = 19

STOP = 1
OK = 0
E_ARGUMENT = -2
E_STATE = -3
E_HOST = -4
E_UNSUPPORTED = -6
E_BUSY = -7

SOFTWARE = 0
HARDWARE = 1
LAST = 2

CATCH_PASSES = 0
CATCH_STOPS = 1
CATCH_SILENT = 2

EVENT_MODULES = 0
EVENT_EXITED = 1
EVENT_EXECED = 2
EVENT_STOPPED = 3
EVENT_UNLOADING = 4
EVENT_SIGNALED = 5
EVENT_BREAKPOINTS = 6

#: Library that is loaded instead of the checkout's own.
LIBRARY_VARIABLE = "TMPALLOC_LIBRARY"


class LibraryError(Exception):
    """libtmpalloc.so can't be used; the text is one line for the user."""


class Process(ctypes.Structure):
    """struct tmpalloc_process."""

    _fields_ = [
        ("pid", c_int64),
        ("stopped", c_int32),
        ("local", c_int32),
        ("architecture", c_char * 32),
        ("executable", c_char * 4096),
        ("core_file", c_char * 4096),
        ("signal", c_int32),
        ("target", c_int64),
        ("ended_pid", c_int64),
        ("exit_status", c_int32),
        ("refusal", c_char * 128),
    ]


class Thread(ctypes.Structure):
    """struct tmpalloc_thread."""

    _fields_ = [
        ("key", c_uint64),
        ("tid", c_int64),
        ("pid", c_int64),
        ("number", c_uint32),
        ("group", c_uint32),
    ]


class Amounts(ctypes.Structure):
    """struct tmpalloc_amounts."""

    _fields_ = [("temporaries", c_uint64), ("temporary_bytes", c_uint64), ("allocations", c_uint64)]


class Module(ctypes.Structure):
    """struct tmpalloc_module."""

    _fields_ = [("path", c_char_p), ("text_address", c_uint64)]


class Terminal(ctypes.Structure):
    """struct tmpalloc_terminal."""

    _fields_ = [("columns", c_uint32), ("rows", c_uint32), ("colors", c_int32), ("screen", c_int32)]


class OptionInfo(ctypes.Structure):
    """struct tmpalloc_option_info."""

    _fields_ = [
        ("name", c_char_p),
        ("letter", c_char),
        ("value", c_char_p),
        ("choices", POINTER(c_char_p)),
        ("help", c_char_p),
    ]


class CommandInfo(ctypes.Structure):
    """struct tmpalloc_command_info."""

    _fields_ = [
        ("name", c_char_p),
        ("arguments", c_char_p),
        ("help", c_char_p),
        ("options", POINTER(OptionInfo)),
        ("minimum", c_uint32),
        ("maximum", c_uint32),
        ("choices", POINTER(c_char_p)),
        ("repeats", c_int32),
    ]


class Skip(ctypes.Structure):
    """struct tmpalloc_skip."""

    _fields_ = [
        ("function", c_char_p),
        ("file", c_char_p),
        ("library", c_char_p),
        ("is_expression", c_int32),
        ("is_glob", c_int32),
    ]


Status = POINTER(c_int)
EmitModule = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Module))
EmitThread = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Thread))
EmitSkip = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Skip))
EmitAddress = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint64)
EmitPointer = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64)

#: Primitives of struct tmpalloc_host in their order, each with its callback type.
PRIMITIVES = {
    "process": ctypes.CFUNCTYPE(None, c_void_p, POINTER(Process), Status),
    "modules": ctypes.CFUNCTYPE(None, c_void_p, EmitModule, c_void_p, Status),
    "read_memory": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_void_p, c_uint64, Status),
    "read_registers": ctypes.CFUNCTYPE(
        None, c_void_p, POINTER(c_char_p), c_uint32, POINTER(c_uint64), Status
    ),
    "current_thread": ctypes.CFUNCTYPE(None, c_void_p, POINTER(Thread), Status),
    "thread_alive": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, POINTER(c_int32), Status),
    "insert_breakpoint": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint64, c_uint32, Status),
    "enable_breakpoint": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_int32, Status),
    "remove_breakpoint": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, Status),
    "message": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, Status),
    "preload": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_char_p, Status),
    "environment": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_void_p, c_uint64, Status),
    "write_memory": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_void_p, c_uint64, Status),
    "threads": ctypes.CFUNCTYPE(None, c_void_p, EmitThread, c_void_p, Status),
    "select_thread": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, Status),
    "call_function": ctypes.CFUNCTYPE(
        None,
        c_void_p,
        c_uint64,
        POINTER(c_uint64),
        c_uint32,
        c_int32,
        c_uint32,
        POINTER(c_uint64),
        Status,
    ),
    "run_to": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint32, Status),
    "breakpoints": ctypes.CFUNCTYPE(None, c_void_p, EmitAddress, c_void_p, Status),
    "skips": ctypes.CFUNCTYPE(None, c_void_p, EmitSkip, c_void_p, Status),
    "set_variable": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_uint64, Status),
    "quit": ctypes.CFUNCTYPE(None, c_void_p, c_int32, Status),
    "select_frame": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint64, c_uint32, Status),
    "evaluate": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, POINTER(c_uint64), Status),
    "pointers": ctypes.CFUNCTYPE(
        None, c_void_p, c_char_p, c_uint32, EmitPointer, c_void_p, Status
    ),
    "insert_watchpoint": ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint32, Status),
    "end_watchpoint": ctypes.CFUNCTYPE(None, c_void_p, POINTER(c_uint64), Status),
    "insert_catch": ctypes.CFUNCTYPE(None, c_void_p, c_uint32, Status),
    "catch_number": ctypes.CFUNCTYPE(None, c_void_p, c_uint32, POINTER(c_uint32), Status),
    "ask_catch": ctypes.CFUNCTYPE(
        None, c_void_p, c_uint32, c_uint64, c_uint32, c_char_p, POINTER(c_uint32), Status
    ),
    "remove_catch": ctypes.CFUNCTYPE(None, c_void_p, c_uint32, Status),
    "progress": ctypes.CFUNCTYPE(None, c_void_p, c_char_p, Status),
    "reason": ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_uint64, Status),
}


class HostStruct(ctypes.Structure):
    """struct tmpalloc_host."""

    _fields_ = [
        ("version", c_uint32),
        ("tells_breakpoints", c_int32),
        ("batch", c_int32),
        ("expressions_map", c_int32),
        ("arg", c_void_p),
        *PRIMITIVES.items(),
    ]


def _prototypes():
    session = c_void_p
    return {
        "tmpalloc_version": (c_char_p, []),
        "tmpalloc_command": (POINTER(CommandInfo), [c_uint32]),
        "tmpalloc_session_create": (c_int, [POINTER(HostStruct), POINTER(session)]),
        "tmpalloc_session_destroy": (None, [session]),
        "tmpalloc_session_execute": (
            c_int,
            [session, c_char_p, POINTER(Terminal), POINTER(c_char_p)],
        ),
        "tmpalloc_session_data": (c_int, [session, c_char_p, POINTER(c_char_p)]),
        "tmpalloc_session_breakpoint_hit": (c_int, [session, c_uint64]),
        "tmpalloc_session_event": (c_int, [session, c_int]),
        "tmpalloc_session_count": (
            c_int,
            [session, c_char_p, POINTER(Amounts)],
        ),
    }


def library_path():
    """Path of libtmpalloc.so: $TMPALLOC_LIBRARY, else the one that this checkout built, or beside
    whose folder `meson install` has put this one."""
    root = os.path.dirname(os.path.realpath(__file__))
    for _ in range(3):
        root = os.path.dirname(root)
    built = os.path.join(root, ".build", "libtmpalloc.so")
    installed = os.path.join(os.path.dirname(root), "libtmpalloc.so")
    chosen = installed if os.path.exists(installed) and not os.path.exists(built) else built
    return os.environ.get(LIBRARY_VARIABLE) or chosen


def load_library():
    """Loads libtmpalloc.so with typed functions; LibraryError says in one line why it can't."""
    path = library_path()
    if not os.path.exists(path):
        raise LibraryError(f"tmpalloc: no library at {path}: run setup.sh build first")
    try:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _prototypes().items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise LibraryError(f"tmpalloc: {error}: run setup.sh build again") from error
    return library
