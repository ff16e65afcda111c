"""Values of GDB's expressions."""

import gdb

_REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)
_STRUCTS = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def value_of(expression):
    """The value of an expression, or what it refers to."""
    value = gdb.parse_and_eval(expression)
    return value.referenced_value() if value.type.code in _REFERENCES else value


def pointers_in(value, name, depth):
    """Yields (name, value) of each pointer in a struct: see struct tmpalloc_host."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        yield name, int(value)
    if kind.code not in _STRUCTS:
        return
    members = _members(kind)
    for member in members:
        deeper = depth if member.is_base_class or len(members) == 1 else depth - 1
        unnamed = member.is_base_class or not member.name
        if deeper >= 0:
            yield from pointers_in(
                value[member], name if unnamed else f"{name}.{member.name}", deeper
            )


def _members(kind):
    """Those that are part of each object and hold something."""
    return [
        field
        for field in kind.fields()
        if hasattr(field, "bitpos") and not field.artificial and not _is_empty(field.type)
    ]


def _is_empty(kind):
    kind = kind.strip_typedefs()
    return kind.sizeof == 0 or (kind.code in _STRUCTS and not _members(kind))
