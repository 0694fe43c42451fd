#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The PMU, as perf uses it: instructions, cycles, overflow.
cd "$(dirname "$0")" || exit
gcc -O2 -o /tmp/counters counters.c && /tmp/counters
