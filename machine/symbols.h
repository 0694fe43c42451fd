// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's symbols, from an ELF file with a symbol table (--debug), and where they are.
//
// The file is whatever the user names; nothing in it is believed that libelf does not check. Its
// addresses are those it was linked for. A kernel that moves itself (KASLR) has them elsewhere: the
// difference follows from VBAR_EL1 once the MMU is on.
#ifndef MACHINE_SYMBOLS_H
#define MACHINE_SYMBOLS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t addr, size; // as linked
    const char *name;
    bool code;
};

struct symbols {
    struct symbol *at; // by address
    size_t nr;
    const struct symbol **by_name;
    char *names;       // all of them
    void *btf;         // contents of .BTF, or NULL
    size_t btf_size;
    const char *path;
};

// path must outlive it. NULL: err says what is wrong.
struct symbols *symbols_open(const char *path, struct error *err);
void symbols_close(struct symbols *s); // accepts NULL

// NULL: there is none.
const struct symbol *symbols_named(const struct symbols *s, const char *name);
// The last function at or before the address as linked, if it reaches so far; NULL: none.
const struct symbol *symbols_at(const struct symbols *s, uint64_t addr);

#endif
