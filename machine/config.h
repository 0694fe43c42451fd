// SPDX-License-Identifier: GPL-3.0-or-later
// What the user asked for: the command line as plain data, checked, before anything is started.
//
// options.c fills it, main.c and the board read it. Strings belong to the struct (they are kept in
// its pool until machine_config_fini()) or are literals; NULL means "not given". Nothing here
// changes once a machine has been made from it, so any thread may read it without a lock.
#ifndef MACHINE_CONFIG_H
#define MACHINE_CONFIG_H

#include "devices/net/slirp.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bounds of arrays below; asking for more is a usage error.
enum {
    CONFIG_MAX_DRIVES = 32,
    CONFIG_MAX_DEVICES = 32, // the board has as many virtio-mmio slots
    CONFIG_MAX_CHARDEVS = 16,
    CONFIG_MAX_SERIALS = 2,
    CONFIG_NO_SERIAL = -1,
    CONFIG_FLASH_BANKS = 2,
    CONFIG_UNIT_NEXT = -1,
    CONFIG_MAX_SCREENSHOTS = 64,
    CONFIG_MAX_FW_CFG = 8,
    CONFIG_FW_CFG_NAME = 55, // bytes
    CONFIG_MAX_PORTS = 15, // of virtio-serial
    CONFIG_MAX_SHARES = 16,
    CONFIG_MAX_NETDEVS = 8,
    CONFIG_MAX_HOSTFWDS = 64,
    CONFIG_MAX_DISPLAYS = 4,
};

enum config_accel {
    CONFIG_ACCEL_TIERED, // quick, and libgccjit for what stays hot
    CONFIG_ACCEL_QUICK,  // one pass from IR to the host's code, for every block
    CONFIG_ACCEL_INTERP,
    CONFIG_ACCEL_GCCJIT, // the interpreter, and libgccjit, waiting for every compile
    CONFIG_ACCEL_VERIFY, // one of the two, and the interpreter checks what compiled code does
};

enum config_drive_if {
    CONFIG_IF_VIRTIO, // a virtio-blk-device comes with the drive
    CONFIG_IF_NONE,   // a -device names the drive by its id
    CONFIG_IF_PFLASH, // contents of a flash bank
};

enum config_drive_format { // as enum block_format
    CONFIG_FORMAT_UNSAID, // raw, unless the file looks like something else
    CONFIG_FORMAT_RAW,
    CONFIG_FORMAT_QCOW2,
};

// A guest's flush is durable before it completes in both.
enum config_drive_cache {
    CONFIG_CACHE_WRITEBACK,
    CONFIG_CACHE_WRITETHROUGH, // so is every write
};

// An item of fw_cfg: a file's contents or a text.
struct config_fw_cfg {
    const char *name, *file, *string;
};

struct config_drive {
    const char *file;
    const char *id;
    int format;    // enum config_drive_format
    int interface; // enum config_drive_if
    int cache;     // enum config_drive_cache
    int media;     // only disks exist
    bool readonly;
    bool snapshot; // writes go to a temporary layer; -snapshot sets it on every drive
    int discard;   // discards always reach the file
    int unit;      // of if=pflash: which bank; CONFIG_UNIT_NEXT: the first free one
    bool create;   // of if=pflash: a file that does not exist is made
    bool backing;  // the backing file that the image names may be read
};

// What a flash bank holds; the first is where firmware starts.
struct config_flash {
    const char *file; // NULL: nothing
    bool readonly;
    bool forget; // what the guest writes is gone at the end
    bool create; // a file that does not exist is made
};

enum config_char_backend {
    CONFIG_CHAR_NULL,
    CONFIG_CHAR_STDIO,
    CONFIG_CHAR_FILE, // output only
    CONFIG_CHAR_SOCKET, // a Unix socket
    CONFIG_CHAR_TESTDEV, // the guest's words end armlet
    CONFIG_CHAR_BUFFER, // in memory, for tests: no option names it
    CONFIG_CHAR_GIVEN,  // made by whoever filled this in (armlet bench): no option names it
};

struct chardev;

struct config_chardev {
    const char *id;
    int backend;      // enum config_char_backend
    const char *path; // of a file or a socket
    bool server;      // of a socket: listens
    bool wait;        // of a socket: never
    struct chardev *given; // becomes the machine's
    bool mux;         // Ctrl-A is armlet's escape character
    bool signal;      // stdio: Ctrl-C ends armlet instead of reaching the guest
    bool append;      // file: keep what it holds
};

enum config_netdev_type {
    CONFIG_NET_USER,   // devices/net/slirp.h
    CONFIG_NET_STREAM, // devices/net/socket.h: a Unix socket
    CONFIG_NET_SOCKET, // the same, a descriptor that was inherited
};

struct config_netdev {
    int type; // enum config_netdev_type
    const char *id;
    bool nic; // a card comes with it (-nic)
    uint8_t mac[6]; // of that card; zero: not given
    struct net_slirp_config user;
    struct net_hostfwd hostfwd[CONFIG_MAX_HOSTFWDS];
    const char *path; // of a stream
    bool server;
    int fd; // of a socket
};

struct config_share { // a host directory
    const char *id;
    const char *path;
    bool readonly;
    const char *tag; // a device comes with it, and has this tag; NULL: a -device names it
};

// The properties of every kind of device together; a driver's row in device_types.def says which
// of them it takes.
struct config_device {
    int type; // enum device_type
    const char *id;
    const char *drive;
    const char *serial;
    const struct config_drive *backend; // the drive that `drive` names
    const char *netdev;
    const char *mac;
    const struct config_netdev *net; // that `netdev` names
    uint8_t mac_address[6];
    const char *chardev, *name, *bus; // of a port
    int nr;                           // of a port on its bus; -1: the next one
    int chardev_index;                // that `chardev` names
    const struct config_device *on;   // the device that `bus` names
    bool deflate_on_oom, free_page_reporting; // of a balloon
    const char *fsdev, *mount_tag;
    const struct config_share *share; // that `fsdev` names
    int xres, yres;       // a display's mode, 0: not given
    int format;           // enum display_format
    uint64_t max_hostmem; // bytes, 0: not given
};

enum config_display {
    CONFIG_DISPLAY_DEFAULT, // a window if the machine has a display and the host a screen
    CONFIG_DISPLAY_NONE,
    CONFIG_DISPLAY_SDL,
    CONFIG_DISPLAY_VNC,
};

enum config_scaling {
    CONFIG_SCALING_INTEGER, // as many times as fits, sharp
    CONFIG_SCALING_SMOOTH,  // as large as the window
};

struct config_display_props {
    int type; // enum config_display
    bool full_screen;
    bool gl; // never
    int scaling;      // enum config_scaling
    const char *vnc;  // [HOST]:DISPLAY
};

struct config_screenshot {
    int64_t ns; // of guest time since the start
    const char *path;
};

struct config_machine_props {
    const char *dumpdtb; // write the device tree here and leave
    const char *accels;  // -machine accel=: names, ':' between them
    int type;            // only virt
    int gic_version;     // 3
    int accel;           // -accel, or -machine accel=..., its older spelling
    int verify_engine;   // -accel verify,engine=
    int verify_how;      // -accel verify,how=: enum verify_how
    int verify_every;    // -accel verify,every=N: one entry of a region in so many; 0: each
    int workers;   // compile workers; 0: as many as the host has processors beyond the vCPUs
    bool virtualization, secure, its, acpi, usb, graphics; // off: this board has none of them
};

struct machine_config {
    struct config_machine_props machine;
    int cpu; // index into a64_models; 0 is the default
    int smp;             // number of CPUs, 1 .. JIT_MAX_CPUS
    uint64_t ram_size;  // bytes, a multiple of 1 MiB
    bool virtio_legacy; // virtio-mmio version 1, as QEMU's default is

    const char *kernel;
    bool kernel_positional; // named without -kernel, so that its format must be recognised
    const char *initrd;
    const char *dtb;
    const char *append;
    const char *bios;                             // firmware as the user named it
    struct config_fw_cfg fw_cfg[CONFIG_MAX_FW_CFG];
    size_t fw_cfg_count;
    struct config_flash flash[CONFIG_FLASH_BANKS]; // -bios and the if=pflash drives

    struct config_drive drives[CONFIG_MAX_DRIVES];
    size_t drive_count;
    struct config_device devices[CONFIG_MAX_DEVICES]; // in the order given, if=virtio drives last
    size_t device_count;
    struct config_device ports[CONFIG_MAX_PORTS]; // virtconsole, virtserialport
    size_t port_count;
    struct config_chardev chardevs[CONFIG_MAX_CHARDEVS];
    size_t chardev_count;
    int serials[CONFIG_MAX_SERIALS]; // index into chardevs, or CONFIG_NO_SERIAL
    struct config_share shares[CONFIG_MAX_SHARES];
    size_t share_count;
    struct config_netdev netdevs[CONFIG_MAX_NETDEVS];
    size_t netdev_count;
    size_t serial_count;

    struct config_display_props display;
    bool console; // the serial port is shown too where pictures are, until the guest draws
    const char *qmp; // path of the control socket
    bool qmp_stdio;  // no socket: its protocol on stdin and stdout
    struct config_screenshot screenshots[CONFIG_MAX_SCREENSHOTS];
    size_t screenshot_count;

    const char *cache_dir; // of compiled code; NULL: the default place
    bool no_cache;
    bool perf_map; // names of compiled code for Linux perf

    const char *name;
    unsigned log_mask; // LOG_* of base/log.h
    const char *log_file;
    struct log_filter log_filter;
    bool log_filtered;
    bool snapshot;
    bool no_reboot;
    bool semihosting;
    const char *expect; // extended regular expression that the console is to match; or NULL
    int timeout;        // seconds; 0: none
    bool nodefaults;
    const char *gdb;   // where a debugger connects (machine/gdb_socket.h); NULL: nowhere
    int gdb_stays_stopped; // when its connection breaks
    const char *debug; // ELF file with the guest's symbols
    const char *trace_file; // what the guest executes, in short (machine/trace.h)
    const char *profile;    // samples of its stacks (machine/profile.h)
    bool stopped;      // -S: nothing runs until a debugger says so
    bool icount; // guest time follows the instructions executed (machine/icount.h); no option yet
    bool seed_given;
    uint64_t seed; // of what armlet draws at random for the guest (-seed)

    char **pool; // the strings above
    size_t pool_count;
};

// Defaults: virt, one CPU, 1 GiB, nothing to boot.
void machine_config_init(struct machine_config *c);
void machine_config_fini(struct machine_config *c);

// A copy of the first n bytes of s that lives as long as c.
const char *machine_config_strndup(struct machine_config *c, const char *s, size_t n);

#endif
