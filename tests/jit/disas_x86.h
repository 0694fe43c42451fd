// SPDX-License-Identifier: GPL-3.0-or-later
// One x86-64 instruction as text, by capstone (whose names and those of jit/x86_asm.h clash).
#ifndef TESTS_JIT_DISAS_X86_H
#define TESTS_JIT_DISAS_X86_H

#include <stddef.h>
#include <stdint.h>

struct disas_x86;

struct disas_x86 *disas_x86_create(void); // NULL: it could not be
void disas_x86_destroy(struct disas_x86 *d);
// Bytes of the instruction at code, which is meant to run at `address`; 0: it is none.
size_t disas_x86_one(struct disas_x86 *d, const uint8_t *code, size_t size, uint64_t address,
                     char *out, size_t out_size);

#endif
