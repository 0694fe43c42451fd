// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/perf_map.h"

#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct perf_map {
    struct mutex lock;
    FILE *file;
};

// The name can be guessed and /tmp is everybody's: what stands there is removed, never written to.
static FILE *open_new(const char *path)
{
    if (unlink(path) && errno != ENOENT)
        return NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

struct perf_map *perf_map_create(const char *path, struct error *err)
{
    char name[40];
    snprintf(name, sizeof name, "/tmp/perf-%ld.map", (long)getpid());
    FILE *f = open_new(path ? path : name);
    if (!f) {
        error_set(err, "-perf-map: %s: %s", path ? path : name, strerror(errno));
        return NULL;
    }
    setvbuf(f, NULL, _IOLBF, 0); // whoever looks while armlet runs sees whole lines
    struct perf_map *p = calloc(1, sizeof *p);
    assert(p);
    p->file = f;
    mutex_init(&p->lock);
    return p;
}

void perf_map_add(struct perf_map *p, const void *code, size_t size, gva_t va, gpa_t pa,
                  unsigned insns)
{
    mutex_lock(&p->lock);
    fprintf(p->file, "%" PRIxPTR " %zx guest:0x%" PRIx64 "[pa:0x%" PRIx64 ",insns:%u]\n",
            (uintptr_t)code, size, va, pa, insns);
    mutex_unlock(&p->lock);
}

void perf_map_destroy(struct perf_map *p)
{
    if (!p)
        return;
    fclose(p->file);
    mutex_fini(&p->lock);
    free(p);
}
