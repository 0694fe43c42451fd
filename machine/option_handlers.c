// SPDX-License-Identifier: GPL-3.0-or-later
// What each option means, a handler an option, a property table a key=value list.
#include "machine/option_handlers.h"

#include "base/bits.h"
#include "base/log.h"
#include "devices/display/edid.h"
#include "devices/display/format.h"
#include "frontend/cpu_models.h"
#include "jit/verify.h"
#include "jit/worker.h"
#include "machine/device_types.h"
#include "machine/keyval.h"
#include "machine/short_way.h"
#include "machine/suggest.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define MIB UINT64_C(0x100000)

enum {
    RAM_MIN_MIB = 16,
    RAM_MAX_MIB = 255 * 1024, // up to the high redistributors at 256 GiB
};

bool wants_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

bool print_choices(struct options *o, const char *title, const struct keyval_choice *c)
{
    fprintf(o->out, "%s\n", title);
    for (; c->name; c++)
        fprintf(o->out, "  %-20s %s\n", c->name, c->help ? c->help : "");
    o->done = true;
    return true;
}

bool print_properties(struct options *o, const struct keyval_group *g)
{
    fprintf(o->out, "Properties of %s:\n", g->option);
    for (size_t i = 0; i < g->count; i++) {
        const struct keyval_row *r = &g->rows[i];
        static const char *const kinds[] = {
            [KEYVAL_STRING] = "TEXT", [KEYVAL_BOOL] = "on|off",   [KEYVAL_NUMBER] = "N",
            [KEYVAL_SIZE] = "SIZE",   [KEYVAL_CHOICE] = "",       [KEYVAL_ABSENT] = "off",
            [KEYVAL_LIST] = "TEXT",
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
    { "2", 2, NULL }, { "3", 3, NULL }, { "max", 3, NULL }, { NULL }
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

bool opt_bios(struct options *o, const char *arg)
{
    return set_file(o, "-bios", &o->config->bios, short_way_find_firmware(o->config, arg));
}

bool opt_append(struct options *o, const char *arg)
{
    o->config->append = arg;
    return true;
}

// Disks and devices

static const struct keyval_choice drive_formats[] = {
    { "raw", CONFIG_FORMAT_RAW, NULL }, { "qcow2", CONFIG_FORMAT_QCOW2, NULL }, { NULL }
};
static const struct keyval_choice drive_interfaces[] = {
    { "virtio", CONFIG_IF_VIRTIO, NULL }, { "none", CONFIG_IF_NONE, NULL },
    { "pflash", CONFIG_IF_PFLASH, NULL }, { NULL }
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
    R(NUMBER, "unit", unit, NULL),
    R(BOOL, "create", create, NULL),
    R(BOOL, "backing", backing, NULL),
#undef R
};
static const struct keyval_group drive_group = GROUP("-drive", NULL, drive_rows);

bool opt_drive(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_drive d = { .unit = CONFIG_UNIT_NEXT };
    if (wants_help(arg))
        return print_properties(o, &drive_group);
    if (c->drive_count == CONFIG_MAX_DRIVES)
        return error_set(o->err, "-drive: more than %d", CONFIG_MAX_DRIVES);
    if (!keyval_parse(c, &drive_group, arg, &d, o->err))
        return false;
    if (!d.file)
        return error_set(o->err, "-drive %s: no file=", arg);
    if (d.interface != CONFIG_IF_PFLASH && (d.create || d.unit != CONFIG_UNIT_NEXT))
        return error_set(o->err, "-drive %s: unit= and create= go with if=pflash", arg);
    if (d.interface == CONFIG_IF_PFLASH && d.unit >= CONFIG_FLASH_BANKS)
        return error_set(o->err, "-drive %s: the board has flash banks 0 and 1", arg);
    c->drives[c->drive_count++] = d;
    return true;
}

bool opt_pflash(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    if (c->drive_count == CONFIG_MAX_DRIVES)
        return error_set(o->err, "-drive: more than %d", CONFIG_MAX_DRIVES);
    c->drives[c->drive_count] = (struct config_drive){ .interface = CONFIG_IF_PFLASH,
                                                       .format = CONFIG_FORMAT_RAW,
                                                       .unit = CONFIG_UNIT_NEXT };
    return set_file(o, "-pflash", &c->drives[c->drive_count++].file, arg);
}

static const struct keyval_row fw_cfg_rows[] = {
#define R(name, field) ROW(STRING, config_fw_cfg, name, field, NULL)
    R("name", name), R("file", file), R("string", string),
#undef R
};
static const struct keyval_group fw_cfg_group = GROUP("-fw_cfg", "name", fw_cfg_rows);

bool opt_fw_cfg(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_fw_cfg f = { 0 };
    if (c->fw_cfg_count == CONFIG_MAX_FW_CFG)
        return error_set(o->err, "-fw_cfg: more than %d", CONFIG_MAX_FW_CFG);
    if (!keyval_parse(c, &fw_cfg_group, arg, &f, o->err))
        return false;
    if (!f.name || !f.file == !f.string)
        return error_set(o->err, "-fw_cfg %s: it wants name= and one of file= and string=", arg);
    if (!*f.name || strlen(f.name) > CONFIG_FW_CFG_NAME)
        return error_set(o->err, "-fw_cfg %s: a name has 1 to %d bytes", arg, CONFIG_FW_CFG_NAME);
    c->fw_cfg[c->fw_cfg_count++] = f;
    return true;
}

bool opt_snapshot(struct options *o, const char *arg)
{
    o->config->snapshot = true;
    return true;
}

static const struct {
    const char *name, *help, *bus;
    unsigned props;
} device_types[] = {
#define DEVICE_TYPE(id, name, props, help)       { name, help, "virtio-mmio", props },
#define BOARD_DEVICE_TYPE(id, name, props, help) { name, help, "board", props },
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

static bool print_devices(struct options *o)
{
    fputs("Devices:\n", o->out);
    for (size_t i = 0; i < ARRAY_SIZE(device_types); i++)
        fprintf(o->out, "name \"%s\", bus %s, desc \"%s\"\n", device_types[i].name,
                device_types[i].bus, device_types[i].help);
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

// Ends at the first row of formats.def that has no such name.
static const struct keyval_choice framebuffer_formats[] = {
#define DISPLAY_FORMAT(id, bytes, f0, f1, f2, f3, gpu, name, ...) { name, DISPLAY_##id, NULL },
#include "devices/display/formats.def"
#undef DISPLAY_FORMAT
};

// The rows of all drivers' properties; the first ones every driver takes.
static size_t device_rows(unsigned props, struct keyval_row *rows)
{
    static const struct {
        unsigned prop;
        struct keyval_row row;
    } all[] = {
        { 0, { "id", KEYVAL_STRING, offsetof(struct config_device, id) } },
        { PROP_DRIVE, { "drive", KEYVAL_STRING, offsetof(struct config_device, drive) } },
        { PROP_NETDEV, { "netdev", KEYVAL_STRING, offsetof(struct config_device, netdev) } },
        { PROP_NETDEV, { "mac", KEYVAL_STRING, offsetof(struct config_device, mac) } },
        { PROP_PORT, { "chardev", KEYVAL_STRING, offsetof(struct config_device, chardev) } },
        { PROP_PORT, { "bus", KEYVAL_STRING, offsetof(struct config_device, bus) } },
        { PROP_PORT, { "nr", KEYVAL_NUMBER, offsetof(struct config_device, nr) } },
        { PROP_NAME, { "name", KEYVAL_STRING, offsetof(struct config_device, name) } },
        { PROP_FSDEV, { "fsdev", KEYVAL_STRING, offsetof(struct config_device, fsdev) } },
        { PROP_FSDEV, { "mount_tag", KEYVAL_STRING, offsetof(struct config_device, mount_tag) } },
        { PROP_BALLOON, { "deflate-on-oom", KEYVAL_BOOL, offsetof(struct config_device, deflate_on_oom) } },
        { PROP_BALLOON, { "free-page-reporting", KEYVAL_BOOL, offsetof(struct config_device, free_page_reporting) } },
        { PROP_SERIAL, { "serial", KEYVAL_STRING, offsetof(struct config_device, serial) } },
        { PROP_MODE, { "xres", KEYVAL_NUMBER, offsetof(struct config_device, xres) } },
        { PROP_MODE, { "yres", KEYVAL_NUMBER, offsetof(struct config_device, yres) } },
        { PROP_FORMAT, { "format", KEYVAL_CHOICE, offsetof(struct config_device, format), framebuffer_formats } },
        { PROP_HOSTMEM, { "max_hostmem", KEYVAL_SIZE, offsetof(struct config_device, max_hostmem) } },
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (!all[i].prop || (props & all[i].prop))
            rows[n++] = all[i].row;
    return n;
}

// One of its kind, few displays, modes that any of them can have.
static bool check_display(struct options *o, const char *what, const struct config_device *d)
{
    const struct machine_config *c = o->config;
    unsigned props = device_types[d->type].props;
    size_t displays = 0;
    for (size_t i = 0; i < c->device_count; i++) {
        displays += !!(device_types[c->devices[i].type].props & PROP_DISPLAY);
        if (c->devices[i].type == d->type && props & PROP_ONCE)
            return error_set(o->err, "%s: there is one already", what);
    }
    if (props & PROP_DISPLAY && displays == CONFIG_MAX_DISPLAYS)
        return error_set(o->err, "%s: more than %d displays", what, CONFIG_MAX_DISPLAYS);
    if (!d->xres != !d->yres)
        return error_set(o->err, "%s: xres= and yres= go together", what);
    if (d->xres > EDID_MAX || d->yres > EDID_MAX)
        return error_set(o->err, "%s: %dx%d: at most %d either way", what, d->xres, d->yres,
                         EDID_MAX);
    return true;
}

bool opt_device(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_device d = { .nr = -1, .deflate_on_oom = true, .free_page_reporting = true };
    struct keyval_row rows[16];
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
    if ((device_types[d.type].props & PROP_NETDEV) && !d.netdev)
        return error_set(o->err, "%s: no netdev=", what);
    if ((device_types[d.type].props & PROP_FSDEV) && (!d.fsdev || !d.mount_tag))
        return error_set(o->err, "%s: no %s=", what, d.fsdev ? "mount_tag" : "fsdev");
    if (device_types[d.type].props & PROP_PORT)
        return options_add_port(o, what, &d);
    if (!check_display(o, what, &d))
        return false;
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

bool opt_monitor(struct options *o, const char *arg)
{
    return only(o, "-monitor", arg, "none");
}

bool opt_rtc(struct options *o, const char *arg)
{
    return only(o, "-rtc", arg, "base=utc");
}

bool opt_nographic(struct options *o, const char *arg)
{
    o->nographic = true;
    o->config->display.type = CONFIG_DISPLAY_NONE;
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
    { "socket", CONFIG_CHAR_SOCKET, "a Unix socket (path=, server=on|off)" },
    { "testdev", CONFIG_CHAR_TESTDEV, "a guest's test suite ends armlet through it: \"<code>q\"" },
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
    R(BOOL, "server", server, NULL),
    R(ABSENT, "wait", wait, NULL),
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
    if ((d.backend == CONFIG_CHAR_FILE || d.backend == CONFIG_CHAR_SOCKET) != !!d.path)
        return error_set(o->err, "-chardev %s: path= goes with file and socket", arg);
    return add_chardev(o, &d);
}

bool opt_serial(struct options *o, const char *arg)
{
    if (o->serial_count == CONFIG_MAX_SERIALS)
        return error_set(o->err, "-serial: the board has two UARTs");
    o->serials[o->serial_count++] = arg;
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

static bool resolve_serial(struct options *o, const char *s, const char *id)
{
    struct machine_config *c = o->config;
    struct config_chardev d = { .id = id };
    if (!strcmp(s, "none")) {
        c->serials[c->serial_count++] = CONFIG_NO_SERIAL;
        return true;
    }
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

static bool resolve_serials(struct options *o)
{
    static const char *const ids[CONFIG_MAX_SERIALS] = { "serial0", "serial1" };
    if (!o->serial_count)
        o->serials[o->serial_count++] = o->config->nodefaults && !o->nographic ? "none" : "mon:stdio";
    for (unsigned n = 0; n < o->serial_count; n++)
        if (!resolve_serial(o, o->serials[n], ids[n]))
            return false;
    struct machine_config *c = o->config;
    while (c->serial_count && c->serials[c->serial_count - 1] == CONFIG_NO_SERIAL)
        c->serial_count--;
    return true;
}

// The rest

bool opt_timeout(struct options *o, const char *arg)
{
    char *end;
    long seconds = strtol(arg, &end, 10);
    if (!*arg || *end || seconds < 1 || seconds > 1000000)
        return error_set(o->err, "-timeout %s: not a number of seconds", arg);
    o->config->timeout = (int)seconds;
    return true;
}

bool opt_expect(struct options *o, const char *arg)
{
    regex_t r;
    char why[100];
    int e = regcomp(&r, arg, REG_EXTENDED | REG_NOSUB);
    if (e) {
        regerror(e, &r, why, sizeof why);
        return error_set(o->err, "-expect %s: %s", arg, why);
    }
    regfree(&r);
    o->config->expect = arg;
    return true;
}

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

bool opt_semihosting(struct options *o, const char *arg)
{
    o->config->semihosting = true;
    return true;
}

bool opt_no_reboot(struct options *o, const char *arg)
{
    o->config->no_reboot = true;
    return true;
}

static const struct keyval_choice gdb_disconnects[] = { { "run", 0, NULL }, { "stop", 1, NULL }, { NULL } };
static const struct keyval_choice gdb_servers[] = { { "on", 1, NULL }, { NULL } };
static const struct keyval_choice gdb_waits[] = { { "off", 0, NULL }, { NULL } };

struct gdb_props {
    int disconnect, server, wait; // the latter two are QEMU's: it has others
};

static const struct keyval_row gdb_rows[] = {
#define R(type, name, field, ...) ROW(type, gdb_props, name, field, __VA_ARGS__)
    R(CHOICE, "disconnect", disconnect, gdb_disconnects),
    R(CHOICE, "server", server, gdb_servers),
    R(CHOICE, "wait", wait, gdb_waits),
#undef R
};
static const struct keyval_group gdb_group = GROUP("-gdb", NULL, gdb_rows);

bool opt_gdb(struct options *o, const char *arg)
{
    struct gdb_props p = { 0 };
    o->config->gdb = keyval_first(o->config, "where", &arg);
    if (!o->config->gdb)
        return error_set(o->err, "-gdb %s: where to listen comes first", arg);
    bool ok = keyval_parse(o->config, &gdb_group, arg, &p, o->err);
    o->config->gdb_stays_stopped = p.disconnect;
    return ok;
}

bool opt_debug(struct options *o, const char *arg)
{
    return set_file(o, "-debug", &o->config->debug, arg);
}

bool opt_gdb_default(struct options *o, const char *arg)
{
    o->config->gdb = "tcp::1234";
    return true;
}

bool opt_stopped(struct options *o, const char *arg)
{
    o->config->stopped = true;
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

bool opt_print_config(struct options *o, const char *arg)
{
    o->print_config = true;
    return true;
}

bool opt_log_filter(struct options *o, const char *arg)
{
    o->config->log_filtered = true;
    return log_filter_parse(arg, &o->config->log_filter, o->err);
}

bool opt_trace_file(struct options *o, const char *arg)
{
    return set_file(o, "-trace-file", &o->config->trace_file, arg);
}

bool opt_profile(struct options *o, const char *arg)
{
    return set_file(o, "-profile", &o->config->profile, arg);
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

static bool take_bank(struct options *o, int bank, const struct config_flash *contents)
{
    struct machine_config *c = o->config;
    for (int n = 0; bank == CONFIG_UNIT_NEXT && n < CONFIG_FLASH_BANKS; n++)
        if (!c->flash[n].file)
            bank = n;
    if (bank == CONFIG_UNIT_NEXT)
        return error_set(o->err, "%s: the board has two flash banks", contents->file);
    if (c->flash[bank].file)
        return error_set(o->err, "%s: flash bank %d already holds %s", contents->file, bank,
                         c->flash[bank].file);
    c->flash[bank] = *contents;
    return true;
}

// -bios is the first bank; the drives follow, those with a unit before the others.
static bool fill_flash(struct options *o)
{
    struct machine_config *c = o->config;
    if (c->bios && !take_bank(o, 0, &(struct config_flash){ c->bios, .readonly = true }))
        return false;
    for (int named = 1; named >= 0; named--) {
        for (size_t i = 0; i < c->drive_count; i++) {
            const struct config_drive *d = &c->drives[i];
            struct config_flash contents = { d->file, d->readonly, d->snapshot, d->create };
            if (d->interface == CONFIG_IF_PFLASH && (d->unit >= 0) == named &&
                !take_bank(o, d->unit, &contents))
                return false;
        }
    }
    return true;
}

static bool check_stdio(struct options *o)
{
    int users = 0;
    for (size_t i = 0; i < o->config->chardev_count; i++)
        users += o->config->chardevs[i].backend == CONFIG_CHAR_STDIO;
    users += o->config->gdb && !strcmp(o->config->gdb, "stdio");
    return users < 2 ? true : error_set(o->err, "stdio can be used once");
}

bool options_check(struct options *o)
{
    struct machine_config *c = o->config;
    if (c->initrd && !c->kernel)
        return error_set(o->err, "-initrd goes with -kernel");
    if (c->machine.gic_version == 2 && c->smp > 1)
        return error_set(o->err, "-machine gic-version=2: armlet's has one CPU (-smp 1)");
    if (c->append && !c->kernel)
        return error_set(o->err, "-append goes with -kernel");
    if (!resolve_serials(o) || !check_ids(o) || !check_stdio(o) || !connect_drives(o) || !fill_flash(o) ||
        !options_connect_nets(o) || !options_connect_ports(o) || !options_connect_shares(o))
        return false;
    if (c->stopped && !c->gdb)
        return error_set(o->err, "-S: nobody could start the guest; add -s or -gdb");
    if (!c->kernel && !c->flash[0].file && !c->machine.dumpdtb)
        return error_set(o->err, "nothing to boot: name a kernel (see armlet --help)");
    options_check_display(o);
    return true;
}
