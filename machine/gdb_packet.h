// SPDX-License-Identifier: GPL-3.0-or-later
// The framing of GDB's remote protocol (GDB manual, appendix E): $data#checksum, +, -, 0x03.
//
// No connection and no CPU: bytes in, packets out, so that anything can be thrown at it. What
// comes in is whatever a client sends; nothing of it is believed but its length.
#ifndef MACHINE_GDB_PACKET_H
#define MACHINE_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of data a packet may have, as qSupported tells the client.
#define GDB_PACKET_MAX 16384

enum gdb_event {
    GDB_NOTHING,   // more bytes are needed
    GDB_PACKET,    // data[0..len) is a packet; data[len] is 0
    GDB_DAMAGED,   // a packet whose checksum is wrong, or one that is too long
    GDB_ACK,
    GDB_NACK,
    GDB_INTERRUPT, // 0x03 between packets
};

struct gdb_parser {
    uint8_t data[GDB_PACKET_MAX + 1]; // unescaped
    size_t len;
    uint8_t state, sum, claimed;
    bool escaped, too_long;
};

void gdb_parser_init(struct gdb_parser *p);
// Takes one byte. After GDB_PACKET the data stand until the next call.
enum gdb_event gdb_parser_take(struct gdb_parser *p, uint8_t byte);

// A reply being put together, with its frame: gdb_out_begin(), data, gdb_out_end(). Grows as
// needed; bytes[0..len) are what goes out.
struct gdb_out {
    uint8_t *bytes;
    size_t len, room, begun;
};

void gdb_out_fini(struct gdb_out *o);
void gdb_out_begin(struct gdb_out *o);
void gdb_out_text(struct gdb_out *o, const char *text);
void gdb_out_printf(struct gdb_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Two hexadecimal digits a byte.
void gdb_out_hex(struct gdb_out *o, const void *bytes, size_t n);
// As they are, with what means something in a frame escaped.
void gdb_out_binary(struct gdb_out *o, const void *bytes, size_t n);
void gdb_out_end(struct gdb_out *o);
// Bytes outside any packet.
void gdb_out_raw(struct gdb_out *o, const void *bytes, size_t n);

// Reading a packet. Each moves *s on and leaves it alone when it fails.

// A hexadecimal number of 1 to 16 digits.
bool gdb_take_number(const char **s, uint64_t *value);
bool gdb_take_char(const char **s, char c);
bool gdb_take_word(const char **s, const char *word);
// Exactly n bytes, two digits each.
bool gdb_take_hex(const char **s, void *bytes, size_t n);

#endif
