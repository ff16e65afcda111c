#!/usr/bin/env bash
# Usage: check.sh gdb|lldb PROGRAM [ARGUMENT]...
#
# Compares the temporaries of a run with baseline.json in the current folder; the status is 0 when
# they are at most 10% more, 1 when they are more, and 2 when there was nothing to compare.  What was
# found is in tmpalloc.sarif, for code hosts' annotations.  To record the baseline anew:
#
#     check.sh gdb|lldb --record PROGRAM [ARGUMENT]...
#
# LLDB is the command in $LLDB (lldb-19, say), or else lldb.
set -euo pipefail
if [[ $# -lt 2 || $1 != @(gdb|lldb) ]]; then
    echo "usage: check.sh gdb|lldb [--record] PROGRAM [ARGUMENT]..." >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
debugger=$1
shift

record=()
if [[ $1 == --record ]]; then
    record=("tmpalloc start" run "tmpalloc save baseline.json --force")
    shift
fi

if [[ $debugger == gdb ]]; then
    commands=(-x "$root/gdb/tmpalloc_gdb.py")
    for line in "${record[@]}"; do commands+=(-ex "$line"); done
    ((${#record[@]})) || commands+=(-x "$here/check.gdb")
    exec gdb -q -nx -batch "${commands[@]}" --args "$@"
else
    commands=(-o "command script import $root/lldb/tmpalloc_lldb.py")
    for line in "${record[@]}"; do commands+=(-o "$line"); done
    ((${#record[@]})) ||
        commands+=(-s "$here/check.lldb" -s "$here/verdict.lldb" -K "$here/verdict.lldb")
    exec "${LLDB:-lldb}" -x -b "${commands[@]}" -- "$@"
fi
