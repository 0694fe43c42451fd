#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# gcc -O3 builds numbers.c, which prints the same in the guest and on the host. In the guest it is
# built a second time for everything that armlet offers.
cd "$(dirname "$0")" || exit
out=$(mktemp -d)
case $(uname -m) in
aarch64) more=-march=armv8.2-a+lse+crypto+sha3+fp16+fp16fml+dotprod+rdma+rcpc ;;
*) more=-O2 ;;
esac
for flags in -O3 "-O3 $more" -O0; do
    # shellcheck disable=SC2086
    gcc $flags -ffp-contract=off -frounding-math -fno-strict-aliasing -o "$out/numbers" numbers.c -lm || echo "! gcc $flags: status $?"
    "$out/numbers" "${flags%% *}$([ "$flags" = "${flags% *}" ] || echo +)" || echo "! numbers $flags: status $?"
done
rm -rf "$out"
