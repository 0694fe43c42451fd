// SPDX-License-Identifier: GPL-3.0-or-later
// Running a vCPU: interrupts, requests from others, the engine.
#ifndef JIT_EXEC_H
#define JIT_EXEC_H

#include "jit/jit.h"

// Runs the guest from vcpu.pc until somebody asks to stop or the guest waits. vCPU's thread.
enum vcpu_exit exec_run(struct vcpu *cpu);
// Whoever got VCPU_EXIT_PAUSE need not wait any longer for what a WFE may wait for: the exclusive
// monitor's hold has ended, as far as that can be seen from outside.
bool exec_monitor_lost(const struct vcpu *cpu);

// Runs until vcpu.icount is exactly `icount` (at once if it is there): VCPU_EXIT_NONE. Before that
// VCPU_EXIT_STOP, VCPU_EXIT_HALT and VCPU_EXIT_OFF as above; the former also when nothing but exceptions happen
// (a vector that faults). Interrupts that the guest's own device accesses raise are taken at the
// next instruction, so that the course of things does not depend on where one stopped on the way.
// Slower than exec_run(). vCPU's thread; one vCPU a machine.
enum vcpu_exit exec_run_until(struct vcpu *cpu, uint64_t icount);

// Executes one instruction at vcpu.pc, or takes the exception that it takes. With `interrupts` one
// that is pending is taken instead of it; without, none is. Breakpoints at pc are not looked at,
// watchpoints are. VCPU_EXIT_NONE, HALT or OFF (the instruction waits and is complete), DEBUG, or STOP
// with nothing done. Any thread while the vCPU's own does not run.
enum vcpu_exit exec_step(struct vcpu *cpu, bool interrupts);

#endif
