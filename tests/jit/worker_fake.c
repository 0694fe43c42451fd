// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/worker_fake.h"

#include "jit/worker_wire.h"
#include "tests/jit/worker_bed.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Is the worker as bare as it should be?
static bool look_around(struct error *err)
{
    struct rlimit r;
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;
    unsigned nr = 0;
    while (d && (e = readdir(d)))
        nr += e->d_name[0] != '.';
    if (d)
        closedir(d);
    if (nr != 5) // 0, 1, 2, the socket and this directory
        return error_set(err, "%u files are open", nr);
    if (getrlimit(RLIMIT_CORE, &r) || r.rlim_cur)
        return error_set(err, "it may dump core");
    if (getpriority(PRIO_PROCESS, 0) < 5)
        return error_set(err, "nice is %d", getpriority(PRIO_PROCESS, 0));
    if (getpgrp() != getpid())
        return error_set(err, "not the leader of its group");
    const char *tmp = getenv("TMPDIR");
    if (!tmp || access(tmp, W_OK))
        return error_set(err, "TMPDIR is %s", tmp ? tmp : "not set");
    return true;
}

// Answers to a batch of one that no worker gives.
static const struct {
    struct wire_reply reply;
    struct wire_product product;
} lies[] = {
    {{WIRE_REPLY, 2, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 0, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, WIRE_MAX_REPLY + 1, true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, UINT32_MAX, true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) - 1, true, false, 0}, {true, 0, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product), true, false, 0}, {true, 8, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 7, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 9, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 3, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 8192, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {true, 8, 1, 8}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product), true, false, 0}, {true, 0, 1, 0}},
    {{WIRE_REPLY, 1, sizeof(struct wire_product) + 8, true, false, 0}, {false, UINT32_MAX, 1, 0}},
    {{WIRE_STORED, 1, WIRE_MAX_TEXT + 1, true, false, 0}, {0}},
};

const unsigned worker_fake_nr_lies = ARRAY_SIZE(lies);

static void lie(unsigned n)
{
    static const uint8_t image[512] = {0xc3};
    wire_write(3, &lies[n].reply, sizeof lies[n].reply);
    wire_write(3, &lies[n].product, sizeof lies[n].product);
    wire_write(3, image, sizeof image);
}

static bool misbehave(unsigned action, uint32_t value, struct error *err)
{
    static uint8_t *leaked;
    switch (action) {
    case DO_SEGV:
        signal(SIGSEGV, SIG_DFL); // the sanitizer's is slow to speak
        raise(SIGSEGV);
        break;
    case DO_HANG:
        for (;;)
            pause();
    case DO_FAIL:
        return error_set(err, "told to fail");
    case DO_TALK:
        for (unsigned i = 0; i < 100; i++)
            (void)!write(3, "nonsense", 8);
        break;
    case DO_EXIT:
        _exit(0);
    case DO_EAT_MEMORY:
        for (;;)
            if (mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED)
                return error_set(err, "no more memory");
    case DO_BURN:
        for (volatile unsigned i = 0;; i++)
            ;
    case DO_SLOW:
        worker_bed_sleep(20);
        break;
    case DO_LEAK:
        leaked = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(leaked, 1, 4 << 20);
        break;
    case DO_HANG_CHILD:
        if (fork() == 0)
            execlp("sleep", "sleep", "1000", (char *)NULL);
        wait(NULL);
        break;
    case DO_LIE:
        lie(value);
        pause();
        break;
    case DO_LOOK:
        return look_around(err);
    case DO_TOIL:
        for (clock_t begun = clock(); clock() - begun < CLOCKS_PER_SEC / 5;)
            ;
        break;
    }
    return true;
}

bool worker_fake_compile(const struct guest *guest, const struct region_recipe *const *recipes,
                         unsigned n, const char *path, struct error *err)
{
    char command[256];
    bool garbage = false;
    for (unsigned i = 0; i < n; i++) {
        uint32_t w = recipes[i]->blocks[0].weight;
        unsigned action = w >> 24;
        if (!misbehave(action, w & 0xffffff, err))
            return false;
        garbage |= action == DO_GARBAGE;
    }
    snprintf(command, sizeof command, garbage ? "cat >%s" : "as -o %s", path);
    FILE *as = popen(command, "w");
    if (!as)
        return error_set(err, "no as");
    for (unsigned i = 0; i < n; i++) {
        uint32_t w = recipes[i]->blocks[0].weight;
        fprintf(as,
                ".section .text.r%u,\"ax\"\n.globl region_%u\n.type region_%u,@function\n"
                "region_%u: mov .Lc%u(%%rip), %%eax\nadd %%edx, %%eax\nret\n%s"
                ".section .rodata.r%u,\"a\"\n.Lc%u: .long %u\n",
                i, i, i, i, i, w >> 24 == DO_UNDEFINED ? "call elsewhere\n" : "", i, i,
                w & 0xffffff);
    }
    return pclose(as) == 0 || error_set(err, "as failed");
}
