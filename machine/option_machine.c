// SPDX-License-Identifier: GPL-3.0-or-later
// Options of the machine, its CPUs and memory, and of the engine that runs it.
#include "machine/option_handlers.h"

#include "base/bits.h"
#include "frontend/cpu_models.h"
#include "jit/verify.h"
#include "jit/worker.h"
#include "machine/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB UINT64_C(0x100000)

enum {
    RAM_MIN_MIB = 16,
    RAM_MAX_MIB = 255 * 1024, // up to the high redistributors at 256 GiB
};

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
    R(STRING, "accel", accels, NULL),
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

// QEMU's names. Its tcg stands for the default engine; the others are not to be had, and scripts name
// them before one that is.
static bool is_absent_accel(const char *name)
{
    static const char *const names[] = { "kvm", "hvf", "xen", "whpx", "nvmm" };
    for (size_t n = 0; n < ARRAY_SIZE(names); n++)
        if (!strcmp(name, names[n]))
            return true;
    return false;
}

static bool choose_accel(struct options *o, const char *option, const char *name)
{
    if (is_absent_accel(name)) {
        o->absent_accel = name;
        return true;
    }
    o->accel_chosen = true;
    if (!strcmp(name, "tcg"))
        name = "tiered";
    return keyval_choose(accels, option, name, &o->config->machine.accel, o->err);
}

bool options_check_accel(struct options *o)
{
    int accel;
    return !o->absent_accel || o->accel_chosen || keyval_choose(accels, "-accel", o->absent_accel, &accel, o->err);
}

// "kvm:tcg": the first that there is.
static bool choose_accels(struct options *o, const char *names)
{
    char name[32];
    for (bool chosen = false; *names && !chosen; names += *names == ':') {
        size_t n = strcspn(names, ":");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), names);
        names += n;
        chosen = !is_absent_accel(name);
        if (!choose_accel(o, "-machine accel", chosen ? name : "kvm"))
            return false;
    }
    return true;
}

bool opt_machine(struct options *o, const char *arg)
{
    struct config_machine_props *p = &o->config->machine;
    if (!strcmp(arg, "?"))
        return print_choices(o, "Supported machines are:", machine_types);
    if (!strcmp(arg, "help")) {
        print_choices(o, "Supported machines are:", machine_types);
        return print_properties(o, &machine_group);
    }
    p->accels = NULL;
    return keyval_parse(o->config, &machine_group, arg, p, o->err) && (!p->accels || choose_accels(o, p->accels));
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

// What tcg may be told: all of it is decided otherwise here.
struct tcg_props {
    const char *accel, *thread;
    int tb_size;
    bool one_insn_per_tb, split_wx;
};

static const struct keyval_row tcg_rows[] = {
#define R(type, name, field, ...) ROW(type, tcg_props, name, field, __VA_ARGS__)
    R(STRING, "accel", accel, NULL),
    R(STRING, "thread", thread, NULL),
    R(NUMBER, "tb-size", tb_size, NULL),
    R(ABSENT, "one-insn-per-tb", one_insn_per_tb, NULL),
    R(ABSENT, "split-wx", split_wx, NULL),
#undef R
};
static const struct keyval_group tcg_group = GROUP("-accel tcg", "accel", tcg_rows);

// True when it was one of QEMU's names and has been dealt with; *ok is then whether it was right.
static bool qemu_accel(struct options *o, const char *arg, bool *ok)
{
    char name[8];
    struct tcg_props p = { 0 };
    arg += !strncmp(arg, "accel=", 6) ? 6 : 0;
    size_t n = strcspn(arg, ",");
    if (n >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)n, arg);
    bool tcg = !strcmp(name, "tcg");
    if (!tcg && !is_absent_accel(name))
        return false;
    *ok = choose_accel(o, "-accel", tcg ? "tcg" : arg) && (!tcg || keyval_parse(o->config, &tcg_group, arg, &p, o->err));
    return true;
}

enum { NOT_SAID = -1 };

// A number that was not said becomes 0, which nobody may say.
static bool at_least_one(struct options *o, const char *name, int *number)
{
    if (*number == 0)
        return error_set(o->err, "-accel: %s=0: at least 1", name);
    *number = *number == NOT_SAID ? 0 : *number;
    return true;
}

bool opt_accel(struct options *o, const char *arg)
{
    bool ok;
    if (wants_help(arg))
        return print_choices(o, "Engines that run guest code:", accels);
    if (qemu_accel(o, arg, &ok))
        return ok;
    const char *equals = memchr(arg, '=', strcspn(arg, ","));
    if (equals && strncmp(arg, "accel=", 6))
        return error_set(o->err, "-accel %s: the engine's name comes first", arg);
    struct config_machine_props *given = &o->config->machine;
    given->verify_engine = given->verify_how = 0;
    given->workers = given->verify_every = NOT_SAID;
    if (!keyval_parse(o->config, &accel_group, arg, &o->config->machine, o->err))
        return false;
    if (!at_least_one(o, "workers", &given->workers) || !at_least_one(o, "every", &given->verify_every))
        return false;
    o->accel_chosen = true;
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
    bool pauth_impdef; // how pointers are signed, if they are: nobody asks
};

static const struct keyval_row cpu_rows[] = {
#define R(type, name, field, ...) ROW(type, cpu_props, name, field, __VA_ARGS__)
    R(ABSENT, "sve", sve, NULL),
    R(ABSENT, "sme", sme, NULL),
    R(ABSENT, "pauth", pauth, NULL),
    R(BOOL, "pauth-impdef", pauth_impdef, NULL),
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
    int cpus, maxcpus, sockets, clusters, cores, threads;
};

static const struct keyval_row smp_rows[] = {
#define R(name, field) ROW(NUMBER, smp_props, name, field, NULL)
    R("cpus", cpus), R("maxcpus", maxcpus), R("sockets", sockets), R("clusters", clusters),
    R("cores", cores), R("threads", threads),
#undef R
};
static const struct keyval_group smp_group = GROUP("-smp", "cpus", smp_rows);

bool opt_smp(struct options *o, const char *arg)
{
    struct smp_props p = { 0, 0, 0, 0, 0, 0 };
    if (!keyval_parse(o->config, &smp_group, arg, &p, o->err))
        return false;
    const int levels[] = { p.sockets, p.clusters, p.cores, p.threads };
    int64_t product = 1;
    for (size_t n = 0; n < ARRAY_SIZE(levels); n++) {
        if (levels[n] < 0 || levels[n] > JIT_MAX_CPUS)
            return error_set(o->err, "-smp %s: there are at most %d CPUs", arg, JIT_MAX_CPUS);
        product *= levels[n] ? levels[n] : 1;
    }
    if (p.cpus == 0)
        p.cpus = product <= JIT_MAX_CPUS ? (int)product : JIT_MAX_CPUS + 1;
    if (p.cpus < 1 || p.cpus > JIT_MAX_CPUS)
        return error_set(o->err, "-smp %s: there are at most %d CPUs", arg, JIT_MAX_CPUS);
    if (p.maxcpus && p.maxcpus != p.cpus)
        return error_set(o->err, "-smp %s: all CPUs are there from the start (maxcpus=%d)", arg, p.cpus);
    // A level that is not named is what the others leave.
    if (product > p.cpus || p.cpus % product)
        return error_set(o->err, "-smp %s: that topology does not make %d CPUs", arg, p.cpus);
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
