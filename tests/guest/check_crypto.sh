#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The kernel tests an algorithm when it is registered: loads arm64's modules, tcrypt (which asks for
# all there are; it never stays), and reads the verdicts. modprobe's own status says nothing.
for m in $(find "/lib/modules/$(uname -r)/kernel/arch/arm64/crypto" -name '*.ko' -printf '%f\n' | sed 's/\.ko$//'); do
    modprobe "$m" || echo "! modprobe $m"
done
modprobe tcrypt 2>/dev/null
modprobe crc32c_generic
awk '
    /^driver/ { driver = $3 }
    /^module/ { module = $3 }
    /^selftest/ {
        n++
        if ($3 != "passed") print "! " driver " (" module "): selftest " $3
        else if (driver ~ /neon|-ce|arm64/) print "ok " driver " (" module ")"
    }
    END { print "ok " n " algorithms in /proc/crypto" }' /proc/crypto
# -2: the kernel does not have that algorithm at all.
busybox dmesg | grep -E 'alg: .*(fail|mismatch|wrong|unexpected)|BUG|Oops|WARNING' | grep -vE '(rc=-2\)|: -2)$' | sed 's/^/! /'
