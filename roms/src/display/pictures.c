// SPDX-License-Identifier: GPL-3.0-or-later
// The guest that draws every format and mode once.
#include "rom.h"

void rom_main(void)
{
    ramfb_pictures();
    gpu_pictures();
    say("done\n");
}
