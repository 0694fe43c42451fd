#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Python's own tests of what computes; arguments are modules.
out=$(mktemp)
[ $# -gt 0 ] || set -- test_float test_math test_cmath test_struct test_hashlib test_zlib test_re test_json test_decimal
for t; do
    if python3 -m test -v $t >"$out" 2>&1; then
        echo "ok $t ($(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$out" | awk '{ n += $1 } END { print n }') tests)"
    else
        echo "! $t"
        grep -A 20 -E '^(FAIL|ERROR):|^Traceback' "$out" | head -n 60
    fi
done
rm -f "$out"
