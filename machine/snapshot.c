// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/snapshot.h"

#include "frontend/cpu_models.h"
#include "frontend/cpu_state.h"
#include "jit/tb.h"
#include "machine/virt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define STATE_VERSION 1

// The first section: what the machine must be like, and what belongs to no device.
struct machine_state {
    char cpu[32];    // model
    uint32_t layout; // of the CPU's state
    uint32_t cpus;
    uint64_t ram_base, ram_size;
    int64_t clock;    // ns of guest time
    uint64_t entropy; // position in the sequence of a seeded run
    uint8_t seeded, protect_code;
    uint8_t reserved[6];
};

// Later than this the clock is never: devices may add 2^32 s and stay within 63 bits.
#define MAX_CLOCK (INT64_MAX / 2)

// Which register is where in struct a64_state.
static uint32_t layout(void)
{
    uint32_t crc = sizeof(struct a64_state);
    for (unsigned n = 0; n < a64_guest.nr_r; n++)
        crc = (uint32_t)crc32_z(crc, (const uint8_t *)a64_guest.r_names[n],
                                strlen(a64_guest.r_names[n]) + 1);
    return crc;
}

static struct machine_state describe(const struct machine *m)
{
    struct machine_state s = {.layout = layout(),
                              .cpus = m->nr_cpus,
                              .ram_base = VIRT_RAM_BASE,
                              .ram_size = m->ram.size,
                              .clock = clock_now(&m->clock),
                              .entropy = m->entropy.state,
                              .seeded = m->entropy.seeded,
                              .protect_code = m->jit.protect_code};
    const char *cpu = a64_models[m->config->cpu].name;
    memcpy(s.cpu, cpu, strnlen(cpu, sizeof s.cpu - 1));
    return s;
}

// RAM: runs of pages that are not all zero, in ascending order, each a section that says where and
// one with the bytes; a run of no pages ends them.

#define RUN_PAGES 256u // at most

struct ram_run {
    uint64_t page; // number of the first, from the beginning of RAM
    uint64_t pages;
};

static bool is_zero(const uint8_t *page)
{
    uint64_t any = 0, word;
    for (unsigned n = 0; n < PAGE_SIZE; n += sizeof word) {
        memcpy(&word, page + n, sizeof word);
        any |= word;
    }
    return !any;
}

static void save_ram(const struct ram *ram, struct state_writer *w)
{
    uint64_t pages = ram->size >> PAGE_BITS;
    for (uint64_t n = 0; n < pages;) {
        struct ram_run run = {n, 0};
        while (n < pages && run.pages < RUN_PAGES && !is_zero(ram->host + (n << PAGE_BITS))) {
            run.pages++;
            n++;
        }
        if (run.pages) {
            state_put(w, "ram.run", STATE_VERSION, &run, sizeof run);
            state_put(w, "ram.pages", STATE_VERSION, ram->host + (run.page << PAGE_BITS),
                      run.pages << PAGE_BITS);
        } else {
            n++;
        }
    }
    state_put(w, "ram.run", STATE_VERSION, &(struct ram_run){pages, 0}, sizeof(struct ram_run));
}

static bool load_ram(struct ram *ram, struct state_reader *r, struct error *err)
{
    uint64_t pages = ram->size >> PAGE_BITS, next = 0;
    struct ram_run run;
    ram_clear(ram);
    for (;;) {
        if (!state_get(r, "ram.run", STATE_VERSION, &run, sizeof run, err))
            return false;
        if (run.page < next || run.page > pages || run.pages > RUN_PAGES ||
            run.pages > pages - run.page || (!run.pages && run.page != pages))
            return error_set(err, "saved state: section \"ram.run\" is damaged");
        if (!run.pages)
            return true;
        if (!state_get(r, "ram.pages", STATE_VERSION, ram->host + (run.page << PAGE_BITS),
                       run.pages << PAGE_BITS, err))
            return false;
        next = run.page + run.pages;
    }
}

// The machine ------------------------------------------------------------------------------------

// Makes the CPUs forget what they have cached, as after a load. Stale code and translations are
// allowed to a guest that has not asked for their removal yet, but not two different courses.
static void settle(struct machine *m)
{
    for (unsigned n = 0; n < m->nr_cpus; n++)
        a64_state_settle(m->cpus[n]);
    tb_suspect_all(&m->jit);
    dirty_all_written(&m->jit); // whoever shows RAM looks again
}

void machine_save(struct machine *m, struct state_writer *w)
{
    mutex_lock(&m->lock);
    clock_run(&m->clock); // what is due happens now: a device's state does not say that it is
    virt_drain(m);        // and what the host still does for a device is awaited
    struct machine_state s = describe(m);
    state_put(w, "machine", STATE_VERSION, &s, sizeof s);
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        struct a64_state cpu;
        a64_state_get(m->cpus[n], &cpu);
        state_put(w, "cpu", STATE_VERSION, &cpu, sizeof cpu);
    }
    virt_save(m, w);
    save_ram(&m->ram, w);
    state_put(w, "end", STATE_VERSION, NULL, 0);
    mutex_unlock(&m->lock);
    settle(m);
}

static bool same_machine(const struct machine *m, const struct machine_state *s, struct error *err)
{
    const struct machine_state here = describe(m);
    static const uint8_t zero[sizeof s->reserved];
    if (s->cpu[sizeof s->cpu - 1] || s->clock < 0 || s->clock > MAX_CLOCK || s->seeded > 1 ||
        s->protect_code > 1 || memcmp(s->reserved, zero, sizeof zero))
        return error_set(err, "saved state: section \"machine\" is damaged");
    if (s->ram_base != here.ram_base || s->ram_size != here.ram_size)
        return error_set(err, "saved state: its machine has %llu MiB of RAM, this one %llu",
                         (unsigned long long)s->ram_size >> 20,
                         (unsigned long long)here.ram_size >> 20);
    if (s->cpus != here.cpus)
        return error_set(err, "saved state: its machine has %u CPUs, this one %u", s->cpus,
                         here.cpus);
    if (memcmp(s->cpu, here.cpu, sizeof s->cpu))
        return error_set(err, "saved state: its machine's CPU model is not this one's, %s",
                         here.cpu);
    if (s->layout != here.layout)
        return error_set(err, "saved state: made by another version of armlet");
    return true;
}

static bool load_cpus(struct machine *m, struct state_reader *r, struct error *err)
{
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        struct a64_state s;
        if (!state_get(r, "cpu", STATE_VERSION, &s, sizeof s, err) ||
            !a64_state_set(m->cpus[n], &s, err))
            return false;
    }
    return true;
}

// The clock before the devices: they set their timers by it.
static bool load(struct machine *m, struct state_reader *r, struct error *err)
{
    struct machine_state s;
    if (!state_get(r, "machine", STATE_VERSION, &s, sizeof s, err) || !same_machine(m, &s, err))
        return false;
    clock_set(&m->clock, s.clock);
    m->entropy = (struct entropy){s.seeded, s.entropy};
    m->jit.protect_code = s.protect_code;
    return load_cpus(m, r, err) && virt_load(m, r, err) && load_ram(&m->ram, r, err) &&
           state_get(r, "end", STATE_VERSION, NULL, 0, err);
}

bool machine_load(struct machine *m, struct state_reader *r, struct error *err)
{
    mutex_lock(&m->lock);
    virt_drain(m);
    bool ok = load(m, r, err);
    mutex_unlock(&m->lock);
    settle(m);
    return ok;
}

// Files ------------------------------------------------------------------------------------------

static const char magic[16] = "armlet snapshot";

static void to_file(void *opaque, const void *data, size_t len)
{
    fwrite(data, 1, len, opaque); // ferror() remembers
}

static bool write_all(struct machine *m, FILE *f)
{
    struct state_writer w;
    state_writer_init(&w);
    w.sink = to_file;
    w.opaque = f;
    to_file(f, magic, sizeof magic);
    machine_save(m, &w);
    state_writer_fini(&w);
    return !ferror(f) && !fflush(f) && !fsync(fileno(f));
}

// Makes the new name durable. Not every file system can; the file itself is safe by then.
static void sync_directory(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 0;
    snprintf(dir, sizeof dir, "%.*s.", len, path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool machine_save_file(struct machine *m, const char *path, struct error *err)
{
    char tmp[PATH_MAX];
    if (snprintf(tmp, sizeof tmp, "%s.XXXXXX", path) >= (int)sizeof tmp)
        return error_set(err, "%s: %s", path, strerror(ENAMETOOLONG));
    int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    FILE *f = fdopen(fd, "w");
    assert(f);
    bool ok = write_all(m, f);
    int why = errno;
    if (fclose(f) && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(tmp, path)) {
        ok = false;
        why = errno;
    }
    if (!ok) {
        unlink(tmp);
        return error_set(err, "%s: could not save the machine: %s", path, strerror(why));
    }
    sync_directory(path);
    return true;
}

// The whole file in memory, or NULL.
static uint8_t *read_all(const char *path, size_t *len, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO is not waited for
    if (fd < 0 || fstat(fd, &st)) {
        error_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    FILE *f = fdopen(fd, "r");
    assert(f);
    uint8_t *data = NULL;
    if (!S_ISREG(st.st_mode))
        error_set(err, "%s: not a file", path);
    else if (!(data = malloc((size_t)st.st_size + 1)))
        error_set(err, "%s: %s", path, strerror(ENOMEM));
    *len = data ? fread(data, 1, (size_t)st.st_size, f) : 0;
    if (data && ferror(f)) {
        error_set(err, "%s: %s", path, strerror(EIO));
        free(data);
        data = NULL;
    }
    fclose(f);
    return data;
}

bool machine_load_file(struct machine *m, const char *path, struct error *err)
{
    size_t len;
    uint8_t *data = read_all(path, &len, err);
    if (!data)
        return false;
    bool ok;
    if (len < sizeof magic || memcmp(data, magic, sizeof magic)) {
        ok = error_set(err, "not a snapshot of armlet's");
    } else {
        struct state_reader r;
        state_reader_init(&r, data + sizeof magic, len - sizeof magic);
        ok = machine_load(m, &r, err);
        if (ok && r.pos != r.len)
            ok = error_set(err, "saved state: something follows its end");
    }
    free(data);
    return ok ? true : error_prefix(err, "%s", path);
}
