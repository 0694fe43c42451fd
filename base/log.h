// SPDX-License-Identifier: GPL-3.0-or-later
// The log: lines by subject (`-d`), written to stderr or to a file (`-D`).
//
// There is one `struct log` a machine, owned by it and handed to whoever may speak; nothing is
// global. log_enabled() is a load and a test, so that a disabled subject costs nothing. Lines from
// several threads never mix (stdio locks the stream).
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bits.h"
#include "base/error.h"

#include <stdio.h>

// One row a subject: name on the command line, what it shows.
#define LOG_SUBJECTS(X)                                                    \
    X(IN_ASM, "in_asm", "each guest block as it is translated")            \
    X(IR, "ir", "the IR of each translated block")                         \
    X(EXEC, "exec", "each instruction before it is executed")              \
    X(CPU, "cpu", "the registers before each instruction")                 \
    X(INT, "int", "exceptions, interrupts and returns")                    \
    X(MMU, "mmu", "translation-table walks and TLB maintenance")           \
    X(REGIONS, "regions", "what is compiled, how long it takes, what is given up") \
    X(UNIMP, "unimp", "things the guest uses that armlet does not have")   \
    X(GUEST_ERROR, "guest_error", "things the guest does wrong")           \
    X(STATS, "stats", "counters at exit")                                  \
    X(PROFILE, "profile", "at exit, how concentrated execution was")

enum log_bit {
#define X(id, name, help) LOG_BIT_##id,
    LOG_SUBJECTS(X)
#undef X
    LOG_BIT_COUNT
};

enum {
#define X(id, name, help) LOG_##id = 1u << LOG_BIT_##id,
    LOG_SUBJECTS(X)
#undef X
};

enum { LOG_MAX_RANGES = 16 };

// Of exec, cpu and int: which addresses and exception levels. No ranges: every address.
struct log_filter {
    struct { uint64_t first, last; } ranges[LOG_MAX_RANGES];
    unsigned nr_ranges;
    bool not_el[2];
};

struct log {
    unsigned mask; // LOG_* bits; written before threads start
    FILE *file;    // where lines go; NULL means stderr
    const struct log_filter *filter; // or NULL: everything
};

static inline bool log_enabled(const struct log *log, unsigned subject)
{
    return unlikely(log && (log->mask & subject));
}

// Writes to the log if one of the subject's bits is on. A newline is the caller's.
void log_printf(const struct log *log, unsigned subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Does the filter let something at this address and exception level (0, 1) pass?
bool log_wants(const struct log *log, uint64_t addr, unsigned el);
// Anything in these len bytes?
bool log_wants_any(const struct log *log, uint64_t addr, uint64_t len);

// Adds to a filter: A..B, A+LENGTH, A (to the end of its page), el0, el1; separated by commas. el0 alone excludes el1.
bool log_filter_parse(const char *list, struct log_filter *f, struct error *err);

// Parses a comma-separated list of subjects into *mask.
bool log_parse(const char *list, unsigned *mask, struct error *err);

#endif
