// SPDX-License-Identifier: GPL-3.0-or-later
// `-accel verify` on a whole machine: a loop of everything whose outcome is not the guest's alone
// (device, clock, exclusives) is found equal; a compiler that is wrong is found out, and what is
// written then names the instruction.
//
// The wrong compiler is the right one for a guest whose translator says something else.
#include "jit/verify.h"

#include "jit/gccjit.h"
#include "jit/ir.h"
#include "jit/tier.h"
#include "machine/exit_codes.h"
#include "machine/machine.h"
#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct test_dir dir;

static void init(void)
{
    test_dir_init(&dir);
}

static void fini(void)
{
    test_dir_fini(&dir);
}

TestSuite(verify, .init = init, .fini = fini, .timeout = 240);

// Builds translation tables (RAM as memory, the rest as devices), then the loop.
// clang-format off
static const uint32_t program[] = {
    0xd2a80401, // mov x1, #0x40200000
    0xd2808020, // mov x0, #0x401
    0xd280e0a2, // mov x2, #0x705
    0xf2a80002, // movk x2, #0x4000, lsl #16
    0xa9000820, // stp x0, x2, [x1]
    0xd5182001, // msr ttbr0_el1, x1
    0xd29fe000, // mov x0, #0xff00
    0xd518a200, // msr mair_el1, x0
    0xd286a320, // mov x0, #0x3519
    0xf2a01000, // movk x0, #0x80, lsl #16
    0xd5182040, // msr tcr_el1, x0
    0xd2a00600, // mov x0, #0x300000
    0xd5181040, // msr cpacr_el1, x0
    0xd28200a0, // mov x0, #0x1005
    0xf2a61a00, // movk x0, #0x30d0, lsl #16
    0xd5033fdf, // isb
    0xd5181000, // msr sctlr_el1, x0
    0xd5033fdf, // isb
    0xd2a80201, // mov x1, #0x40100000
    0xd2a12009, // mov x9, #0x9000000
    0x1e6e1000, // fmov d0, #1.000000000000000000e+00
    0x1e6e9001, // fmov d1, #1.250000000000000000e+00
    0xd2800002, // mov x2, #0x0
    0xd2824683, // mov x3, #0x1234
    0xd2938804, // mov x4, #0x9c40
    0x8b030042, // add x2, x2, x3
    0xca020c63, // eor x3, x3, x2, lsl #3
    0xf9000423, // str x3, [x1, #8]
    0xf9400025, // ldr x5, [x1]
    0x8b0300a5, // add x5, x5, x3
    0xf8010425, // str x5, [x1], #16
    0xa97f1c26, // ldp x6, x7, [x1, #-16]
    0x9278dc21, // and x1, x1, #0xffffffffffffff00
    0xd53be04b, // mrs x11, cntvct_el0
    0xc85f7c2c, // ldxr x12, [x1]
    0x8b0b018c, // add x12, x12, x11
    0xc80d7c2c, // stxr w13, x12, [x1]
    0xf823002e, // ldadd x3, x14, [x1]
    0x1e612800, // fadd d0, d0, d1
    0x1e611802, // fdiv d2, d0, d1
    0xfd000c22, // str d2, [x1, #24]
    0xdac0006f, // rbit x15, x3
    0xf2401c9f, // tst x4, #0xff
    0x54000041, // b.ne b4 <on>
    0xb940192a, // ldr w10, [x9, #24]
    0xf1000484, // subs x4, x4, #0x1
    0x54fffd61, // b.ne 64 <loop>
    0xd2800100, // mov x0, #0x8
    0xf2b08000, // movk x0, #0x8400, lsl #16
    0xd4000002, // hvc #0x0
    0x14000000, // b c8 <on+0x14>
};
// clang-format on

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

struct outcome {
    int status;
    struct verify_counts counts;
    uint64_t x[32];
    uint64_t insns;
    char *log;
};

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    cr_assert(f && text);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

// Runs the program with what `compile` makes of it.
static struct outcome run(compile_fn *compile, enum verify_how how, unsigned every)
{
    struct outcome o = { 0 };
    struct machine_config c;
    struct machine m = { 0 };
    struct error err;
    char log[128];
    machine_config_init(&c);
    snprintf(log, sizeof log, "%s", test_dir_path(&dir, "log"));
    c.ram_size = UINT64_C(16) << 20;
    c.kernel = test_dir_write(&dir, "program", program, sizeof program);
    c.log_file = log;
    c.no_cache = true;
    c.machine.accel = CONFIG_ACCEL_VERIFY;
    c.machine.verify_engine = CONFIG_ACCEL_GCCJIT;
    c.machine.verify_every = (int)every;
    c.machine.verify_how = how;
    c.chardevs[0].backend = CONFIG_CHAR_BUFFER;
    c.chardev_count = c.serial_count = 1;
    cr_assert(machine_init(&m, &c, &err), "%s", err.text);
    tier_destroy(m.tier);
    struct tier_options options = { .compile = compile, .no_cache = true, .wait = true, .say = say };
    m.tier = tier_create(&m.jit, &options, &err);
    cr_assert(m.tier, "%s", err.text);
    o.status = machine_run(&m);
    o.counts = verify_counts(&m.jit);
    o.insns = m.cpus[0]->v.icount;
    memcpy(o.x, m.cpus[0]->v.r, sizeof o.x);
    machine_fini(&m);
    o.log = read_all(log);
    machine_config_fini(&c);
    return o;
}

// Compilers ---------------------------------------------------------------------------------------

// Translates as A64 does, and then mends what the test says.
#define WRONG(name, condition, change)                                                            \
    static void translate_##name(struct ir *ir, const uint8_t *page, uint32_t *n_insns)           \
    {                                                                                             \
        a64_guest.translate_block(ir, page, n_insns);                                             \
        for (unsigned n = 0; n < ir->nr; n++) {                                                   \
            struct ir_insn *i = &ir->insn[n];                                                     \
            if (condition)                                                                        \
                change;                                                                           \
        }                                                                                         \
    }                                                                                             \
    static bool compile_##name(const struct guest *guest, const struct region_recipe *const *recipes, \
                               unsigned n, const char *path, struct error *err)                   \
    {                                                                                             \
        struct guest wrong = *guest;                                                              \
        wrong.translate_block = translate_##name;                                                 \
        return gccjit_compile(&wrong, recipes, n, path, err);                                     \
    }
WRONG(register, i->op == IR_RBIT, i->op = IR_REV)
WRONG(value, i->op == IR_XOR, i->op = IR_OR)
WRONG(address, i->op == IR_ST64 && i->imm == 8, i->imm = 16)

// ------------------------------------------------------------------------------------------------

static void check_equal(enum verify_how how, unsigned every)
{
    struct outcome o = run(gccjit_compile, how, every);
    fprintf(stderr, "every %u: %" PRIu64 " entries, %" PRIu64 " instructions verified\n", every, o.counts.entries, o.counts.insns);
    cr_expect(o.status == EXIT_CODE_POWER_OFF, "status %d: %s", o.status, o.log);
    cr_expect(!o.counts.differences && o.counts.entries, "%" PRIu64 " differences in %" PRIu64 " entries",
              o.counts.differences, o.counts.entries);
    cr_expect(o.x[4] == 0, "x4 is %#" PRIx64, o.x[4]);
    // Instructions are counted once, whoever repeats them.
    uint64_t rounds = 40000, insns = 25 + 21 * rounds + rounds / 256 + 3;
    cr_expect(o.insns == insns, "%" PRIu64 " instructions, not %" PRIu64, o.insns, insns);
    free(o.log);
}

Test(verify, equal)
{
    check_equal(VERIFY_BY_TURNS, 0);
}

Test(verify, logged)
{
    check_equal(VERIFY_LOGGED, 0);
}

Test(verify, shadow)
{
    check_equal(VERIFY_SHADOW, 0);
}

Test(verify, now_and_then)
{
    check_equal(VERIFY_BY_TURNS, 7);
}

static void check_found(compile_fn *compile, enum verify_how how, const char *const *says)
{
    struct outcome o = run(compile, how, 0);
    cr_expect(o.status == EXIT_CODE_DIFFERENCE, "status %d", o.status);
    cr_expect(o.counts.differences == 1, "%" PRIu64 " differences", o.counts.differences);
    for (; *says; says++)
        cr_expect(strstr(o.log, *says), "the dump does not say \"%s\":\n%s", *says, o.log);
    free(o.log);
}

Test(verify, wrong_register)
{
    const char *const says[] = { "differ: a register", "* x15 ", "  rbit x15, x3", "  RBIT.i64 x15 <- x3", "host code, ", "ret", NULL };
    check_found(compile_register, VERIFY_LOGGED, says);
}

Test(verify, wrong_register_in_shadow)
{
    const char *const says[] = { "differ: a register", "* x15 ", "  rbit x15, x3", NULL };
    check_found(compile_register, VERIFY_SHADOW, says);
}

Test(verify, wrong_value)
{
    const char *const says[] = { "differ: another value is stored", "* instead of ", "  eor x3, x3, x2, lsl #3", "host code, ", NULL };
    check_found(compile_value, VERIFY_LOGGED, says);
}

Test(verify, wrong_value_in_shadow)
{
    const char *const says[] = { "differ: memory", "* 0000000040100008 ", "  str x3, [x1, #8]", NULL };
    check_found(compile_value, VERIFY_SHADOW, says);
}

Test(verify, wrong_address)
{
    const char *const says[] = { "differ: another access", "* instead of ", "store of 8 bytes at 0x40100008", "  str x3, [x1, #8]", NULL };
    check_found(compile_address, VERIFY_LOGGED, says);
}
