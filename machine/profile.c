// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/profile.h"

#include "devices/char/say.h"
#include "frontend/sysreg.h"
#include "machine/backtrace.h"
#include "machine/btf.h"
#include "machine/kernel.h"

#include <assert.h>
#include <errno.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PERIOD_NS   1003009 // no multiple of the guest's own ticks
#define BUCKETS     4096u
#define MAX_STACKS  262144u // beyond them new ones are counted together

struct entry {
    struct profile_stack stack;
    struct entry *next;
};

struct profile {
    struct machine *m;
    int timer_fd;
    struct mutex lock; // of the stacks
    struct entry *buckets[BUCKETS];
    size_t nr;
    uint64_t samples, asleep, others;
    // Offset of the task that a CPU runs in its per-CPU data, and of the name in it.
    bool has_task;
    uint64_t entry_task, comm;
};

static void count_stack(struct profile *p, const char *text)
{
    uint32_t hash = 2166136261u;
    for (const char *c = text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    mutex_lock(&p->lock);
    struct entry **at = &p->buckets[hash & (BUCKETS - 1)], *e;
    for (e = *at; e && strcmp(e->stack.text, text); e = e->next)
        ;
    if (!e && p->nr < MAX_STACKS) {
        e = calloc(1, sizeof *e);
        assert(e);
        e->stack.text = strdup(text);
        assert(e->stack.text);
        e->next = *at;
        *at = e;
        p->nr++;
    }
    if (e)
        e->stack.count++;
    else
        p->others++;
    p->samples++;
    mutex_unlock(&p->lock);
}

// Taking a sample --------------------------------------------------------------------------------

// What runs: the task's name, where the kernel can be asked.
static void put_root(const struct profile *p, const struct a64_cpu *cpu, char *text, size_t size)
{
    uint64_t offset, task, words[2] = { 0 };
    snprintf(text, size, "EL%u", cpu->el);
    if (!p->has_task || !kernel_offset(p->m, cpu, &offset) ||
        !backtrace_word(p->m, cpu, p->entry_task + offset + cpu->v.r[A64_TPIDR_EL1], &task) ||
        !backtrace_word(p->m, cpu, task + p->comm, &words[0]) || !backtrace_word(p->m, cpu, task + p->comm + 8, &words[1]))
        return;
    char comm[17];
    memcpy(comm, words, 16);
    comm[16] = 0;
    for (char *c = comm; *c; c++)
        if (!isgraph((unsigned char)*c) || *c == ';')
            *c = '_';
    if (*comm)
        snprintf(text, size, "%s", comm);
}

static void put_frame(const struct profile *p, const struct a64_cpu *cpu, uint64_t pc, char *text, size_t size)
{
    kernel_name(p->m, cpu, pc, text, size);
    text[strcspn(text, "+")] = 0;
}

static void sample(void *opaque, struct vcpu *v)
{
    struct profile *p = opaque;
    const struct a64_cpu *cpu = a64(v);
    struct backtrace_frame frames[BACKTRACE_MAX];
    char text[BACKTRACE_MAX * 80];
    put_root(p, cpu, text, 80);
    size_t len = strlen(text);
    for (unsigned n = backtrace(p->m, cpu, frames); n-- > 0 && len + 80 < sizeof text;) {
        if (cpu->el && frames[n].user)
            continue; // what the kernel does counts together whatever program wants it
        text[len++] = ';';
        put_frame(p, cpu, frames[n].pc, text + len, 79);
        len += strlen(text + len);
    }
    count_stack(p, text);
}

struct pollfd profile_pollfd(const struct profile *p)
{
    return (struct pollfd){ .fd = p->timer_fd, .events = POLLIN };
}

void profile_serve(struct profile *p)
{
    uint64_t times;
    if (read(p->timer_fd, &times, sizeof times) != sizeof times)
        return;
    for (unsigned n = 0; n < p->m->nr_cpus; n++) {
        const struct vcpu_thread *t = &p->m->threads[n];
        if (__atomic_load_n(&t->asleep, __ATOMIC_RELAXED))
            p->asleep += times;
        else if (t->running)
            vcpu_kick(&p->m->cpus[n]->v, EXIT_REQ_SAMPLE);
    }
}

// ------------------------------------------------------------------------------------------------

static void find_task(struct profile *p)
{
    const struct symbols *s = p->m->symbols;
    const struct symbol *task = s ? symbols_named(s, "__entry_task") : NULL;
    struct btf *b = s && s->btf ? btf_create(s->btf, s->btf_size) : NULL;
    p->has_task = task && b && btf_member(b, "task_struct", "comm", &p->comm, NULL) && !(p->comm & 7);
    p->entry_task = task ? task->addr : 0;
    btf_destroy(b);
}

struct profile *profile_create(struct machine *m, struct error *err)
{
    struct itimerspec often = { { 0, PERIOD_NS }, { 0, PERIOD_NS } };
    FILE *f = fopen(m->config->profile, "we"); // now, so that it is known before the guest runs
    if (!f) {
        error_set(err, "%s: %s", m->config->profile, strerror(errno));
        return NULL;
    }
    fclose(f);
    struct profile *p = calloc(1, sizeof *p);
    assert(p);
    p->m = m;
    mutex_init(&p->lock);
    find_task(p);
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    timerfd_settime(p->timer_fd, 0, &often, NULL);
    m->jit.sample = sample;
    m->jit.sample_opaque = p;
    return p;
}

// Frame by frame: what divides them comes before any letter.
static int by_text(const void *a, const void *b)
{
    const char *x = ((const struct profile_stack *)a)->text, *y = ((const struct profile_stack *)b)->text;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    int p = *x == ';' ? 1 : (unsigned char)*x, q = *y == ';' ? 1 : (unsigned char)*y;
    return p - q;
}

static void write_files(const struct profile *p, const struct profile_stack *stacks, size_t nr)
{
    const char *path = p->m->config->profile;
    char svg[4096], title[128];
    FILE *f = fopen(path, "we");
    for (size_t n = 0; f && n < nr; n++)
        fprintf(f, "%s %" PRIu64 "\n", stacks[n].text, stacks[n].count);
    if (f && p->others)
        fprintf(f, "(too many stacks) %" PRIu64 "\n", p->others);
    bool ok = f && !fclose(f);
    snprintf(svg, sizeof svg, "%s.svg", path);
    snprintf(title, sizeof title, "%" PRIu64 " samples, asleep in %" PRIu64 " more", p->samples, p->asleep);
    f = ok ? fopen(svg, "we") : NULL;
    if (f)
        profile_write_svg(f, stacks, nr, title);
    if (!f || fclose(f))
        say("%s: %s", ok ? svg : path, strerror(errno));
}

void profile_destroy(struct profile *p)
{
    if (!p)
        return;
    struct profile_stack *stacks = calloc(p->nr + 1, sizeof *stacks);
    size_t nr = 0;
    assert(stacks);
    for (unsigned b = 0; b < BUCKETS; b++)
        for (struct entry *e = p->buckets[b], *next; e; e = next) {
            next = e->next;
            stacks[nr++] = e->stack;
            free(e);
        }
    qsort(stacks, nr, sizeof *stacks, by_text);
    write_files(p, stacks, nr);
    for (size_t n = 0; n < nr; n++)
        free(stacks[n].text);
    free(stacks);
    close(p->timer_fd);
    p->m->jit.sample = NULL;
    mutex_fini(&p->lock);
    free(p);
}
