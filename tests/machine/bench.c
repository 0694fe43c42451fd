// SPDX-License-Identifier: GPL-3.0-or-later
// `armlet bench` without a guest: what is understood of its output, figures, comparison, formats.
#include "machine/bench.h"

#include "machine/config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct bench_result result;
static struct bench_output output;

static void init(void)
{
    memset(&result, 0, sizeof result);
    bench_output_init(&output, &result);
}

TestSuite(bench, .init = init);

static void say(const char *text, uint64_t insns)
{
    bench_output_write(&output, (const uint8_t *)text, strlen(text), insns);
}

Test(bench, understands_the_guest)
{
    say("bench 3b9aca0\n", 50);
    say("> one\n", 100);
    say("some other text\n", 150);
    say("= one 3 10 2a dead", 900);
    say("beef\n", 1100);
    say("> two\n= two 1 ffffffffffffffff 1 0\n", 2000);
    cr_expect_eq(result.frequency, 62500000u);
    cr_assert_eq(result.nr_kernels, 2u);
    const struct bench_kernel *k = result.kernels;
    cr_expect_str_eq(k[0].name, "one");
    cr_expect_eq(k[0].passes, 3u);
    cr_expect_eq(k[0].best, 16u);
    cr_expect_eq(k[0].total, 42u);
    cr_expect_eq(k[0].checksum, 0xdeadbeefu);
    cr_expect_eq(k[0].insns, 1000u);
    cr_expect_eq(k[1].best, UINT64_MAX);
    cr_expect_eq(k[1].insns, 0u);
    cr_expect_str_eq(output.complaint, "");
}

Test(bench, refuses_nonsense)
{
    static const char *const lines[] = {
        "= one 1 1 1 1\n", // no frequency
        "bench 100\n= one 1 1 1\n",
        "bench 100\n= one 0 1 1 1\n",
        "bench 100\n= one x 1 1 1\n",
        "bench 100\n= one -1 1 1 1\n",
        "bench 100\n= <b> 1 1 1 1\n",
        "bench 100\n= \"quoted\" 1 1 1 1\n",
        "bench 100\n= a_name_that_is_longer_than_all_names 1 1 1 1\n",
        "bench 100\n= \n",
        "bench 1x\n= a 1 1 1 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        init();
        say(lines[i], 1);
        cr_expect_eq(result.nr_kernels, 0u, "%s", lines[i]);
        cr_expect(output.complaint[0], "%s", lines[i]);
    }
    init();
    say("! first\n! second\n", 1);
    cr_expect_str_eq(output.complaint, "first");
}

// Whatever bytes come, in whatever pieces.
Test(bench, survives_anything)
{
    uint64_t state = 1;
    for (unsigned n = 0; n < 200000; n++) {
        static const char often[] = "bench > = ! 0123456789abcdef \n\n";
        uint8_t c;
        state = state * 6364136223846793005u + 1442695040888963407u;
        c = state >> 60 ? (uint8_t)often[(state >> 33) % (sizeof often - 1)]
                        : (uint8_t)(state >> 40);
        bench_output_write(&output, &c, 1, state >> 20);
    }
    init();
    for (unsigned n = 0; n < 10000; n++)
        say("= long line that does not end ", n);
    say("\nbench 1\n", 1);
    for (unsigned n = 0; n < 2 * BENCH_MAX_KERNELS; n++)
        say("= k 1 1 1 1\n", n);
    cr_expect_eq(result.nr_kernels, (unsigned)BENCH_MAX_KERNELS);
}

// Figures ----------------------------------------------------------------------------------------

// interp: 1 s and 4 s a pass; tiered: half and a quarter of that, in its second round.
static struct bench *sample(void)
{
    struct bench *b = calloc(1, sizeof *b);
    static const uint64_t best[2][2][2] = {{{100, 400}, {120, 500}}, {{100, 400}, {50, 100}}};
    b->rounds = 2;
    b->nr_engines = 2;
    for (unsigned e = 0; e < 2; e++) {
        b->engines[e].name = e ? "tiered" : "interp";
        b->engines[e].accel = e ? CONFIG_ACCEL_TIERED : CONFIG_ACCEL_INTERP;
        for (unsigned n = 0; n < 2; n++) {
            struct bench_result *r = &b->engines[e].rounds[n];
            *r = (struct bench_result){.frequency = 100, .nr_kernels = 2, .wall_ns = 1500000000};
            for (unsigned k = 0; k < 2; k++)
                r->kernels[k] = (struct bench_kernel){.name = "first",
                                                      .passes = 5,
                                                      .best = best[e][n][k],
                                                      .total = 1000,
                                                      .checksum = 0x123,
                                                      .insns = 5000000};
            strcpy(r->kernels[1].name, "second");
        }
    }
    return b;
}

static void expect_near(double got, double want)
{
    cr_expect(fabs(got - want) < 1e-9 * fabs(want) + 1e-12, "%g, not %g", got, want);
}

Test(bench, figures)
{
    struct bench *b = sample();
    const struct bench_engine *interp = &b->engines[0], *tiered = &b->engines[1];
    cr_expect_eq(bench_base(b), interp);
    expect_near(bench_seconds(b, interp, 0), 1);
    expect_near(bench_seconds(b, tiered, 0), 0.5);
    expect_near(bench_speed(b, interp, 0), 1e6);
    expect_near(bench_speed(b, tiered, 1), 1e6);
    expect_near(bench_ratio(b, tiered, 0), 2);
    expect_near(bench_ratio(b, tiered, 1), 4);
    expect_near(bench_ratio(b, interp, 1), 1);
    expect_near(bench_mean_ratio(b, tiered), sqrt(8));
    struct bench_engine swap = b->engines[0];
    b->engines[0] = b->engines[1];
    b->engines[1] = swap;
    cr_expect_eq(bench_base(b), &b->engines[1]); // the interpreter wherever it stands
    free(b);
}

Test(bench, engines_must_agree)
{
    struct error err = {0};
    struct bench *b = sample();
    cr_expect(bench_agree(b, &err), "%s", err.text);
    struct bench_kernel *k = &b->engines[1].rounds[1].kernels[1];
    k->checksum++;
    cr_expect_not(bench_agree(b, &err));
    cr_expect(strstr(err.text, "second") && strstr(err.text, "tiered") &&
                  strstr(err.text, "0123") && strstr(err.text, "0124"),
              "'%s'", err.text);
    k->checksum--;
    k->name[0] = 'S';
    cr_expect_not(bench_agree(b, &err));
    k->name[0] = 's';
    b->engines[1].rounds[0].nr_kernels = 1;
    cr_expect_not(bench_agree(b, &err));
    cr_expect(strstr(err.text, "ran 2 kernels"), "'%s'", err.text);
    free(b);
}

static char *print(void (*f)(const struct bench *b, FILE *out), const struct bench *b)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    f(b, out);
    fclose(out);
    return text;
}

Test(bench, formats)
{
    struct bench *b = sample();
    b->guest = "a \"quoted\"\\\n name";
    char *table = print(bench_print_table, b), *json = print(bench_print_json, b),
         *svg = print(bench_print_svg, b);
    cr_expect(strstr(table, "geometric mean") && strstr(table, "2.83"), "%s", table);
    cr_expect(strstr(json, "\"guest\": \"a \\\"quoted\\\"\\\\\\u000a name\""), "%s", json);
    cr_expect(strstr(json, "\"geometric_mean_ratio\": 2.8284"), "%s", json);
    cr_expect(strstr(svg, "</svg>") && strstr(svg, ">second<") && !strstr(svg, "nan") &&
                  !strstr(svg, "inf"),
              "%s", svg);
    free(table);
    free(json);
    free(svg);
    b->nr_engines = 1; // nothing to compare with, and nothing that was counted
    for (unsigned k = 0; k < 2; k++)
        b->engines[0].rounds[0].kernels[k].insns = b->engines[0].rounds[0].kernels[k].best = 0;
    svg = print(bench_print_svg, b);
    cr_expect(!strstr(svg, "nan") && !strstr(svg, "inf"), "%s", svg);
    free(svg);
    free(b);
}
