// SPDX-License-Identifier: GPL-3.0-or-later
#include "rt.h"

void program(void)
{
    run(EL1, INSN("nop"), 0, 0, 0, 0);
    report("nop");
    run(EL0, INSN("nop"), 0, 0, 0, 0);
    report("nop0");
    run(EL1, INSN("svc #5"), 0, 0, 0, 0);
    report("svc");
    run(EL0, INSN("svc #6"), 0, 0, 0, 0);
    report("svc");
}
