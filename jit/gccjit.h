// SPDX-License-Identifier: GPL-3.0-or-later
// Compiling regions with libgccjit. Runs in compile worker processes (and in tests): libgccjit
// has a global lock, leaks a little with every compile, and may crash.
#ifndef JIT_GCCJIT_H
#define JIT_GCCJIT_H

#include "base/error.h"
#include "jit/region.h"

// Compiles a batch into one relocatable object file at path: recipe n becomes the global function
// "region_<n>" (a region_fn). All addresses the code needs come through the vcpu; the object has
// relocations only between its own sections. Not thread-safe.
bool gccjit_compile(const struct guest *guest, const struct region_recipe *const *recipes,
                    unsigned n, const char *path, struct error *err);

// What of the compiler the code depends on, for the cache's identity: its version, the options it is
// given. At most 64 characters.
void gccjit_identity(char *out, size_t size);

#endif
