// SPDX-License-Identifier: GPL-3.0-or-later
#include "box.h"

#include <stdlib.h>
#include <string.h>

static bool icc_read_(void *opaque, unsigned cpu, unsigned reg, uint64_t *value)
{
    struct box *b = opaque;
    b->said.icc_reads++;
    b->said.last_icc = reg;
    *value = 0x1cc;
    return true;
}

static bool icc_write_(void *opaque, unsigned cpu, unsigned reg, uint64_t value)
{
    struct box *b = opaque;
    b->said.icc_writes++;
    b->said.last_icc = reg;
    b->said.last_value = value;
    return true;
}

static uint64_t timer_read(void *opaque, unsigned cpu, unsigned which, unsigned reg)
{
    return 0x700 | which << 4 | reg;
}

static void timer_write(void *opaque, unsigned cpu, unsigned which, unsigned reg, uint64_t value)
{
    struct box *b = opaque;
    b->said.last_timer = which << 4 | reg;
    b->said.last_value = value;
}

static uint64_t counter(void *opaque, unsigned cpu, unsigned which)
{
    return 0xc000 + which;
}

static void pmu_irq(void *opaque, unsigned cpu, bool level)
{
    struct box *b = opaque;
    b->said.pmu_irqs++;
    b->said.pmu_level = level;
}

static void pmu_look_after(void *opaque, unsigned cpu, uint64_t ns)
{
    ((struct box *)opaque)->said.pmu_ns = ns;
}

static void system_off(void *opaque)
{
    ((struct box *)opaque)->said.offs++;
}

static void system_reset(void *opaque)
{
    ((struct box *)opaque)->said.resets++;
}

static int64_t cpu_on(void *opaque, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct box *b = opaque;
    b->said.cpu_on[0] = mpidr;
    b->said.cpu_on[1] = entry;
    b->said.cpu_on[2] = context;
    return mpidr ? -2 : -4; // INVALID_PARAMETERS, ALREADY_ON
}

static int64_t affinity_info(void *opaque, uint64_t mpidr, uint64_t level)
{
    struct box *b = opaque;
    b->said.affinity[0] = mpidr;
    b->said.affinity[1] = level;
    return mpidr ? -2 : 0;
}

static bool bus_read(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t *value)
{
    *value = 0xdeadbeef;
    return pa >= DEVICE && pa < DEVICE + PAGE_SIZE;
}

static bool bus_write(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t value)
{
    return pa >= DEVICE && pa < DEVICE + PAGE_SIZE;
}

void box_init(struct box *b)
{
    box_init_model(b, a64_model_find("max"));
}

void box_init_model(struct box *b, const struct a64_model *model)
{
    memset(b, 0, sizeof *b);
    b->board = (struct a64_board){
        .opaque = b,
        .icc_read = icc_read_,
        .icc_write = icc_write_,
        .timer_read = timer_read,
        .timer_write = timer_write,
        .counter = counter,
        .pmu_irq = pmu_irq,
        .pmu_look_after = pmu_look_after,
        .system_off = system_off,
        .system_reset = system_reset,
        .cpu_on = cpu_on,
        .affinity_info = affinity_info,
    };
    b->ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
    b->cpu = aligned_alloc(64, ALIGN_UP(sizeof *b->cpu, 64));
    cr_assert(b->ram && b->cpu);
    memset(b->ram, 0, RAM_SIZE);
    jit_init(&b->jit, &a64_guest, &b->log);
    jit_add_ram(&b->jit, RAM_BASE, RAM_SIZE, b->ram, false);
    b->jit.phys = (struct phys_ops){ .read = bus_read, .write = bus_write, .opaque = b };
    // Programs are rewritten all the time here, from outside the guest.
    b->jit.protect_code = true;
    a64_cpu_init(b->cpu, &b->jit, model, &b->board, &b->log, 0);
    b->cpu->v.r[A64_VBAR_EL1] = VECTORS;
    uint32_t *vector = (uint32_t *)(b->ram + (VECTORS - RAM_BASE));
    for (unsigned n = 0; n < 0x800 / 4; n++)
        vector[n] = INSN_WFI;
}

void box_fini(struct box *b)
{
    jit_fini(&b->jit);
    free(b->ram);
    free(b->cpu);
}

uint64_t *box_word(struct box *b, gpa_t pa)
{
    cr_assert(pa >= RAM_BASE && pa < RAM_BASE + RAM_SIZE && !(pa & 7), "%#" PRIx64, pa);
    return (uint64_t *)(b->ram + (pa - RAM_BASE));
}

void box_code(struct box *b, gpa_t pa, const uint32_t *insns, unsigned n)
{
    memcpy(b->ram + (pa - RAM_BASE), insns, n * sizeof *insns);
    jit_ram_written(&b->jit, pa, n * sizeof *insns);
}

void box_run(struct box *b, gva_t pc)
{
    b->cpu->v.pc = pc;
    enum vcpu_exit why;
    do // a WFE whose event does not come
        why = exec_run(&b->cpu->v);
    while (why == VCPU_EXIT_PAUSE);
    cr_assert_eq(why, VCPU_EXIT_HALT, "stopped at %#" PRIx64 " for reason %d", b->cpu->v.pc, why);
}

bool box_one(struct box *b, unsigned el, uint32_t insn, uint64_t x0)
{
    // At EL0 WFI may trap, so SVC says that the instruction was passed.
    const uint32_t code[] = { insn, el ? INSN_WFI : INSN_SVC(0x77) };
    struct a64_cpu *cpu = b->cpu;
    box_code(b, CODE, code, 2);
    cpu->v.r[A64_X0] = x0;
    cpu->v.r[A64_ESR_EL1] = 0;
    cpu->el = (uint8_t)el;
    cpu->spsel = 1;
    a64_update_mode(cpu);
    box_run(b, CODE);
    uint64_t esr = cpu->v.r[A64_ESR_EL1];
    return el ? esr == 0 : esr == ((uint64_t)EC_SVC64 << 26 | BIT(25) | 0x77);
}
