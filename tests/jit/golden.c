// SPDX-License-Identifier: GPL-3.0-or-later
// What the quick engine makes of typical guest code, against listings in the tree (golden/*.txt),
// so that better or worse code is seen by whoever changes the engine. Nothing is executed: the host
// counts as one that has BMI2, LZCNT, AVX and FMA, whatever it has. ARMLET_BLESS=1 writes the
// files.
#include "base/bits.h"
#include "frontend/disas.h"
#include "jit/quick_ctx.h"
#include "tests/jit/bed.h"
#include "tests/jit/golden_cases.h"
#include "tests/jit/golden_listing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Of the first instruction: pages lie before and behind it.
#define CODE_OFF 0x2100u
#define BRANCH   0x14000010u // b .+0x40
#define MOST     (64u << 10) // bytes of host code

// The engine -------------------------------------------------------------------------------------

static struct quick *engine_create(struct bed *b)
{
    struct error err;
    struct quick *q = quick_create(&b->jit, NULL, &err);
    cr_assert(q, "%s", err.text);
    q->bmi2 = q->lzcnt = q->cx16 = q->sse41 = q->sse42 = q->avx = q->fma = true;
    memset(q->top, 0xcc, MOST); // golden_listing() looks for its end
    b->jit.quick = q;
    return q;
}

static unsigned nr_insns(const struct golden_case *c)
{
    unsigned n = 0;
    while (n < GOLDEN_MAX_INSNS && c->insn[n].text)
        n++;
    return n;
}

static void write_guest(const struct golden_case *c, FILE *out)
{
    for (unsigned n = 0; n < nr_insns(c); n++) {
        char text[A64_DISAS_SIZE];
        a64_disas(c->insn[n].word, BED_CODE + CODE_OFF + 4 * n, text, sizeof text);
        cr_assert(!strcmp(text, c->insn[n].text), "%s: %08x is \"%s\", not \"%s\"", c->name,
                  c->insn[n].word, text, c->insn[n].text);
        fprintf(out, "    %s\n", text);
    }
}

// A case's section of a file: guest code, counts, host code.
static void write_case(const struct golden_case *c, FILE *out)
{
    static const struct bed_state state;
    struct bed *b = bed_create();
    struct quick *q = engine_create(b);
    unsigned n = nr_insns(c);
    for (unsigned i = 0; i < n; i++)
        bed_code(b, CODE_OFF)[i] = c->insn[i].word;
    bed_code(b, CODE_OFF)[n] = BRANCH;
    bed_start(b, &state, CODE_OFF);
    const struct tb *tb = tb_find(&b->cpu->v, BED_CODE + CODE_OFF);
    cr_assert(tb && tb->quick && tb->n_insns >= n && tb->n_insns <= n + 1, "%s: no such block",
              c->name);
    char *code = NULL;
    size_t size;
    FILE *mem = open_memstream(&code, &size);
    struct golden_count count;
    struct golden_block block = {q, tb, c->whole, tb->n_insns > n};
    bool ok = golden_listing(&block, mem, &count);
    fclose(mem);
    cr_assert(ok, "%s: something has no name:\n%s", c->name, code);
    fprintf(out, "\n== %s: %u, out of line %u\n", c->name, count.fast, count.cold);
    write_guest(c, out);
    fprintf(out, "%s", code);
    free(code);
    bed_destroy(b);
    quick_destroy(q);
}

static char *write_group(const struct golden_group *g)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out,
            "# SPDX-License-Identifier: GPL-3.0-or-later\n"
            "# Written by ARMLET_BLESS=1 tests/jit/golden.c; how to read it: docs/testing.md.\n");
    for (unsigned n = 0; n < g->nr_cases; n++)
        write_case(&g->cases[n], out);
    fclose(out);
    return text;
}

// Differences ------------------------------------------------------------------------------------

#define MAX_LINES 512

struct lines {
    const char *at[MAX_LINES];
    int length[MAX_LINES];
    unsigned nr;
};

// A case's section, up to the empty line behind it; none if it is not there.
static void find_section(const char *text, const char *name, struct lines *lines)
{
    char head[128];
    snprintf(head, sizeof head, "\n== %s: ", name);
    const char *p = strstr(text, head);
    lines->nr = 0;
    for (p = p ? p + 1 : ""; *p && *p != '\n' && lines->nr < MAX_LINES;
         p += p[strcspn(p, "\n")] ? 1 : 0) {
        lines->at[lines->nr] = p;
        lines->length[lines->nr] = (int)strcspn(p, "\n");
        p += lines->length[lines->nr++];
    }
}

static bool same_line(const struct lines *a, unsigned i, const struct lines *b, unsigned k)
{
    return a->length[i] == b->length[k] && !memcmp(a->at[i], b->at[k], (size_t)a->length[i]);
}

// By the longest common subsequence.
static void print_diff(const struct lines *want, const struct lines *got)
{
    static uint16_t common[MAX_LINES + 1][MAX_LINES + 1]; // of what is behind i and k
    for (unsigned i = want->nr + 1; i-- > 0;)
        for (unsigned k = got->nr + 1; k-- > 0;) {
            if (i == want->nr || k == got->nr)
                common[i][k] = 0;
            else if (same_line(want, i, got, k))
                common[i][k] = common[i + 1][k + 1] + 1;
            else
                common[i][k] =
                    common[i + 1][k] > common[i][k + 1] ? common[i + 1][k] : common[i][k + 1];
        }
    for (unsigned i = 0, k = 0; i < want->nr || k < got->nr;) {
        if (i < want->nr && k < got->nr && same_line(want, i, got, k)) {
            fprintf(stderr, "  %.*s\n", want->length[i], want->at[i]);
            i++, k++;
        } else if (k == got->nr || (i < want->nr && common[i + 1][k] >= common[i][k + 1])) {
            fprintf(stderr, "- %.*s\n", want->length[i], want->at[i]);
            i++;
        } else {
            fprintf(stderr, "+ %.*s\n", got->length[k], got->at[k]);
            k++;
        }
    }
}

static bool same_section(const struct lines *want, const struct lines *got)
{
    bool same = want->nr == got->nr;
    for (unsigned n = 0; same && n < want->nr; n++)
        same = same_line(want, n, got, n);
    return same;
}

// Every case that differs, its counts before and after last.
static unsigned compare(const struct golden_group *g, const char *want, const char *got)
{
    static struct lines before, after;
    unsigned differ = 0;
    for (unsigned n = 0; n < g->nr_cases; n++) {
        const char *name = g->cases[n].name;
        find_section(want, name, &before);
        find_section(got, name, &after);
        if (same_section(&before, &after))
            continue;
        differ++;
        print_diff(&before, &after);
        size_t skip = strlen(name) + 5; // "== NAME: "
        fprintf(stderr, "%s/%s: was %.*s; is %.*s\n\n", g->name, name,
                before.nr ? before.length[0] - (int)skip : 9,
                before.nr ? before.at[0] + skip : "not there", after.length[0] - (int)skip,
                after.at[0] + skip);
    }
    return differ;
}

// Files ------------------------------------------------------------------------------------------

static char *read_file(const char *path)
{
    char *text = calloc(1, 1 << 20);
    FILE *f = fopen(path, "r");
    cr_assert(text);
    if (f) {
        size_t n = fread(text, 1, (1 << 20) - 1, f);
        cr_assert(n < (1 << 20) - 1, "%s is too long", path);
        fclose(f);
    }
    return text;
}

static void bless(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert(f, "%s cannot be written", path);
    cr_assert(fputs(text, f) >= 0);
    cr_assert(!fclose(f), "%s cannot be written", path);
}

static void check_group(const char *name)
{
    const struct golden_group *g = golden_groups;
    while (strcmp(g->name, name))
        g++;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, name);
    char *got = write_group(g), *want = read_file(path);
    const char *how = getenv("ARMLET_BLESS");
    if (how && !strcmp(how, "1")) {
        if (strcmp(want, got))
            bless(path, got);
    } else {
        unsigned differ = compare(g, want, got);
        cr_expect(!differ, "%s: %u of %u cases differ from %s (meant? ARMLET_BLESS=1 writes it)",
                  name, differ, g->nr_cases, path);
        cr_expect(differ || !strcmp(want, got), "%s has cases that are not there, or another order",
                  path);
    }
    free(got);
    free(want);
}

#define GROUP(name)                                                                                \
    Test(golden, name)                                                                             \
    {                                                                                              \
        check_group(#name);                                                                        \
    }
GROUP(moves)
GROUP(branches)
GROUP(calls)
GROUP(memory)
GROUP(atomics)
GROUP(select)
GROUP(bits)
GROUP(multiply)
GROUP(fp)
GROUP(neon)
