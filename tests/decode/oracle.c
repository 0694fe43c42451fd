// SPDX-License-Identifier: GPL-3.0-or-later
// The decode table against binutils' objdump: on random words, and on random words of every row
// and their neighbours (one bit flipped), both must agree on what is allocated, and the plain
// disassembly must be the same text. What may differ is in exceptions[] and in the functions around
// it, each with its reason. Made for binutils 2.40 (Debian 12); skipped elsewhere, since another
// version knows other extensions.
#include <criterion/criterion.h>

#include "base/bits.h"
#include "frontend/a64_decode.h"
#include "frontend/a64_random.h"
#include "frontend/disas.h"
#include "tests/decode/random.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJDUMP      "aarch64-linux-gnu-objdump"
#define VERSION      "2.40"
#define PER_ROW      250
#define UNIFORM      500000
#define MAX_REPORTED 20

// Words that objdump knows and armlet has no row for. only: objdump's mnemonic begins so.
static const struct {
    uint32_t mask, value;
    const char *only, *why;
} exceptions[] = {
    {0x1e000000, 0x04000000, "", "SVE"},
    {0x9e000000, 0x80000000, "", "SME"},
    {0xffff0000, 0x00000000, "udf", "UDF is the permanently undefined encoding"},
    {0xffff0000, 0xdac10000, "", "PAuth, one source"},
    {0xffe0fc00, 0x9ac03000, "pacga", "PAuth"},
    {0xfe1ff800, 0xd61f0800, "", "PAuth, branches"},
    {0xff200400, 0xf8200400, "ldra", "PAuth, loads"},
    {0x1f800000, 0x11800000, "", "MTE ADDG and SUBG, CSSC minimum and maximum"},
    {0xff200000, 0xd9200000, "", "MTE, tag loads and stores"},
    {0xfe400000, 0x68000000, "stgp", "MTE"},
    {0xffe0fc00, 0x9ac00000, "subp", "MTE"},
    {0xffe0fc00, 0x9ac01000, "irg", "MTE"},
    {0xffe0fc00, 0x9ac01400, "gmi", "MTE"},
    {0xffe0fc00, 0xbac00000, "subps", "MTE"},
    {0x7fffe000, 0x5ac00000, "c", "CSSC CTZ, CNT"},
    {0x7ffffc00, 0x5ac02000, "abs", "CSSC"},
    {0x7fe0f000, 0x1ac06000, "", "CSSC minimum and maximum"},
    {0xff000010, 0x54000010, "bc.", "HBC"},
    {0x3b200c00, 0x19000400, "", "MOPS"},
    {0xffe0f000, 0xce60c000, "sm", "SM3, SM4"},
    {0xffe08000, 0xce400000, "sm3", "SM3"},
    {0xffe0c000, 0xce408000, "sm3", "SM3"},
    {0xfffffc00, 0xcec08400, "sm4", "SM4"},
    {0xffe08c00, 0xf8208000, "st64", "LS64"},
    {0xffe08c00, 0xf8208000, "ld64", "LS64"},
    {0xfffffcff, 0xd503307f, "t", "TME"},
    {0xfffff0ff, 0xd503303f, "dsb", "XS"},
    {0xffe0001f, 0xd4600000, "tcancel", "TME"},
    {0xfffffedf, 0xd5233060 & 0xfffffedf, "t", "TME"},
    {0xffffffc0, 0xd5031000, "wf", "WFxT"},
    {0xfff8f01f, 0xd500401f, "sm", "SME's SMSTART, SMSTOP"},
    {0xffd80000, 0xd5000000, "m", "op0=0: objdump reads any hole as MSR or MRS"},
    {0x9f60dc00, 0x0e60cc00, "fml", "FMLAL with bit 22 set is unallocated, objdump ignores it"},
};

static bool excused(uint32_t insn, const char *theirs)
{
    for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++)
        if ((insn & exceptions[i].mask) == exceptions[i].value &&
            !strncmp(theirs, exceptions[i].only, strlen(exceptions[i].only)))
            return true;
    return false;
}

// objdump wants some of the ignored bits as they should be, and names SB, CFINV and their like so.
static bool as_should_be(enum a64_op op, uint32_t insn)
{
    return (insn & a64_rows[op].sbo) == a64_rows[op].sbo && !(insn & a64_rows[op].sbz);
}

// objdump refuses LDPSW where the architecture says CONSTRAINED UNPREDICTABLE.
static bool unpredictable_ldpsw(enum a64_op op, uint32_t insn)
{
    unsigned rt = insn & 31, rn = insn >> 5 & 31, rt2 = insn >> 10 & 31;

    return !strncmp(a64_rows[op].name, "ldpsw", 5) && (rt == rt2 || rt == rn || rt2 == rn);
}

// Where only the mnemonics are compared: objdump knows system registers' names, and PSTATE fields
// for few immediates.
static bool mnemonic_only(enum a64_op op)
{
    const char *tr = a64_rows[op].translate;

    return !strcmp(tr, "mrs") || !strcmp(tr, "msr") || !strcmp(tr, "msr_imm");
}

// Without aliases objdump writes every hint as a number.
static bool is_hint(enum a64_op op)
{
    return !strcmp(a64_rows[op].format, "hint");
}

// Lower case, blanks for tabs, no comment, every immediate as an unsigned decimal number or a
// decimal fraction: the same value then gives the same text.
static void normalise(const char *in, char *out, size_t size)
{
    size_t len = 0;

    while (*in && *in != '\n' && strncmp(in, " ;", 2) && len + 40 < size) {
        if (!strncmp(in, "//", 2))
            break;
        if (*in != '#') {
            out[len++] = *in == '\t' ? ' ' : (char)tolower((unsigned char)*in);
            in++;
            continue;
        }
        char *end, *real_end;
        double real = strtod(in + 1, &real_end);
        unsigned long long v = strtoull(in + 1, &end, 0);
        if (real_end > end || memchr(in, '.', (size_t)(real_end - in)))
            len += (size_t)snprintf(out + len, size - len, "#%.9g", real);
        else
            len += (size_t)snprintf(out + len, size - len, "#%llu", v);
        in = real_end > end ? real_end : end;
    }
    while (len && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

// One word: whether armlet's reading and objdump's are the same; if not says so.
static bool agree(uint32_t insn, uint64_t pc, const char *line)
{
    union a64_fields f;
    enum a64_op op = a64_decode(insn, &f);
    char text[A64_DISAS_SIZE], ours[160], theirs[160];
    bool undefined = strstr(line, "undefined") || !strncmp(line, ".inst", 5);

    a64_disas_plain(insn, pc, text, sizeof(text));
    normalise(text, ours, sizeof(ours));
    normalise(line, theirs, sizeof(theirs));
    if (op != A64_UNALLOCATED && !as_should_be(op, insn))
        return true;
    if (undefined != (op == A64_UNALLOCATED)) {
        if (undefined ? unpredictable_ldpsw(op, insn) : excused(insn, theirs))
            return true;
    } else if (undefined || !strcmp(ours, theirs)) {
        return true;
    } else if (is_hint(op) ? !strncmp(theirs, "hint", 4)
                           : mnemonic_only(op) && !strncmp(ours, theirs, 4)) {
        return true;
    }
    cr_log_error("%08" PRIx32 ": %s says \"%s\", objdump \"%s\"", insn, a64_rows[op].name, ours,
                 theirs);
    return false;
}

static bool objdump_is_the_one(void)
{
    char line[128] = "";
    FILE *p = popen(OBJDUMP " --version 2>/dev/null", "r");

    if (p && !fgets(line, sizeof(line), p))
        line[0] = '\0';
    return p && pclose(p) == 0 && strstr(line, " " VERSION);
}

static size_t make_words(uint32_t *words)
{
    uint64_t state = 2024;
    size_t n = 0;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        for (int i = 0; i < PER_ROW; i++) {
            words[n] = a64_random_encoding(op, random_next, &state);
            words[n + 1] = words[n] ^ UINT32_C(1) << (random_next(&state) & 31);
            n += 2;
        }
    }
    for (int i = 0; i < UNIFORM; i++)
        words[n++] = (uint32_t)random_next(&state);
    return n;
}

Test(oracle, objdump_agrees)
{
    char path[] = "/tmp/armlet-decode-XXXXXX", command[160], line[256];
    size_t compared = 0, wrong = 0, n;
    uint32_t *words = malloc((A64_OP_COUNT * PER_ROW * 2 + UNIFORM) * sizeof(*words));

    if (!objdump_is_the_one()) {
        free(words);
        cr_skip_test(OBJDUMP " " VERSION " (package binutils-aarch64-linux-gnu) is not installed");
    }
    n = make_words(words);
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, words, n * sizeof(*words)), (ssize_t)(n * sizeof(*words)));
    close(fd);
    snprintf(command, sizeof(command), OBJDUMP " -D -z -b binary -m aarch64 -M no-aliases %s",
             path);
    FILE *p = popen(command, "r");
    cr_assert_not_null(p);
    while (fgets(line, sizeof(line), p)) {
        unsigned long pc;
        unsigned insn;
        int at = 0;

        if (sscanf(line, " %lx: %x %n", &pc, &insn, &at) != 2 || !at || pc / 4 >= n)
            continue;
        cr_assert_eq(insn, words[pc / 4], "at %lx", pc);
        compared++;
        if (!agree(insn, pc, line + at) && ++wrong == MAX_REPORTED)
            break;
    }
    pclose(p);
    unlink(path);
    free(words);
    cr_expect_eq(wrong, 0, "%zu of %zu words differ from objdump's reading", wrong, compared);
    cr_expect(wrong || compared == n, "objdump read %zu of %zu words", compared, n);
}
