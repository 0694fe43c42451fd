// SPDX-License-Identifier: GPL-3.0-or-later
// The guest's floating-point environment in the host's MXCSR.
//
// While guest code runs, the vCPU thread's MXCSR holds FPCR.RMode with every exception masked, and
// MXCSR's sticky bits IE, ZE, OE, PE gather what the guest is to see as IOC, DZC, OFC, IXC. FPSR is
// complete in env->fpsr only after fp_host_sync() or fp_host_leave(): whoever reads the guest's
// FPSR syncs first, whoever writes it syncs and then overwrites. UE and DE are never used (x86
// sees tininess after rounding; Arm has no denormal-operand flag unless it flushes), so whoever
// runs an SSE instruction itself must send results that may be tiny, and NaNs, to the reference
// functions of fp.h; those write env->fpsr directly and do not disturb MXCSR.
//
// All four functions act on the calling thread.
#ifndef JIT_FP_HOST_H
#define JIT_FP_HOST_H

#include "jit/fp.h"

// Bits of fp_env.host.
#define FP_HOST_LOADED (1u << 0) // this thread's MXCSR is the guest's
#define FP_HOST_FAST   (1u << 1) // LOADED, and FPCR allows the fast path (FZ is 0)
#define FP_HOST_FMA    (1u << 2) // FAST, and the host has FMA

// Loads MXCSR for env->fpcr, sticky bits clear.
void fp_host_enter(struct fp_env *env);

// Folds the sticky bits into env->fpsr and restores the host's default MXCSR.
void fp_host_leave(struct fp_env *env);

// Folds the sticky bits into env->fpsr and clears them. Nothing if not entered.
void fp_host_sync(struct fp_env *env);

// Sets env->fpcr (reserved and trap-enable bits dropped) and, if entered, MXCSR with it; the
// sticky bits are folded. Usable outside enter/leave as well.
void fp_host_set_fpcr(struct fp_env *env, uint32_t fpcr);

#endif
