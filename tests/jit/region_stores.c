// SPDX-License-Identifier: GPL-3.0-or-later
// How much a round of a hot loop writes to memory beyond what the guest stores: registers spilled
// to the vcpu or the stack. Code that spills everything is right and slow; it fails here.
//
// The region is run one host instruction at a time (the trap flag), so that what counts is what is
// executed, not what stands somewhere; objdump says what the instructions are.
#include "tests/jit/trial.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define ROUNDS 400

static struct {
    const uint8_t *start;
    size_t size;
    uint32_t counts[1u << 16]; // by offset in the code
} trace;

static void step(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *u = context;
    uint64_t off = (uint64_t)u->uc_mcontext.gregs[REG_RIP] - (uint64_t)(uintptr_t)trace.start;
    if (off < trace.size)
        trace.counts[off]++;
}

// Beyond the red zone of whoever we are inlined into.
#define SET_TRAP_FLAG(how)                                                                         \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" how ", (%%rsp)\n\tpopfq\n\t"           \
                     "lea 128(%%rsp), %%rsp" ::                                                    \
                         : "memory", "cc")

static void run_traced(struct bed *b, const struct batch *batch, const struct trial *t)
{
    struct sigaction sa = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    memset(&trace, 0, sizeof trace);
    trace.start = batch->span.exec;
    trace.size = batch->span.size;
    cr_assert(trace.size <= ARRAY_SIZE(trace.counts));
    sigaction(SIGTRAP, &sa, NULL);
    bed_start(b, &t->base, trial_block_off(t, 0));
    SET_TRAP_FLAG("orq $0x100");
    bed_run_region(b, t->fn, 0, 0);
    SET_TRAP_FLAG("andq $-0x101");
}

// What a round executes, in hundredths.
struct cost {
    unsigned insns, stores, calls, loads;
};

static bool writes_memory(const char *insn)
{
    static const char *const no[] = {"cmp",    "test",  "nop",     "prefetch", "jmp", "lea",
                                     "ucomis", "comis", "vucomis", "vcomis",   "bt "};
    for (unsigned n = 0; n < ARRAY_SIZE(no); n++)
        if (!strncmp(insn, no[n], strlen(no[n])))
            return false;
    const char *last = strrchr(insn, '(');
    if (!strncmp(insn, "push", 4))
        return true;
    // The last operand is the one that is written.
    return last && !strchr(last, ',')
               ? true
               : last && strchr(last, ')') && !strchr(strchr(last, ')'), ',');
}

static struct cost cost_of(const struct batch *batch, char **listing)
{
    struct cost c = {0};
    char path[] = "/tmp/armlet-stores-XXXXXX", command[160], line[256];
    size_t size;
    FILE *out = open_memstream(listing, &size);
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, batch->span.exec, trace.size) == (ssize_t)trace.size);
    snprintf(command, sizeof command, "objdump -D -b binary -m i386:x86-64 --no-show-raw-insn %s",
             path);
    FILE *in = popen(command, "r");
    cr_assert(in);
    while (fgets(line, sizeof line, in)) {
        char *end, *insn;
        unsigned long off = strtoul(line, &end, 16);
        if (getenv("REGION_LIST"))
            fprintf(stderr, "%6u %s", off < trace.size ? trace.counts[off] : 0, line);
        if (*end != ':' || off >= trace.size || trace.counts[off] < ROUNDS / 20)
            continue;
        insn = end + 1 + strspn(end + 1, " \t");
        bool store = writes_memory(insn), call = !strncmp(insn, "call", 4);
        unsigned share = 100 * trace.counts[off] / ROUNDS;
        c.insns += share;
        c.stores += store && !call ? share : 0;
        c.calls += call ? share : 0;
        c.loads += !store && strchr(insn, '(') && strncmp(insn, "lea", 3) ? share : 0;
        fprintf(out, "  %c %5u  %s", call ? 'C' : store ? 'S' : ' ', trace.counts[off], line);
    }
    pclose(in);
    fclose(out);
    close(fd);
    unlink(path);
    return c;
}

// clang-format off
static const struct loop {
    const char *name;
    uint32_t code[24];
    unsigned guest_stores, guest_insns;
    unsigned more; // stores allowed beyond the guest's
} loops[] = {
    { "integer", { 0x8b010042, 0xca020063, 0x8b030884, 0xcb0400a5, 0xaa0500c6, 0x8b0604e7, 0x91000508, 0xf100079c, 0x54ffff01 },
      0, 9, 0 },
    { "array", { 0xf8627a61, 0x8b010063, 0xca030084, 0xf8227a23, 0x91000442, 0xd100079c, 0xb5ffff5c }, 1, 7, 1 },
    { "copy", { 0xf8408601, 0xf8008621, 0xf100079c, 0x54ffffa1 }, 1, 4, 0 },
    { "fp", { 0xfc627a01, 0xfc627a22, 0x1f420020, 0x1e612863, 0xfc227a60, 0x91000442, 0xf100079c, 0x54ffff21 }, 1, 8, 1 },
    { "neon", { 0x3cc10601, 0x4ea18400, 0x6e211c42, 0x3c810622, 0xf100079c, 0x54ffff61 }, 1, 6, 0 },
    { "call", { 0x94000006, 0x8b010042, 0xf100079c, 0x54ffffa1, INSN_SVC, INSN_NOP, 0xca020063, 0x8b030021, 0xd65f03c0 }, 0, 7, 1 },
    { "branches", { 0x8b010042, 0x36000062, 0xca020063, 0x14000002, 0x8b020063, 0xeb03003f, 0x9a838084, 0xf100079c, 0x54ffff01 },
      0, 8, 0 },
};
// clang-format on

Test(jit_region, stores_per_round, .timeout = 300)
{
    static struct trial trials[ARRAY_SIZE(loops)];
    struct bed *b = bed_create();
    // Numbers whose sums and products stay plain for a while.
    for (unsigned k = 0; k < BED_DATA_SIZE; k++)
        b->seed[k] = k % 8 == 7 ? 0x3f : k % 8 == 6 ? 0x50 : 0;
    for (unsigned n = 0; n < ARRAY_SIZE(loops); n++) {
        struct trial *t = &trials[n], *list[1] = {t};
        struct batch batch;
        uint64_t random = 3;
        bed_random_state(&random, &t->base, ROUNDS);
        t->base.fpcr = 0;
        t->base.x[2] = 0;
        t->base.x[16] = BED_DATA + PAGE_SIZE;
        t->base.x[17] = BED_DATA + 2 * PAGE_SIZE;
        t->base.x[19] = BED_DATA + 4 * PAGE_SIZE;
        for (unsigned r = 0; r < 4; r++)
            t->base.v[r][0] = 0x3ff0000000000000, t->base.v[r][1] = 0;
        memcpy(t->program.code, loops[n].code, sizeof loops[n].code);
        unsigned end = 0;
        while (loops[n].code[end])
            end++;
        t->program.code[end] = INSN_SVC;
        t->program.roots = (struct batch_roots){
            .nr_entries = 1, .nr_indirect = 1, .indirect = {4}, .end = PAGE_SIZE};
        cr_assert(trial_form(t, b));
        cr_assert(trial_compile(list, 1, &batch));
        trial_install(t, b);
        struct trial_stats stats = {0};
        cr_expect(trial_run_all(t, b, &t->base, &stats, loops[n].name));
        cr_expect(stats.insns >= loops[n].guest_insns * ROUNDS / 2, "%s: %llu instructions",
                  loops[n].name, (unsigned long long)stats.insns);
        run_traced(b, &batch, t);
        char *listing;
        struct cost c = cost_of(&batch, &listing);
        cr_log_info("%-9s %u guest instructions: %u.%02u host, %u.%02u stores (%u the guest's), "
                    "%u.%02u loads, %u calls\n",
                    loops[n].name, loops[n].guest_insns, c.insns / 100, c.insns % 100,
                    c.stores / 100, c.stores % 100, loops[n].guest_stores, c.loads / 100,
                    c.loads % 100, c.calls / 100);
        cr_expect(c.insns >= 100 * loops[n].guest_insns / 2, "%s: the trace is empty",
                  loops[n].name);
        cr_expect(
            !c.calls && c.stores <= 100 * (loops[n].guest_stores + loops[n].more),
            "%s: a round stores %u times (%u the guest's, %u more allowed) and calls %u times:\n%s",
            loops[n].name, c.stores / 100, loops[n].guest_stores, loops[n].more, c.calls / 100,
            listing);
        if (getenv("REGION_LIST"))
            fputs(listing, stderr);
        free(listing);
        batch_free(&batch);
    }
    bed_destroy(b);
}
