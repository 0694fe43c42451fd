// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/monitor.h"

#include "devices/virtio/balloon.h"
#include "jit/debug.h"
#include "machine/debug_mem.h"
#include "machine/kernel.h"
#include "machine/trace.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// A number, alone. Without 0x it is decimal, or hexadecimal if it cannot be anything else.
static bool number(const char *s, uint64_t *value)
{
    char *end;
    *value = strtoull(s, &end, 0);
    if (*s && !*end)
        return true;
    *value = strtoull(s, &end, 16);
    return *s && !*end;
}

// The first word into `first`, the rest behind it.
static const char *split(const char *s, char *first, size_t size)
{
    size_t n = strcspn(s, " \t");
    snprintf(first, size, "%.*s", (int)(n < size ? n : size - 1), s);
    return s + n + strspn(s + n, " \t");
}

// A number or a symbol.
static bool at(struct monitor *m, const char *s, uint64_t *value)
{
    return kernel_address(m->d->m, m->cpu, s, value) || number(s, value);
}

static void translate(struct monitor *m, const char *arg)
{
    char address[32];
    const char *as = split(arg, address, sizeof address);
    uint64_t va;
    gpa_t pa;
    bool el0 = !strcasecmp(as, "as el0"), el1 = !*as || !strcasecmp(as, "as el1");
    if (!at(m, address, &va) || (!el0 && !el1)) {
        fprintf(m->out, "translate ADDR [as el0|el1]\n");
        return;
    }
    struct a64_walk w;
    bool ok = a64_walk(m->cpu, va, MEM_READ, el0 ? 0 : WALK_EL1, &w);
    if (!debug_mem_translate(m->cpu, va, false, &pa)) {
        fprintf(m->out, "%#" PRIx64 ": not mapped (fault status %#x)\n", va, w.fsc);
        return;
    }
    const struct ram_region *r = jit_region(&m->d->m->jit, pa);
    fprintf(m->out, "%#" PRIx64 " -> %#" PRIx64 " %s, 2^%u bytes", va, pa, r ? "RAM" : "device", w.log2_size);
    if (ok)
        fprintf(m->out, ", as EL%d %c%c%c, %s, MAIR %#x\n", !el0, w.read ? 'r' : '-', w.write ? 'w' : '-',
                w.exec ? 'x' : '-', w.global ? "global" : "not global", w.attr);
    else
        fprintf(m->out, ", EL%d may not read it (fault status %#x)\n", !el0, w.fsc);
}

static void xp(struct monitor *m, const char *arg)
{
    uint64_t pa, words = 4;
    char address[32];
    const char *count = split(arg, address, sizeof address);
    if (!number(address, &pa) || (*count && !number(count, &words)) || words > 4096) {
        fprintf(m->out, "xp ADDR [WORDS]: physical memory, in words of 4 bytes\n");
        return;
    }
    for (uint64_t n = 0; n < words; n++, pa += 4) {
        uint32_t word;
        if (debug_mem_read(m->d->m, m->cpu, pa, true, &word, sizeof word) != sizeof word) {
            fprintf(m->out, "%s%#" PRIx64 ": nothing answers\n", n & 3 ? "\n" : "", pa);
            return;
        }
        if (!(n & 3))
            fprintf(m->out, "%016" PRIx64 ":", pa);
        fprintf(m->out, " %08x%s", word, (n & 3) == 3 || n + 1 == words ? "\n" : "");
    }
}

static void sysreg(struct monitor *m, const char *arg)
{
    char name[40];
    const char *text = split(arg, name, sizeof name);
    const struct sysreg *reg = gdb_regs_find(m->cpu, name);
    uint64_t value;
    if (!reg)
        fprintf(m->out, "%s: this CPU has no such system register\n", name);
    else if (*text && !number(text, &value))
        fprintf(m->out, "%s: not a number\n", text);
    else if (*text && !gdb_regs_poke(m->cpu, reg, value))
        fprintf(m->out, "%s cannot be written\n", reg->name);
    else if (reg->access & SYSREG_EL1_R && gdb_regs_peek(m->cpu, reg, &value))
        fprintf(m->out, "%s = %#" PRIx64 "\n", reg->name, value);
    else if (!*text)
        fprintf(m->out, "%s cannot be read\n", reg->name);
}

// Turns of the guest -----------------------------------------------------------------------------

static void catch_turns(struct monitor *m, unsigned turns, bool once)
{
    struct machine *machine = m->d->m;
    for (unsigned n = 0; n < machine->nr_cpus; n++) {
        machine->cpus[n]->v.debug.catches |= (uint8_t)turns;
        if (once)
            machine->cpus[n]->v.debug.once |= (uint8_t)turns;
        else
            machine->cpus[n]->v.debug.once &= (uint8_t)~turns;
    }
}

// A breakpoint for the next stop alone. A kernel that has not yet found its place is met by the
// physical address.
static bool until(struct monitor *m, const char *arg)
{
    struct debugger *d = m->d;
    struct jit *jit = &d->m->jit;
    uint64_t pc;
    bool physical = false;
    if (!at(m, arg, &pc) && !(physical = kernel_physical(d->m, arg, &pc)))
        return false;
    if (pc & 3)
        return false;
    if (d->until_is_set)
        debug_break_remove(jit, d->until, d->until_physical, DEBUG_BY_MONITOR);
    debug_break_add(jit, pc, physical, DEBUG_BY_MONITOR);
    d->until = pc;
    d->until_physical = physical;
    return d->until_is_set = true;
}

static void cont_until(struct monitor *m, const char *arg)
{
    if (!strcasecmp(arg, "el0")) {
        catch_turns(m, DEBUG_CATCH_DOWN, true);
    } else if (!strcasecmp(arg, "el1")) {
        catch_turns(m, DEBUG_CATCH_UP, true);
    } else if (!until(m, arg)) {
        fprintf(m->out, "cont-until EL0|EL1|PC|SYMBOL\n");
        return;
    }
    fprintf(m->out, "the next `continue` runs until then\n");
}

static void break_on(struct monitor *m, const char *arg)
{
    char what[32];
    const char *rest = split(arg, what, sizeof what);
    uint64_t nr = DEBUG_ANY_SVC;
    bool svc = !strcmp(what, "svc") && (!*rest || number(rest, &nr));
    unsigned turns = svc ? DEBUG_CATCH_SVC
                     : !strcmp(what, "exception") ? DEBUG_CATCH_SYNC
                     : !strcmp(what, "irq") ? DEBUG_CATCH_IRQ
                     : !strcmp(what, "el-change") ? DEBUG_CATCH_UP | DEBUG_CATCH_DOWN : 0;
    struct machine *machine = m->d->m;
    for (unsigned n = 0; n < machine->nr_cpus; n++) {
        if (svc)
            machine->cpus[n]->v.debug.svc = nr;
        if (!strcmp(what, "off"))
            machine->cpus[n]->v.debug.catches = 0;
    }
    if (turns && (svc || !*rest))
        catch_turns(m, turns, false);
    else if (strcmp(arg, "off"))
        fprintf(m->out, "break-on exception|irq|svc [NUMBER]|el-change|off\n");
}

static void break_physical(struct monitor *m, const char *arg)
{
    uint64_t pa;
    if (number(arg, &pa) && !(pa & 3))
        debug_break_add(&m->d->m->jit, pa, true, DEBUG_BY_MONITOR);
    else
        fprintf(m->out, "break-phys ADDR\n");
}

static void delete_physical(struct monitor *m, const char *arg)
{
    uint64_t pa;
    if (!number(arg, &pa) || !debug_break_remove(&m->d->m->jit, pa, true, DEBUG_BY_MONITOR))
        fprintf(m->out, "there is no physical breakpoint at %s\n", arg);
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

static void step_irq(struct monitor *m, const char *arg)
{
    struct gdb_target *t = &m->d->target;
    if (!strcmp(arg, "on"))
        t->step_mode &= ~(unsigned)GDB_STEP_NOIRQ;
    else if (!strcmp(arg, "off"))
        t->step_mode |= GDB_STEP_NOIRQ;
    else
        fprintf(m->out, "a step %s interrupts\n", t->step_mode & GDB_STEP_NOIRQ ? "does not take" : "takes");
}

static void physical(struct monitor *m, const char *arg)
{
    struct gdb_target *t = &m->d->target;
    if (!strcmp(arg, "on") || !strcmp(arg, "off"))
        t->physical = !strcmp(arg, "on");
    else
        fprintf(m->out, "GDB's addresses are %s\n", t->physical ? "physical" : "virtual");
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
    else if (!number(arg, &mib) || !mib || mib > ram)
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
    { "translate", "ADDR|SYMBOL [as el0|el1]", "what a virtual address leads to", translate },
    { "xp", "ADDR [WORDS]", "shows physical memory", xp },
    { "physical", "on|off", "GDB's addresses are physical from here on", physical },
    { "sysreg", "NAME [VALUE]", "shows or sets a system register", sysreg },
    { "symbol-file", "", "the GDB command for the kernel's symbols, moved to where it is", symbol_file },
    { "cont-until", "EL0|EL1|PC|SYMBOL", "where the next `continue` is to end", cont_until },
    { "break-on", "exception|irq|svc [N]|el-change|off", "stops whenever it happens", break_on },
    { "break-phys", "ADDR", "a breakpoint at a physical address", break_physical },
    { "delete-phys", "ADDR", "removes it", delete_physical },
    { "lx-dmesg", "", "the Linux kernel's log", monitor_lx_dmesg },
    { "lx-ps", "", "its tasks", monitor_lx_ps },
    { "lx-lsmod", "", "its modules", monitor_lx_lsmod },
    { "lx-symbols", "[DIRECTORY/]", "GDB commands for the modules' symbols", monitor_lx_symbols },
    { "trace", "on|off", "-d exec, -d cpu and --trace-file", trace },
    { "step-irq", "on|off", "whether a step takes interrupts", step_irq },
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
    const char *arg = split(line, name, sizeof name);
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
