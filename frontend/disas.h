// SPDX-License-Identifier: GPL-3.0-or-later
// Disassembly of guest instructions, in GNU syntax, from the templates of the decode tables.
#ifndef FRONTEND_DISAS_H
#define FRONTEND_DISAS_H

#include <stddef.h>
#include <stdint.h>

// Room enough for any instruction.
#define A64_DISAS_SIZE 96

// Writes the instruction at guest address pc as text into out (size bytes, always terminated, cut
// if too short), with the usual aliases (mov, cmp, lsl...). What the tables do not have becomes
// ".inst 0x...". Pure, any thread.
void a64_disas(uint32_t insn, uint64_t pc, char *out, size_t size);

// The same without aliases: the mnemonic is the encoding's own. Meant for comparisons.
void a64_disas_plain(uint32_t insn, uint64_t pc, char *out, size_t size);

#endif
