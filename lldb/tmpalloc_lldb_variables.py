"""Variables and values of LLDB's expressions."""

import lldb


def set_variable(target, name, number):
    """Gives an unsigned number a name that begins with a dollar sign."""
    options = lldb.SBExpressionOptions()
    options.SetLanguage(lldb.eLanguageTypeC_plus_plus)
    options.SetAllowJIT(False)  # nothing is to run in the program
    options.SetSuppressPersistentResult(True)
    assignment = f"{name} = {number}UL"
    if target.EvaluateExpression(assignment, options).GetError().Success():
        return
    # LLDB calls this a failure, but does it, unless the process has exited.
    target.EvaluateExpression(f"unsigned long {name} = 0", options)
    if target.EvaluateExpression(assignment, options).GetError().Success():
        return
    # Then it refuses all expressions but a name.
    error = lldb.SBError()
    target.EvaluateExpression(name, options).SetValueFromCString(str(number), error)
    if error.Fail():
        raise RuntimeError(error.GetCString())


def evaluate(target, frame, expression):
    """The number that an expression gives; of an array its address.  Nothing runs in the program."""
    options = lldb.SBExpressionOptions()
    options.SetAllowJIT(False)
    options.SetSuppressPersistentResult(True)
    # A variable's own name needs no compiler.
    value = frame.GetValueForVariablePath(expression) if frame else None
    if not value or value.GetError().Fail():
        evaluating = frame or target
        value = evaluating.EvaluateExpression(expression, options)
    if value.GetType().IsReferenceType():
        value = value.Dereference()
    if value.GetType().GetCanonicalType().IsArrayType():
        return value.GetLoadAddress()
    error = lldb.SBError()
    number = value.GetValueAsUnsigned(error)
    if error.Fail() or value.GetError().Fail():
        raise RuntimeError(value.GetError().GetCString() or error.GetCString())
    return number
