// SPDX-License-Identifier: GPL-3.0-or-later
// Making a machine and taking it apart; run.c runs it.
#include "machine/machine.h"

#include "devices/char/buffer.h"
#include "devices/char/mirror.h"
#include "devices/char/null.h"
#include "devices/char/socket.h"
#include "devices/char/stdio.h"
#include "devices/char/testdev.h"
#include "devices/display/console.h"
#include "devices/gic.h"
#include "frontend/cpu_models.h"
#include "jit/quick.h"
#include "machine/accel.h"
#include "machine/board_cpu.h"
#include "machine/debugger.h"
#include "machine/devtree.h"
#include "machine/displays.h"
#include "machine/firmware.h"
#include "machine/loader.h"
#include "machine/networks.h"
#include "machine/profile.h"
#include "machine/symbols.h"
#include "machine/trace.h"
#include "machine/virt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Doors between the layers -----------------------------------------------------------------------

static bool phys_read(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t *value)
{
    struct machine *m = opaque;
    mutex_lock(&m->lock);
    m->accessor = cpu;
    bool ok = bus_read(&m->bus, pa, size, value);
    mutex_unlock(&m->lock);
    return ok;
}

static bool phys_write(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t value)
{
    struct machine *m = opaque;
    mutex_lock(&m->lock);
    m->accessor = cpu;
    bool ok = bus_write(&m->bus, pa, size, value);
    mutex_unlock(&m->lock);
    return ok;
}

static void ram_written(void *opaque, gpa_t pa, uint64_t len)
{
    jit_ram_written(opaque, pa, len);
}

static void clock_changed(void *opaque)
{
    machine_wake(opaque);
}

static void chardev_has_changed(void *opaque)
{
    machine_wake(opaque);
}

static void test_device_quit(void *opaque, int status)
{
    machine_exit(opaque, status);
}

static void quit(void *opaque)
{
    machine_request(opaque, MACHINE_QUIT);
}

// Building ---------------------------------------------------------------------------------------

static struct chardev *create_chardev(struct machine *m, const struct config_chardev *c, struct error *err)
{
    if (c->backend == CONFIG_CHAR_NULL)
        return null_create();
    if (c->backend == CONFIG_CHAR_BUFFER)
        return buffer_create();
    if (c->backend == CONFIG_CHAR_SOCKET)
        return char_socket_create(c->path, c->server, err);
    if (c->backend == CONFIG_CHAR_TESTDEV)
        return testdev_create(test_device_quit, m);
    if (c->backend == CONFIG_CHAR_GIVEN)
        return c->given;
    struct stdio_config config = { .in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO, .escape = c->mux,
                                   .opaque = m, .quit = quit };
    if (c->backend == CONFIG_CHAR_FILE) {
        config.in_fd = -1;
        config.out_fd = open(c->path, O_WRONLY | O_CREAT | O_CLOEXEC | (c->append ? O_APPEND : O_TRUNC), 0666);
        if (config.out_fd < 0) {
            error_set(err, "%s: %s", c->path, strerror(errno));
            return NULL;
        }
    }
    return stdio_create(&config);
}

static void set_changed(struct machine *m, struct chardev *c)
{
    c->changed = chardev_has_changed;
    c->changed_opaque = m;
}

// Before the board's displays: what the guest draws is preferred.
static void create_console(struct machine *m)
{
    const struct machine_config *c = m->config;
    if (!c->console || !c->serial_count || c->serials[0] == CONFIG_NO_SERIAL)
        return;
    m->console = console_create(&m->clock);
    displays_add(m, console_display(m->console), DISPLAY_RANK_CONSOLE);
}

static bool create_chardevs(struct machine *m, struct error *err)
{
    for (size_t n = 0; n < m->config->chardev_count; n++) {
        struct chardev *c = m->chardevs[n] = create_chardev(m, &m->config->chardevs[n], err);
        if (!c)
            return false;
        set_changed(m, c);
        if (m->console && m->config->serials[0] == (int)n) {
            c = m->chardevs[n] = m->console_input = mirror_create(c, console_put, m->console);
            set_changed(m, c);
        }
    }
    return true;
}

static void *make_tree(struct machine *m, const struct loader_range *initrd, size_t *size,
                       struct error *err)
{
    const struct machine_config *c = m->config;
    struct devtree_board board = { .ram_base = VIRT_RAM_BASE,
                                   .ram_size = m->ram.size,
                                   .cpus = m->nr_cpus,
                                   .cpu_compatible = a64_models[c->cpu].compatible,
                                   .mpidr = gic_affinity,
                                   .devices = virt_fdt_nodes,
                                   .opaque = m,
                                   .ppi_flags = virt_ppi_flags(m),
                                   .pmu_ppi = a64_model_has(&a64_models[c->cpu], A64_FEATURE_PMU)
                                                  ? BOARD_PPI_PMU
                                                  : 0 };
    struct devtree_chosen chosen = { .stdout_path = virt_stdout_path,
                                     .bootargs = c->append,
                                     .initrd_start = initrd->start,
                                     .initrd_end = initrd->end };
    entropy_fill(&m->entropy, chosen.rng_seed, sizeof chosen.rng_seed);
    entropy_fill(&m->entropy, chosen.kaslr_seed, sizeof chosen.kaslr_seed);
    if (c->dtb)
        return devtree_load(c->dtb, VIRT_RAM_BASE, m->ram.size, &chosen, size, err);
    return devtree_make(&board, &chosen, size, err);
}

// The first one runs; the others wait for PSCI.
static void reset_cpus(struct machine *m)
{
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        a64_cpu_reset(m->cpus[n], n ? 0 : m->entry, n ? 0 : m->entry_arg);
        m->cpus[n]->off = n;
    }
}

// Firmware starts at address 0 and finds the tree where RAM begins.
static bool load_firmware(struct machine *m, struct error *err)
{
    size_t size;
    void *dtb = firmware_load(m, err) ? make_tree(m, &(struct loader_range){ 0 }, &size, err) : NULL;
    if (!dtb)
        return false;
    bool ok = size <= m->ram.size;
    if (ok)
        memcpy(m->ram.host, dtb, size);
    free(dtb);
    m->entry = m->entry_arg = 0;
    m->jit.protect_code = true; // it runs with caches off, and forgets about them
    if (ok)
        reset_cpus(m);
    return ok ? true : error_set(err, "the device tree does not fit into RAM");
}

// Loads what -kernel, -initrd and -dtb name and points CPU 0 at it.
static bool load_kernel(struct machine *m, struct error *err)
{
    const struct machine_config *c = m->config;
    struct loader_ram ram = { m->ram.host, VIRT_RAM_BASE, m->ram.size };
    struct loader_kernel kernel;
    struct loader_range initrd = { 0, 0 };
    if (!loader_load_kernel(c->kernel, c->kernel_positional, &ram, &kernel, err))
        return false;
    if (c->initrd && !loader_load_initrd(c->initrd, &ram, &kernel, &initrd, err))
        return false;
    size_t size;
    void *dtb = make_tree(m, &initrd, &size, err);
    if (!dtb)
        return false;
    bool ok = loader_place_dtb(dtb, size, &ram, &kernel, &initrd, &m->entry_arg, err);
    free(dtb);
    m->entry = kernel.entry;
    // A Linux Image keeps the architecture's rules for changed code; others may not.
    m->jit.protect_code = kernel.format == LOADER_ELF || kernel.format == LOADER_RAW;
    if (ok)
        reset_cpus(m);
    return ok;
}

bool machine_load_files(struct machine *m, struct error *err)
{
    return m->config->flash[0].file ? load_firmware(m, err) : load_kernel(m, err);
}

static bool create_cpus(struct machine *m, struct error *err)
{
    jit_init(&m->jit, &a64_guest, &m->log);
    if (!accel_init(m, err))
        return false;
    m->jit.phys = (struct phys_ops){ .read = phys_read, .write = phys_write, .opaque = m };
    jit_add_ram(&m->jit, VIRT_RAM_BASE, m->ram.size, m->ram.host, false);
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        m->cpus[n] = aligned_alloc(64, ALIGN_UP(sizeof *m->cpus[n], 64));
        assert(m->cpus[n]);
        a64_cpu_init(m->cpus[n], &m->jit, &a64_models[m->config->cpu], &m->board, &m->log, n);
        vcpu_thread_init(&m->threads[n], m->cpus[n]);
    }
    return true;
}

static bool build(struct machine *m, struct error *err)
{
    if (m->config->log_file) {
        m->log.file = fopen(m->config->log_file, "we");
        if (!m->log.file)
            return error_set(err, "%s: %s", m->config->log_file, strerror(errno));
        setvbuf(m->log.file, NULL, _IOLBF, 0);
    }
    bus_init(&m->bus, &m->log);
    m->bus.ram_written = ram_written;
    m->bus.ram_written_opaque = &m->jit;
    if (!ram_init(&m->ram, m->config->ram_size, err) ||
        !bus_map_ram(&m->bus, VIRT_RAM_BASE, m->ram.size, m->ram.host, false, err))
        return false;
    create_console(m);
    // The terminal last of all that can go wrong before the guest: errors are read in peace.
    if (!create_cpus(m, err) || !networks_init(m, err) || !create_chardevs(m, err) ||
        !virt_init(m, err))
        return false;
    if (!firmware_add_items(m, err) ||
        (m->config->debug && !(m->symbols = symbols_open(m->config->debug, err))))
        return false;
    watch_init(&m->watch, m);
    networks_start(m);
    m->debugger = calloc(1, sizeof *m->debugger);
    assert(m->debugger);
    if (m->config->machine.dumpdtb)
        return true;
    if (!(m->trace = trace_create(m, err)) || (m->config->profile && !(m->profile = profile_create(m, err))))
        return false;
    return machine_load_files(m, err) && debugger_init(m->debugger, m, err);
}

bool machine_init(struct machine *m, const struct machine_config *config, struct error *err)
{
    *m = (struct machine){ .config = config, .log.mask = config->log_mask,
                            .log.filter = config->log_filtered ? &config->log_filter : NULL,
                            .nr_cpus = (unsigned)config->smp, .exit_status = -1,
                            .entropy = { config->seed_given, config->seed } };
    mutex_init(&m->lock);
    mutex_init(&m->run_lock);
    pthread_cond_init(&m->run_changed, NULL);
    clock_init(&m->clock, config->icount);
    input_init(&m->input);
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->clock.changed = clock_changed;
    m->clock.opaque = m;
    if (build(m, err))
        return true;
    machine_fini(m);
    return false;
}

bool machine_dump_tree(struct machine *m, const char *path, struct error *err)
{
    size_t size;
    void *tree = make_tree(m, &(struct loader_range){ 0 }, &size, err);
    if (!tree)
        return false;
    FILE *f = fopen(path, "wbe");
    bool ok = f && fwrite(tree, size, 1, f) == 1;
    ok = f && !fclose(f) && ok;
    free(tree);
    return ok ? true : error_set(err, "%s: %s", path, strerror(errno));
}

void machine_fini(struct machine *m)
{
    if (m->debugger)
        debugger_fini(m->debugger);
    free(m->debugger);
    trace_destroy(m->trace);
    profile_destroy(m->profile);
    symbols_close(m->symbols);
    accel_fini(m);
    watch_fini(&m->watch);
    networks_fini(m);
    virt_fini(m);
    input_fini(&m->input);
    firmware_fini(m);
    firmware_release_items(m);
    for (size_t n = 0; n < m->config->chardev_count; n++)
        chardev_destroy(m->chardevs[n]);
    console_destroy(m->console);
    if (m->jit.guest)
        jit_fini(&m->jit); // looks at the CPUs once more
    quick_destroy(m->quick); // its code goes after the blocks
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        vcpu_thread_fini(&m->threads[n]);
        free(m->cpus[n]);
    }
    bus_fini(&m->bus);
    ram_fini(&m->ram);
    if (m->log.file)
        fclose(m->log.file);
    close(m->wake_fd);
    clock_fini(&m->clock);
    pthread_cond_destroy(&m->run_changed);
    mutex_fini(&m->run_lock);
    mutex_fini(&m->lock);
}
