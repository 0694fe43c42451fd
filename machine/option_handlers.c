// SPDX-License-Identifier: GPL-3.0-or-later
// What each option means, a handler an option, a property table a key=value list.
#include "machine/option_handlers.h"

#include "base/bits.h"
#include "base/log.h"
#include "frontend/cpu_models.h"
#include "jit/verify.h"
#include "jit/worker.h"
#include "machine/device_types.h"
#include "machine/keyval.h"
#include "machine/suggest.h"

#include <stdlib.h>
#include <string.h>

#define MIB UINT64_C(0x100000)

enum {
    RAM_MIN_MIB = 16,
    RAM_MAX_MIB = 255 * 1024, // up to the high redistributors at 256 GiB
};

#define ROW(type, struct_name, name, field, ...) \
    { name, KEYVAL_##type, offsetof(struct struct_name, field), __VA_ARGS__ }
#define GROUP(option, implied, rows) { option, implied, rows, ARRAY_SIZE(rows) }

static bool wants_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

// Prints names and what is said of them; the handler has nothing more to do.
static bool print_choices(struct options *o, const char *title, const struct keyval_choice *c)
{
    fprintf(o->out, "%s\n", title);
    for (; c->name; c++)
        fprintf(o->out, "  %-20s %s\n", c->name, c->help ? c->help : "");
    o->done = true;
    return true;
}

static bool print_properties(struct options *o, const struct keyval_group *g)
{
    fprintf(o->out, "Properties of %s:\n", g->option);
    for (size_t i = 0; i < g->count; i++) {
        const struct keyval_row *r = &g->rows[i];
        static const char *const kinds[] = {
            [KEYVAL_STRING] = "TEXT", [KEYVAL_BOOL] = "on|off",   [KEYVAL_NUMBER] = "N",
            [KEYVAL_SIZE] = "SIZE",   [KEYVAL_CHOICE] = "",       [KEYVAL_ABSENT] = "off",
        };
        fprintf(o->out, "  %s=%s", r->name, kinds[r->type]);
        for (const struct keyval_choice *c = r->choices; c && c->name; c++)
            fprintf(o->out, "%s%s", c == r->choices ? "" : "|", c->name);
        fputc('\n', o->out);
    }
    o->done = true;
    return true;
}

// The machine and its CPU

static const struct keyval_choice machine_types[] = {
    { "virt", 0, "QEMU-compatible ARM Virtual Machine (default)" }, { NULL }
};

static const struct keyval_choice gic_versions[] = {
    { "3", 3, NULL }, { "max", 3, NULL }, { NULL }
};

static const struct keyval_choice accels[] = {
    { "tiered", CONFIG_ACCEL_TIERED, "quick, and libgccjit for what stays hot (default)" },
    { "quick", CONFIG_ACCEL_QUICK, "every block is translated in one pass before it runs" },
    { "interp", CONFIG_ACCEL_INTERP, "the interpreter" },
    { "gccjit", CONFIG_ACCEL_GCCJIT, "the interpreter, and libgccjit, waiting for every compile (for tests)" },
    { "verify", CONFIG_ACCEL_VERIFY, "compiled code checked against the interpreter as it runs: "
                                     "verify[,engine=quick|tiered|gccjit][,every=N][,how=turns|logged|shadow]" }, { NULL }
};

static const struct keyval_choice verify_engines[] = {
    { "quick", CONFIG_ACCEL_QUICK, NULL },
    { "tiered", CONFIG_ACCEL_TIERED, NULL }, { "gccjit", CONFIG_ACCEL_GCCJIT, NULL }, { NULL }
};

static const struct keyval_choice verify_hows[] = {
    { "turns", VERIFY_BY_TURNS, NULL }, { "logged", VERIFY_LOGGED, NULL }, { "shadow", VERIFY_SHADOW, NULL }, { NULL }
};

static const struct keyval_row machine_rows[] = {
#define R(type, name, field, ...) ROW(type, config_machine_props, name, field, __VA_ARGS__)
    R(CHOICE, "type", type, machine_types),
    R(CHOICE, "gic-version", gic_version, gic_versions),
    R(CHOICE, "accel", accel, accels),
    R(STRING, "dumpdtb", dumpdtb, NULL),
    R(ABSENT, "virtualization", virtualization, NULL),
    R(ABSENT, "secure", secure, NULL),
    R(ABSENT, "its", its, NULL),
    R(ABSENT, "acpi", acpi, NULL),
    R(ABSENT, "usb", usb, NULL),
    R(ABSENT, "graphics", graphics, NULL),
#undef R
};
static const struct keyval_group machine_group = GROUP("-machine", "type", machine_rows);

bool opt_machine(struct options *o, const char *arg)
{
    if (!strcmp(arg, "?"))
        return print_choices(o, "Supported machines are:", machine_types);
    if (!strcmp(arg, "help")) {
        print_choices(o, "Supported machines are:", machine_types);
        return print_properties(o, &machine_group);
    }
    return keyval_parse(o->config, &machine_group, arg, &o->config->machine, o->err);
}

static const struct keyval_row accel_rows[] = {
#define R(type, name, field, ...) ROW(type, config_machine_props, name, field, __VA_ARGS__)
    R(CHOICE, "accel", accel, accels),
    R(CHOICE, "engine", verify_engine, verify_engines),
    R(CHOICE, "how", verify_how, verify_hows),
    R(NUMBER, "every", verify_every, NULL),
    R(NUMBER, "workers", workers, NULL),
#undef R
};
static const struct keyval_group accel_group = GROUP("-accel", "accel", accel_rows);

bool opt_accel(struct options *o, const char *arg)
{
    if (wants_help(arg))
        return print_choices(o, "Engines that run guest code:", accels);
    const char *equals = memchr(arg, '=', strcspn(arg, ","));
    if (equals && strncmp(arg, "accel=", 6))
        return error_set(o->err, "-accel %s: the engine's name comes first", arg);
    struct config_machine_props *given = &o->config->machine;
    given->workers = given->verify_engine = given->verify_how = given->verify_every = 0;
    if (!keyval_parse(o->config, &accel_group, arg, &o->config->machine, o->err))
        return false;
    const struct config_machine_props *p = &o->config->machine;
    if (p->accel != CONFIG_ACCEL_VERIFY && (p->verify_engine || p->verify_how || p->verify_every))
        return error_set(o->err, "-accel: engine=, how= and every= are verify's");
    if (p->workers > COMPILE_MAX_WORKERS)
        return error_set(o->err, "-accel: more than %d workers", COMPILE_MAX_WORKERS);
    if (p->workers && (p->accel == CONFIG_ACCEL_INTERP || p->accel == CONFIG_ACCEL_QUICK))
        return error_set(o->err, "-accel %s: it has no workers", arg);
    return true;
}

bool opt_perf_map(struct options *o, const char *arg)
{
    o->config->perf_map = true;
    return true;
}

bool opt_cache_dir(struct options *o, const char *arg)
{
    o->config->cache_dir = arg;
    return true;
}

bool opt_no_cache(struct options *o, const char *arg)
{
    o->config->no_cache = true;
    return true;
}

// Features that scripts written for QEMU switch off; armlet's CPUs do not have them.
struct cpu_props {
    bool sve, sme, pauth;
};

static const struct keyval_row cpu_rows[] = {
#define R(type, name, field, ...) ROW(type, cpu_props, name, field, __VA_ARGS__)
    R(ABSENT, "sve", sve, NULL),
    R(ABSENT, "sme", sme, NULL),
    R(ABSENT, "pauth", pauth, NULL),
#undef R
};
static const struct keyval_group cpu_group = GROUP("-cpu", NULL, cpu_rows);

static bool print_cpus(struct options *o)
{
    fputs("Available CPUs:\n", o->out);
    for (unsigned n = 0; n < a64_nr_models; n++) {
        const struct a64_model *m = &a64_models[n];
        fprintf(o->out, "  %-20s %s%s\n", m->name, m->help, n == 0 ? " (default)" : "");
        if (m->alias)
            fprintf(o->out, "  %-20s the same\n", m->alias);
    }
    o->done = true;
    return true;
}

static bool no_such_cpu(const char *name, struct error *err)
{
    struct suggest near;
    suggest_init(&near, name, strlen(name));
    for (unsigned n = 0; n < a64_nr_models; n++) {
        suggest_offer(&near, a64_models[n].name);
        if (a64_models[n].alias)
            suggest_offer(&near, a64_models[n].alias);
    }
    if (near.best)
        return error_set(err, "-cpu %s: no such CPU; did you mean %s?", name, near.best);
    return error_set(err, "-cpu %s: no such CPU (see -cpu help)", name);
}

bool opt_cpu(struct options *o, const char *arg)
{
    struct cpu_props p = { 0 };
    if (wants_help(arg))
        return print_cpus(o);
    const char *name = keyval_first(o->config, "model", &arg);
    const struct a64_model *model = name ? a64_model_find(name) : NULL;
    if (!model)
        return no_such_cpu(name ? name : arg, o->err);
    o->config->cpu = (int)(model - a64_models);
    return keyval_parse(o->config, &cpu_group, arg, &p, o->err);
}

struct smp_props {
    int cpus, sockets, clusters, cores, threads;
};

static const struct keyval_row smp_rows[] = {
#define R(name, field) ROW(NUMBER, smp_props, name, field, NULL)
    R("cpus", cpus), R("sockets", sockets), R("clusters", clusters),
    R("cores", cores), R("threads", threads),
#undef R
};
static const struct keyval_group smp_group = GROUP("-smp", "cpus", smp_rows);

bool opt_smp(struct options *o, const char *arg)
{
    struct smp_props p = { 0, 1, 1, 1, 1 };
    if (!keyval_parse(o->config, &smp_group, arg, &p, o->err))
        return false;
    if (p.cpus == 0)
        p.cpus = 1;
    if (p.cpus != 1 || p.sockets != 1 || p.clusters != 1 || p.cores != 1 || p.threads != 1)
        return error_set(o->err, "-smp %s: this version of armlet has one CPU (-smp 1)", arg);
    o->config->smp = p.cpus;
    return true;
}

static const struct keyval_row memory_rows[] = {
    { "size", KEYVAL_SIZE, offsetof(struct machine_config, ram_size), NULL, MIB },
};
static const struct keyval_group memory_group = GROUP("-m", "size", memory_rows);

bool opt_memory(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    if (!keyval_parse(c, &memory_group, arg, c, o->err))
        return false;
    if (c->ram_size < RAM_MIN_MIB * MIB || c->ram_size > RAM_MAX_MIB * MIB)
        return error_set(o->err, "-m %s: guest memory is %d MiB to %d GiB", arg, RAM_MIN_MIB,
                         RAM_MAX_MIB / 1024);
    c->ram_size = ALIGN_UP(c->ram_size, MIB);
    return true;
}

bool opt_global(struct options *o, const char *arg)
{
    bool force_legacy = o->config->virtio_legacy;
    static const struct keyval_row rows[] = { { "virtio-mmio.force-legacy", KEYVAL_BOOL, 0 } };
    static const struct keyval_group group = GROUP("-global", NULL, rows);
    if (!keyval_parse(o->config, &group, arg, &force_legacy, o->err))
        return false;
    o->config->virtio_legacy = force_legacy;
    return true;
}

// What is booted

static bool set_file(struct options *o, const char *option, const char **field, const char *arg)
{
    if (!*arg)
        return error_set(o->err, "%s: the file name is empty", option);
    *field = arg;
    return true;
}

bool opt_kernel(struct options *o, const char *arg)
{
    o->config->kernel_positional = false;
    return set_file(o, "-kernel", &o->config->kernel, arg);
}

bool opt_initrd(struct options *o, const char *arg)
{
    return set_file(o, "-initrd", &o->config->initrd, arg);
}

bool opt_dtb(struct options *o, const char *arg)
{
    return set_file(o, "-dtb", &o->config->dtb, arg);
}

bool opt_append(struct options *o, const char *arg)
{
    o->config->append = arg;
    return true;
}

// Disks and devices

static const struct keyval_choice drive_formats[] = {
    { "raw", CONFIG_FORMAT_RAW, NULL }, { NULL }
};
static const struct keyval_choice drive_interfaces[] = {
    { "virtio", CONFIG_IF_VIRTIO, NULL }, { "none", CONFIG_IF_NONE, NULL }, { NULL }
};
static const struct keyval_choice drive_caches[] = {
    { "writeback", CONFIG_CACHE_WRITEBACK, NULL },
    { "none", CONFIG_CACHE_WRITEBACK, NULL },
    { "writethrough", CONFIG_CACHE_WRITETHROUGH, NULL },
    { "directsync", CONFIG_CACHE_WRITETHROUGH, NULL },
    { "unsafe", CONFIG_CACHE_WRITEBACK, NULL }, // allows to lose data, does not oblige
    { NULL },
};
static const struct keyval_choice drive_media[] = { { "disk", 0, NULL }, { NULL } };
static const struct keyval_choice drive_discards[] = { { "unmap", 0, NULL }, { "on", 0, NULL }, { NULL } };

static const struct keyval_row drive_rows[] = {
#define R(type, name, field, ...) ROW(type, config_drive, name, field, __VA_ARGS__)
    R(STRING, "file", file, NULL),
    R(STRING, "id", id, NULL),
    R(CHOICE, "format", format, drive_formats),
    R(CHOICE, "if", interface, drive_interfaces),
    R(CHOICE, "cache", cache, drive_caches),
    R(CHOICE, "media", media, drive_media),
    R(BOOL, "readonly", readonly, NULL),
    R(BOOL, "read-only", readonly, NULL),
    R(BOOL, "snapshot", snapshot, NULL),
    R(CHOICE, "discard", discard, drive_discards),
#undef R
};
static const struct keyval_group drive_group = GROUP("-drive", NULL, drive_rows);

bool opt_drive(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_drive d = { 0 };
    if (wants_help(arg))
        return print_properties(o, &drive_group);
    if (c->drive_count == CONFIG_MAX_DRIVES)
        return error_set(o->err, "-drive: more than %d", CONFIG_MAX_DRIVES);
    if (!keyval_parse(c, &drive_group, arg, &d, o->err))
        return false;
    if (!d.file)
        return error_set(o->err, "-drive %s: no file=", arg);
    c->drives[c->drive_count++] = d;
    return true;
}

bool opt_snapshot(struct options *o, const char *arg)
{
    o->config->snapshot = true;
    return true;
}

static const struct {
    const char *name, *help;
    unsigned props;
} device_types[] = {
#define DEVICE_TYPE(id, name, props, help) { name, help, props },
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

static bool print_devices(struct options *o)
{
    fputs("Devices:\n", o->out);
    for (size_t i = 0; i < ARRAY_SIZE(device_types); i++)
        fprintf(o->out, "name \"%s\", bus virtio-mmio, desc \"%s\"\n", device_types[i].name,
                device_types[i].help);
    o->done = true;
    return true;
}

static bool find_device_type(const char *name, int *type, struct error *err)
{
    struct suggest near;
    suggest_init(&near, name, strlen(name));
    for (size_t i = 0; i < ARRAY_SIZE(device_types); i++) {
        if (!strcmp(device_types[i].name, name)) {
            *type = (int)i;
            return true;
        }
        suggest_offer(&near, device_types[i].name);
    }
    if (near.best)
        return error_set(err, "-device %s: no such device; did you mean %s?", name, near.best);
    return error_set(err, "-device %s: no such device (see -device help)", name);
}

// The rows of all drivers' properties; the first ones every driver takes.
static size_t device_rows(unsigned props, struct keyval_row *rows)
{
    static const struct {
        unsigned prop;
        struct keyval_row row;
    } all[] = {
        { 0, { "id", KEYVAL_STRING, offsetof(struct config_device, id) } },
        { PROP_DRIVE, { "drive", KEYVAL_STRING, offsetof(struct config_device, drive) } },
        { PROP_SERIAL, { "serial", KEYVAL_STRING, offsetof(struct config_device, serial) } },
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (!all[i].prop || (props & all[i].prop))
            rows[n++] = all[i].row;
    return n;
}

bool opt_device(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_device d = { 0 };
    struct keyval_row rows[8];
    char what[80];
    if (wants_help(arg))
        return print_devices(o);
    if (c->device_count == CONFIG_MAX_DEVICES)
        return error_set(o->err, "-device: more than %d", CONFIG_MAX_DEVICES);
    const char *driver = keyval_first(c, "driver", &arg);
    if (!driver)
        return error_set(o->err, "-device %s: the driver's name comes first", arg);
    if (!find_device_type(driver, &d.type, o->err))
        return false;
    snprintf(what, sizeof what, "-device %s", driver);
    struct keyval_group group = { what, NULL, rows, device_rows(device_types[d.type].props, rows) };
    if (wants_help(arg))
        return print_properties(o, &group);
    if (!keyval_parse(c, &group, arg, &d, o->err))
        return false;
    if ((device_types[d.type].props & PROP_DRIVE) && !d.drive)
        return error_set(o->err, "%s: no drive=", what);
    c->devices[c->device_count++] = d;
    return true;
}

// Options of which armlet has exactly one value: what scripts say to have less.
static bool only(struct options *o, const char *option, const char *arg, const char *value)
{
    if (!strcmp(arg, value))
        return true;
    return error_set(o->err, "%s %s: armlet has only %s %s", option, arg, option, value);
}

bool opt_nic(struct options *o, const char *arg)
{
    return only(o, "-nic", arg, "none");
}

bool opt_monitor(struct options *o, const char *arg)
{
    return only(o, "-monitor", arg, "none");
}

bool opt_display(struct options *o, const char *arg)
{
    return only(o, "-display", arg, "none");
}

bool opt_rtc(struct options *o, const char *arg)
{
    return only(o, "-rtc", arg, "base=utc");
}

bool opt_nographic(struct options *o, const char *arg)
{
    o->nographic = true;
    return true;
}

bool opt_nodefaults(struct options *o, const char *arg)
{
    o->config->nodefaults = true;
    return true;
}

// Character devices

static const struct keyval_choice char_backends[] = {
    { "null", CONFIG_CHAR_NULL, "goes nowhere" },
    { "stdio", CONFIG_CHAR_STDIO, "this terminal (mux=on: Ctrl-A is the escape character)" },
    { "file", CONFIG_CHAR_FILE, "output into a file (path=, append=on|off)" },
    { NULL },
};

static const struct keyval_row chardev_rows[] = {
#define R(type, name, field, ...) ROW(type, config_chardev, name, field, __VA_ARGS__)
    R(CHOICE, "backend", backend, char_backends),
    R(STRING, "id", id, NULL),
    R(STRING, "path", path, NULL),
    R(BOOL, "mux", mux, NULL),
    R(BOOL, "signal", signal, NULL),
    R(BOOL, "append", append, NULL),
#undef R
};
static const struct keyval_group chardev_group = GROUP("-chardev", "backend", chardev_rows);

static bool add_chardev(struct options *o, const struct config_chardev *d)
{
    struct machine_config *c = o->config;
    if (c->chardev_count == CONFIG_MAX_CHARDEVS)
        return error_set(o->err, "-chardev: more than %d", CONFIG_MAX_CHARDEVS);
    c->chardevs[c->chardev_count++] = *d;
    return true;
}

bool opt_chardev(struct options *o, const char *arg)
{
    struct config_chardev d = { .signal = true };
    if (wants_help(arg))
        return print_choices(o, "Available chardev backend types:", char_backends);
    if (!keyval_parse(o->config, &chardev_group, arg, &d, o->err))
        return false;
    if (!d.id)
        return error_set(o->err, "-chardev %s: no id=", arg);
    if ((d.backend == CONFIG_CHAR_FILE) != !!d.path)
        return error_set(o->err, "-chardev %s: path= goes with file", arg);
    return add_chardev(o, &d);
}

bool opt_serial(struct options *o, const char *arg)
{
    if (o->serial_given)
        return error_set(o->err, "-serial: the board has one UART");
    o->serial_given = true;
    o->serial = arg;
    return true;
}

static bool resolve_serial_by_id(struct options *o, const char *id)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->chardev_count; i++) {
        if (!strcmp(c->chardevs[i].id, id)) {
            c->serials[c->serial_count++] = (int)i;
            return true;
        }
    }
    return error_set(o->err, "-serial chardev:%s: there is no -chardev of that id", id);
}

static bool resolve_serial(struct options *o)
{
    struct machine_config *c = o->config;
    const char *s = o->serial;
    struct config_chardev d = { .id = "serial0" };
    if (!s)
        s = c->nodefaults && !o->nographic ? "none" : "mon:stdio";
    if (!strcmp(s, "none"))
        return true;
    if (!strncmp(s, "chardev:", 8))
        return resolve_serial_by_id(o, s + 8);
    if (!strcmp(s, "mon:stdio")) {
        d.backend = CONFIG_CHAR_STDIO;
        d.mux = true;
    } else if (!strcmp(s, "stdio")) {
        d.backend = CONFIG_CHAR_STDIO;
        d.signal = !o->nographic;
    } else if (!strncmp(s, "file:", 5) && s[5]) {
        d.backend = CONFIG_CHAR_FILE;
        d.path = s + 5;
    } else if (strcmp(s, "null")) {
        return error_set(o->err, "-serial %s: there is: mon:stdio, stdio, null, none, file:PATH, "
                         "chardev:ID", s);
    }
    c->serials[c->serial_count++] = (int)c->chardev_count;
    return add_chardev(o, &d);
}

// The rest

bool opt_name(struct options *o, const char *arg)
{
    o->config->name = arg;
    return true;
}

bool opt_seed(struct options *o, const char *arg)
{
    char *end;
    o->config->seed = strtoull(arg, &end, 0);
    o->config->seed_given = true;
    return *arg && !*end ? true : error_set(o->err, "-seed %s: not a number", arg);
}

bool opt_no_reboot(struct options *o, const char *arg)
{
    o->config->no_reboot = true;
    return true;
}

bool opt_log(struct options *o, const char *arg)
{
    if (wants_help(arg)) {
        fputs("Log subjects:\n", o->out);
#define X(id, name, help) fprintf(o->out, "  %-15s %s\n", name, help);
        LOG_SUBJECTS(X)
#undef X
        o->done = true;
        return true;
    }
    return log_parse(arg, &o->config->log_mask, o->err);
}

bool opt_log_file(struct options *o, const char *arg)
{
    return set_file(o, "-D", &o->config->log_file, arg);
}

bool opt_help(struct options *o, const char *arg)
{
    options_print_help(o->out);
    o->done = true;
    return true;
}

bool opt_version(struct options *o, const char *arg)
{
    fprintf(o->out, "armlet %s\n", ARMLET_VERSION);
    o->done = true;
    return true;
}

// After the last option

static struct config_drive *find_drive(struct machine_config *c, const char *id)
{
    for (size_t i = 0; i < c->drive_count; i++)
        if (c->drives[i].id && !strcmp(c->drives[i].id, id))
            return &c->drives[i];
    return NULL;
}

static bool same_id(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static bool check_ids(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->drive_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->drives[i].id, c->drives[j].id))
                return error_set(o->err, "-drive: id=%s is given twice", c->drives[i].id);
    for (size_t i = 0; i < c->device_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->devices[i].id, c->devices[j].id))
                return error_set(o->err, "-device: id=%s is given twice", c->devices[i].id);
    for (size_t i = 0; i < c->chardev_count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_id(c->chardevs[i].id, c->chardevs[j].id))
                return error_set(o->err, "-chardev: id=%s is given twice", c->chardevs[i].id);
    return true;
}

// Each -device finds its drive; each if=virtio drive gets its device.
static bool connect_drives(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->device_count; i++) {
        struct config_device *d = &c->devices[i];
        if (!d->drive)
            continue;
        struct config_drive *drive = find_drive(c, d->drive);
        if (!drive)
            return error_set(o->err, "-device drive=%s: there is no -drive of that id", d->drive);
        if (drive->interface != CONFIG_IF_NONE)
            return error_set(o->err, "-device drive=%s: that drive needs if=none", d->drive);
        d->backend = drive;
        for (size_t j = 0; j < i; j++)
            if (c->devices[j].backend == drive)
                return error_set(o->err, "-device drive=%s: the drive is in use", d->drive);
    }
    for (size_t i = 0; i < c->drive_count; i++) {
        c->drives[i].snapshot |= c->snapshot;
        if (c->drives[i].interface != CONFIG_IF_VIRTIO)
            continue;
        if (c->device_count == CONFIG_MAX_DEVICES)
            return error_set(o->err, "-drive: the board's %d slots are taken", CONFIG_MAX_DEVICES);
        c->devices[c->device_count++] =
            (struct config_device){ .type = DEVICE_VIRTIO_BLK, .backend = &c->drives[i] };
    }
    return true;
}

static bool check_stdio(struct options *o)
{
    int users = 0;
    for (size_t i = 0; i < o->config->chardev_count; i++)
        users += o->config->chardevs[i].backend == CONFIG_CHAR_STDIO;
    return users < 2 ? true : error_set(o->err, "stdio can be used once");
}

bool options_check(struct options *o)
{
    struct machine_config *c = o->config;
    if (c->initrd && !c->kernel)
        return error_set(o->err, "-initrd goes with -kernel");
    if (c->append && !c->kernel)
        return error_set(o->err, "-append goes with -kernel");
    if (!c->kernel && !c->machine.dumpdtb)
        return error_set(o->err, "nothing to boot: name a kernel (see armlet --help)");
    return resolve_serial(o) && check_ids(o) && check_stdio(o) && connect_drives(o);
}
