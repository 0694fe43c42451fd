// SPDX-License-Identifier: GPL-3.0-or-later
// Between options.c and option_handlers.c: what a handler is given, and the handlers by name.
#ifndef MACHINE_OPTION_HANDLERS_H
#define MACHINE_OPTION_HANDLERS_H

#include "base/bits.h"
#include "machine/keyval.h"
#include "machine/options.h"

struct given_option {
    const char *name, *arg;
};

struct options {
    struct machine_config *config;
    FILE *out;
    bool done; // something was printed instead; no machine is wanted
    bool nographic;
    const char *serials[CONFIG_MAX_SERIALS]; // what -serial named, resolved once all -chardev are known
    unsigned serial_count;
    const char *mon_chardev; // what -mon named
    const char *short_disk;     // the first disk named without an option
    struct given_option *given; // all options, in order; those that armlet has added too
    size_t given_count;
    bool print_config;
    const char *absent_accel; // QEMU's, which armlet has not
    bool accel_chosen;        // one that it has
    const char *monitor;      // -mon chardev=
    bool net_nic, net_user; // -net nic, -net user: a card and what it is plugged into
    uint8_t net_mac[6];
    struct error *err;
};

struct option_row {
    const char *name;
    const char *argument; // NULL: takes none
    const char *help;
    bool (*handle)(struct options *o, const char *arg); // false: *o->err is set
};

// Tables of properties.
#define ROW(type, struct_name, name, field, ...)                                                   \
    {                                                                                              \
        name, KEYVAL_##type, offsetof(struct struct_name, field), __VA_ARGS__                      \
    }
#define GROUP(option, implied, rows)                                                               \
    {                                                                                              \
        option, implied, rows, ARRAY_SIZE(rows)                                                    \
    }

// *field = a file's name, which may not be empty.
bool options_set_file(struct options *o, const char *option, const char **field, const char *arg);
bool wants_help(const char *arg);
// Not one of those that are not here, and nothing else.
bool options_check_accel(struct options *o);
// The terminal that -mon names has the monitor (Ctrl-A c).
bool options_check_monitor(struct options *o);
// Print names and what is said of them; the handler has nothing more to do.
bool print_choices(struct options *o, const char *title, const struct keyval_choice *c);
bool print_properties(struct options *o, const struct keyval_group *g);

extern const struct option_row option_rows[];
extern const size_t option_row_count;

// Does what the option of this name does, and remembers it. arg lives as long as the configuration.
bool options_apply(struct options *o, const char *name, const char *arg);

void options_print_help(FILE *out);

#define OPTION(name, argument, help, handler)                                                      \
    bool opt_##handler(struct options *o, const char *arg);
#include "machine/options.def"
#undef OPTION

// After the last option: what to show where. Called by options_check().
void options_check_display(struct options *o);
// Whether the host has a screen that a window could be on, as far as the environment tells.
bool options_host_has_screen(void);

// After the last option: defaults, references between options, what contradicts.
bool options_check(struct options *o);

// Parts of it, in files of their own. -mon's -chardev; -serial's.
bool options_resolve_mon(struct options *o);
bool options_resolve_serials(struct options *o);
// Standard input and output are another protocol's than the UART's.
bool options_stdio_taken(const struct options *o);
// Each -device finds its drive, each if=virtio drive gets its device; -bios and if=pflash drives get banks.
bool options_connect_drives(struct options *o);
bool options_fill_flash(struct options *o);
// Each -device finds its -netdev; each -nic gets its device.
bool options_connect_nets(struct options *o);
// The same for the ports of virtio-serial: their bus, their number on it, their -chardev.
bool options_add_port(struct options *o, const char *what, const struct config_device *d);
bool options_connect_ports(struct options *o);
// The same for shared folders: each device finds its -fsdev; each -share gets its device.
bool options_connect_shares(struct options *o);

#endif
