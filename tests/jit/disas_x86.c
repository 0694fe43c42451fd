// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/disas_x86.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>

struct disas_x86 {
    csh cs;
};

struct disas_x86 *disas_x86_create(void)
{
    struct disas_x86 *d = calloc(1, sizeof *d);
    if (d && cs_open(CS_ARCH_X86, CS_MODE_64, &d->cs) == CS_ERR_OK)
        return d;
    free(d);
    return NULL;
}

void disas_x86_destroy(struct disas_x86 *d)
{
    cs_close(&d->cs);
    free(d);
}

size_t disas_x86_one(struct disas_x86 *d, const uint8_t *code, size_t size, uint64_t address,
                     char *out, size_t out_size)
{
    cs_insn *insn = NULL;
    size_t n = cs_disasm(d->cs, code, size, address, 1, &insn), length = 0;
    snprintf(out, out_size, "nothing");
    if (n) {
        length = insn->size;
        snprintf(out, out_size, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
        cs_free(insn, n);
    }
    return length;
}
