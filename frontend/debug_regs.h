// SPDX-License-Identifier: GPL-3.0-or-later
// What self-hosted debug adds to a translated instruction. Nothing but two tests of the mode when
// it is off.
#ifndef FRONTEND_DEBUG_REGS_H
#define FRONTEND_DEBUG_REGS_H

#include "frontend/translate.h"

// What is due before the instruction at t->off. True: an exception in its place, which ended the
// block.
bool tr_debug_before(struct tr *t);
// After an instruction that did not end the block.
void tr_debug_after(struct tr *t);

#endif
