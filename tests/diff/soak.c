// SPDX-License-Identifier: GPL-3.0-or-later
// Streams by the million: soak STREAMS [SEED [FIRST]].
//
// Worker processes (as many as CPUs; $SOAK_JOBS) take batches in turn, each with one run of the
// oracle. At the end it says how many streams hit each group of rows and which rows were hit least;
// $SOAK_ROWS names a file for the figure of every row. A stream that differs is made smaller, word
// by word and register by register, and printed as a vector for vectors.c. Status 1 if there was
// one, or a row that no stream hit.
#include "base/bits.h"
#include "diff.h"
#include "encodings.h"
#include "frontend/disas.h"
#include "stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 4000, MAX_REPORTS = 4 };

#define NOP 0xd503201fu

// Shared by the workers; atomic.
struct counts {
    uint64_t batches, streams, ran, touched, insns, bad;
    uint64_t hits[A64_OP_COUNT]; // streams in which the row was executed
};

static void count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

// Making a stream smaller
// ---------------------------------------------------------------------------

static bool differs(const struct diff_case *c, size_t reports)
{
    struct diff_state oracle, armlet;

    if (!diff_run_oracle(c, 1, &oracle))
        return false;
    diff_run_armlet(c, 1, &armlet);
    return diff_compare(c, 1, &oracle, &armlet, DIFF_IGNORE_NONE, reports) != 0;
}

static void try(struct diff_case *c, void *field, const void *value, size_t size)
{
    struct diff_case smaller = *c;

    memcpy((char *)&smaller + ((char *)field - (char *)c), value, size);
    if (memcmp(&smaller, c, sizeof(*c)) && differs(&smaller, 0))
        *c = smaller;
}

static void minimise(struct diff_case *c)
{
    static const uint64_t zero[2];
    const uint32_t nop = NOP;
    struct diff_case packed = *c;

    for (size_t i = c->n; i-- > 0;)
        try(c, &c->insn[i], &nop, 4);
    packed = *c;
    packed.n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->insn[i] != NOP)
            packed.insn[packed.n++] = c->insn[i];
    memset(&packed.insn[packed.n], 0, (DIFF_MAX_INSNS - packed.n) * 4);
    if (differs(&packed, 0))
        *c = packed;
    for (unsigned i = 0; i < 31; i++)
        try(c, &c->in.x[i], zero, 8);
    for (unsigned i = 0; i < 32; i++) {
        try(c, c->in.v[i], zero, 16);
        try(c, &c->in.v[i][1], zero, 8);
    }
    try(c, &c->in.fpcr, zero, 8);
    try(c, &c->in.fpsr, zero, 8);
    try(c, &c->in.nzcv, zero, 8);
    for (unsigned i = 0; i < DIFF_MEM_SIZE; i += 16)
        try(c, &c->in.mem[i], zero, 16);
}

static void print_vector(const struct diff_case *c)
{
    fprintf(stderr, "    {\n        .insn = {");
    for (unsigned i = 0; i < c->n; i++)
        fprintf(stderr, "%s%#x", i ? ", " : "", c->insn[i]);
    fprintf(stderr, "},\n        .n = %" PRIu64 ",\n", c->n);
    for (unsigned i = 0; i < 31; i++)
        if (c->in.x[i])
            fprintf(stderr, "        .in.x[%u] = %#" PRIx64 ",\n", i, c->in.x[i]);
    for (unsigned i = 0; i < 32; i++)
        if (c->in.v[i][0] | c->in.v[i][1])
            fprintf(stderr, "        .in.v[%u] = {%#" PRIx64 ", %#" PRIx64 "},\n", i, c->in.v[i][0],
                    c->in.v[i][1]);
    fprintf(stderr, "        .in.sp = %#" PRIx64 ",\n", c->in.sp);
    for (unsigned i = 0; i < DIFF_MEM_SIZE; i++)
        if (c->in.mem[i])
            fprintf(stderr, "        .in.mem[%u] = %#x,\n", i, c->in.mem[i]);
    fprintf(stderr,
            "        .in.nzcv = %#" PRIx64 ", .in.fpcr = %#" PRIx64 ", .in.fpsr = %#" PRIx64
            ",\n    },\n",
            c->in.nzcv, c->in.fpcr, c->in.fpsr);
}

static void report(struct diff_case *c, uint64_t number, uint64_t seed)
{
    fprintf(stderr, "stream %" PRIu64 " of seed %" PRIu64 " differs:\n", number, seed);
    if (!differs(c, 0)) {
        fprintf(stderr, "  but not alone; with the streams before it\n");
        return;
    }
    minimise(c);
    differs(c, 1);
    print_vector(c);
}

// Batches
// ------------------------------------------------------------------------------------------

struct batch {
    struct diff_case cases[BATCH];
    struct diff_state oracle[BATCH], armlet[BATCH];
};

// Which rows an execution came by: up to where it trapped. Branches that were taken over some are
// not looked at.
static void count_rows(struct counts *n, const struct diff_case *c, const struct diff_state *end)
{
    uint64_t executed = end->at < c->n ? end->at + 1 : c->n;
    union a64_fields f;
    enum a64_op seen[DIFF_MAX_INSNS];

    for (unsigned i = 0; i < executed; i++) {
        bool again = false;
        seen[i] = a64_decode(c->insn[i], &f);
        for (unsigned j = 0; j < i; j++)
            again |= seen[j] == seen[i];
        if (!again)
            count(&n->hits[seen[i]], 1);
    }
    count(&n->insns, executed);
}

static bool run_batch(struct counts *n, struct batch *b, uint64_t first, size_t nr, uint64_t seed)
{
    size_t bad = 0, reports = 0;

    for (size_t i = 0; i < nr; i++)
        stream_random(first + i, seed, &b->cases[i]);
    if (!diff_run_oracle(b->cases, nr, b->oracle))
        return false;
    diff_run_armlet(b->cases, nr, b->armlet);
    for (size_t i = 0; i < nr; i++) {
        if (b->armlet[i].status == DIFF_TOUCHED) {
            count(&n->touched, 1);
            continue;
        }
        count(&n->ran, b->oracle[i].status == DIFF_RAN);
        count_rows(n, &b->cases[i], &b->oracle[i]);
        if (!diff_compare(&b->cases[i], 1, &b->oracle[i], &b->armlet[i], DIFF_IGNORE_NONE, 0))
            continue;
        bad++;
        if (__atomic_load_n(&n->bad, __ATOMIC_RELAXED) + reports++ < MAX_REPORTS)
            report(&b->cases[i], first + i, seed);
    }
    count(&n->bad, bad);
    count(&n->streams, nr);
    return true;
}

static int worker(struct counts *n, uint64_t from, uint64_t streams, uint64_t seed, bool speaks)
{
    struct batch *b = malloc(sizeof(*b));
    uint64_t first;
    time_t said = time(NULL);

    while (b && (first = __atomic_fetch_add(&n->batches, 1, __ATOMIC_RELAXED) * BATCH) < streams) {
        size_t nr = streams - first < BATCH ? (size_t)(streams - first) : BATCH;
        if (!run_batch(n, b, from + first, nr, seed))
            return 1;
        if (speaks && time(NULL) - said >= 60) {
            said = time(NULL);
            fprintf(stderr, "%" PRIu64 " streams, %" PRIu64 " differ\n",
                    __atomic_load_n(&n->streams, __ATOMIC_RELAXED),
                    __atomic_load_n(&n->bad, __ATOMIC_RELAXED));
        }
    }
    free(b);
    return b ? 0 : 1;
}

// The account
// --------------------------------------------------------------------------------------

static const char *group_of(enum a64_op op)
{
    for (const struct diff_group *g = diff_groups; g->name; g++)
        if (diff_in_group(op, g->names))
            return g->name;
    return "branch, system, exclusive";
}

static void print_group(const struct counts *n, const char *name)
{
    uint64_t rows = 0, total = 0, least = UINT64_MAX;
    const char *least_name = "";

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        if (!stream_has_row(op) || strcmp(group_of(op), name))
            continue;
        rows++;
        total += n->hits[op];
        if (n->hits[op] < least) {
            least = n->hits[op];
            least_name = a64_rows[op].name;
        }
    }
    printf("%-26s %4" PRIu64 " rows %11" PRIu64 " hits, the least %8" PRIu64 " (%s)\n", name, rows,
           total, least, least_name);
}

static unsigned print_account(const struct counts *n, uint64_t seed, double seconds)
{
    const char *path = getenv("SOAK_ROWS");
    FILE *f = path ? fopen(path, "w") : NULL;
    unsigned missed = 0;

    for (const struct diff_group *g = diff_groups; g->name; g++)
        print_group(n, g->name);
    print_group(n, "branch, system, exclusive");
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        if (f)
            fprintf(f, "%-24s %s%" PRIu64 "\n", a64_rows[op].name,
                    stream_has_row(op) ? "" : "not in streams ", n->hits[op]);
        if (stream_has_row(op) && !n->hits[op]) {
            printf("row %s was not hit\n", a64_rows[op].name);
            missed++;
        }
    }
    if (f)
        fclose(f);
    printf("%" PRIu64 " streams of seed %" PRIu64 " in %.0f s: %" PRIu64 " instructions, %" PRIu64
           " ran to their end, %" PRIu64 " left out, %" PRIu64 " differ\n",
           n->streams, seed, seconds, n->insns, n->ran, n->touched, n->bad);
    return missed;
}

int main(int argc, char **argv)
{
    uint64_t streams = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) / 86400;
    uint64_t from = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
    const char *jobs = getenv("SOAK_JOBS");
    long nr = jobs ? atol(jobs) : sysconf(_SC_NPROCESSORS_ONLN);
    struct counts *n;
    struct timespec a, b;
    int bad = 0, status;

    if (!streams || argc > 4) {
        fprintf(stderr, "usage: soak STREAMS [SEED [FIRST]] (without SEED, today's)\n");
        return 2;
    }
    n = mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (n == MAP_FAILED)
        return 2;
    stream_nr_rows();
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (long i = 0; i < nr; i++)
        if (fork() == 0)
            _exit(worker(n, from, streams, seed, i == 0));
    while (wait(&status) > 0)
        bad |= !WIFEXITED(status) || WEXITSTATUS(status);
    clock_gettime(CLOCK_MONOTONIC, &b);
    bad |= print_account(
               n, seed, (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9) != 0;
    return bad || n->bad ? 1 : 0;
}
