// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/exec.h"

#include "jit/fp_host.h"
#include "jit/interp.h"
#include "jit/tb.h"

static unsigned take_requests(struct vcpu *cpu)
{
    return __atomic_exchange_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
}

enum vcpu_exit exec_run(struct vcpu *cpu)
{
    enum vcpu_exit why = VCPU_EXIT_NONE;
    fp_host_enter(&cpu->fp);
    while (why == VCPU_EXIT_NONE) {
        unsigned req = cpu->exit_request ? take_requests(cpu) : 0;
        tb_safe_point(cpu->jit);
        if (req & EXIT_REQ_INTERRUPT)
            cpu->guest->interrupt(cpu);
        if (req & EXIT_REQ_STOP) {
            why = VCPU_EXIT_STOP;
            break;
        }
        interp_run(cpu);
        why = cpu->halt;
        cpu->halt = VCPU_EXIT_NONE;
    }
    fp_host_leave(&cpu->fp);
    return why;
}
