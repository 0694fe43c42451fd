// SPDX-License-Identifier: GPL-3.0-or-later
// The code buffer: nothing is ever writable and executable, spans never overlap, what is freed is
// used again.
#include "jit/codebuf.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned function(void);

// mov $value, %eax; ret
static void write_function(const struct codebuf_span *s, uint32_t value)
{
    s->write[0] = 0xb8;
    memcpy(s->write + 1, &value, 4);
    s->write[5] = 0xc3;
}

static unsigned run(const struct codebuf_span *s)
{
    return ((function *)(uintptr_t)s->exec)();
}

// Counts the mappings of this process that are writable and executable at once, and checks the
// views of cb.
static unsigned count_wx(const struct codebuf *cb, unsigned *views)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned wx = 0;
    *views = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned long from, to;
        char prot[8];
        cr_assert_eq(sscanf(line, "%lx-%lx %7s", &from, &to, prot), 3);
        wx += prot[1] == 'w' && prot[2] == 'x';
        if ((uintptr_t)cb->write >= from && (uintptr_t)cb->write < to) {
            cr_assert_str_eq(prot, "rw-s", "write view: %s", line);
            ++*views;
        }
        if ((uintptr_t)cb->exec >= from && (uintptr_t)cb->exec < to) {
            cr_assert_str_eq(prot, "r-xs", "execute view: %s", line);
            ++*views;
        }
    }
    fclose(f);
    return wx;
}

Test(codebuf, never_writable_and_executable)
{
    struct codebuf cb;
    struct codebuf_span s;
    struct error err;
    unsigned views;
    cr_assert(codebuf_init(&cb, 0, &err), "%s", err.text);
    cr_assert_eq(count_wx(&cb, &views), 0);
    cr_assert_eq(views, 2);
    cr_assert(codebuf_alloc(&cb, 6, 1, &s));
    write_function(&s, 4711);
    codebuf_publish(&cb, &s);
    cr_assert_eq(run(&s), 4711);
    cr_assert_eq(count_wx(&cb, &views), 0);
    codebuf_free(&cb, &s);
    cr_assert_eq(count_wx(&cb, &views), 0);
    codebuf_fini(&cb);
}

Test(codebuf, views_show_the_same)
{
    struct codebuf cb;
    struct codebuf_span s;
    cr_assert(codebuf_init(&cb, 1 << 20, NULL));
    cr_assert(codebuf_alloc(&cb, 1000, 256, &s));
    cr_assert_eq((uintptr_t)s.exec % 256, 0);
    cr_assert_eq((uintptr_t)s.write % 256, 0);
    cr_assert_geq(s.size, 1000);
    for (unsigned i = 0; i < 1000; i++)
        s.write[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(s.exec[i], (uint8_t)(i * 7), "byte %u", i);
    cr_assert(codebuf_holds(&cb, s.exec) && !codebuf_holds(&cb, s.write));
    cr_assert(!codebuf_holds(&cb, cb.exec - 1) && !codebuf_holds(&cb, cb.exec + (1 << 20)));
    codebuf_free(&cb, &s);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(cb.exec[i], 0xcc, "freed byte %u", i);
    codebuf_fini(&cb);
}

Test(codebuf, full_and_refused)
{
    struct codebuf cb;
    struct codebuf_span s, big;
    struct codebuf_stats st;
    cr_assert(codebuf_init(&cb, 10000, NULL));
    codebuf_stats(&cb, &st);
    cr_assert_eq(st.reserve, 12288);
    cr_assert(!codebuf_alloc(&cb, 12289, 1, &s));
    cr_assert(!codebuf_alloc(&cb, SIZE_MAX, 1, &s));
    cr_assert(!codebuf_alloc(&cb, SIZE_MAX - 10, 4096, &s));
    cr_assert_eq(s.size, 0);
    cr_assert(codebuf_alloc(&cb, 12288, 4096, &big));
    cr_assert(!codebuf_alloc(&cb, 1, 1, &s));
    codebuf_free(&cb, &s); // nothing
    codebuf_free(&cb, &big);
    cr_assert(codebuf_alloc(&cb, 12288, 1, &big));
    cr_assert(big.reused);
    codebuf_stats(&cb, &st);
    cr_assert_eq(st.refused, 4);
    cr_assert_eq(st.used, 12288);
    cr_assert_eq(st.holes, 0);
    codebuf_fini(&cb);
}

Test(codebuf, too_large)
{
    struct codebuf cb;
    struct error err = {0};
    cr_assert(!codebuf_init(&cb, (size_t)CODEBUF_MAX + 1, &err));
    cr_assert(err.text[0]);
}

// A model of the buffer: who owns each grain.
#define GRAINS ((1u << 20) / CODEBUF_GRAIN)
#define SPANS  300

Test(codebuf, random_use_against_a_model)
{
    static uint16_t owner[GRAINS];
    struct codebuf_span spans[SPANS] = {0};
    struct codebuf cb;
    struct codebuf_stats st;
    uint64_t rng = 12345;
    size_t used = 0;
    cr_assert(codebuf_init(&cb, 1 << 20, NULL));
    for (unsigned step = 0; step < 20000; step++) {
        rng = rng * 6364136223846793005u + 1442695040888963407u;
        unsigned n = (unsigned)(rng >> 33) % SPANS;
        struct codebuf_span *s = &spans[n];
        if (s->size) {
            size_t first = (size_t)(s->write - cb.write) / CODEBUF_GRAIN;
            cr_assert_eq(run(s), n, "step %u: span %u was overwritten", step, n);
            for (size_t g = 0; g < s->size / CODEBUF_GRAIN; g++)
                owner[first + g] = 0;
            used -= s->size;
            codebuf_free(&cb, s);
            *s = (struct codebuf_span){0};
            continue;
        }
        size_t align = (size_t)1 << (rng >> 20 & 12);
        if (!codebuf_alloc(&cb, 6 + (rng >> 40) % 9000, align, s))
            continue;
        size_t first = (size_t)(s->write - cb.write) / CODEBUF_GRAIN;
        cr_assert_eq((uintptr_t)s->exec % align, 0);
        for (size_t g = 0; g < s->size / CODEBUF_GRAIN; g++) {
            cr_assert_eq(owner[first + g], 0, "step %u: grain of span %u", step,
                         owner[first + g] - 1);
            owner[first + g] = (uint16_t)(n + 1);
        }
        used += s->size;
        write_function(s, n);
        codebuf_publish(&cb, s);
        codebuf_stats(&cb, &st);
        cr_assert_eq(st.used, used);
    }
    for (unsigned n = 0; n < SPANS; n++)
        codebuf_free(&cb, &spans[n]);
    codebuf_stats(&cb, &st);
    cr_assert_eq(st.used, 0);
    cr_assert(cb.top == st.holes, "%zu of %zu bytes are lost", cb.top - st.holes, cb.top);
    struct codebuf_span all;
    cr_assert(codebuf_alloc(&cb, 1 << 20, 1, &all), "not whole again");
    codebuf_fini(&cb);
}

static void *churn(void *opaque)
{
    struct codebuf *cb = opaque;
    for (unsigned i = 0; i < 2000; i++) {
        struct codebuf_span a, b;
        cr_assert(codebuf_alloc(cb, 10 + i % 5000, 64, &a) && codebuf_alloc(cb, 100, 16, &b));
        write_function(&a, i);
        write_function(&b, i + 1);
        codebuf_publish(cb, &a);
        codebuf_publish(cb, &b);
        cr_assert(run(&a) == i && run(&b) == i + 1);
        codebuf_free(cb, &a);
        codebuf_free(cb, &b);
    }
    return NULL;
}

Test(codebuf, threads)
{
    struct codebuf cb;
    struct codebuf_stats st;
    pthread_t t[4];
    cr_assert(codebuf_init(&cb, 1 << 20, NULL));
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, churn, &cb);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    codebuf_stats(&cb, &st);
    cr_assert_eq(st.used, 0);
    cr_assert_eq(st.allocated, 16000);
    cr_assert_eq(st.freed, 16000);
    codebuf_fini(&cb);
}
