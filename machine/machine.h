// SPDX-License-Identifier: GPL-3.0-or-later
// A machine: the composition root's object. Board, CPUs, memory, back ends, and the loop that
// serves them.
//
// Threads: each vCPU has its own (vcpu_thread.c); the thread that calls machine_run() serves the
// clock and the host's file descriptors. Devices are entered under `lock` only. Requests to leave
// (power-off, reset, quit) come from anywhere through machine_request().
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "base/clock.h"
#include "base/log.h"
#include "devices/bus.h"
#include "devices/char/char.h"
#include "devices/display/display.h"
#include "devices/input/input.h"
#include "frontend/cpu.h"
#include "jit/jit.h"
#include "machine/config.h"
#include "machine/entropy.h"
#include "machine/ram.h"
#include "machine/vcpu_thread.h"
#include "machine/watch.h"

struct fw_cfg;
struct debugger;
struct profile;
struct symbols;
struct trace;
struct virt;
struct virtio;

// What machine_run() is to do next; the highest wins.
enum machine_request {
    MACHINE_GO_ON,
    MACHINE_RESET,
    MACHINE_POWER_OFF,
    MACHINE_EXIT, // with machine.exit_status
    MACHINE_QUIT, // the user or a signal said so
};

enum machine_phase { MACHINE_NEW, MACHINE_LIVE, MACHINE_ENDED }; // LIVE: in machine_run()

enum machine_pause { MACHINE_PAUSE_NONE, MACHINE_PAUSE_STOP, MACHINE_PAUSE_CONT };

// What an observer is told of.
enum machine_event {
    MACHINE_EVENT_STOP,      // no vCPU runs and guest time stands still
    MACHINE_EVENT_RESUME,
    MACHINE_EVENT_RESET,     // about to start again, everything as after power-on
    MACHINE_EVENT_POWERDOWN, // the power key was pressed
    MACHINE_EVENT_SHUTDOWN_GUEST, // about to end: the guest has powered off or reset under -no-reboot
    MACHINE_EVENT_SHUTDOWN_SIGNAL,
    MACHINE_EVENT_SHUTDOWN_USER,
};

struct machine {
    const struct machine_config *config;
    struct log log;
    struct mutex lock;   // devices
    unsigned accessor;   // index of the vCPU whose access of a device this is; under lock
    struct clock clock;
    struct entropy entropy; // machine lock
    struct bus bus;
    struct ram ram;
    struct jit jit;
    struct quick *quick; // what runs every block; NULL: the interpreter does
    struct tier *tier;   // libgccjit for what stays hot, or NULL
    struct perf_map *perf_map; // names of generated code, or NULL
    struct board_log *board_log; // of -accel verify, or NULL
    struct a64_board board;
    struct a64_cpu *cpus[JIT_MAX_CPUS];
    struct vcpu_thread threads[JIT_MAX_CPUS];
    unsigned nr_cpus;
    struct virt *virt;   // the devices
    struct fw_cfg *fw_cfg; // one of them: what firmware is told
    void *fw_kernel, *fw_initrd; // what it holds of files
    void *fw_items[CONFIG_MAX_FW_CFG];
    struct debugger *debugger;
    struct symbols *symbols; // of the guest (--debug), or NULL
    struct trace *trace;
    struct profile *profile; // or NULL
    struct chardev *chardevs[CONFIG_MAX_CHARDEVS];
    struct virtio *balloon; // the last one plugged in, or NULL; machine lock
    struct net *nets[CONFIG_MAX_NETDEVS]; // as the configuration lists them
    // The board's displays, in the order in which display_pick() prefers them (the last that is
    // on); fixed once the machine is made. Front ends attach and detach while it exists.
    struct display *displays[CONFIG_MAX_DISPLAYS + 1]; // and the serial console
    uint8_t display_ranks[CONFIG_MAX_DISPLAYS + 1]; // of each (machine/displays.h)
    size_t display_count;
    struct console *console; // the serial port as the first of them; NULL: config->console is off
    struct chardev *console_input; // its keyboard: a mirror (devices/char/mirror.h)
    struct input input; // keyboards, tablets, mice; see input_kinds()
    int wake_fd;         // eventfd: something for machine_run() to look at
    int request;         // atomic, enum machine_request
    struct mutex run_lock;      // of what follows, to `phase`
    pthread_cond_t run_changed;
    enum machine_pause pause_wanted;
    unsigned pause_asked, pause_served; // how often
    bool paused;         // nothing runs: by machine_pause(), or a debugger holds it
    enum machine_phase phase;
    // Told of events, by the thread they happen on, perhaps under the machine lock; set before
    // machine_run(). It must not block.
    void (*observe)(void *opaque, enum machine_event event);
    void *observe_opaque;
    int exit_status;     // atomic; of a guest, or whoever watches it, that names one
    struct watch watch;
    bool power_key_pressed; // by a signal
    gpa_t entry;         // where CPU 0 starts, and with what in x0
    uint64_t entry_arg;
};

// Builds the machine and loads what the configuration names; nothing runs yet. On failure all is
// released and err says one line.
bool machine_init(struct machine *m, const struct machine_config *config, struct error *err);
void machine_fini(struct machine *m);
// Loads what the configuration names and points CPU 0 at it: at start and again at every reset (run.c).
bool machine_load_files(struct machine *m, struct error *err);

// Writes the device tree that a guest would find into a file (-machine dumpdtb=).
bool machine_dump_tree(struct machine *m, const char *path, struct error *err);

// Runs until the guest powers off or somebody quits. Returns the process's exit status.
int machine_run(struct machine *m);

// Any thread, signal handlers included.
void machine_request(struct machine *m, enum machine_request what);
// Leave with this status, unless somebody said another before. The CPUs execute nothing more. Any
// thread, the machine lock held or not.
void machine_exit(struct machine *m, int status);

// Stops all vCPUs and guest time; lets them go on. They return when it is so, which takes a
// machine_run(): one that is to come is waited for, after its end there is nothing to do. False: it
// is not so; a debugger's client that holds the machine does not let others continue it. Any thread
// but a vCPU's and machine_run()'s own, never under the machine lock. Devices and back ends are
// served all the while.
bool machine_pause(struct machine *m);
bool machine_resume(struct machine *m);
bool machine_is_paused(struct machine *m); // any thread

// Presses the power key: what the guest makes of it is its affair. Any thread, no lock held.
void machine_power_key(struct machine *m);

// Makes machine_run() look at timers and descriptors again. Any thread, signal handlers included.
void machine_wake(struct machine *m);

#endif
