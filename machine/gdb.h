// SPDX-License-Identifier: GPL-3.0-or-later
// GDB's remote protocol: what the packets mean (GDB manual, appendix E). One session with one client.
//
// Knows neither sockets nor CPUs: the target is a table of functions, so the whole of it can be
// tested and fuzzed by itself. Bytes of the client go into gdb_feed(); what is to be sent gathers in
// gdb.out, and whoever sends it empties that. Everything runs in one thread. Registers have GDB's
// numbers: X0-X30, SP, PC, CPSR, V0-V31, FPSR, FPCR, then what the description names.
#ifndef MACHINE_GDB_H
#define MACHINE_GDB_H

#include "machine/gdb_packet.h"

#define GDB_MAX_THREADS 64

enum { GDB_REG_SP = 31, GDB_REG_PC = 32, GDB_REG_CPSR = 33, GDB_REG_V0 = 34, GDB_REG_FPSR = 66,
       GDB_REG_FPCR = 67, GDB_NR_PLAIN_REGS = 68 };

enum gdb_point { GDB_BREAK_SOFTWARE, GDB_BREAK_HARDWARE, GDB_WATCH_WRITE, GDB_WATCH_READ,
                 GDB_WATCH_ACCESS };

enum gdb_verb { GDB_STAY, GDB_CONTINUE, GDB_STEP };

// What a thread is to do; a step goes on while pc is in [start, end).
struct gdb_action {
    enum gdb_verb verb;
    uint64_t start, end;
};

enum { GDB_SIGINT = 2, GDB_SIGTRAP = 5 };

struct gdb_stop {
    unsigned thread;
    int signal;
    int point;     // enum gdb_point that was hit, or -1
    uint64_t addr; // of a watchpoint: the data
};

// Bits of gdb_target.step_mode, QEMU's: a step takes no interrupt; the timers stand still.
enum { GDB_STEP_ENABLE = 1, GDB_STEP_NOIRQ = 2, GDB_STEP_NOTIMER = 4 };

struct gdb;

// The target. Threads are numbered from 0; all but interrupt() and detach() are called only while
// it stands still.
struct gdb_target {
    unsigned nr_threads;
    // Bytes of a register (at most 16), 0: there is none of that number. Little endian.
    size_t (*reg_size)(void *opaque, unsigned reg);
    bool (*reg_read)(void *opaque, unsigned thread, unsigned reg, uint8_t *value);
    bool (*reg_write)(void *opaque, unsigned thread, unsigned reg, const uint8_t *value);
    // How many of the n bytes could be read or written, from the first on.
    size_t (*mem_read)(void *opaque, unsigned thread, uint64_t addr, void *bytes, size_t n);
    size_t (*mem_write)(void *opaque, unsigned thread, uint64_t addr, const void *bytes, size_t n);
    bool (*point)(void *opaque, bool set, enum gdb_point kind, uint64_t addr, uint64_t len);
    void (*resume)(void *opaque, const struct gdb_action *actions);
    void (*interrupt)(void *opaque);
    void (*detach)(void *opaque); // the client leaves; its points are to go
    void (*kill)(void *opaque);
    // Says what it has to say with gdb_console().
    void (*monitor)(void *opaque, struct gdb *g, unsigned thread, const char *line);
    bool (*offset)(void *opaque, uint64_t *offset); // of the symbols, where known
    void (*thread_text)(void *opaque, unsigned thread, char *text, size_t size);
    const char *description; // target.xml
    unsigned step_mode;      // GDB_STEP_*
    bool physical;           // addresses of memory and points are physical
    void *opaque;
};

struct gdb {
    struct gdb_target *target;
    struct gdb_parser parser;
    struct gdb_out out;
    struct gdb_out last;   // the last packet, for one that was lost
    struct gdb_stop stop;
    bool running, no_ack, multiprocess, says_swbreak, says_hwbreak;
    bool closed;           // the client has said farewell
    unsigned thread;       // Hg
    int resumed;           // Hc: -1 all
};

// The target stands still and must stay where it is. *target outlives the session.
void gdb_init(struct gdb *g, struct gdb_target *target);
void gdb_fini(struct gdb *g);
void gdb_feed(struct gdb *g, const void *bytes, size_t n);
// After resume(): it has stopped, or has ended with that exit status.
void gdb_stopped(struct gdb *g, const struct gdb_stop *stop);
void gdb_exited(struct gdb *g, int status);
// Shows text to the user, from within monitor().
void gdb_console(struct gdb *g, const char *text);

#endif
