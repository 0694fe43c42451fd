// SPDX-License-Identifier: GPL-3.0-or-later
// Sites: where accesses through one base register were last (see gccjit_lower_mem.c).
#ifndef JIT_GCCJIT_SITES_H
#define JIT_GCCJIT_SITES_H

#include "jit/gccjit_ctx.h"
#include "jit/region_slow.h"

struct gc_site {
    lval page;   // guest address of the page, or vcpu.no_page
    lval addend; // from a guest address in it to the host's
};

// The site of a base operand: one for each register, one for each access otherwise.
struct gc_site *gc_site(struct gc *g, ir_val base, bool indexed, bool store);
// Code that makes every site miss.
void gc_sites_forget(struct gc *g);

#endif
