// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/monitor.h"

#include "devices/virtio/balloon.h"
#include "machine/kernel.h"
#include "machine/trace.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool monitor_number(const char *s, uint64_t *value)
{
    char *end;
    *value = strtoull(s, &end, 0);
    if (*s && !*end)
        return true;
    *value = strtoull(s, &end, 16);
    return *s && !*end;
}

const char *monitor_split(const char *s, char *first, size_t size)
{
    size_t n = strcspn(s, " \t");
    snprintf(first, size, "%.*s", (int)(n < size ? n : size - 1), s);
    return s + n + strspn(s + n, " \t");
}

bool monitor_address(struct monitor *m, const char *s, uint64_t *value)
{
    return kernel_address(m->d->m, m->cpu, s, value) || monitor_number(s, value);
}

static void sysreg(struct monitor *m, const char *arg)
{
    char name[40];
    const char *text = monitor_split(arg, name, sizeof name);
    const struct sysreg *reg = gdb_regs_find(m->cpu, name);
    uint64_t value;
    if (!reg)
        fprintf(m->out, "%s: this CPU has no such system register\n", name);
    else if (*text && !monitor_number(text, &value))
        fprintf(m->out, "%s: not a number\n", text);
    else if (*text && !gdb_regs_poke(m->cpu, reg, value))
        fprintf(m->out, "%s cannot be written\n", reg->name);
    else if (reg->access & SYSREG_EL1_R && gdb_regs_peek(m->cpu, reg, &value))
        fprintf(m->out, "%s = %#" PRIx64 "\n", reg->name, value);
    else if (!*text)
        fprintf(m->out, "%s cannot be read\n", reg->name);
}

// What GDB is to be told so that its symbols are where the kernel is.
static void symbol_file(struct monitor *m, const char *arg)
{
    const struct machine *machine = m->d->m;
    uint64_t offset;
    if (!machine->symbols)
        fprintf(m->out, "echo armlet was started without -debug\\n\n");
    else if (kernel_offset(machine, m->cpu, &offset))
        fprintf(m->out, "symbol-file -o %#" PRIx64 " %s\n", offset, machine->symbols->path);
    else
        fprintf(m->out, "echo not known yet: the MMU is off, or VBAR_EL1 is not the kernel's\\n\n");
}

static void trace(struct monitor *m, const char *arg)
{
    struct trace *t = m->d->m->trace;
    if (trace_has_aim(t) && (!strcmp(arg, "on") || !strcmp(arg, "off")))
        trace_switch(t, !strcmp(arg, "on"));
    else if (!trace_has_aim(t))
        fprintf(m->out, "nothing is traced: neither -d exec, -d cpu nor -trace-file is given\n");
    else
        fprintf(m->out, "tracing is %s\n", trace_is_on(t) ? "on" : "off");
}

// In MiB, as QEMU's.
static void balloon(struct monitor *m, const char *arg)
{
    struct machine *machine = m->d->m;
    uint64_t mib, ram = machine->ram.size >> 20;
    mutex_lock(&machine->lock);
    if (!machine->balloon)
        fprintf(m->out, "there is no -device virtio-balloon-device\n");
    else if (!*arg)
        fprintf(m->out, "the guest has %" PRIu64 " MiB of %" PRIu64 "\n",
                ram - (virtio_balloon_actual(machine->balloon) >> 8), ram);
    else if (!monitor_number(arg, &mib) || !mib || mib > ram)
        fprintf(m->out, "%s: between 1 and %" PRIu64 " MiB\n", arg, ram);
    else
        virtio_balloon_set_target(machine->balloon, (uint32_t)((ram - mib) << 8));
    mutex_unlock(&machine->lock);
}

static void system_reset(struct monitor *m, const char *arg)
{
    machine_request(m->d->m, MACHINE_RESET);
    fprintf(m->out, "GDB is to forget what it knows: maintenance flush register-cache\n");
}

static void quit(struct monitor *m, const char *arg)
{
    machine_request(m->d->m, MACHINE_QUIT);
}

static monitor_fn help;

static const struct {
    const char *name, *arguments, *help;
    monitor_fn *run;
} commands[] = {
    { "help", "", "shows this", help },
    { "info", "cpus|registers|tlb|mtree|irq|stats", "the machine's state", monitor_info },
    { "translate", "ADDR|SYMBOL [as el0|el1]", "what a virtual address leads to", monitor_translate },
    { "bt", "", "who called whom, through exceptions into user space", monitor_bt },
    { "xp", "ADDR [WORDS]", "shows physical memory", monitor_xp },
    { "physical", "on|off", "GDB's addresses are physical from here on", monitor_physical },
    { "sysreg", "NAME [VALUE]", "shows or sets a system register", sysreg },
    { "symbol-file", "", "the GDB command for the kernel's symbols, moved to where it is", symbol_file },
    { "cont-until", "EL0|EL1|PC|SYMBOL", "where the next `continue` is to end", monitor_cont_until },
    { "break-on", "exception|irq|svc [N]|el-change|off", "stops whenever it happens", monitor_break_on },
    { "break-phys", "ADDR", "a breakpoint at a physical address", monitor_break_physical },
    { "delete-phys", "ADDR", "removes it", monitor_delete_physical },
    { "lx-dmesg", "", "the Linux kernel's log", monitor_lx_dmesg },
    { "lx-ps", "", "its tasks", monitor_lx_ps },
    { "lx-lsmod", "", "its modules", monitor_lx_lsmod },
    { "lx-symbols", "[DIRECTORY/]", "GDB commands for the modules' symbols", monitor_lx_symbols },
    { "trace", "on|off", "-d exec, -d cpu and --trace-file", trace },
    { "step-irq", "on|off", "whether a step takes interrupts", monitor_step_irq },
    { "balloon", "[MIB]", "how much memory the guest has, or is to have", balloon },
    { "system_reset", "", "resets the machine", system_reset },
    { "quit", "", "ends armlet", quit },
};

static void help(struct monitor *m, const char *arg)
{
    for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
        int width = fprintf(m->out, "%s %s", commands[n].name, commands[n].arguments);
        fprintf(m->out, "%*s %s\n", width < 52 ? 52 - width : 0, "", commands[n].help);
    }
}

static void run(struct monitor *m, const char *line)
{
    char name[32];
    const char *arg = monitor_split(line, name, sizeof name);
    for (size_t n = 0; n < ARRAY_SIZE(commands); n++)
        if (!strcmp(commands[n].name, name)) {
            commands[n].run(m, arg);
            return;
        }
    fprintf(m->out, "%s: no such command; `monitor help` lists them\n", name);
}

void monitor_run(struct debugger *d, struct gdb *g, unsigned thread, const char *line)
{
    char *text = NULL, copy[1024];
    size_t size = 0;
    snprintf(copy, sizeof copy, "%s", line + strspn(line, " \t"));
    for (size_t n = strlen(copy); n && isspace((unsigned char)copy[n - 1]);)
        copy[--n] = 0;
    struct monitor m = { .d = d, .cpu = d->m->cpus[thread], .out = open_memstream(&text, &size) };
    if (!m.out)
        return;
    run(&m, copy);
    fclose(m.out);
    gdb_console(g, text);
    free(text);
}
