"""Breakpoints in LLDB that are ours, and how they end."""

import threading

import lldb

from tmpalloc.host import Host, Unsupported

#: LLDB's names for our breakpoints.  They also carry the callback: LLDB generates code when a
#: callback is given to a breakpoint, and that fails while another callback runs.
NAME = "tmpalloc"
LOADER_NAME = "tmpalloc_loader"


class LldbBreakpoints(Host):
    """The part of the host that has breakpoints.

    LLDB calls on the thread that takes the process' events, which is another than the commands' at
    a prompt, and while it walks over its hooks, or over the breakpoints at an address.  So nothing
    that it calls deletes any: what is of no use any more is retired, and deleted by a command.
    """

    def __init__(self, debugger, module):
        super().__init__()
        self.debugger = debugger
        self._module = module  # whose on_hit, on_loader and StopHook LLDB calls
        self._breakpoints = {}  # by the core's numbers
        self._exits = set()  # LLDB's numbers of those where the process ends
        self._ids = {}  # the core's numbers by LLDB's
        self._loader = None  # breakpoint that follows the dynamic linker
        self._hook_runs = threading.Lock()
        self._retired = []
        self._retired_hooks = []  # targets and the numbers of their hooks

    def define_names(self, target):
        """Makes a target know the names that our breakpoints get."""
        names = lldb.SBStringList()
        target.GetBreakpointNames(names)
        for word, callback in (NAME, "on_hit"), (LOADER_NAME, "on_loader"):
            if word not in names:
                name = lldb.SBBreakpointName(target, word)
                name.SetHelpString("breakpoints of the extension tmpalloc")
                # `breakpoint list`, `delete` and `disable` are about the user's own.
                name.SetAllowList(False)
                name.SetAllowDelete(False)
                name.SetAllowDisable(False)
                name.SetScriptCallbackFunction(
                    f"{self._module}.{callback}", lldb.SBStructuredData()
                )

    def is_ours(self, breakpoint):
        """Whether the user knows nothing of a breakpoint."""
        return breakpoint.GetID() in self._ids or breakpoint in (self._loader, *self._retired)

    def retire(self, breakpoint):
        """Ends a breakpoint."""
        if breakpoint.IsValid():
            breakpoint.SetEnabled(False)
            self._retired.append(breakpoint)

    def take_back(self, target, address):
        """Enables a retired breakpoint at an address; None: there is none.

        In a file that was loaded again LLDB never hits a second one at the same place.
        """
        for i, breakpoint in enumerate(self._retired):
            if breakpoint.IsValid() and breakpoint.GetTarget() == target:
                place = breakpoint.GetLocationAtIndex(0)
                if place.GetLoadAddress() == address and breakpoint.GetNumLocations() == 1:
                    del self._retired[i]
                    breakpoint.SetEnabled(True)
                    return breakpoint
        return None

    def delete_retired(self):
        """Deletes what was retired; for commands."""
        while self._retired:
            breakpoint = self._retired.pop()
            if breakpoint.IsValid():
                # A file that was loaded meanwhile has put it back into the code, and LLDB forgets
                # to take one out that is disabled: it crashes at the next hit there.
                breakpoint.SetEnabled(True)
                breakpoint.GetTarget().BreakpointDelete(breakpoint.GetID())
        while self._retired_hooks:
            target, number = self._retired_hooks.pop()
            if target.IsValid():
                with self._hook_runs:
                    self.command(target, f"target stop-hook delete {number}")

    def hardware_breakpoint(self, target, address):
        """Sets one."""
        # LLDB sets one that the target refuses without an error, but with a warning for the user:
        # ask the target first.
        if "OK" not in self.command(target, f"process plugin packet send Z1,{address:x},1"):
            raise Unsupported("no hardware breakpoint")
        self.command(target, f"process plugin packet send z1,{address:x},1")
        self.command(target, f"breakpoint set -H -a {address:#x}")
        return target.GetBreakpointAtIndex(target.GetNumBreakpoints() - 1)

    def command(self, scope, line):
        """Executes a command silently for a target or process; returns what it printed."""
        result = lldb.SBCommandReturnObject()
        context = lldb.SBExecutionContext(scope)
        self.debugger.GetCommandInterpreter().HandleCommand(line, context, result)
        return result.GetOutput() or ""
