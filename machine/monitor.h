// SPDX-License-Identifier: GPL-3.0-or-later
// GDB's `monitor` commands: what a debugger of kernels wants to know beyond memory and registers.
//
// A row a command (monitor.c). They run while the machine stands still, in its thread.
#ifndef MACHINE_MONITOR_H
#define MACHINE_MONITOR_H

#include "machine/debugger.h"

struct monitor {
    struct debugger *d;
    struct a64_cpu *cpu; // of the thread that is selected
    FILE *out;           // what it says
};

// Runs one line and shows what it says with gdb_console().
void monitor_run(struct debugger *d, struct gdb *g, unsigned thread, const char *line);

// A handler; arg is what follows the command's name, without blanks around it.
typedef void monitor_fn(struct monitor *m, const char *arg);

monitor_fn monitor_info; // monitor_info.c
monitor_fn monitor_translate, monitor_xp, monitor_physical, monitor_bt; // monitor_memory.c
monitor_fn monitor_cont_until, monitor_break_on, monitor_break_physical, monitor_delete_physical, // monitor_stops.c
    monitor_step_irq;
monitor_fn monitor_lx_dmesg, monitor_lx_ps, monitor_lx_lsmod, monitor_lx_symbols; // monitor_linux.c

// A number, alone. Without 0x it is decimal, or hexadecimal if it cannot be anything else.
bool monitor_number(const char *s, uint64_t *value);
// A number or a symbol.
bool monitor_address(struct monitor *m, const char *s, uint64_t *value);
// Copies the first word; returns the rest behind it.
const char *monitor_split(const char *s, char *first, size_t size);

#endif
