"""What the user's breakpoints in LLDB do at a stop, done for those that stand for catches."""

import sys
import textwrap
import traceback

import lldb

#: What lets the program go on when it is a breakpoint's command, and what none can do.
_CONTINUES = ("process continue", "thread continue")
_STEPS = ("thread step-", "thread until", "thread return", "process launch", "process kill")

#: Before the lines of a script in LLDB's list of a breakpoint's commands.
_SCRIPT = "(Python):\n"


def _commands_of(breakpoint):
    lines = lldb.SBStringList()
    breakpoint.GetCommandLineCommands(lines)
    return [lines.GetStringAtIndex(i) for i in range(lines.GetSize())]


def _script_of(host, breakpoint):
    """The Python code that a breakpoint has instead of commands: LLDB gives both as lines."""
    listed = host.command(breakpoint.GetTarget(), f"breakpoint command list {breakpoint.GetID()}")
    return textwrap.dedent(listed.partition(_SCRIPT)[2])


def execute_actions(host, breakpoint, context):
    """Executes a breakpoint's commands, or its script; True when the program is to go on then."""
    script = _script_of(host, breakpoint)
    if script:
        goes_on = _run_script(host, script, context.GetFrame())
    else:
        goes_on = _execute_commands(host, _commands_of(breakpoint), context)
    return breakpoint.GetAutoContinue() if goes_on is None else goes_on


def _execute_commands(host, lines, context):
    """True or False when they say whether the program is to go on."""
    interpreter = host.debugger.GetCommandInterpreter()
    for line in lines:
        result = lldb.SBCommandReturnObject()
        interpreter.ResolveCommand(line, result)
        command = (result.GetOutput() or "").strip()
        if command.startswith(_CONTINUES):
            return True
        if command.startswith(_STEPS):
            host.message(f"tmpalloc: '{line}' can't be a command of a catch in LLDB")
            return False
        result.Clear()
        interpreter.HandleCommand(line, context, result)
        host.message(f"(lldb)  {line}\n{result.GetOutput()}{result.GetError()}".rstrip("\n"))
    return None


def _run_script(host, script, frame):
    """True when it lets the program go on."""
    names = {**sys.modules, **vars(sys.modules["__main__"])}
    names.update(frame=frame, bp_loc=lldb.SBBreakpointLocation(), internal_dict={})
    try:
        return True if _value_of(script, names) is False else None
    except Exception:  # the user's, as at any breakpoint
        host.message(traceback.format_exc(limit=-1).rstrip("\n"))
        return False


def _value_of(script, names):
    """What a function with these lines returns, or an expression's value."""
    try:
        code = compile(script.strip(), "<breakpoint>", "eval")
    except SyntaxError:
        exec(f"def script():\n{textwrap.indent(script, '    ')}", names)
        return names["script"]()
    return eval(code, names)
