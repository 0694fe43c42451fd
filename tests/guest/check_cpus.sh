#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Several CPUs under load: stress-ng's stressors that make CPUs meet, each on all of them for as many
# seconds as the argument says; hackbench; a parallel make; CPUs unplugged and plugged again meanwhile.
seconds=${1:-20}
cpus=$(nproc)
out=$(mktemp)
said=0
say() { # 0 or not, name
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        echo "! $2: status $1"
        tail -n 8 "$out"
    fi
}
[ "$cpus" -gt 1 ]
say $? "$cpus CPUs in /proc/cpuinfo"
# A timer's interrupts on every one of them.
awk '/arch_timer/ { for (n = 2; n < 2 + cpus; n++) if ($n < 10) { bad = 1; print n - 2, $n } } END { exit bad }' \
    cpus="$cpus" /proc/interrupts >"$out" 2>&1
say $? "interrupts on every CPU"
for s in atomic futex mutex sem fork mmap switch tlb-shootdown; do
    before=$SECONDS
    stress-ng --verify --temp-path /tmp --timeout "$seconds" --metrics-brief --"$s" "$cpus" >"$out" 2>&1
    say $? "$s $((SECONDS - before)) s"
done
for how in '' --threads --pipe '--threads --pipe'; do
    # shellcheck disable=SC2086
    hackbench $how -g 4 -l 200 >"$out" 2>&1
    say $? "hackbench $how"
done
# A hundred small files by as many jobs as there are CPUs, twice: the results must be the same.
mkdir -p /tmp/make && cd /tmp/make || exit 1
for n in $(seq 100); do
    printf '#include <stdio.h>\n#include <math.h>\nint f%d(double x) { return printf("%%f\\n", sin(x) * %d); }\n' "$n" "$n" >f"$n".c
done
printf 'all: $(addsuffix .o,$(basename $(wildcard *.c)))\n%%.o: %%.c\n\tgcc -O2 -c -o $@ $<\n' >Makefile
make -j"$((2 * cpus))" >"$out" 2>&1
say $? "make -j$((2 * cpus))"
first=$(cat ./*.o | sha256sum)
rm -f ./*.o
make -j"$((2 * cpus))" >"$out" 2>&1 && [ "$(cat ./*.o | sha256sum)" = "$first" ]
say $? "make again, the same objects"
cd /
# Unplug and plug the last CPU twenty times while the others work.
stress-ng --temp-path /tmp --timeout 300 --switch "$cpus" --mmap "$cpus" >/dev/null 2>&1 &
load=$!
control=/sys/devices/system/cpu/cpu$((cpus - 1))/online
for n in $(seq 20); do
    echo 0 >"$control" 2>"$out" && [ "$(cat "$control")" = 0 ] || said=1
    echo 1 >"$control" 2>>"$out" && [ "$(cat "$control")" = 1 ] || said=1
done
kill $load
wait $load 2>/dev/null
say $said "CPU $((cpus - 1)) unplugged and plugged 20 times"
log=$(busybox dmesg)
[ -n "$log" ] && ! grep -E 'rcu.*stall|soft lockup|hung_task|Oops|BUG:|WARNING:|failed to come online' >"$out" <<<"$log"
say $? "nothing for the kernel to complain of"
rm -f "$out"
