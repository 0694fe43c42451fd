// SPDX-License-Identifier: GPL-3.0-or-later
// PSCI 1.0 over HVC (Arm DEN 0022), with the SMC Calling Convention's own queries. There is no EL2:
// every HVC from EL1 is a call to this "firmware". Arguments of 32-bit functions are the low
// halves; the result goes to X0, sign-extended.
#include "frontend/cpu.h"

#include <inttypes.h>

#define PSCI_64 0x40000000u

enum psci_function {
    SMCCC_VERSION = 0x80000000u,
    SMCCC_ARCH_FEATURES = 0x80000001u,
    PSCI_VERSION = 0x84000000u,
    PSCI_CPU_SUSPEND = 0x84000001u,
    PSCI_CPU_OFF = 0x84000002u,
    PSCI_CPU_ON = 0x84000003u,
    PSCI_AFFINITY_INFO = 0x84000004u,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006u,
    PSCI_SYSTEM_OFF = 0x84000008u,
    PSCI_SYSTEM_RESET = 0x84000009u,
    PSCI_FEATURES = 0x8400000au,
};

enum {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
};

#define AFFINITY_MASK UINT64_C(0xff00ffffff)

static bool is_function(uint32_t f)
{
    switch (f) {
    case PSCI_CPU_SUSPEND | PSCI_64:
    case PSCI_CPU_ON | PSCI_64:
    case PSCI_AFFINITY_INFO | PSCI_64:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_VERSION:
    case PSCI_CPU_OFF:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case SMCCC_VERSION:
        return true;
    default:
        return false;
    }
}

// Asks the board, and does not run on: the board's thread decides when (and whether) it does.
static void request(struct a64_cpu *cpu, void (*fn)(void *opaque))
{
    if (fn)
        fn(cpu->board->opaque);
    cpu->v.halt = VCPU_EXIT_HALT;
}

static int64_t cpu_on(struct a64_cpu *cpu, uint64_t target, uint64_t entry, uint64_t context)
{
    if (target & ~AFFINITY_MASK || !cpu->board->cpu_on)
        return PSCI_INVALID_PARAMETERS;
    return cpu->board->cpu_on(cpu->board->opaque, target, entry, context);
}

static int64_t affinity_info(struct a64_cpu *cpu, uint64_t target, uint64_t level)
{
    if (target & ~AFFINITY_MASK || level > 3 || !cpu->board->affinity_info)
        return PSCI_INVALID_PARAMETERS;
    return cpu->board->affinity_info(cpu->board->opaque, target, level);
}

static int64_t call(struct a64_cpu *cpu, uint32_t f, const uint64_t *arg)
{
    switch (f) {
    case PSCI_VERSION:
        return 0x10000;
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | PSCI_64:
        cpu->v.halt = VCPU_EXIT_HALT; // every state is standby: returns on an interrupt
        return PSCI_SUCCESS;
    case PSCI_CPU_OFF:
        cpu->v.halt = VCPU_EXIT_OFF;
        return PSCI_SUCCESS;
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | PSCI_64:
        return cpu_on(cpu, arg[0], arg[1], arg[2]);
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | PSCI_64:
        return affinity_info(cpu, arg[0], arg[1]);
    case PSCI_MIGRATE_INFO_TYPE:
        return 2; // there is no trusted OS to migrate
    case PSCI_SYSTEM_OFF:
        request(cpu, cpu->board->system_off);
        return PSCI_SUCCESS;
    case PSCI_SYSTEM_RESET:
        request(cpu, cpu->board->system_reset);
        return PSCI_SUCCESS;
    case PSCI_FEATURES:
        return is_function((uint32_t)arg[0]) ? 0 : PSCI_NOT_SUPPORTED;
    case SMCCC_VERSION:
        return 0x10001;
    case SMCCC_ARCH_FEATURES:
        return (uint32_t)arg[0] == SMCCC_VERSION || (uint32_t)arg[0] == SMCCC_ARCH_FEATURES
                   ? 0
                   : PSCI_NOT_SUPPORTED;
    default:
        log_printf(cpu->log, LOG_UNIMP, "HVC: no function %#" PRIx32 "\n", f);
        return PSCI_NOT_SUPPORTED;
    }
}

void a64_psci_call(struct a64_cpu *cpu)
{
    uint64_t *x = cpu->v.r + A64_X0;
    uint32_t f = (uint32_t)x[0];
    uint64_t arg[3];
    for (unsigned n = 0; n < 3; n++)
        arg[n] = f & PSCI_64 ? x[n + 1] : (uint32_t)x[n + 1];
    x[0] = (uint64_t)call(cpu, f, arg);
}
