// SPDX-License-Identifier: GPL-3.0-or-later
// A target for the protocol's tests that is no CPU: two threads, registers that are numbers, 64 KiB
// of memory at FAKE_BASE. It counts what is asked of it and checks that it may be asked.
#ifndef TESTS_GDB_FAKE_H
#define TESTS_GDB_FAKE_H

#include "machine/gdb.h"

#define FAKE_BASE UINT64_C(0xffff000000000000)
#define FAKE_SIZE 65536u
#define FAKE_REGS 72u

struct fake {
    struct gdb g;
    struct gdb_target target;
    uint8_t regs[2][FAKE_REGS][16];
    uint8_t memory[FAKE_SIZE];
    struct gdb_action actions[GDB_MAX_THREADS];
    unsigned points, resumes, interrupts, detaches, kills, monitors;
    bool running;
    uint64_t last_point;
    char line[1100]; // the last monitor command
};

struct fake *fake_create(void);
void fake_destroy(struct fake *f);
// Feeds text as a packet, framed; returns what the session sent since the last call (to be freed).
char *fake_ask(struct fake *f, const char *text);
char *fake_feed(struct fake *f, const void *bytes, size_t n);
// It stops, if it runs.
void fake_stop(struct fake *f, const struct gdb_stop *stop);

#endif
