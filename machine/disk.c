// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/disk.h"

#include "devices/block/image.h"
#include "machine/commands.h"
#include "machine/exit_codes.h"
#include "machine/keyval.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Making -----------------------------------------------------------------------------------------

static bool write_empty(struct block_file *f, const struct disk_arguments *a, struct error *err)
{
    if (a->new_format != BLOCK_FORMAT_RAW)
        return qcow2_format_file(f, &a->qcow2, err);
    if (!a->qcow2.size || a->qcow2.size > INT64_MAX - 512)
        return error_set(err, "a disk of %llu bytes is not possible",
                         (unsigned long long)a->qcow2.size);
    if (f->regular && ftruncate(f->fd, (off_t)a->qcow2.size))
        return error_set(err, "%s", strerror(errno));
    if (!f->regular && f->size < a->qcow2.size)
        return error_set(err, "is smaller than that disk");
    return true;
}

struct block *disk_make(const char *path, const struct disk_arguments *a, struct error *err)
{
    struct block_file f;
    if (!file_create(&f, path, a->force, err))
        return NULL;
    bool ok = write_empty(&f, a, err);
    bool regular = f.regular;
    if (!ok)
        error_prefix(err, "%s", path);
    file_close(&f);
    struct block *b = NULL;
    if (ok && a->new_format == BLOCK_FORMAT_RAW)
        b = raw_open(path, false, err);
    else if (ok && file_open(&f, path, false, err)) // as it is: its backing file is not needed
        b = qcow2_open_file(&f, path, false, false, true, err);
    if (!b && regular)
        unlink(path);
    return b;
}

// The size of a new image is its backing file's, unless it is said.
static bool find_size(struct disk_arguments *a, struct error *err)
{
    if (a->second) // the command line was
        return true;
    struct block_options options = {.readonly = true, .backing = true};
    if (!strcmp(a->backing_format, "raw"))
        options.format = BLOCK_FORMAT_RAW;
    struct block *b = image_open(a->backing, &options, err);
    if (!b)
        return error_prefix(err, "backing file (say the size if it is elsewhere)");
    a->qcow2.size = b->size;
    block_close(b);
    return true;
}

bool disk_create(const struct disk_arguments *given, FILE *out, struct error *err)
{
    struct disk_arguments a = *given;
    if (!find_size(&a, err))
        return false;
    a.qcow2.backing = a.backing;
    a.qcow2.backing_format = a.backing_format;
    struct block *b = disk_make(a.file, &a, err);
    if (!b)
        return false;
    fprintf(
        out, "%s: %s, %llu bytes\n", a.file,
        image_format_name(a.new_format == BLOCK_FORMAT_RAW ? BLOCK_FORMAT_RAW : BLOCK_FORMAT_QCOW2),
        (unsigned long long)b->size);
    block_close(b);
    return true;
}

// Looking ----------------------------------------------------------------------------------------

static void print_size(FILE *out, const char *what, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t tenths = bytes > UINT64_MAX / 10 ? UINT64_MAX : bytes * 10;
    for (; tenths >= 10240 && unit + 1 < ARRAY_SIZE(units); unit++)
        tenths /= 1024;
    fprintf(out, "%s: %llu.%llu %s (%llu bytes)\n", what, (unsigned long long)tenths / 10,
            (unsigned long long)tenths % 10, units[unit], (unsigned long long)bytes);
}

static void print_qcow2(FILE *out, const struct qcow2 *q)
{
    const struct qcow2_header *h = &q->h;
    fprintf(out, "version: %u\ncluster size: %u\nrefcount bits: %u\n", h->version, q->cluster_size,
            1u << h->refcount_order);
    fprintf(out, "compression: %s\n", h->compression == QCOW2_ZSTD ? "zstd" : "zlib");
    if (h->version > 2)
        fprintf(out, "lazy refcounts: %s\n", h->compatible & QCOW2_LAZY_REFCOUNTS ? "on" : "off");
    if (*h->backing)
        fprintf(out, "backing file: %s (%s)\n", h->backing,
                *h->backing_format ? h->backing_format : "of no said format");
    if (h->snapshots)
        fprintf(out, "snapshots: %u\n", h->snapshots);
    if (h->incompatible & QCOW2_DIRTY)
        fputs("dirty: refcounts may be wrong (repaired when it is next written to)\n", out);
    if (h->incompatible & QCOW2_CORRUPT)
        fputs("corrupt: yes\n", out);
}

// Without its backing file, whatever its state. An image that is not qcow2 gives a raw block.
static struct block *open_to_look(const struct disk_arguments *a, bool readonly,
                                  enum block_format *format, struct error *err)
{
    struct block_file f;
    *format = a->format ? (enum block_format)a->format : image_probe(a->file);
    if (*format == BLOCK_FORMAT_RAW)
        return raw_open(a->file, true, err);
    if (!file_open(&f, a->file, readonly, err))
        return NULL;
    return qcow2_open_file(&f, a->file, false, false, true, err);
}

bool disk_info(const struct disk_arguments *a, FILE *out, struct error *err)
{
    enum block_format format;
    struct block *b = open_to_look(a, true, &format, err);
    struct stat st;
    if (!b)
        return false;
    fprintf(out, "image: %s\nformat: %s\n", a->file, image_format_name(format));
    print_size(out, "virtual size", b->size);
    if (!stat(a->file, &st))
        print_size(out, "disk size", (uint64_t)st.st_blocks * 512);
    if (format == BLOCK_FORMAT_QCOW2)
        print_qcow2(out, qcow2_of(b));
    block_close(b);
    return true;
}

static void print_check(FILE *out, const char *file, const struct qcow2_check *r)
{
    fprintf(out, "%s: %llu of %llu clusters allocated, %llu of them compressed\n", file,
            (unsigned long long)r->data, (unsigned long long)r->clusters,
            (unsigned long long)r->packed);
    if (r->leaks)
        fprintf(out, "%llu clusters are leaked: no harm but their space (--repair frees it)\n",
                (unsigned long long)r->leaks);
    if (!r->errors && !r->leaks)
        fputs("no errors\n", out);
}

bool disk_check(const struct disk_arguments *a, FILE *out, struct error *err)
{
    enum block_format format;
    struct qcow2_check r;
    struct block *b = open_to_look(a, !a->repair, &format, err);
    if (!b)
        return false;
    bool ok = format == BLOCK_FORMAT_QCOW2 ? qcow2_check_image(qcow2_of(b), a->repair, &r, out, err)
                                           : error_set(err, "a raw image has nothing to check");
    block_close(b);
    if (!ok)
        return error_prefix(err, "%s", a->file);
    print_check(out, a->file, &r);
    if (r.errors)
        return error_set(err, "%s: %llu errors%s", a->file, (unsigned long long)r.errors,
                         a->repair ? " that cannot be repaired" : " (--repair)");
    return true;
}

// The command line -------------------------------------------------------------------------------

static const struct keyval_choice formats[] = {
    {"raw", BLOCK_FORMAT_RAW, NULL}, {"qcow2", BLOCK_FORMAT_QCOW2, NULL}, {NULL}};
static const struct keyval_choice versions[] = {{"0.10", 2, NULL}, {"1.1", 3, NULL}, {NULL}};
static const struct keyval_choice compressions[] = {
    {"zlib", QCOW2_ZLIB, NULL}, {"zstd", QCOW2_ZSTD, NULL}, {NULL}};
static const struct keyval_choice widths[] = {{"1", 0, NULL},  {"2", 1, NULL},  {"4", 2, NULL},
                                              {"8", 3, NULL},  {"16", 4, NULL}, {"32", 5, NULL},
                                              {"64", 6, NULL}, {NULL}};

struct image_options { // -o
    int version, refcount_order, compression;
    uint64_t cluster_size;
    bool lazy_refcounts;
};

static const struct keyval_row image_rows[] = {
    {"compat", KEYVAL_CHOICE, offsetof(struct image_options, version), versions, 0},
    {"cluster_size", KEYVAL_SIZE, offsetof(struct image_options, cluster_size), NULL, 1},
    {"refcount_bits", KEYVAL_CHOICE, offsetof(struct image_options, refcount_order), widths, 0},
    {"compression_type", KEYVAL_CHOICE, offsetof(struct image_options, compression), compressions,
     0},
    {"lazy_refcounts", KEYVAL_BOOL, offsetof(struct image_options, lazy_refcounts), NULL, 0},
};

static bool parse_image_options(const char *text, struct qcow2_create_options *q, struct error *err)
{
    static const struct keyval_group group = {"-o", NULL, image_rows, ARRAY_SIZE(image_rows)};
    struct image_options o = {.version = 3, .refcount_order = 4, .cluster_size = 65536};
    struct machine_config pool;
    machine_config_init(&pool); // for the strings, of which there are none
    bool ok = !text || keyval_parse(&pool, &group, text, &o, err);
    machine_config_fini(&pool);
    if (!ok)
        return false;
    *q = (struct qcow2_create_options){.version = (unsigned)o.version,
                                       .cluster_bits = ctz64(o.cluster_size),
                                       .refcount_order = (unsigned)o.refcount_order,
                                       .compression = o.compression,
                                       .lazy_refcounts = o.lazy_refcounts};
    if (o.cluster_size & (o.cluster_size - 1) || q->cluster_bits < QCOW2_MIN_BITS ||
        q->cluster_bits > QCOW2_MAX_BITS)
        return error_set(err, "-o cluster_size=: a power of two from 512 to 2M");
    if (o.version == 2 && (o.compression || o.refcount_order != 4 || o.lazy_refcounts))
        return error_set(err, "-o compat=0.10 has none of compression_type=zstd, refcount_bits=, "
                              "lazy_refcounts=");
    return true;
}

static const struct verb {
    const char *name, *options; // of the short ones
    int files;                  // arguments at most
    bool (*run)(const struct disk_arguments *a, FILE *out, struct error *err);
} verbs[] = {
    {"create", "fobFB", 2, disk_create},
    {"info", "f", 1, disk_info},
    {"check", "fr", 1, disk_check},
    {"convert", "fOocyB", 2, disk_convert},
};

static const char usage[] =
    "usage: armlet disk create [-f FORMAT] [-o PROP=VALUE,...] [-b FILE -F FORMAT] [--force] FILE SIZE | "
    "info [-f FORMAT] FILE | check [-f FORMAT] [--repair] FILE | "
    "convert [-f FORMAT] [-O FORMAT] [-c] [-o PROP=VALUE,...] [--backing] [--force] FILE NEW";

static const struct verb *find_verb(const char *name)
{
    for (size_t n = 0; n < ARRAY_SIZE(verbs); n++)
        if (!strcmp(verbs[n].name, name))
            return &verbs[n];
    return NULL;
}

// One option of the command line; false: not of this verb, or wrong.
static bool take_option(const struct verb *v, int option, struct disk_arguments *a,
                        const char **image, struct error *err)
{
    bool create = v->run == disk_create;
    if (!strchr(v->options, option))
        return false;
    switch (option) {
    case 'f':
        return keyval_choose(formats, "-f", optarg, create ? &a->new_format : &a->format, err);
    case 'O':
        return keyval_choose(formats, "-O", optarg, &a->new_format, err);
    case 'o':
        *image = optarg;
        return true;
    case 'b':
        a->backing = optarg;
        return true;
    case 'F':
        a->backing_format = optarg;
        return true;
    case 'c':
        return a->compress = true;
    case 'r':
        return a->repair = true;
    case 'y':
        return a->follow = true;
    default:
        return a->force = true;
    }
}

static bool parse(int argc, char **argv, const struct verb **verb, struct disk_arguments *a,
                  struct error *err)
{
    static const struct option longs[] = {{"force", no_argument, NULL, 'B'},
                                          {"repair", no_argument, NULL, 'r'},
                                          {"backing", no_argument, NULL, 'y'},
                                          {0}};
    const char *image = NULL;
    int files = 0;
    *verb = argc > 1 ? find_verb(argv[1]) : NULL;
    if (!*verb)
        return false;
    optind = 0;
    opterr = 0;
    for (int r; (r = getopt_long(argc - 1, argv + 1, "-f:O:o:b:F:cr", longs, NULL)) != -1;) {
        if (r == 1 && files < (*verb)->files)
            *(files++ ? &a->second : &a->file) = optarg;
        else if (r == 1 || !take_option(*verb, r, a, &image, err))
            return false;
    }
    bool has_all = (*verb)->files == files || ((*verb)->run == disk_create && a->backing);
    if (!a->file || !has_all || optind < argc - 1)
        return false;
    if (!parse_image_options(image, &a->qcow2, err))
        return false;
    bool has_size = (*verb)->run == disk_create && a->second;
    return !has_size || keyval_size(a->second, 1, &a->qcow2.size) ||
           error_set(err, "%s: not a size (512M, 20G)", a->second);
}

int command_disk(int argc, char **argv, FILE *out, struct error *err)
{
    struct disk_arguments a = {0};
    const struct verb *verb;
    struct error wrong = {0};
    if (argc > 1 && (!strcmp(argv[1], "-help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fprintf(out, "%s\n", usage);
        return EXIT_CODE_POWER_OFF;
    }
    if (!parse(argc, argv, &verb, &a, &wrong)) {
        if (*wrong.text)
            *err = wrong;
        else
            error_set(err, "%s", usage);
        return EXIT_CODE_USAGE;
    }
    if (a.backing && (a.new_format == BLOCK_FORMAT_RAW || !a.backing_format)) {
        error_set(err, "-b goes with -f qcow2 and -F FORMAT (what the backing file is)");
        return EXIT_CODE_USAGE;
    }
    return verb->run(&a, out, err) ? EXIT_CODE_POWER_OFF : EXIT_CODE_ERROR;
}
