// SPDX-License-Identifier: GPL-3.0-or-later
// Where the guest spends its time (--profile): a thousand times a second each CPU that is not asleep
// notes its stack. At the end the stacks are written folded ("a;b;c 12", the format that flame graph
// tools read) and as an SVG of their own.
//
// Stacks are those of machine/backtrace.h, a program's and the kernel's apart. A sample is taken between
// blocks, so its PC is a block's beginning.
#ifndef MACHINE_PROFILE_H
#define MACHINE_PROFILE_H

#include "machine/machine.h"

#include <poll.h>

// A stack and how often it was seen; text is "root;...;leaf".
struct profile_stack {
    char *text;
    uint64_t count;
};

struct profile;

struct profile *profile_create(struct machine *m, struct error *err);
// Writes the files. Accepts NULL; no vCPU runs.
void profile_destroy(struct profile *p);
struct pollfd profile_pollfd(const struct profile *p);
// Asks the CPUs for a sample if it is time. The machine's thread.
void profile_serve(struct profile *p);

// profile_svg.c: a flame graph; the stacks are sorted by text.
void profile_write_svg(FILE *f, const struct profile_stack *stacks, size_t nr, const char *title);

#endif
