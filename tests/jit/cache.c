// SPDX-License-Identifier: GPL-3.0-or-later
// The persistent cache: what goes in comes out, and nothing else does, whatever happens to the
// directory meanwhile.
#include "jit/cache.h"

#include "jit/cache_file.h"
#include "tests/jit/recipes.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char dir[64];
static char said[8][640];
static unsigned nr_said;

static void say(void *opaque, const char *line)
{
    cr_assert_null(strchr(line, '\n'));
    snprintf(said[nr_said++ % 8], sizeof said[0], "%s", line);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "%s/armlet-cache-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    cr_assert(mkdtemp(dir));
    umask(022);
}

static void teardown(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(cache, .init = setup, .fini = teardown, .timeout = 120);

static struct cache *open_cache(const char *where, uint64_t max_bytes)
{
    struct cache *c = cache_open(&(struct cache_options){
        .dir = where, .max_bytes = max_bytes, .compiler = "test", .say = say});
    cr_assert(c);
    return c;
}

// Item n: recipe and image follow from n.
#define MAX_IMAGE 3000

struct made {
    struct region_recipe recipe;
    uint8_t image[MAX_IMAGE];
    struct cache_item item;
};

static void make(struct made *m, uint32_t n)
{
    recipe_make(&m->recipe, n, 1 + n % 7, 2 + n % 9);
    m->item = (struct cache_item){&m->recipe, m->image, 1 + n * 37 % MAX_IMAGE, 1u << n % 7, 0};
    m->item.entry = m->item.size / 2;
    for (uint32_t i = 0; i < m->item.size; i++)
        m->image[i] = (uint8_t)(n * 13 + i * 7);
}

static bool same(const struct cache_item *a, const struct cache_item *b)
{
    return a->size == b->size && a->align == b->align && a->entry == b->entry &&
           !memcmp(a->image, b->image, a->size) && a->recipe->nr_pages == b->recipe->nr_pages &&
           !memcmp(a->recipe, b->recipe, region_recipe_size(a->recipe));
}

static bool write_range(const struct cache_target *t, uint32_t first, uint32_t n,
                        char name[CACHE_NAME_SIZE], struct error *err)
{
    struct made *m = calloc(n, sizeof *m);
    struct cache_item *items = calloc(n, sizeof *items);
    for (uint32_t i = 0; i < n; i++) {
        make(&m[i], first + i);
        items[i] = m[i].item;
    }
    bool ok = cache_write(t, items, n, name, err);
    free(items);
    free(m);
    return ok;
}

static void put(const struct cache_target *t, uint32_t first, uint32_t n)
{
    char name[CACHE_NAME_SIZE];
    struct error err = {0};
    cr_assert(write_range(t, first, n, name, &err), "%s", err.text);
}

static uint64_t hash_of(const struct region_recipe *r, uint32_t block)
{
    const struct region_block *b = &r->blocks[block];
    return cache_hash(r->mode, b->off, r->pages[b->page].bytes + b->off, b->n_insns);
}

// Looks item n up by the given block; whatever has its recipe must be exactly it.
static bool find_by(struct cache *c, uint32_t n, uint32_t block)
{
    struct made *m = malloc(sizeof *m);
    struct cache_ref refs[16];
    struct cache_entry e;
    bool found = false;
    make(m, n);
    unsigned nr = cache_lookup(c, hash_of(&m->recipe, block), refs, 16);
    for (unsigned i = 0; i < nr && !found; i++) {
        if (!cache_read(c, &refs[i], &e))
            continue;
        cr_assert(region_recipe_valid(e.item.recipe, region_recipe_size(e.item.recipe)));
        found = same(&e.item, &m->item);
        cr_assert(found || memcmp(e.item.recipe, &m->recipe, region_recipe_size(&m->recipe)),
                  "item %u has another's image", n);
        cache_entry_free(&e);
    }
    free(m);
    return found;
}

static bool find(struct cache *c, uint32_t n)
{
    return find_by(c, n, 0);
}

static struct cache_stats stats(struct cache *c)
{
    struct cache_stats s;
    cache_stats(c, &s);
    return s;
}

// The names of cache files in dir.
static unsigned list_files(char names[][CACHE_NAME_SIZE], unsigned max)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned n = 0;
    while ((e = readdir(d)) && n < max)
        if (cache_dir_is_ours(e->d_name))
            strcpy(names[n++], e->d_name);
    closedir(d);
    return n;
}

static void path_of(const char *name, char path[static 160])
{
    snprintf(path, 160, "%s/%.90s", dir, name);
}

Test(cache, what_goes_in_comes_out)
{
    struct cache *c = open_cache(dir, 0);
    char name[CACHE_NAME_SIZE];
    struct stat st;
    char path[160];
    cr_assert_not(find(c, 3));
    cr_assert(write_range(cache_target(c), 0, 40, name, NULL));
    cr_assert_not(find(c, 3), "found before it was added");
    cache_add(c, name);
    for (uint32_t n = 0; n < 40; n++)
        cr_assert(find(c, n), "item %u", n);
    cr_assert_not(find(c, 40));
    path_of(name, path);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cache_close(c);
    // Another armlet, later: every entry of a region finds it.
    c = open_cache(dir, 0);
    for (uint32_t n = 0; n < 40; n++)
        for (uint32_t block = 0; block < 1 + n % 7; block += 3)
            cr_assert(find_by(c, n, block), "item %u by block %u", n, block);
    cr_assert_eq(stats(c).entries, 40);
    cr_assert_eq(stats(c).rejected, 0);
    cache_close(c);
    cr_assert_eq(nr_said, 0, "%s", said[0]);
}

Test(cache, of_another_build_or_compiler)
{
    struct cache *c = open_cache(dir, 0);
    struct cache_target t = *cache_target(c);
    put(&t, 0, 3);
    cache_close(c);
    c = cache_open(&(struct cache_options){.dir = dir, .compiler = "other", .say = say});
    cr_assert_not(find(c, 1));
    cr_assert_eq(stats(c).files, 0);
    cache_close(c);
    // Even under a name that claims to be ours.
    char names[1][CACHE_NAME_SIZE], from[160], to[160];
    cr_assert_eq(list_files(names, 1), 1);
    path_of(names[0], from);
    snprintf(t.identity, sizeof t.identity, "armlet 0");
    put(&t, 5, 3);
    unlink(from);
    char wrong[1][CACHE_NAME_SIZE];
    cr_assert_eq(list_files(wrong, 1), 1);
    path_of(wrong[0], to);
    cr_assert_eq(rename(to, from), 0);
    c = open_cache(dir, 0);
    cr_assert_not(find(c, 5));
    cache_close(c);
    cr_assert_eq(access(from, F_OK), 0, "another's sound file was removed");
    cr_assert_eq(nr_said, 0, "%s", said[0]);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, room);
    cr_assert(fd >= 0 && n > 0 && (size_t)n < room);
    close(fd);
    return (size_t)n;
}

// A cache of one file with two items: its path and its bytes.
static size_t one_file(char path[static 160], uint8_t *bytes, size_t room)
{
    struct cache *c = open_cache(dir, 0);
    char names[1][CACHE_NAME_SIZE];
    put(cache_target(c), 0, 2);
    cache_close(c);
    list_files(names, 1);
    path_of(names[0], path);
    return read_file(path, bytes, room);
}

// Any one bit: the other items are found or not, but never anything wrong, and the damaged file
// goes.
Test(cache, every_bit_flipped)
{
    static uint8_t bytes[65536];
    char path[160];
    size_t size = one_file(path, bytes, sizeof bytes);
    for (size_t bit = 0; bit < size * 8; bit += bit < 4096 ? 1 : 3) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(path, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        nr_said = 0;
        struct cache *c = open_cache(dir, 0);
        unsigned found = find(c, 0) + find(c, 1);
        cache_close(c);
        cr_assert_lt(found, 2, "bit %zu is not noticed", bit);
        cr_assert_eq(nr_said, 1, "bit %zu: %u lines", bit, nr_said);
        cr_assert_neq(access(path, F_OK), 0, "bit %zu: the file is still there", bit);
    }
}

Test(cache, every_truncation)
{
    static uint8_t bytes[65536];
    char path[160];
    size_t size = one_file(path, bytes, sizeof bytes);
    for (size_t n = 0; n <= size + 1; n++) {
        if (n == size)
            continue;
        write_file(path, bytes, n); // size + 1: a byte too many
        nr_said = 0;
        struct cache *c = open_cache(dir, 0);
        cr_assert(!find(c, 0) && !find(c, 1), "%zu of %zu bytes", n, size);
        cache_close(c);
        cr_assert_eq(nr_said, 1, "%zu bytes: %u lines", n, nr_said);
        cr_assert_neq(access(path, F_OK), 0);
    }
}

// Truncated while it is open.
Test(cache, truncated_under_way)
{
    struct cache *c = open_cache(dir, 0);
    char names[1][CACHE_NAME_SIZE], path[160];
    put(cache_target(c), 0, 20);
    cache_close(c);
    c = open_cache(dir, 0);
    list_files(names, 1);
    path_of(names[0], path);
    cr_assert(find(c, 1));
    cr_assert_eq(truncate(path, 3000), 0);
    for (uint32_t n = 10; n < 20; n++)
        cr_assert_not(find(c, n));
    cr_assert_eq(nr_said, 1);
    cache_close(c);
}

// Recipes that are no recipes although every checksum is right.
Test(cache, nonsense_is_not_stored_or_read)
{
    struct cache *c = open_cache(dir, 0);
    struct made *m = calloc(1, sizeof *m);
    char name[CACHE_NAME_SIZE];
    make(m, 8);
    m->recipe.pages[0].bytes[4000] = 1; // of no block
    cr_assert_not(cache_write(cache_target(c), &m->item, 1, name, NULL));
    make(m, 8);
    m->recipe.blocks[50].off = 4; // of no use
    cr_assert_not(cache_write(cache_target(c), &m->item, 1, name, NULL));
    make(m, 8);
    m->recipe.blocks[0].off = 4092; // sticks out of its page
    cr_assert_not(cache_write(cache_target(c), &m->item, 1, name, NULL));
    make(m, 8);
    m->recipe.nr_blocks = REGION_MAX_BLOCKS + 1;
    cr_assert_not(cache_write(cache_target(c), &m->item, 1, name, NULL));
    make(m, 8);
    m->recipe.n_insns++; // the writer lets it pass, the reader does not
    cr_assert(cache_write(cache_target(c), &m->item, 1, name, NULL));
    cache_add(c, name);
    cr_assert_not(find(c, 8));
    cr_assert_eq(stats(c).rejected, 1);
    cache_close(c);
    free(m);
}

// What is in the way under the name of a cache file; each is ignored with one line.
Test(cache, somebody_elses_files)
{
    struct cache *c = open_cache(dir, 0);
    char names[4][CACHE_NAME_SIZE], path[160], other[160];
    for (uint32_t kind = 0; kind < 5; kind++) {
        put(cache_target(c), 0, 2);
        cr_assert_eq(list_files(names, 4), 1);
        path_of(names[0], path);
        path_of("aside", other);
        switch (kind) {
        case 0:
            cr_assert_eq(chmod(path, 0620), 0);
            break;
        case 1:
            cr_assert_eq(chmod(path, 0602), 0);
            break;
        case 2:
            if (geteuid() != 0 || chown(path, 1234, 0)) {
                unlink(path);
                continue;
            }
            break;
        case 3:
            cr_assert_eq(rename(path, other) | symlink(other, path), 0);
            break;
        case 4:
            unlink(path);
            cr_assert_eq(mkfifo(path, 0600), 0);
            break;
        }
        nr_said = 0;
        struct cache *again = open_cache(dir, 0);
        cr_assert_not(find(again, 0), "kind %u", kind);
        cr_assert_eq(nr_said, 1, "kind %u: %u lines", kind, nr_said);
        cr_assert_eq(stats(again).files_ignored, 1);
        cache_close(again);
        cr_assert_eq(list_files(names, 4), 0, "kind %u is still there", kind);
        unlink(other);
    }
    cache_close(c);
}

static void unusable(const char *where, const char *why)
{
    struct cache_ref ref;
    nr_said = 0;
    struct cache *c = open_cache(where, 0);
    cr_assert_null(cache_target(c), "%s: can be written to", why);
    cr_assert_eq(cache_lookup(c, 1, &ref, 1), 0);
    cache_add(c, "0123456789abcdef-0.code");
    cache_close(c);
    cr_assert_eq(nr_said, 1, "%s: %u lines", why, nr_said);
}

Test(cache, directories_that_are_none)
{
    char path[160];
    path_of("file", path);
    write_file(path, "x", 1);
    unusable(path, "a file");
    path_of("file/below", path);
    unusable(path, "below a file");
    unusable("/proc/nothing/here", "cannot be made");
    unusable("", "no name");
    path_of("open", path);
    cr_assert_eq(mkdir(path, 0700) | chmod(path, 0770), 0);
    unusable(path, "a group's");
    cr_assert_eq(chmod(path, 01777), 0);
    unusable(path, "everybody's");
    cr_assert_eq(chmod(path, 0700), 0);
    if (geteuid() == 0) {
        cr_assert_eq(chown(path, 1234, 0), 0);
        unusable(path, "somebody else's");
    }
    char deep[200];
    snprintf(deep, sizeof deep, "%s/a/b/c", dir);
    struct stat st;
    nr_said = 0;
    struct cache *c = open_cache(deep, 0);
    cr_assert(cache_target(c));
    put(cache_target(c), 0, 1);
    cache_close(c);
    cr_assert(stat(deep, &st) == 0 && (st.st_mode & 0777) == 0700);
    cr_assert_eq(nr_said, 0);
}

Test(cache, where_it_is)
{
    char out[512];
    struct error err;
    setenv("XDG_CACHE_HOME", "/x/y", 1);
    setenv("HOME", "/h", 1);
    cr_assert(cache_dir_name(NULL, out, sizeof out, &err));
    cr_assert_str_eq(out, "/x/y/armlet/code");
    setenv("XDG_CACHE_HOME", "relative", 1);
    cr_assert(cache_dir_name(NULL, out, sizeof out, &err));
    cr_assert_str_eq(out, "/h/.cache/armlet/code");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    cr_assert_not(cache_dir_name(NULL, out, sizeof out, &err));
    cr_assert(cache_dir_name("/given", out, sizeof out, &err));
    cr_assert_str_eq(out, "/given");
    cr_assert_not(cache_dir_name("/too/long", out, 5, &err));
}

// A file system of its own over dir, or false where that is not allowed.
static bool mount_over(const char *options, unsigned long flags)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", flags, options) == 0;
}

Test(cache, read_only)
{
    struct cache *c = open_cache(dir, 0);
    put(cache_target(c), 0, 5);
    cache_close(c);
    bool root = unshare(CLONE_NEWNS) == 0 &&
                mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount(dir, dir, NULL, MS_BIND, NULL) == 0 &&
                mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
    if (!root && geteuid() == 0)
        cr_skip("root writes to read-only directories, and may not mount here\n");
    if (!root)
        cr_assert_eq(chmod(dir, 0500), 0);
    c = open_cache(dir, 0);
    cr_assert_null(cache_target(c));
    for (uint32_t n = 0; n < 5; n++)
        cr_assert(find(c, n), "what is there can be used");
    cache_close(c);
    cr_assert_eq(nr_said, 1, "%u lines", nr_said);
    if (root)
        umount(dir);
    else
        chmod(dir, 0700);
}

Test(cache, no_space)
{
    char name[CACHE_NAME_SIZE];
    struct error err = {0};
    bool mounted = mount_over("size=64k,mode=700", 0);
    struct cache *c = open_cache(dir, 0);
    const struct cache_target *t = cache_target(c);
    cr_assert(t);
    if (!mounted) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, 20000});
    }
    put(t, 0, 2);
    cr_assert_not(write_range(t, 10, 60, name, &err));
    cr_assert(strstr(err.text, "cannot write"), "%s", err.text);
    DIR *d = opendir(dir);
    struct dirent *e;
    while ((e = readdir(d)))
        cr_assert(strncmp(e->d_name, CACHE_TMP, 4), "%s is left", e->d_name);
    closedir(d);
    cache_close(c);
    c = open_cache(dir, 0);
    cr_assert(find(c, 0) && find(c, 1));
    cache_close(c);
    cr_assert_eq(nr_said, 0);
    if (mounted)
        umount(dir);
}

static void age(const char *name, unsigned seconds)
{
    char path[160];
    struct timespec t[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};
    path_of(name, path);
    cr_assert_eq(utimensat(AT_FDCWD, path, t, 0), 0);
}

Test(cache, least_recently_used_goes_first)
{
    char names[10][CACHE_NAME_SIZE], path[160];
    struct stat st;
    uint64_t size = 0;
    struct cache *c = open_cache(dir, 0);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert(write_range(cache_target(c), i * 10, 10, names[i], NULL));
        path_of(names[i], path);
        cr_assert_eq(stat(path, &st), 0);
        size += (uint64_t)st.st_size;
    }
    cache_close(c);
    for (unsigned i = 0; i < 10; i++)
        age(names[i], 1000 - i * 10); // 0 is the oldest
    c = open_cache(dir, size);
    cr_assert(find(c, 3) && find(c, 17), "of the first two files"); // which makes them young
    put(cache_target(c), 200, 10);
    cache_close(c);
    c = open_cache(dir, 0);
    cr_assert(find(c, 3) && find(c, 17) && find(c, 205) && find(c, 95), "the young are kept");
    cr_assert(!find(c, 25), "the oldest is gone");
    cache_close(c);
    struct error err;
    c = open_cache(dir, 5000);
    cr_assert_not(write_range(cache_target(c), 300, 20, names[0], &err), "larger than all");
    cache_close(c);
}

Test(cache, left_by_a_crash)
{
    char fresh[160], old[160];
    path_of("tmp-0123456789abcdef-1.code", fresh);
    path_of("tmp-0123456789abcdef-2.code", old);
    write_file(fresh, "x", 1);
    write_file(old, "x", 1);
    age("tmp-0123456789abcdef-2.code", 5000);
    cache_close(open_cache(dir, 0));
    cr_assert_eq(access(fresh, F_OK), 0, "somebody may be writing it");
    cr_assert_neq(access(old, F_OK), 0);
    cr_assert_eq(nr_said, 0);
}

Test(cache, merging)
{
    static char names[400][CACHE_NAME_SIZE];
    struct cache *c = open_cache(dir, 0);
    const struct cache_target *t = cache_target(c);
    for (uint32_t i = 0; i < 100; i++)
        put(t, i * 5, 8); // three of eight are in the next one, too
    struct cache *before = open_cache(dir, 0);
    cr_assert_eq(list_files(names, 400), 100);
    cache_merge(t);
    cr_assert_leq(list_files(names, 400), 2);
    struct cache *after = open_cache(dir, 0);
    for (uint32_t n = 0; n < 503; n++) {
        cr_assert(find(before, n), "item %u, for who had it open", n);
        cr_assert(find(after, n), "item %u", n);
    }
    cr_assert_eq(stats(before).entries, 1303, "not looked again for what had been merged");
    cr_assert_eq(stats(after).entries, 503, "%u", (unsigned)stats(after).entries);
    cache_merge(t);
    cr_assert_leq(list_files(names, 400), 2);
    cache_close(c);
    cache_close(before);
    cache_close(after);
    cr_assert_eq(nr_said, 0, "%s", said[0]);
}

// Several armlets at once that write, read, evict and merge, some of them killed: nobody ever sees
// anything wrong.
static void busy_armlet(unsigned who)
{
    for (unsigned round = 0; round < 25; round++) {
        struct cache *c = open_cache(dir, 300000);
        for (unsigned i = 0; i < 6; i++) {
            char name[CACHE_NAME_SIZE];
            uint32_t first = (who * 31 + round * 7 + i * 3) % 200;
            if (write_range(cache_target(c), first, 4, name, NULL))
                cache_add(c, name);
            find(c, (first + 50) % 200); // asserts that it is right if it is there
        }
        if (round % 4 == who % 4)
            cache_merge(cache_target(c));
        cache_close(c);
    }
    _exit(nr_said ? 9 : 0);
}

Test(cache, several_at_once)
{
    pid_t pids[5];
    struct timespec t = {0, 60000000};
    for (unsigned i = 0; i < 5; i++)
        if ((pids[i] = fork()) == 0)
            busy_armlet(i);
    nanosleep(&t, NULL);
    kill(pids[4], SIGKILL);
    for (unsigned i = 0; i < 5; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        if (i < 4)
            cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "armlet %u: %x", i, status);
    }
    struct cache *c = open_cache(dir, 0);
    cr_assert(stats(c).files > 0 && stats(c).bytes <= 400000, "%u bytes", (unsigned)stats(c).bytes);
    cr_assert_eq(nr_said, 0, "%s", said[0]);
    cache_close(c);
}

Test(cache, list_and_clear)
{
    struct cache *c = open_cache(dir, 0);
    struct cache_target t = *cache_target(c);
    char text[4096] = "", names[8][CACHE_NAME_SIZE], path[160];
    struct error err = {0};
    put(&t, 0, 3);
    snprintf(t.identity, sizeof t.identity, "armlet 0");
    put(&t, 3, 4);
    path_of("0123456789abcdef-0.code", path);
    write_file(path, "rubbish", 7);
    path_of("notes.txt", path);
    write_file(path, "mine", 4);
    FILE *f = fmemopen(text, sizeof text, "w");
    cr_assert(cache_list(dir, f, &err), "%s", err.text);
    fclose(f);
    cr_assert(strstr(text, "3 files, 7 regions"), "%s", text);
    cr_assert(strstr(text, "3 regions") && strstr(text, "4 regions") && strstr(text, "damaged") &&
                  strstr(text, "another armlet"),
              "%s", text);
    f = fmemopen(text, sizeof text, "w");
    cr_assert(cache_clear(dir, f, &err), "%s", err.text);
    fclose(f);
    cr_assert(strstr(text, "3 files removed"), "%s", text);
    cr_assert_eq(list_files(names, 8), 0);
    cr_assert_eq(access(path, F_OK), 0, "what is not ours stays");
    cr_assert_not(cache_list("/nonexistent/x", stderr, &err));
    cache_close(c);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// Thousands of entries: what a boot pays. The bounds are generous (sanitizers, busy machines); the
// figures are printed.
Test(cache, thousands)
{
    struct cache *c = open_cache(dir, 0);
    for (uint32_t i = 0; i < 250; i++)
        put(cache_target(c), i * 16, 16);
    cache_close(c);
    for (unsigned merged = 0; merged < 2; merged++) {
        uint64_t t0 = now_us();
        c = open_cache(dir, 0);
        uint64_t t1 = now_us();
        struct cache_ref refs[8];
        struct cache_entry e;
        unsigned found = 0;
        struct made *m = malloc(sizeof *m);
        uint64_t hashes[500];
        for (uint32_t n = 0; n < 500; n++) {
            make(m, n * 8);
            hashes[n] = hash_of(&m->recipe, 0);
        }
        free(m);
        uint64_t t2 = now_us();
        for (uint32_t n = 0; n < 500; n++) {
            unsigned nr = cache_lookup(c, hashes[n], refs, 8);
            cr_assert_geq(nr, 1);
            if (cache_read(c, &refs[0], &e))
                found++;
            cache_entry_free(&e);
        }
        uint64_t t3 = now_us();
        cr_assert_eq(found, 500);
        cr_log_info("%u files: open %u us, 500 hits %u us", (unsigned)stats(c).files,
                    (unsigned)(t1 - t0), (unsigned)(t3 - t2));
        cr_assert_lt(t1 - t0, 500000);
        cr_assert_lt(t3 - t2, 500000);
        if (!merged)
            cache_merge(cache_target(c));
        cache_close(c);
    }
}
