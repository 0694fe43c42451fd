// SPDX-License-Identifier: GPL-3.0-or-later
// The cache's directory: where it is, whose it is, what is in it, what has to go.
#include "jit/cache_file.h"
#include "jit/hash.h"

#include <cpuid.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define TMP_AGE 3600 // seconds after which nobody can still be writing a temporary file

// Whose and where ---------------------------------------------------------------------------------

bool cache_dir_name(const char *dir, char *out, size_t size, struct error *err)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    char here[400];
    // Workers write to it from elsewhere.
    if (dir && dir[0] && dir[0] != '/' && getcwd(here, sizeof here))
        n = snprintf(out, size, "%s/%s", here, dir);
    else if (dir)
        n = snprintf(out, size, "%s", dir);
    else if (xdg && xdg[0] == '/')
        n = snprintf(out, size, "%s/armlet/code", xdg);
    else if (home && home[0] == '/')
        n = snprintf(out, size, "%s/.cache/armlet/code", home);
    else
        return error_set(err, "code cache: neither XDG_CACHE_HOME nor HOME is set");
    if (n <= 0 || (size_t)n >= size)
        return error_set(err, "code cache: no usable name of a directory");
    return true;
}

// Makes a directory and what leads to it. Returns the error number of the first step that failed, 0 if none.
static int make_path(const char *name)
{
    char path[512];
    int failed = 0;
    snprintf(path, sizeof path, "%s", name);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(path, 0700) && errno != EEXIST && !failed)
            failed = errno;
        *p = '/';
    }
    if (mkdir(path, 0700) && errno != EEXIST && !failed)
        failed = errno;
    return failed;
}

int cache_dir_open(const char *name, bool make, struct error *err)
{
    struct stat st;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        int failed = make_path(name);
        fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && failed)
            errno = failed;
    }
    if (fd < 0) {
        error_set(err, "code cache: %.300s: %s", name, strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return fd;
    close(fd);
    error_set(err, "code cache: %.300s: not used, somebody else could write there", name);
    return -1;
}

// What is in it -----------------------------------------------------------------------------------

bool cache_dir_is_ours(const char *name)
{
    size_t n = strlen(name), end = strlen(CACHE_SUFFIX);
    if (n >= CACHE_NAME_SIZE || n < 16 + end || strcmp(name + n - end, CACHE_SUFFIX))
        return false;
    return strspn(name, "0123456789abcdef-") == n - end && name[16] == '-';
}

static bool is_temporary(const char *name)
{
    return !strncmp(name, CACHE_TMP, strlen(CACHE_TMP)) &&
           cache_dir_is_ours(name + strlen(CACHE_TMP));
}

static int older(const void *a, const void *b)
{
    const struct cache_dir_item *x = a, *y = b;
    if (x->mtime != y->mtime)
        return x->mtime < y->mtime ? -1 : 1;
    return strcmp(x->name, y->name);
}

static DIR *open_again(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    return d;
}

size_t cache_dir_scan(int dir, struct cache_dir_item **list)
{
    struct cache_dir_item *items = NULL;
    size_t n = 0, room = 0;
    DIR *d = open_again(dir);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        struct stat st;
        bool temporary = is_temporary(e->d_name);
        if ((!temporary && !cache_dir_is_ours(e->d_name)) ||
            fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (temporary) {
            if (st.st_mtime + TMP_AGE < time(NULL))
                unlinkat(dir, e->d_name, 0);
            continue;
        }
        if (n == room) {
            struct cache_dir_item *more = realloc(items, (room + 64) * 2 * sizeof *items);
            if (!more)
                break;
            items = more;
            room = (room + 64) * 2;
        }
        memcpy(items[n].name, e->d_name, strlen(e->d_name) + 1); // cache_dir_is_ours: it fits
        items[n].size = (uint64_t)st.st_size;
        items[n++].mtime = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    }
    if (d)
        closedir(d);
    if (n)
        qsort(items, n, sizeof *items, older);
    *list = items;
    return n;
}

int cache_dir_lock(int dir)
{
    int fd = openat(dir, CACHE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void cache_dir_trim(int dir, uint64_t max_bytes)
{
    struct cache_dir_item *list;
    uint64_t total = 0;
    int lock = cache_dir_lock(dir);
    if (lock < 0)
        return;
    size_t n = cache_dir_scan(dir, &list);
    for (size_t i = 0; i < n; i++)
        total += list[i].size;
    // A little more than needed, so that not every write evicts.
    uint64_t goal = total > max_bytes ? max_bytes - max_bytes / 8 : max_bytes;
    for (size_t i = 0; i < n && total > goal; i++)
        if (unlinkat(dir, list[i].name, 0) == 0)
            total -= list[i].size;
    free(list);
    close(lock);
}

// Identity ----------------------------------------------------------------------------------------

static int find_build_id(struct dl_phdr_info *info, size_t size, void *opaque)
{
    uint64_t *h = opaque;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type != PT_NOTE)
            continue;
        const uint8_t *p = (const uint8_t *)(info->dlpi_addr + ph->p_vaddr);
        size_t left = ph->p_memsz;
        while (left >= sizeof(ElfW(Nhdr))) {
            ElfW(Nhdr) note;
            memcpy(&note, p, sizeof note);
            size_t name = ALIGN_UP((size_t)note.n_namesz, 4),
                   desc = ALIGN_UP((size_t)note.n_descsz, 4);
            if (name + desc > left - sizeof note)
                break;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                !memcmp(p + sizeof note, "GNU", 4))
                *h = hash_bytes(HASH_START, p + sizeof note + name, note.n_descsz);
            p += sizeof note + name + desc;
            left -= sizeof note + name + desc;
        }
    }
    return 1; // the first object is the executable itself
}

// For an executable that was linked without a build id.
static uint64_t hash_executable(void)
{
    uint64_t h = HASH_START;
    uint8_t buf[4096];
    FILE *f = fopen("/proc/self/exe", "rb");
    size_t n;
    while (f && (n = fread(buf, 1, sizeof buf, f)) > 0)
        h = hash_bytes(h, buf, n);
    if (f)
        fclose(f);
    return h;
}

static int cpu_features(char *out, size_t size)
{
    // Leaf, subleaf and which of eax, ebx, ecx, edx count: not those with the processor's number.
    static const struct {
        uint32_t leaf, sub;
        uint8_t regs;
    } leaves[] = {{1, 0, 0xd}, {7, 0, 0xe}, {7, 1, 1}, {0x80000001, 0, 0xc}};
    int at = 0;
    for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
        uint32_t r[4] = {0};
        __get_cpuid_count(leaves[i].leaf, leaves[i].sub, &r[0], &r[1], &r[2], &r[3]);
        for (unsigned k = 0; k < 4; k++)
            if (leaves[i].regs >> k & 1)
                at += snprintf(out + at, size - (size_t)at, "%x.", r[k]);
    }
    return at;
}

void cache_identity(const char *compiler, char out[CACHE_IDENTITY_SIZE])
{
    uint64_t build = 0;
    char cpu[128];
    dl_iterate_phdr(find_build_id, &build);
    if (!build)
        build = hash_executable();
    cpu_features(cpu, sizeof cpu);
    snprintf(out, CACHE_IDENTITY_SIZE, "armlet %016" PRIx64 " cpu %s %.64s", build, cpu,
             compiler ? compiler : "");
}
