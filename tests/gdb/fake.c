// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gdb/fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake *standing(void *opaque, unsigned thread)
{
    struct fake *f = opaque;
    assert(!f->running && thread < f->target.nr_threads);
    return f;
}

static size_t reg_size(void *opaque, unsigned reg)
{
    if (reg >= GDB_REG_V0 && reg < GDB_REG_FPSR)
        return 16;
    if (reg == GDB_REG_CPSR || reg == GDB_REG_FPSR || reg == GDB_REG_FPCR)
        return 4;
    return reg < FAKE_REGS ? 8 : 0;
}

static bool reg_read(void *opaque, unsigned thread, unsigned reg, uint8_t *value)
{
    struct fake *f = standing(opaque, thread);
    memcpy(value, f->regs[thread][reg], reg_size(f, reg));
    return reg != FAKE_REGS - 1;
}

static bool reg_write(void *opaque, unsigned thread, unsigned reg, const uint8_t *value)
{
    struct fake *f = standing(opaque, thread);
    memcpy(f->regs[thread][reg], value, reg_size(f, reg));
    return reg != FAKE_REGS - 2;
}

static size_t reach(uint64_t addr, size_t n)
{
    uint64_t off = addr - FAKE_BASE;
    return off >= FAKE_SIZE ? 0 : n < FAKE_SIZE - off ? n : (size_t)(FAKE_SIZE - off);
}

static size_t mem_read(void *opaque, unsigned thread, uint64_t addr, void *bytes, size_t n)
{
    struct fake *f = standing(opaque, thread);
    n = reach(addr, n);
    memcpy(bytes, f->memory + (n ? addr - FAKE_BASE : 0), n);
    return n;
}

static size_t mem_write(void *opaque, unsigned thread, uint64_t addr, const void *bytes, size_t n)
{
    struct fake *f = standing(opaque, thread);
    n = reach(addr, n);
    memcpy(f->memory + (n ? addr - FAKE_BASE : 0), bytes, n);
    return n;
}

static bool point(void *opaque, bool set, enum gdb_point kind, uint64_t addr, uint64_t len)
{
    struct fake *f = standing(opaque, 0);
    assert(kind <= GDB_WATCH_ACCESS);
    f->points += set ? 1 : 0;
    f->last_point = addr;
    return len;
}

static void resume(void *opaque, const struct gdb_action *actions)
{
    struct fake *f = standing(opaque, 0);
    memcpy(f->actions, actions, sizeof f->actions);
    f->running = true;
    f->resumes++;
}

static void interrupt(void *opaque)
{
    struct fake *f = opaque;
    assert(f->running);
    f->interrupts++;
    fake_stop(f, &(struct gdb_stop){ .signal = GDB_SIGINT, .point = -1 });
}

static void detach(void *opaque)
{
    struct fake *f = opaque;
    f->running = false;
    f->detaches++;
}

static void kill_target(void *opaque)
{
    struct fake *f = opaque;
    f->running = false;
    f->kills++;
}

static void monitor(void *opaque, struct gdb *g, unsigned thread, const char *line)
{
    struct fake *f = standing(opaque, thread);
    assert(strlen(line) < sizeof f->line);
    strcpy(f->line, line);
    f->monitors++;
    gdb_console(g, "heard\n");
}

static void thread_text(void *opaque, unsigned thread, char *text, size_t size)
{
    standing(opaque, thread);
    snprintf(text, size, "fake %u", thread);
}

struct fake *fake_create(void)
{
    struct fake *f = calloc(1, sizeof *f);
    assert(f);
    f->target = (struct gdb_target){
        .nr_threads = 2, .reg_size = reg_size, .reg_read = reg_read, .reg_write = reg_write,
        .mem_read = mem_read, .mem_write = mem_write, .point = point, .resume = resume,
        .interrupt = interrupt, .detach = detach, .kill = kill_target, .monitor = monitor,
        .thread_text = thread_text, .description = "<target>$#}*</target>", .step_mode = 7, .opaque = f,
    };
    gdb_init(&f->g, &f->target);
    return f;
}

void fake_destroy(struct fake *f)
{
    gdb_fini(&f->g);
    free(f);
}

void fake_stop(struct fake *f, const struct gdb_stop *stop)
{
    if (!f->running)
        return;
    f->running = false;
    gdb_stopped(&f->g, stop);
}

char *fake_feed(struct fake *f, const void *bytes, size_t n)
{
    gdb_feed(&f->g, bytes, n);
    char *said = strndup((const char *)f->g.out.bytes, f->g.out.len);
    f->g.out.len = 0;
    return said ? said : strdup("");
}

char *fake_ask(struct fake *f, const char *text)
{
    size_t n = strlen(text);
    char *frame = malloc(n + 5);
    uint8_t sum = 0;
    assert(frame);
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + (uint8_t)text[i]);
    sprintf(frame, "$%s#%02x", text, sum);
    char *said = fake_feed(f, frame, n + 4);
    free(frame);
    return said;
}
