#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# stress-ng verifies what it computes: every method of its CPU stressor by name, then others.
out=$(mktemp)
stress() { # name arguments
    local name=$1
    shift
    if stress-ng --verify --timeout 600 --temp-path /tmp "$@" >"$out" 2>&1; then
        echo "ok stress $name"
    else
        echo "! stress $name: status $?"
        tail -n 6 "$out"
    fi
}
methods=$(stress-ng --cpu 1 --cpu-method which 2>&1 | sed 's/.*must be one of://' | tr ' ' '\n' | grep -vE '^(all|)$')
for m in $methods; do
    stress "cpu $m" --cpu 1 --cpu-method "$m" --cpu-ops 2
done
stress "cpu all" --cpu 1 --cpu-method all --cpu-ops 100
stress vecmath --vecmath 1 --vecmath-ops 20
stress matrix --matrix 1 --matrix-method all --matrix-size 64 --matrix-ops 40
stress matrix-3d --matrix-3d 1 --matrix-3d-method all --matrix-3d-size 16 --matrix-3d-ops 40
stress atomic --atomic 1 --atomic-ops 20
stress memcpy --memcpy 1 --memcpy-method all --memcpy-ops 20
stress vecfp --vecfp 1 --vecfp-ops 20
stress vecshuf --vecshuf 1 --vecshuf-ops 20
stress vecwide --vecwide 1 --vecwide-ops 20
stress fp --fp 1 --fp-ops 20
stress hash --hash 1 --hash-ops 20
stress crypt --crypt 1 --crypt-ops 4
stress str --str 1 --str-ops 40
stress wcs --wcs 1 --wcs-ops 40
stress zlib --zlib 1 --zlib-ops 4
stress funccall --funccall 1 --funccall-ops 4
stress qsort --qsort 1 --qsort-size 20000 --qsort-ops 2
stress radixsort --radixsort 1 --radixsort-size 20000 --radixsort-ops 2
stress bsearch --bsearch 1 --bsearch-ops 2
rm -f "$out"
