// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/kernel.h"

#include "frontend/sysreg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A kernel is moved by multiples of this (EFI_KIMG_ALIGN is 64 KiB at least).
#define KASLR_ALIGN 0x10000u

// Vectors that a kernel may use, and how far apart their variants are.
static const struct {
    const char *name;
    unsigned variants;
} vectors[] = { { "vectors", 1 }, { "__bp_harden_el1_vectors", 4 }, { "exception_vectors", 1 } };

bool kernel_offset(const struct machine *m, const struct a64_cpu *cpu, uint64_t *offset)
{
    const struct symbols *s = m->symbols;
    if (!s || !(cpu->v.r[A64_SCTLR_EL1] & SCTLR_M))
        return false;
    for (size_t n = 0; n < ARRAY_SIZE(vectors); n++) {
        const struct symbol *v = symbols_named(s, vectors[n].name);
        for (unsigned i = 0; v && i < vectors[n].variants; i++) {
            *offset = cpu->v.r[A64_VBAR_EL1] - v->addr - 0x800 * i;
            if (!(*offset & (KASLR_ALIGN - 1)))
                return true;
        }
    }
    return false;
}

bool kernel_address(const struct machine *m, const struct a64_cpu *cpu, const char *text, uint64_t *va)
{
    char *end;
    uint64_t offset = 0;
    *va = strtoull(text, &end, 0);
    if (*text && !*end)
        return true;
    const struct symbol *found = m->symbols ? symbols_named(m->symbols, text) : NULL;
    if (!found || !kernel_offset(m, cpu, &offset))
        return false;
    *va = found->addr + offset;
    return true;
}

bool kernel_physical(const struct machine *m, const char *name, gpa_t *pa)
{
    const struct symbol *text = m->symbols ? symbols_named(m->symbols, "_text") : NULL;
    const struct symbol *found = m->symbols ? symbols_named(m->symbols, name) : NULL;
    if (!text || !found || found->addr < text->addr)
        return false;
    *pa = m->entry + (found->addr - text->addr);
    return true;
}

void kernel_name(const struct machine *m, const struct a64_cpu *cpu, uint64_t va, char *text, size_t size)
{
    uint64_t offset;
    const struct symbol *s = NULL;
    if (kernel_offset(m, cpu, &offset))
        s = symbols_at(m->symbols, va - offset);
    if (s && va - offset > s->addr)
        snprintf(text, size, "%s+%#" PRIx64, s->name, va - offset - s->addr);
    else if (s)
        snprintf(text, size, "%s", s->name);
    else
        snprintf(text, size, "%#" PRIx64, va);
}
