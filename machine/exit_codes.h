// SPDX-License-Identifier: GPL-3.0-or-later
// What armlet's exit status says. Semihosting and the test device pass the guest's own. A signal that ended armlet shows as 128 + its number, as the
// shell has it. Scripts rely on these numbers: they are only ever added to.
#ifndef MACHINE_EXIT_CODES_H
#define MACHINE_EXIT_CODES_H

enum exit_code {
    EXIT_CODE_POWER_OFF = 0,     // the guest powered itself off, or the user left (Ctrl-A x)
    EXIT_CODE_ERROR = 1,         // armlet's own error, with a line "armlet: ..." on stderr
    EXIT_CODE_USAGE = 2,         // the command line is wrong, with such a line; nothing was started
    EXIT_CODE_RESET_REFUSED = 3, // the guest asked for a reset under -no-reboot
    EXIT_CODE_PANIC = 4,    // the guest's kernel panicked, and then asked for a reset under -no-reboot
    EXIT_CODE_TIMEOUT = 5,  // --timeout was over
    EXIT_CODE_NOT_SEEN = 6, // the guest ended without having said what --expect names
    EXIT_CODE_DIFFERENCE = 9,    // -accel verify: compiled code and the interpreter differ
};

#endif
