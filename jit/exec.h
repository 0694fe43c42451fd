// SPDX-License-Identifier: GPL-3.0-or-later
// Running a vCPU: interrupts, requests from others, the engine.
#ifndef JIT_EXEC_H
#define JIT_EXEC_H

#include "jit/jit.h"

// Runs the guest from vcpu.pc until somebody asks to stop or the guest waits. vCPU's thread.
enum vcpu_exit exec_run(struct vcpu *cpu);

#endif
