"""Variables and values of LLDB's expressions."""

import lldb

_STRUCTS = (lldb.eTypeClassStruct, lldb.eTypeClassClass, lldb.eTypeClassUnion)


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


def _value_of(target, frame, expression):
    """The value of an expression, or what it refers to.  Nothing runs in the program."""
    options = lldb.SBExpressionOptions()
    options.SetAllowJIT(False)
    options.SetSuppressPersistentResult(True)
    # A variable's own name needs no compiler.
    value = frame.GetValueForVariablePath(expression) if frame else None
    if not value or value.GetError().Fail():
        evaluating = frame or target
        value = evaluating.EvaluateExpression(expression, options)
    return value.Dereference() if value.GetType().IsReferenceType() else value


def evaluate(target, frame, expression):
    """The number that an expression gives; of an array its address."""
    value = _value_of(target, frame, expression)
    if value.GetType().GetCanonicalType().IsArrayType():
        return value.GetLoadAddress()
    error = lldb.SBError()
    number = value.GetValueAsUnsigned(error)
    if error.Fail() or value.GetError().Fail():
        raise RuntimeError(value.GetError().GetCString() or error.GetCString())
    return number


def pointers(target, frame, expression, depth):
    """Yields (name, value) of each pointer in a struct: see struct tmpalloc_host."""
    value = _value_of(target, frame, expression)
    if value.GetError().Fail():
        raise RuntimeError(value.GetError().GetCString())
    yield from _pointers_in(value.GetNonSyntheticValue(), expression, depth)


def _pointers_in(value, name, depth):
    kind = value.GetType().GetCanonicalType()
    if kind.IsPointerType():
        yield name, value.GetValueAsUnsigned()
    if kind.GetTypeClass() not in _STRUCTS:
        return
    members = _members(value)
    bases = {kind.GetDirectBaseClassAtIndex(i).GetName() for i in range(kind.num_bases)}
    for member in members:
        is_base = member.GetName() in bases
        deeper = depth if is_base or len(members) == 1 else depth - 1
        unnamed = is_base or not member.GetName()
        if deeper >= 0:
            inner = name if unnamed else f"{name}.{member.GetName()}"
            yield from _pointers_in(member, inner, deeper)


def _members(value):
    """Those that hold something."""
    count = value.GetNumChildren()
    members = [value.GetChildAtIndex(i, lldb.eNoDynamicValues, False) for i in range(count)]
    return [member.GetNonSyntheticValue() for member in members if not _is_empty(member)]


def _is_empty(value):
    kind = value.GetType().GetCanonicalType()
    struct = kind.GetTypeClass() in _STRUCTS
    return value.GetByteSize() == 0 or (struct and not _members(value.GetNonSyntheticValue()))
