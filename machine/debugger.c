// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/debugger.h"

#include "jit/debug.h"
#include "jit/exec.h"
#include "machine/debug_mem.h"
#include "machine/kernel.h"
#include "machine/monitor.h"

#include <stdio.h>
#include <string.h>

// Steps that are made before the descriptors are looked at again.
#define STEPS_AT_ONCE 256
// A client that asks for so much without reading it is sent away.
#define UNREAD_MAX (64u << 20)

// Running and stopping ---------------------------------------------------------------------------

static void left(void *opaque)
{
    machine_wake(opaque);
}

static void go(struct debugger *d)
{
    struct machine *m = d->m;
    debug_settle(&m->jit);
    clock_start(&m->clock);
    for (unsigned n = 0; n < m->nr_cpus; n++)
        if (d->actions[n].verb == GDB_CONTINUE)
            vcpu_thread_start(&m->threads[n]);
    d->stopped = d->held = false;
}

static void stop(struct debugger *d)
{
    struct machine *m = d->m;
    for (unsigned n = 0; n < m->nr_cpus; n++)
        if (m->threads[n].running)
            vcpu_thread_ask_stop(&m->threads[n]);
    for (unsigned n = 0; n < m->nr_cpus; n++)
        vcpu_thread_stop(&m->threads[n]);
    clock_stop(&m->clock);
    d->stopped = true;
    d->stepping = false;
}

static void go_all(struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->actions[n] = (struct gdb_action){ GDB_CONTINUE };
    go(d);
}

// What waits for one stop alone.
static void disarm(struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->m->cpus[n]->v.debug.catches &= (uint8_t)~d->m->cpus[n]->v.debug.once;
    if (d->until_is_set)
        debug_break_remove(&d->m->jit, d->until, d->until_physical, DEBUG_BY_MONITOR);
    d->until_is_set = false;
}

static void report(struct debugger *d, const struct gdb_stop *s)
{
    disarm(d);
    gdb_stopped(&d->gdb, s);
}

// What a vCPU that left for the debugger met.
static struct gdb_stop reason(const struct debugger *d, unsigned thread)
{
    const struct vcpu_debug *v = &d->m->cpus[thread]->v.debug;
    struct gdb_stop s = { .thread = thread, .signal = GDB_SIGTRAP, .point = -1, .addr = v->addr };
    if (v->why == DEBUG_BREAK && v->what & DEBUG_BY_SOFTWARE)
        s.point = GDB_BREAK_SOFTWARE;
    else if (v->why == DEBUG_BREAK && v->what & DEBUG_BY_HARDWARE)
        s.point = GDB_BREAK_HARDWARE;
    else if (v->why == DEBUG_WATCH)
        s.point = v->what == DEBUG_WRITES ? GDB_WATCH_WRITE
                : v->what == DEBUG_READS  ? GDB_WATCH_READ : GDB_WATCH_ACCESS;
    return s;
}

// A thread that has left for the debugger, or -1.
static int who_left(const struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        if (d->m->threads[n].running && __atomic_load_n(&d->m->threads[n].debug, __ATOMIC_ACQUIRE))
            return (int)n;
    return -1;
}

// Steps ------------------------------------------------------------------------------------------

// One step of a thread's action. True: there is something to report.
static bool step_once(struct debugger *d, unsigned thread, struct gdb_stop *s)
{
    struct vcpu *v = &d->m->cpus[thread]->v;
    const struct gdb_action *a = &d->actions[thread];
    enum vcpu_exit why = exec_step(v, !(d->target.step_mode & GDB_STEP_NOIRQ));
    if (why == VCPU_EXIT_STOP)
        return false; // an old request; again
    *s = (struct gdb_stop){ .thread = thread, .signal = GDB_SIGTRAP, .point = -1 };
    if (why == VCPU_EXIT_DEBUG) {
        *s = reason(d, thread);
        return true;
    }
    if (v->pc - a->start >= a->end - a->start)
        return true;
    unsigned owners = debug_breaks_at(v, v->pc);
    if (owners)
        s->point = owners & DEBUG_BY_SOFTWARE ? GDB_BREAK_SOFTWARE : GDB_BREAK_HARDWARE;
    return owners;
}

static int requested(const struct debugger *d)
{
    return __atomic_load_n(&d->m->request, __ATOMIC_SEQ_CST);
}

// Threads that are to go on run meanwhile.
static void step_some(struct debugger *d)
{
    struct gdb_stop s;
    unsigned thread = 0;
    bool done = false;
    while (d->actions[thread].verb != GDB_STEP)
        thread++;
    go(d);
    for (unsigned n = 0; n < STEPS_AT_ONCE && !done && requested(d) == MACHINE_GO_ON; n++)
        done = step_once(d, thread, &s);
    bool goes_on = !done;
    int other = who_left(d);
    stop(d);
    d->stepping = goes_on;
    if (requested(d) != MACHINE_GO_ON) {
        d->stepping = false;
        d->restarted = requested(d) == MACHINE_RESET;
    } else if (!done && other >= 0) {
        d->stepping = false;
        s = reason(d, (unsigned)other);
        report(d, &s);
    } else if (done) {
        report(d, &s);
    }
}

// What GDB may ask -------------------------------------------------------------------------------

static size_t reg_size(void *opaque, unsigned reg)
{
    const struct debugger *d = opaque;
    return gdb_regs_size(&d->regs, reg);
}

static bool reg_read(void *opaque, unsigned thread, unsigned reg, uint8_t *value)
{
    struct debugger *d = opaque;
    return gdb_regs_read(&d->regs, d->m->cpus[thread], reg, value);
}

static bool reg_write(void *opaque, unsigned thread, unsigned reg, const uint8_t *value)
{
    struct debugger *d = opaque;
    return gdb_regs_write(&d->regs, d->m->cpus[thread], reg, value);
}

static size_t mem_read(void *opaque, unsigned thread, uint64_t addr, void *bytes, size_t n)
{
    struct debugger *d = opaque;
    return debug_mem_read(d->m, d->m->cpus[thread], addr, d->target.physical, bytes, n);
}

static size_t mem_write(void *opaque, unsigned thread, uint64_t addr, const void *bytes, size_t n)
{
    struct debugger *d = opaque;
    return debug_mem_write(d->m, d->m->cpus[thread], addr, d->target.physical, bytes, n);
}

static bool point(void *opaque, bool set, enum gdb_point kind, uint64_t addr, uint64_t len)
{
    static const unsigned access[] = { [GDB_WATCH_WRITE] = DEBUG_WRITES, [GDB_WATCH_READ] = DEBUG_READS,
                                       [GDB_WATCH_ACCESS] = DEBUG_READS | DEBUG_WRITES };
    struct debugger *d = opaque;
    struct jit *jit = &d->m->jit;
    bool physical = d->target.physical;
    if (kind <= GDB_BREAK_HARDWARE) {
        enum debug_owner owner = kind == GDB_BREAK_SOFTWARE ? DEBUG_BY_SOFTWARE : DEBUG_BY_HARDWARE;
        if (addr & 3)
            return false;
        if (set)
            debug_break_add(jit, addr, physical, owner);
        return set || debug_break_remove(jit, addr, physical, owner);
    }
    if (!len)
        return false;
    if (set)
        debug_watch_add(jit, addr, len, physical, access[kind]);
    return set || debug_watch_remove(jit, addr, len, physical, access[kind]);
}

static void resume(void *opaque, const struct gdb_action *actions)
{
    struct debugger *d = opaque;
    memcpy(d->actions, actions, sizeof d->actions);
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->stepping |= actions[n].verb == GDB_STEP;
    if (!d->stepping)
        go(d);
}

static void interrupt(void *opaque)
{
    struct debugger *d = opaque;
    struct gdb_stop s = { .signal = GDB_SIGINT, .point = -1 };
    if (!d->stopped)
        stop(d);
    d->stepping = false;
    report(d, &s);
}

static void forget_points(struct debugger *d)
{
    if (!d->stopped)
        stop(d);
    d->stepping = false;
    disarm(d);
    debug_clear(&d->m->jit);
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->m->cpus[n]->v.debug.catches = 0;
}

static void detach(void *opaque)
{
    struct debugger *d = opaque;
    forget_points(d);
    go_all(d);
}

static void kill_machine(void *opaque)
{
    struct debugger *d = opaque;
    machine_request(d->m, MACHINE_QUIT);
}

static void monitor(void *opaque, struct gdb *g, unsigned thread, const char *line)
{
    monitor_run(opaque, g, thread, line);
}

static void thread_text(void *opaque, unsigned thread, char *text, size_t size)
{
    const struct debugger *d = opaque;
    const struct a64_cpu *cpu = d->m->cpus[thread];
    snprintf(text, size, "CPU#%u EL%u%s", thread, cpu->el, cpu->daif & PSTATE_I ? ", IRQs masked" : "");
}

static bool offset(void *opaque, uint64_t *value)
{
    const struct debugger *d = opaque;
    return kernel_offset(d->m, d->m->cpus[0], value);
}

static struct gdb_target make_target(struct debugger *d)
{
    return (struct gdb_target){
        .nr_threads = d->m->nr_cpus,
        .reg_size = reg_size,
        .reg_read = reg_read,
        .reg_write = reg_write,
        .mem_read = mem_read,
        .mem_write = mem_write,
        .point = point,
        .resume = resume,
        .interrupt = interrupt,
        .detach = detach,
        .kill = kill_machine,
        .monitor = monitor,
        .offset = offset,
        .thread_text = thread_text,
        .description = d->regs.description,
        .step_mode = GDB_STEP_ENABLE | GDB_STEP_NOIRQ | GDB_STEP_NOTIMER,
        .opaque = d,
    };
}

// The client -------------------------------------------------------------------------------------

static void greet(struct debugger *d)
{
    d->target = make_target(d);
    gdb_init(&d->gdb, &d->target);
    d->connected = true;
    d->parted = false;
    if (!d->stopped)
        stop(d);
}

// Sends what it takes. False: it is gone.
static bool flush(struct debugger *d)
{
    struct gdb_out *o = &d->gdb.out;
    int n = o->len ? gdb_socket_write(&d->socket, o->bytes, o->len) : 0;
    if (n > 0) {
        memmove(o->bytes, o->bytes + n, o->len - (size_t)n);
        o->len -= (size_t)n;
    }
    return n >= 0;
}

// With a farewell the client is to close the connection. Without one it is gone, or is sent away;
// with stdin and stdout nobody can come back.
static void part(struct debugger *d, bool farewell)
{
    if (farewell)
        flush(d);
    else
        gdb_socket_drop(&d->socket);
    gdb_fini(&d->gdb);
    d->connected = false;
    d->parted = farewell;
    if (farewell)
        return;
    forget_points(d);
    if (d->socket.listen_fd < 0)
        machine_request(d->m, MACHINE_QUIT);
    else if (!d->m->config->gdb_stays_stopped && !d->held)
        go_all(d);
}

static void converse(struct debugger *d)
{
    uint8_t bytes[4096];
    int n = gdb_socket_read(&d->socket, bytes, sizeof bytes);
    if (n > 0)
        gdb_feed(&d->gdb, bytes, (size_t)n);
    bool lost = n < 0 || !flush(d) || d->gdb.out.len > UNREAD_MAX;
    if (lost || d->gdb.closed)
        part(d, d->gdb.closed);
}

static void await_close(struct debugger *d)
{
    uint8_t bytes[256];
    if (gdb_socket_read(&d->socket, bytes, sizeof bytes) >= 0)
        return;
    gdb_socket_drop(&d->socket);
    d->parted = false;
    if (d->socket.listen_fd < 0)
        machine_request(d->m, MACHINE_QUIT);
}

// The machine's side -----------------------------------------------------------------------------

// How to come here with the symbols; GDB is told on its own where the kernel is.
static void print_command(const struct machine *m)
{
    const char *where = m->config->gdb;
    where += strncmp(where, "stdio", 5) ? strcspn(where, ":") + 1 : 0;
    fprintf(stderr, "armlet: gdb-multiarch -ex 'target remote %s' %s\r\n", where, m->symbols->path);
}

bool debugger_init(struct debugger *d, struct machine *m, struct error *err)
{
    *d = (struct debugger){ .m = m, .stopped = true, .socket = { .listen_fd = -1, .in = -1, .out = -1, .refused = -1 } };
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        d->actions[n] = (struct gdb_action){ GDB_CONTINUE };
        m->threads[n].left = left;
        m->threads[n].opaque = m;
    }
    if (!m->config->gdb)
        return true;
    gdb_regs_init(&d->regs, m->cpus[0]);
    if (!gdb_socket_open(&d->socket, m->config->gdb, err))
        return false;
    d->listens = true;
    if (m->symbols)
        print_command(m);
    return true;
}

void debugger_fini(struct debugger *d)
{
    if (d->connected)
        gdb_fini(&d->gdb);
    if (d->listens)
        gdb_socket_close(&d->socket);
    gdb_regs_fini(&d->regs);
    *d = (struct debugger){ 0 };
}

void debugger_start(struct debugger *d)
{
    struct gdb_stop s = { .signal = GDB_SIGTRAP, .point = -1 };
    if (d->listens && d->socket.in >= 0 && !d->connected && !d->parted)
        greet(d); // stdin and stdout
    if (d->restarted)
        report(d, &s);
    else if (d->held)
        d->stopped = true;
    else if (!d->connected ? !d->m->config->stopped || d->started : d->gdb.running)
        go(d);
    d->restarted = false;
    d->started = true;
}

void debugger_hold(struct debugger *d, bool hold)
{
    struct gdb_stop s = { .signal = GDB_SIGINT, .point = -1 };
    d->held = hold;
    if (hold && (!d->stopped || d->stepping)) {
        stop(d);
        if (d->connected)
            report(d, &s);
    } else if (!hold && d->stopped && !d->connected) {
        go_all(d);
    }
}

int debugger_pollfds(const struct debugger *d, struct pollfd *fds)
{
    return d->listens ? gdb_socket_pollfds(&d->socket, fds, d->connected && d->gdb.out.len) : 0;
}

bool debugger_busy(const struct debugger *d)
{
    return d->stepping;
}

void debugger_serve(struct debugger *d)
{
    if (!d->listens)
        return;
    int thread = who_left(d);
    if (thread >= 0 && !d->stopped) {
        struct gdb_stop s = reason(d, (unsigned)thread);
        stop(d);
        report(d, &s);
    }
    if (d->stepping)
        step_some(d);
    if (d->connected)
        converse(d);
    else if (d->parted)
        await_close(d);
    if (gdb_socket_accept(&d->socket, d->parted))
        greet(d);
}

void debugger_ended(struct debugger *d, int status)
{
    if (!d->connected)
        return;
    gdb_exited(&d->gdb, status);
    part(d, true);
}
