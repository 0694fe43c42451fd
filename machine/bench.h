// SPDX-License-Identifier: GPL-3.0-or-later
// `armlet bench`: the same guest on each engine in turn, and what comes out as a table, as JSON, as
// a chart.
//
// Each run is a process of its own (bench_run.c): a crash or a hang costs that run, and the compile
// service finds a process with one thread. A run's result lies in memory that both processes see.
// The guest says when kernels begin and end (bench_output.c; roms/src/bench/main.c prints it); how
// many instructions a kernel has is counted by armlet.
#ifndef MACHINE_BENCH_H
#define MACHINE_BENCH_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

#define BENCH_MAX_KERNELS 64
#define BENCH_MAX_ENGINES 4
#define BENCH_MAX_ROUNDS  20
#define BENCH_NAME_SIZE   24

struct bench_kernel {
    char name[BENCH_NAME_SIZE]; // letters, digits, - and _
    uint64_t passes;
    uint64_t best, total; // guest ticks: of the best pass, of all
    uint64_t checksum;
    uint64_t insns; // guest instructions of all passes
};

// What one run of the guest came to.
struct bench_result {
    uint64_t frequency; // ticks a second
    unsigned nr_kernels;
    struct bench_kernel kernels[BENCH_MAX_KERNELS];
    uint64_t insns, wall_ns, cpu_ns; // of the whole run; CPU time without the compile workers
    uint64_t regions, compile_us, code_bytes, cache_hits; // of compiling engines
};

struct bench_engine {
    const char *name;
    int accel; // enum config_accel
    // A compiling engine starts the first round with nothing in its cache, the others with what
    // the earlier ones left there.
    struct bench_result rounds[BENCH_MAX_ROUNDS];
};

struct bench {
    const char *guest;      // file; NULL: the built-in one
    const char *json, *svg; // files to write, or NULL
    unsigned rounds;
    unsigned ms; // each kernel runs at least; 0: as the guest likes
    unsigned nr_engines;
    struct bench_engine engines[BENCH_MAX_ENGINES];
};

// What the guest prints, taken in piece by piece ------------------------------------------------

struct bench_output {
    struct bench_result *result;
    char line[256]; // the one being received
    unsigned len;
    uint64_t began;      // instruction count at the beginning of the current kernel
    char complaint[256]; // the first thing wrong, or ""
};

void bench_output_init(struct bench_output *o, struct bench_result *result);
// insns: guest instructions executed so far. No floating point; any bytes may come.
void bench_output_write(struct bench_output *o, const uint8_t *data, size_t len, uint64_t insns);

// Running ---------------------------------------------------------------------------------------

// One run in a process of its own. guest: path. False: err says why there is no result.
bool bench_run(const struct bench *b, const struct bench_engine *e, const char *guest,
               const char *cache_dir, struct bench_result *result, struct error *err);

// Do all runs have the same kernels with the same checksums? err names the first difference.
bool bench_agree(const struct bench *b, struct error *err);

// Reporting -------------------------------------------------------------------------------------

// The engine that the others are compared with: the interpreter, else the first.
const struct bench_engine *bench_base(const struct bench *b);
// Seconds of the best pass of all rounds.
double bench_seconds(const struct bench *b, const struct bench_engine *e, unsigned kernel);
// Guest instructions a second in that pass. A pass always has the same instructions, so the base's
// count is used for all: compiled code counts in larger steps.
double bench_speed(const struct bench *b, const struct bench_engine *e, unsigned kernel);
// How many times faster than the base; of one kernel, and the geometric mean of all.
double bench_ratio(const struct bench *b, const struct bench_engine *e, unsigned kernel);
double bench_mean_ratio(const struct bench *b, const struct bench_engine *e);

void bench_print_table(const struct bench *b, FILE *out);
void bench_print_json(const struct bench *b, FILE *out);
// A bar chart: the ratios, or instructions a second where there is one engine only.
void bench_print_svg(const struct bench *b, FILE *out);

#endif
