// SPDX-License-Identifier: GPL-3.0-or-later
// All that is known of a difference: what differs and where, registers, accesses, guest code, IR,
// host code. A replay from the log changes nothing outside, so it is made once more, an instruction
// at a time, to say which instruction wrote what last.
#include "jit/verify_run.h"

#include "jit/ir.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST 24         // instructions, and accesses, that are shown
#define STEPS 200000u   // instructions that are repeated one by one
#define HOST_MAX 65536u // bytes of host code

// The replay by steps, and which instruction changed what.
struct trace {
    uint64_t r[VCPU_NR_R];
    union vec v[VCPU_NR_V];
    uint32_t nzcv, fpsr;
    gva_t pc; // of the instruction under way
    gva_t wrote_r[VCPU_NR_R], wrote_v[VCPU_NR_V], wrote_nzcv, wrote_fpsr;
    gva_t last[LAST];
    uint64_t steps;
};

static void begin(const struct vcpu *cpu, struct trace *t)
{
    memcpy(t->r, cpu->r, sizeof t->r);
    memcpy(t->v, cpu->v, sizeof t->v);
    t->nzcv = cpu->nzcv;
    t->fpsr = cpu->fp.fpsr;
}

static void note(struct vcpu *cpu, struct trace *t)
{
    for (unsigned n = 0; n < VCPU_NR_R; n++)
        if (t->r[n] != cpu->r[n])
            t->wrote_r[n] = t->pc;
    for (unsigned n = 0; n < VCPU_NR_V; n++)
        if (memcmp(&t->v[n], &cpu->v[n], sizeof t->v[n]))
            t->wrote_v[n] = t->pc;
    if (t->nzcv != cpu->nzcv)
        t->wrote_nzcv = t->pc;
    if (t->fpsr != cpu->fp.fpsr)
        t->wrote_fpsr = t->pc;
    begin(cpu, t);
}

static void step(struct vcpu *cpu, void *opaque)
{
    struct trace *t = opaque;
    struct verify_state sync;
    verify_state_get(cpu, &sync); // folds the host's FP flags
    if (t->steps)
        note(cpu, t);
    else
        begin(cpu, t);
    t->pc = cpu->pc;
    t->last[t->steps++ % LAST] = cpu->pc;
}

// False: the accesses went another way; run->what, run->at and run->seen say how.
static void trace(struct vcpu *cpu, struct verify_run *run, struct trace *t)
{
    memset(t, 0, sizeof *t);
    verify_state_set(cpu, run->before);
    verify_begin(cpu, run, VERIFY_REPLAY);
    uint64_t to = run->interp->icount < run->region->icount ? run->interp->icount : run->region->icount;
    if (to - run->before->icount > STEPS)
        verify_replay(cpu, to - STEPS, NULL, NULL);
    verify_replay(cpu, run->region->icount, step, t);
    verify_end(cpu);
    struct verify_state now;
    verify_state_get(cpu, &now);
    if (run->what) {
        // The interpreter as it stood before the access; since then it has taken a fault.
        now.pc = t->pc;
        memcpy(now.r, t->r, sizeof now.r);
        memcpy(now.v, t->v, sizeof now.v);
        now.nzcv = t->nzcv;
        *run->interp = now;
    } else {
        note(cpu, t);
    }
}

// Guest code --------------------------------------------------------------------------------------

static gva_t page_at(const struct region *region, uint64_t page0, unsigned n)
{
    return page0 + ((uint64_t)(int64_t)region->recipe->pages[n].delta << PAGE_BITS);
}

// Disassembles one of the region's instructions; others as "?".
static const char *insn_text(const struct vcpu *cpu, const struct region *region, uint64_t page0, gva_t pc,
                             char *out, size_t size)
{
    const struct region_recipe *r = region->recipe;
    snprintf(out, size, "?");
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        gva_t start = page_at(region, page0, b->page) + b->off;
        if (pc - start >= b->n_insns * 4u)
            continue;
        uint32_t word;
        memcpy(&word, r->pages[b->page].bytes + (pc & ~PAGE_MASK), sizeof word);
        cpu->guest->disas(word, pc, out, size);
        break;
    }
    return out;
}

static void print_at(FILE *f, const struct vcpu *cpu, const struct region *region, uint64_t page0, gva_t pc)
{
    char text[128];
    fprintf(f, "%016" PRIx64 "  %s\n", pc, insn_text(cpu, region, page0, pc, text, sizeof text));
}

static void print_blocks(FILE *f, struct vcpu *cpu, const struct region *region, uint64_t page0)
{
    const struct region_recipe *r = region->recipe;
    struct ir *ir = malloc(cpu->guest->translator_size);
    assert(ir);
    memcpy(ir, cpu->jit->ir, cpu->guest->translator_size); // a translator may know its guest
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        uint32_t n_insns;
        fprintf(f, "\nblock %u%s%s, executed %u times:\n", n, b->flags & REGION_ENTRY ? ", an entry" : "",
                b->flags & REGION_INDIRECT ? ", reached indirectly" : "", b->weight);
        for (unsigned k = 0; k < b->n_insns; k++) {
            fputs("  ", f);
            print_at(f, cpu, region, page0, page_at(region, page0, b->page) + b->off + 4 * k);
        }
        ir_begin(ir, cpu->guest, b->off, r->mode);
        cpu->guest->translate_block(ir, r->pages[b->page].bytes, &n_insns);
        ir_opt_all(ir);
        ir_print(ir, f);
    }
    free(ir);
}

// Host code ---------------------------------------------------------------------------------------

static bool objdump(FILE *f, const uint8_t *code, size_t size)
{
    char path[] = "/tmp/armlet-verify-XXXXXX", command[256], line[256];
    int fd = mkstemp(path);
    if (fd < 0)
        return false;
    bool any = false, ok = write(fd, code, size) == (ssize_t)size;
    close(fd);
    snprintf(command, sizeof command, "objdump -D -b binary -m i386:x86-64 --no-show-raw-insn --adjust-vma=%#" PRIxPTR " %s 2>/dev/null",
             (uintptr_t)code, path);
    FILE *p = ok ? popen(command, "re") : NULL;
    while (p && fgets(line, sizeof line, p)) {
        fputs(line, f);
        any = true;
    }
    if (p)
        pclose(p);
    unlink(path);
    return any;
}

static void print_host(FILE *f, const struct region *region)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)region->fn;
    size_t size = region->code_size < HOST_MAX ? region->code_size : HOST_MAX;
    fprintf(f, "\nhost code, %zu bytes from %p:\n", region->code_size, (const void *)code);
    if (!size || objdump(f, code, size))
        return;
    for (size_t n = 0; n < size; n++)
        fprintf(f, "%02x%s", code[n], n % 32 == 31 || n + 1 == size ? "\n" : " ");
}

// Accesses ---------------------------------------------------------------------------------------

static void print_event(FILE *f, const struct verify_event *e)
{
    static const char *const kinds[] = { "load", "store", "atomic access", "probe", "request" };
    if (e->kind == VERIFY_OUTSIDE) {
        fprintf(f, "request %u of the outside for %#" PRIx64 ": %#" PRIx64 "\n", e->size, e->addr, e->data[0]);
        return;
    }
    fprintf(f, "%s of %u bytes at %#" PRIx64, kinds[e->kind], e->size, e->addr);
    if (e->attr)
        fprintf(f, " attr %#x", e->attr);
    for (unsigned n = 0; e->kind != VERIFY_PROBE && n < (e->size + 7u) / 8 && n < 4; n++)
        fprintf(f, "%s%#" PRIx64, n ? ", " : ": ", e->data[n]);
    if (e->kind == VERIFY_RMW)
        fprintf(f, " becomes %#" PRIx64 "%s%#" PRIx64, e->after[0], e->size > 8 ? ", " : "; upper half ", e->after[1]);
    fputc('\n', f);
}

static void print_accesses(FILE *f, const struct verify_run *run)
{
    unsigned to = run->what ? run->at + 1 : run->nr;
    unsigned from = to > LAST ? to - LAST : 0;
    fprintf(f, "\nThe region's accesses, %u of %u:\n", to < run->nr ? to - from : run->nr - from, run->nr);
    for (unsigned n = from; n < to && n < run->nr; n++) {
        fprintf(f, "%s %5u  ", run->what && n == run->at ? "*" : " ", n);
        print_event(f, &run->events[n]);
    }
    if (run->what) {
        fprintf(f, "* instead of %u, the interpreter (%s): ", run->at, run->what);
        print_event(f, &run->seen);
    }
}

// Registers --------------------------------------------------------------------------------------

static void written(FILE *f, gva_t pc)
{
    if (pc)
        fprintf(f, "   last changed at %" PRIx64, pc);
    fputc('\n', f);
}

static void print_word(FILE *f, const char *name, uint64_t before, uint64_t region, uint64_t interp, gva_t wrote)
{
    fprintf(f, "%s %-16s %016" PRIx64 "  %016" PRIx64 "  %016" PRIx64, region == interp ? " " : "*", name,
            before, region, interp);
    written(f, wrote);
}

static void print_registers(FILE *f, const struct vcpu *cpu, const struct verify_run *run, const struct trace *t)
{
    const struct verify_state *a = run->before, *b = run->region, *c = run->interp;
    fprintf(f, "\n  %-16s %-16s  %-16s  %-16s   what differs is marked *\n", "", "before", "region", "interpreter");
    print_word(f, "pc", a->pc, b->pc, c->pc, 0);
    print_word(f, "nzcv", a->nzcv, b->nzcv, c->nzcv, t->wrote_nzcv);
    for (unsigned n = 0; n < cpu->guest->nr_r; n++) {
        char number[16];
        snprintf(number, sizeof number, "r%u", n);
        const char *name = cpu->guest->r_names[n];
        // Past the general ones only what differs.
        if (n < 33 || b->r[n] != c->r[n])
            print_word(f, name ? name : number, a->r[n], b->r[n], c->r[n], t->wrote_r[n]);
    }
    print_word(f, "fpcr", a->fpcr, b->fpcr, c->fpcr, 0);
    print_word(f, "fpsr", a->fpsr, b->fpsr, c->fpsr, t->wrote_fpsr);
    print_word(f, "monitor size", a->excl_size, b->excl_size, c->excl_size, 0);
    print_word(f, "monitor address", a->excl_addr, b->excl_addr, c->excl_addr, 0);
    print_word(f, "mode", a->mode, b->mode, c->mode, 0);
    for (unsigned n = 0; n < cpu->guest->nr_v; n++) {
        bool same = !memcmp(&b->v[n], &c->v[n], sizeof b->v[n]);
        fprintf(f, "%s v%-2u before %016" PRIx64 "%016" PRIx64 " region %016" PRIx64 "%016" PRIx64, same ? " " : "*", n,
                a->v[n].u64[1], a->v[n].u64[0], b->v[n].u64[1], b->v[n].u64[0]);
        if (!same)
            fprintf(f, " interpreter %016" PRIx64 "%016" PRIx64, c->v[n].u64[1], c->v[n].u64[0]);
        written(f, t->wrote_v[n]);
    }
    for (unsigned n = 0; n < sizeof b->extra; n++)
        if (b->extra[n] != c->extra[n])
            fprintf(f, "* byte %u of the frontend's state: %u, %u, %u\n", n, a->extra[n], b->extra[n], c->extra[n]);
}

// ------------------------------------------------------------------------------------------------

void verify_dump(struct vcpu *cpu, struct verify_run *run, const struct region *region, uint64_t page0,
                 uint32_t entry, enum region_result result, const char *what)
{
    FILE *f = cpu->jit->log && cpu->jit->log->file ? cpu->jit->log->file : stderr;
    struct trace *t = malloc(sizeof *t);
    assert(t);
    if (!run->what || run->phase == VERIFY_REPLAY)
        trace(cpu, run, t);
    else
        memset(t, 0, sizeof *t); // the region disagrees with itself
    flockfile(f);
    fprintf(f, "armlet: verify: a compiled region and the interpreter differ: %s\n", what);
    fprintf(f, "entry %u at %#" PRIx64 ", %" PRIu64 " instructions, left at %#" PRIx64 " (%s)\n", entry, run->before->pc,
            run->region->icount - run->before->icount, run->region->pc,
            result == REGION_BAIL ? "the next instruction is the interpreter's" : "done");
    fprintf(f, "\nThe interpreter's last instructions%s:\n", run->what ? ", to the one whose access differs" : "");
    for (uint64_t n = t->steps > LAST ? t->steps - LAST : 0; n < t->steps; n++) {
        fputs("  ", f);
        print_at(f, cpu, region, page0, t->last[n % LAST]);
    }
    if (run->in_shadow)
        verify_shadow_print(f, run);
    else
        print_accesses(f, run);
    print_registers(f, cpu, run, t);
    fprintf(f, "\nThe region: %u instructions in %u blocks, %u pages, mode %#" PRIx64 "\n", region->recipe->n_insns,
            region->recipe->nr_blocks, region->recipe->nr_pages, region->recipe->mode);
    print_blocks(f, cpu, region, page0);
    print_host(f, region);
    fprintf(f, "armlet: verify: end of the difference\n");
    fflush(f);
    funlockfile(f);
    free(t);
}
