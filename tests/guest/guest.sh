#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The guest's first process on its disk: runs the checks named on the kernel command line
# (checks=a,b:argument) and says for each "@begin NAME", its lines, "@end NAME STATUS"; then powers off.
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm /tmp /run
mount -t tmpfs tmp /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
# stress-ng and Python's tests look for a network of some sort.
busybox ip link set lo up
cd /check || exit
checks=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^checks=//p' | tr ',' ' ')
for check in $checks; do
    echo "@begin $check"
    argument=${check#*:}
    [ "$argument" != "$check" ] || argument=''
    # shellcheck disable=SC2086
    bash "/check/check_${check%%:*}.sh" $argument </dev/null 2>&1
    echo "@end $check $?"
done
sync
busybox poweroff -f
