// SPDX-License-Identifier: GPL-3.0-or-later
// A compiler for the suites of the compile service that does what the recipe tells it: compile,
// crash, hang, lie. It runs in the worker's process.
#ifndef TESTS_JIT_WORKER_FAKE_H
#define TESTS_JIT_WORKER_FAKE_H

#include "jit/region.h"

// What the compiler is to do, in blocks[0].weight; the rest of the weight is what the compiled
// region returns.
enum {
    DO_COMPILE,
    DO_SEGV,
    DO_HANG,
    DO_FAIL,    // return false for the whole batch
    DO_GARBAGE, // leave something that is no object
    DO_TALK,    // write nonsense into the protocol
    DO_EXIT,
    DO_EAT_MEMORY,
    DO_BURN,       // CPU time without end
    DO_UNDEFINED,  // code that needs a symbol
    DO_SLOW,       // 20 ms
    DO_LEAK,       // more resident memory each time
    DO_HANG_CHILD, // in a process of its own
    DO_LIE,        // answer in the compiler's place, wrongly: lies[value]
    DO_LOOK,       // fail if the process has what it should not have
    DO_TOIL,       // 200 ms of CPU time
};
#define WEIGHT(action, value) ((uint32_t)(action) << 24 | (value))

// The compiler of compile_options.
bool worker_fake_compile(const struct guest *guest, const struct region_recipe *const *recipes,
                         unsigned n, const char *path, struct error *err);
// DO_LIE's values are below this.
extern const unsigned worker_fake_nr_lies;

#endif
