// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/batch.h"

#include "frontend/cpu.h"
#include "frontend/disas.h"
#include "jit/gccjit.h"
#include "jit/ir.h"
#include "jit/loader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Forming ----------------------------------------------------------------------------------------

struct former {
    struct region_recipe *r;
    struct ir *ir;
    const uint8_t *code;
    const struct batch_roots *roots;
    unsigned todo[4 * REGION_MAX_BLOCKS], nr_todo;
};

static int block_of(const struct former *f, unsigned off)
{
    for (uint32_t n = 0; n < f->r->nr_blocks; n++)
        if (f->r->blocks[n].off == (off & ~PAGE_MASK) &&
            (off & PAGE_MASK) == batch_page0(f->roots) +
                                     (unsigned)f->r->pages[f->r->blocks[n].page].delta * PAGE_SIZE)
            return (int)n;
    return -1;
}

static void want(struct former *f, int64_t off)
{
    if (off >= 0 && off < f->roots->end && !(off & 3) && f->nr_todo < ARRAY_SIZE(f->todo))
        f->todo[f->nr_todo++] = (unsigned)off;
}

static int page_of(struct former *f, unsigned off)
{
    struct region_recipe *r = f->r;
    int32_t delta = ((int32_t)off >> PAGE_BITS) - (int32_t)(batch_page0(f->roots) >> PAGE_BITS);
    for (uint32_t n = 0; n < r->nr_pages; n++)
        if (r->pages[n].delta == delta)
            return (int)n;
    if (r->nr_pages == REGION_MAX_PAGES)
        return -1;
    r->pages[r->nr_pages].delta = delta;
    return (int)r->nr_pages++;
}

static void take(struct former *f, unsigned off)
{
    struct region_recipe *r = f->r;
    if (r->nr_blocks == REGION_MAX_BLOCKS || block_of(f, off) >= 0)
        return;
    const uint8_t *page = f->code + (off & PAGE_MASK);
    uint32_t n_insns;
    ir_begin(f->ir, &a64_guest, off & ~PAGE_MASK, r->mode);
    a64_guest.translate_block(f->ir, page, &n_insns);
    int p = r->n_insns + n_insns <= REGION_MAX_INSNS ? page_of(f, off) : -1;
    if (p < 0)
        return;
    r->blocks[r->nr_blocks++] = (struct region_block){.page = (uint8_t)p,
                                                      .off = (uint16_t)(off & ~PAGE_MASK),
                                                      .n_insns = (uint16_t)n_insns,
                                                      .weight = 1000};
    r->n_insns += n_insns;
    memcpy(r->pages[p].bytes + (off & ~PAGE_MASK), f->code + off, n_insns * 4);
    const struct ir_insn *last = &f->ir->insn[f->ir->nr - 1];
    if (last->op < IR_BR || last->op > IR_BR_BIT1)
        return;
    want(f, (int64_t)(off & PAGE_MASK) + (int64_t)last->imm);
    if (last->op != IR_BR)
        want(f, (int64_t)(off & PAGE_MASK) + last->off + 4);
}

unsigned batch_page0(const struct batch_roots *roots)
{
    return (unsigned)(roots->entries[0] & PAGE_MASK);
}

bool batch_form(struct region_recipe *r, uint64_t mode, const uint8_t *code,
                const struct batch_roots *roots)
{
    struct former f = {
        .r = r, .code = code, .roots = roots, .ir = malloc(a64_guest.translator_size)};
    assert(f.ir);
    memset(r, 0, sizeof *r);
    r->mode = mode;
    for (unsigned n = 0; n < roots->nr_entries; n++)
        want(&f, roots->entries[n]);
    for (unsigned n = 0; n < roots->nr_indirect; n++)
        want(&f, roots->indirect[n]);
    for (unsigned n = 0; n < f.nr_todo; n++)
        take(&f, f.todo[n]);
    free(f.ir);
    for (unsigned n = 0; n < roots->nr_indirect; n++)
        if (block_of(&f, roots->indirect[n]) >= 0)
            r->blocks[block_of(&f, roots->indirect[n])].flags |= REGION_INDIRECT;
    for (unsigned n = 0; n < roots->nr_entries; n++)
        if (block_of(&f, roots->entries[n]) >= 0)
            r->blocks[block_of(&f, roots->entries[n])].flags |= REGION_ENTRY;
    for (uint32_t n = 0; n < r->nr_blocks; n++)
        if (r->blocks[n].flags & REGION_ENTRY)
            r->blocks[n].entry = (uint16_t)r->nr_entries++;
    return r->nr_entries && region_recipe_valid(r, region_recipe_size(r));
}

// Compiling --------------------------------------------------------------------------------------

static bool compile_apart(const struct region_recipe *const *recipes, unsigned n, const char *path)
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        struct error err = {.text = ""};
        bool ok = gccjit_compile(&a64_guest, recipes, n, path, &err);
        if (!ok)
            fprintf(stderr, "compile: %s\n", err.text);
        _exit(!ok);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
        fprintf(stderr, "compile: status %#x\n", (unsigned)status);
        return false;
    }
    return true;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st))
        return NULL;
    void *bytes = malloc((size_t)st.st_size + 1);
    assert(bytes);
    *size = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    return bytes;
}

bool batch_compile(struct batch *b, const struct region_recipe *const *recipes, unsigned n)
{
    char path[] = "/tmp/armlet-batch-XXXXXX", text[BATCH_MAX][24];
    const char *names[BATCH_MAX];
    const void *entries[BATCH_MAX];
    struct error err = {.text = ""};
    assert(n <= BATCH_MAX);
    memset(b, 0, sizeof *b);
    int fd = mkstemp(path);
    bool ok = fd >= 0 && compile_apart(recipes, n, path);
    size_t size = 0;
    void *object = ok ? read_file(path, &size) : NULL;
    for (unsigned k = 0; k < n; k++) {
        snprintf(text[k], sizeof text[k], "region_%u", k);
        names[k] = text[k];
    }
    if (!codebuf_init(&b->code, 0, &err))
        return false;
    ok = object && loader_load(&b->code, object, size, names, n, entries, &b->span, &err);
    if (object && !ok)
        fprintf(stderr, "load: %s\n", err.text);
    for (unsigned k = 0; ok && k < n; k++)
        b->fn[k] = (region_fn *)(uintptr_t)entries[k];
    free(object);
    close(fd);
    unlink(path);
    return ok;
}

void batch_free(struct batch *b)
{
    codebuf_fini(&b->code);
}

// ------------------------------------------------------------------------------------------------

void batch_print(const struct region_recipe *r, uint64_t page0)
{
    struct ir *ir = malloc(a64_guest.translator_size);
    assert(ir);
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        uint64_t pc = page0 + ((uint64_t)(int64_t)r->pages[b->page].delta << PAGE_BITS) + b->off;
        const uint8_t *page = r->pages[b->page].bytes;
        fprintf(stderr, "block %u:%s%s\n", n, b->flags & REGION_ENTRY ? " entry" : "",
                b->flags & REGION_INDIRECT ? " indirect" : "");
        for (unsigned k = 0; k < b->n_insns; k++) {
            char disas[A64_DISAS_SIZE];
            uint32_t insn;
            memcpy(&insn, page + b->off + 4 * k, 4);
            a64_disas(insn, pc + 4 * k, disas, sizeof disas);
            fprintf(stderr, "  %" PRIx64 "  %08x  %s\n", pc + 4 * k, insn, disas);
        }
        uint32_t n_insns;
        ir_begin(ir, &a64_guest, b->off, r->mode);
        a64_guest.translate_block(ir, page, &n_insns);
        ir_opt_all(ir);
        ir_print(ir, stderr);
    }
    free(ir);
}
