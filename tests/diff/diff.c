// SPDX-License-Identifier: GPL-3.0-or-later
// The oracle's side, random states, comparison.
#include "diff.h"

#include "base/bits.h"
#include "frontend/disas.h"
#include "jit/fp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Files
// ---------------------------------------------------------------------------------------------

struct temporary {
    char path[64];
    FILE *file;
};

static bool temporary_open(struct temporary *t)
{
    int fd;

    strcpy(t->path, "/tmp/armlet-diff-XXXXXX");
    fd = mkstemp(t->path);
    t->file = fd < 0 ? NULL : fdopen(fd, "w+b");
    return t->file;
}

static void temporary_close(struct temporary *t)
{
    if (t->file) {
        fclose(t->file);
        unlink(t->path);
    }
}

static bool run(const char *cases, const char *results)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        execlp("qemu-aarch64", "qemu-aarch64", "-cpu", "max", DIFF_ORACLE, cases, results,
               (char *)NULL);
        perror("qemu-aarch64");
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "qemu-aarch64 %s: status %#x\n", DIFF_ORACLE, (unsigned)status);
        return false;
    }
    return true;
}

bool diff_run_oracle(const struct diff_case *cases, size_t n, struct diff_state *out)
{
    struct temporary in = {.file = NULL}, result = {.file = NULL};
    bool ok = temporary_open(&in) && temporary_open(&result);

    ok = ok && fwrite(cases, sizeof(*cases), n, in.file) == n && fflush(in.file) == 0;
    ok = ok && run(in.path, result.path);
    ok = ok && fread(out, sizeof(*out), n, result.file) == n;
    temporary_close(&in);
    temporary_close(&result);
    if (!ok)
        fprintf(stderr, "the oracle did not run\n");
    return ok;
}

// Comparison
// ----------------------------------------------------------------------------------------

// A load of several vectors that faults on its way leaves them UNKNOWN (the Arm ARM's rules on data
// aborts): QEMU has written some of it, armlet nothing.
static void forget_half_loaded(const struct diff_case *c, struct diff_state *s)
{
    uint32_t insn = s->at < c->n ? c->insn[s->at] : 0;

    if (s->status != DIFF_FAULT)
        return;
    if ((insn & 0xbe400000) == 0x0c400000) // LD1..LD4
        for (unsigned i = 0; i < 4; i++)
            memset(s->v[(insn + i) & 31], 0, sizeof(s->v[0]));
    if ((insn & 0x3e400000) == 0x2c400000) { // LDP
        memset(s->v[insn & 31], 0, sizeof(s->v[0]));
        memset(s->v[insn >> 10 & 31], 0, sizeof(s->v[0]));
    }
}

static bool same(const struct diff_case *c, const struct diff_state *a, const struct diff_state *b,
                 unsigned ignore)
{
    struct diff_state x = *a, y = *b;

    if (b->status == DIFF_TOUCHED)
        return true;
    forget_half_loaded(c, &x);
    forget_half_loaded(c, &y);
    if (ignore & DIFF_IGNORE_FPSR)
        x.fpsr = y.fpsr = 0;
    return memcmp(&x, &y, sizeof(x)) == 0;
}

// Which registers the encodings may name: enough of the input to read a report by.
static bool named(const struct diff_case *c, unsigned reg)
{
    for (unsigned i = 0; i < c->n; i++) {
        uint32_t insn = c->insn[i];
        if (reg == (insn & 31) || reg == (insn >> 5 & 31) || reg == (insn >> 16 & 31) ||
            reg == (insn >> 10 & 31))
            return true;
    }
    return false;
}

static void report(const struct diff_case *c, const struct diff_state *oracle,
                   const struct diff_state *armlet)
{
    static const char *const status[] = {"ran", "undefined", "fault", "other", "touched"};

    for (unsigned i = 0; i < c->n; i++) {
        char text[A64_DISAS_SIZE];
        a64_disas(c->insn[i], 4 * i, text, sizeof(text));
        fprintf(stderr, "%08x  %s\n", c->insn[i], text);
    }
    fprintf(stderr, "    in      fpcr %" PRIx64 " fpsr %" PRIx64 " nzcv %" PRIx64 "\n", c->in.fpcr,
            c->in.fpsr, c->in.nzcv >> 28);
    for (unsigned i = 0; i < 32; i++)
        if (named(c, i))
            fprintf(stderr, "    in      v%u %016" PRIx64 ":%016" PRIx64 "  x%u %016" PRIx64 "\n",
                    i, c->in.v[i][1], c->in.v[i][0], i, i < 31 ? c->in.x[i] : c->in.sp);
    if (oracle->status != armlet->status || oracle->at != armlet->at)
        fprintf(stderr, "    status: oracle %s at %" PRIu64 ", armlet %s at %" PRIu64 "\n",
                status[oracle->status & 3], oracle->at, status[armlet->status % ARRAY_SIZE(status)],
                armlet->at);
    for (unsigned i = 0; i < 32; i++)
        if (memcmp(oracle->v[i], armlet->v[i], 16))
            fprintf(stderr,
                    "    v%-2u oracle %016" PRIx64 ":%016" PRIx64 "\n        armlet %016" PRIx64
                    ":%016" PRIx64 "\n",
                    i, oracle->v[i][1], oracle->v[i][0], armlet->v[i][1], armlet->v[i][0]);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t a = i < 31 ? oracle->x[i] : oracle->sp, b = i < 31 ? armlet->x[i] : armlet->sp;
        if (a != b)
            fprintf(stderr, "    x%-2u oracle %016" PRIx64 " armlet %016" PRIx64 "\n", i, a, b);
    }
    if (oracle->nzcv != armlet->nzcv || oracle->fpsr != armlet->fpsr ||
        oracle->fpcr != armlet->fpcr)
        fprintf(stderr,
                "    oracle nzcv %" PRIx64 " fpsr %" PRIx64 " fpcr %" PRIx64
                ", armlet nzcv %" PRIx64 " fpsr %" PRIx64 " fpcr %" PRIx64 "\n",
                oracle->nzcv >> 28, oracle->fpsr, oracle->fpcr, armlet->nzcv >> 28, armlet->fpsr,
                armlet->fpcr);
    for (unsigned i = 0; i < DIFF_MEM_SIZE; i++)
        if (oracle->mem[i] != armlet->mem[i])
            fprintf(stderr, "    mem[%u] oracle %02x armlet %02x\n", i, oracle->mem[i],
                    armlet->mem[i]);
}

size_t diff_compare(const struct diff_case *cases, size_t n, const struct diff_state *oracle,
                    const struct diff_state *armlet, unsigned ignore, size_t max_reports)
{
    size_t bad = 0;

    for (size_t i = 0; i < n; i++)
        if (!same(&cases[i], &oracle[i], &armlet[i], ignore) && bad++ < max_reports)
            report(&cases[i], &oracle[i], &armlet[i]);
    return bad;
}
