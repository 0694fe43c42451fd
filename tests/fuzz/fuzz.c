// SPDX-License-Identifier: GPL-3.0-or-later
// TARGET [SECONDS [SEED]], or TARGET FILE...
//
// Inputs are those of tests/fuzz/corpus/NAME and the target's own, then mutations of them. Input n of a
// seed is always the same, so a longer run only goes on. The input in hand is in a file that is shared
// memory: when the target crashes, or takes longer than LIMIT, the file stays, and TARGET FILE repeats it.
#include "fuzz.h"
#include "tests/support/random.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT      30            // s an input, on a busy machine with sanitizers
#define MAX_MEMORY (1500u << 10) // KiB, with all that a sanitizer needs
#define MAX_SEEDS  512

static struct {
    uint8_t *data;
    size_t len;
} seeds[MAX_SEEDS];
static size_t seed_count;
static uint64_t x;       // of the random numbers
static char directory[64], in_hand[96], path[160];

static uint64_t next(void)
{
    return random_next(&x);
}

void fuzz_seed(const void *data, size_t len)
{
    assert(seed_count < MAX_SEEDS && len <= fuzz_target.max);
    seeds[seed_count].data = malloc(len + 1);
    memcpy(seeds[seed_count].data, data, len);
    seeds[seed_count++].len = len;
}

uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes)
{
    uint64_t value = 0;
    size_t n = bytes < in->len ? bytes : in->len;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)in->data[i] << 8 * i;
    in->data += n;
    in->len -= n;
    return value;
}

// Files

static int unlink_it(const char *name, const struct stat *st, int flag, struct FTW *f)
{
    return remove(name);
}

static void clean_up(void)
{
    if (*directory)
        nftw(directory, unlink_it, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
    if (!*directory) {
        strcpy(directory, "/tmp/armlet-fuzz-XXXXXX");
        if (!mkdtemp(directory))
            exit((perror(directory), 1));
        atexit(clean_up);
    }
    return directory;
}

const char *fuzz_file(const void *data, size_t len)
{
    snprintf(path, sizeof path, "%s/file", fuzz_directory());
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        exit((perror(path), 1));
    close(fd);
    return path;
}

static void *read_file(const char *name, size_t *len)
{
    FILE *f = fopen(name, "rb");
    uint8_t *data = malloc(fuzz_target.max + 1);
    if (!f)
        exit((perror(name), 1));
    *len = fread(data, 1, fuzz_target.max, f);
    fclose(f);
    return data;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_corpus(void)
{
    struct dirent **list;
    char name[512];
    snprintf(name, sizeof name, "%s/%s", FUZZ_CORPUS, fuzz_target.name);
    int n = scandir(name, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            size_t len;
            snprintf(name, sizeof name, "%s/%s/%s", FUZZ_CORPUS, fuzz_target.name, list[i]->d_name);
            void *data = read_file(name, &len);
            fuzz_seed(data, len);
            free(data);
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

// Mutations

static uint64_t special(void)
{
    switch (next() % 6) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_C(1) << next() % 64;
    case 3:
        return (UINT64_C(1) << next() % 64) - 1;
    case 4:
        return next() % 64;
    default:
        return next();
    }
}

static size_t insert(uint8_t *data, size_t len, size_t at, const void *what, size_t n)
{
    if (n > fuzz_target.max - len)
        n = fuzz_target.max - len;
    memmove(data + at + n, data + at, len - at);
    memcpy(data + at, what, n);
    return len + n;
}

static size_t random_bytes(uint8_t *data, size_t len, size_t at)
{
    uint8_t bytes[64];
    uint64_t small = next() & 1 ? 16 : 256;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(next() % small);
    return insert(data, len, at, bytes, 1 + next() % sizeof bytes);
}

static size_t graft(uint8_t *data, size_t len, size_t at)
{
    size_t from = next() % seed_count, n = seeds[from].len;
    size_t start = n ? next() % n : 0, count = n ? 1 + next() % (n - start) : 0;
    return insert(data, len, at, seeds[from].data + start, next() & 1 || count < 64 ? count : 64);
}

static size_t word(uint8_t *data, size_t len, size_t at)
{
    size_t n = 0;
    while (fuzz_target.words && fuzz_target.words[n])
        n++;
    const char *w = n ? fuzz_target.words[next() % n] : "";
    return insert(data, len, at, w, strlen(w));
}

static size_t cut(uint8_t *data, size_t len, size_t at)
{
    size_t n = 1 + next() % (next() & 7 ? 16 : 1024);
    n = n < len - at ? n : len - at;
    memmove(data + at, data + at + n, len - at - n);
    return len - n;
}

static size_t repeat(uint8_t *data, size_t len, size_t at)
{
    uint8_t copy[256];
    size_t n = len - at < sizeof copy ? len - at : sizeof copy;
    memcpy(copy, data + at, n);
    return insert(data, len, at, copy, n ? 1 + next() % n : 0);
}

static void overwrite(uint8_t *data, size_t len, size_t at)
{
    uint64_t value = special();
    size_t n = (size_t)1 << next() % 4;
    if (next() & 1)
        value = __builtin_bswap64(value) >> (64 - 8 * n);
    memcpy(data + at, &value, n < len - at ? n : len - at);
}

static size_t mutate(uint8_t *data, size_t len)
{
    for (unsigned n = 1 + next() % (next() & 3 ? 4 : 32); n; n--) {
        size_t at = len ? next() % len : 0;
        switch (next() % 9) {
        case 0:
            if (len)
                data[at] ^= (uint8_t)(1u << next() % 8);
            break;
        case 1:
        case 2:
            overwrite(data, len, at);
            break;
        case 3:
            len = cut(data, len, at);
            break;
        case 4:
            len = repeat(data, len, at);
            break;
        case 5:
            len = graft(data, len, at);
            break;
        case 6:
            len = word(data, len, at);
            break;
        default:
            len = random_bytes(data, len, at);
        }
    }
    return len;
}

// The first inputs are the seeds as they are.
static size_t make(uint64_t seed, uint64_t n, uint8_t *data)
{
    x = (seed * 1000003 + n + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    next();
    size_t from = n < seed_count ? n : next() % seed_count, len = seeds[from].len;
    memcpy(data, seeds[from].data, len);
    if (n < seed_count)
        return len;
    if (next() % 16 == 0)
        len = 0;
    return mutate(data, len);
}

// Running

static void too_slow(int number)
{
    static const char text[] = ": an input took too long\n";
    ssize_t ignored = write(2, in_hand, strlen(in_hand));
    ignored += write(2, text, sizeof text - 1);
    abort();
}

static uint8_t *share(size_t **len)
{
    snprintf(in_hand, sizeof in_hand, "/tmp/armlet-fuzz-%s-%d", fuzz_target.name, (int)getpid());
    int fd = open(in_hand, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)(fuzz_target.max + sizeof **len)))
        exit((perror(in_hand), 1));
    uint8_t *data = mmap(NULL, fuzz_target.max + sizeof **len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert(data != MAP_FAILED);
    *len = (size_t *)data;
    return data + sizeof **len;
}

static void one(const uint8_t *data, size_t len)
{
    // On the heap and no longer than it is, so that a sanitizer sees reads beyond.
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    alarm(LIMIT);
    fuzz_target.one(copy, len);
    free(copy);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t run(double seconds, uint64_t seed)
{
    size_t *len;
    uint8_t *data = share(&len);
    uint64_t n = 0;
    for (double end = now() + seconds; n < seed_count || now() < end; n++) {
        struct rusage u;
        *len = make(seed, n, data);
        one(data, *len);
        getrusage(RUSAGE_SELF, &u);
        if (u.ru_maxrss > (long)MAX_MEMORY) {
            fprintf(stderr, "%s: input %llu (%s): %ld KiB of memory\n", fuzz_target.name,
                    (unsigned long long)n, in_hand, u.ru_maxrss);
            exit(1);
        }
    }
    unlink(in_hand);
    return n;
}

// A file of the corpus, or one that was left behind: its length, and as many bytes as an input may have.
static void repeat_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    size_t len = 0, room = fuzz_target.max + sizeof len;
    uint8_t *data = calloc(1, room + 1);
    size_t got = f ? fread(data, 1, room + 1, f) : 0;
    if (!f)
        exit((perror(name), 1));
    fclose(f);
    memcpy(&len, data, sizeof len);
    if (got == room && len <= fuzz_target.max)
        one(data + sizeof len, len);
    else
        one(data, got <= fuzz_target.max ? got : fuzz_target.max);
    free(data);
}

int main(int argc, char **argv)
{
    char *end = "";
    double seconds = argc > 1 ? strtod(argv[1], &end) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, count = 0;
    const char *asked = getenv("FUZZ_SECONDS");
    if (argc < 2 && asked)
        seconds = strtod(asked, NULL);
    signal(SIGALRM, too_slow);
    signal(SIGXFSZ, SIG_IGN);
    if (fuzz_target.init)
        fuzz_target.init();
    if (*end) {
        for (int i = 1; i < argc; i++, count++)
            repeat_file(argv[i]);
    } else {
        read_corpus();
        if (!seed_count)
            fuzz_seed("", 0);
        count = run(seconds, seed);
    }
    alarm(0);
    if (fuzz_target.fini)
        fuzz_target.fini();
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].data);
    fprintf(stderr, "%s: %llu inputs, seed %llu\n", fuzz_target.name, (unsigned long long)count,
            (unsigned long long)seed);
    return 0;
}
