// SPDX-License-Identifier: GPL-3.0-or-later
// Which pages were written: by stores through the TLB and past it, by DMA, by atomics; while a vCPU
// has not flushed yet; for several users; and against a thread that writes all the time.
#include "jit/dirty.h"
#include "jit/rendezvous.h"

#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#define PAGES 40u // asked about, from TOY_DATA on

static struct toy *t;
static const int alice, bob; // users

static void setup(void)
{
    t = toy_create();
    rendezvous_enter(&t->cpu); // what is outside writes nothing
}

static void teardown(void)
{
    toy_destroy(t);
}

TestSuite(dirty, .init = setup, .fini = teardown, .timeout = 60);

static uint64_t collect(const void *user)
{
    uint64_t pages = 0;
    cr_assert(dirty_collect(&t->jit, user, TOY_DATA, PAGES * PAGE_SIZE, &pages));
    return pages;
}

#define expect_pages(user, want)                                                                   \
    do {                                                                                           \
        uint64_t got_ = collect(user), want_ = (want);                                             \
        cr_assert(got_ == want_, "pages %#lx, not %#lx", got_, want_);                             \
    } while (0)

static gva_t page(unsigned n)
{
    return TOY_DATA + n * PAGE_SIZE;
}

static void store(gva_t va)
{
    uint64_t v = va;
    cr_assert(mem_store(&t->cpu, va, 8, 0, &v));
}

// What exec_run() does between blocks.
static void safe_point(void)
{
    if (__atomic_exchange_n(&t->cpu.exit_request, 0, __ATOMIC_SEQ_CST) & EXIT_REQ_DIRTY)
        dirty_flush(&t->cpu);
}

// All is reported, twice: the second time since nobody had flushed.
static void begin(const void *user)
{
    expect_pages(user, mask64(PAGES));
    cr_assert(t->cpu.exit_request & EXIT_REQ_DIRTY);
    expect_pages(user, 0);
    safe_point();
    expect_pages(user, mask64(PAGES));
    expect_pages(user, 0);
}

Test(dirty, stores)
{
    store(page(3)); // before anybody asks
    begin(&alice);
    store(page(3));
    store(page(3) + 8); // through the TLB
    store(page(5) - 4); // two pages
    expect_pages(&alice, BIT(3) | BIT(4) | BIT(5));
    store(page(3)); // through the old entry: not seen...
    expect_pages(&alice, 0);
    safe_point();
    expect_pages(&alice, BIT(3) | BIT(4) | BIT(5)); // ...but reported when it can be no more
    expect_pages(&alice, 0);
    store(page(3));
    expect_pages(&alice, BIT(3));
    safe_point();
    expect_pages(&alice, BIT(3));
    uint64_t v;
    cr_assert(mem_load(&t->cpu, page(7), 8, 0, &v));
    expect_pages(&alice, 0);
}

Test(dirty, what_runs_flushes_by_itself)
{
    TOY_CODE_AT(t, TOY_CODE, 0);
    expect_pages(&alice, mask64(PAGES));
    toy_run(t, TOY_CODE);
    expect_pages(&alice, mask64(PAGES));
    expect_pages(&alice, 0);
}

Test(dirty, other_ways_to_write)
{
    begin(&alice);
    cr_assert(mem_rmw(&t->cpu, page(1), 8, 0, true));
    expect_pages(&alice, BIT(1));
    safe_point();
    expect_pages(&alice, BIT(1));
    jit_ram_written(&t->jit, page(2) - 1, 2); // DMA
    expect_pages(&alice, BIT(1) | BIT(2));
    safe_point();
    expect_pages(&alice, BIT(1) | BIT(2));
    jit_ram_written(&t->jit, page(0) - 100, 100);
    jit_ram_written(&t->jit, page(PAGES), 1);
    expect_pages(&alice, 0);
    dirty_all_written(&t->jit);
    expect_pages(&alice, mask64(PAGES));
}

Test(dirty, several_users)
{
    uint64_t pages = 0;
    begin(&alice);
    expect_pages(&bob, mask64(PAGES)); // his first time
    store(page(9));
    expect_pages(&alice, BIT(9));
    expect_pages(&bob, BIT(9)); // although the flag is set again
    safe_point();
    expect_pages(&bob, BIT(9));
    expect_pages(&alice, BIT(9));
    expect_pages(&alice, 0);
    // Another range: all of it at first, counted from its own first page.
    cr_assert(dirty_collect(&t->jit, &bob, page(8) + 100, PAGE_SIZE, &pages));
    cr_assert(pages == 3, "%#lx", pages);
    dirty_forget(&t->jit, &bob);
    dirty_forget(&t->jit, &bob);
    expect_pages(&alice, 0);
}

Test(dirty, not_everything_is_recorded)
{
    uint64_t pages = 0;
    cr_assert(!dirty_collect(&t->jit, &alice, TOY_DEV, 8, &pages));
    cr_assert(!dirty_collect(&t->jit, &alice, TOY_RAM + TOY_RAM_SIZE - 8, 9, &pages));
    cr_assert(!dirty_collect(&t->jit, &alice, TOY_RAM, 0, &pages));
    cr_assert(!dirty_collect(&t->jit, &alice, UINT64_MAX, UINT64_MAX, &pages));
    cr_assert(dirty_collect(&t->jit, &alice, TOY_RAM + TOY_RAM_SIZE - 8, 8, &pages));
    cr_assert(pages == 1 && !dirty_collect(&t->jit, &bob, TOY_RAM - 8, 16, &pages));
}

// A vCPU that draws, and a front end that copies what it is told was drawn: when the vCPU is done,
// two more looks make the copy right.
#define STORES 400000u

static void *draw(void *opaque)
{
    uint64_t x = 88172645463325252;
    int *done = opaque;
    for (unsigned i = 0; i < STORES; i++) {
        uint64_t r = toy_random(&x);
        uint64_t v = toy_random(&x);
        mem_store(&t->cpu, TOY_DATA + r % (PAGES * PAGE_SIZE - 8), 8, 0, &v);
        if (r >> 60 == 0)
            safe_point();
    }
    safe_point();
    __atomic_store_n(done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

Test(dirty, against_a_running_cpu)
{
    static uint8_t copy[PAGES * PAGE_SIZE];
    const uint8_t *ram = toy_host(t, TOY_DATA);
    pthread_t thread;
    int done = 0;
    unsigned looks = 0, left = 3; // the vCPU's last flush may be asked for by the first of these
    cr_assert(!pthread_create(&thread, NULL, draw, &done));
    while (left) {
        left -= __atomic_load_n(&done, __ATOMIC_SEQ_CST);
        uint64_t pages = collect(&alice);
        for (unsigned n = 0; n < PAGES; n++)
            if (pages >> n & 1)
                memcpy(copy + n * PAGE_SIZE, ram + n * PAGE_SIZE, PAGE_SIZE);
        if (left < 3)
            safe_point(); // on the vCPU's behalf: it runs no more
        looks++;
    }
    pthread_join(thread, NULL);
    for (unsigned n = 0; n < PAGES; n++)
        cr_assert(!memcmp(copy + n * PAGE_SIZE, ram + n * PAGE_SIZE, PAGE_SIZE),
                  "page %u differs after %u looks", n, looks);
}
