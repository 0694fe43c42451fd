// SPDX-License-Identifier: GPL-3.0-or-later
// Network back ends: where a network card's frames go to and come from on the host.
//
// A back end has one front end (a card) and one thread, which does all of its host work. Frames to
// the host are queued by the card under the machine lock and taken out by the thread; frames to the
// guest are queued by the thread under the machine lock, and the card takes them when the guest has
// room. Both queues are bounded: the first by asking net_room() before a frame is taken from the
// guest, the second by dropping, as a network does.
//
// A frame is Ethernet without its check sequence. Checksums and segmentation may be left to the
// other side, as the frame's `struct net_offload` says and the sides have agreed on.
//
// Locks: `lock` (inside the machine lock) guards `to_host`, `asleep`, `stop` and `starved`; the
// machine lock guards `to_guest` and the front end; the rest is the thread's. Without net_start()
// there is no thread and whoever calls net_step() is it (tests).
#ifndef DEVICES_NET_NET_H
#define DEVICES_NET_NET_H

#include "base/thread.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Headers with a VLAN tag and the largest IP packet.
#define NET_MAX_FRAME (18 + 65535)
#define NET_MIN_FRAME 14

enum net_gso { NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6 };

struct net_offload {
    bool csum;      // the sum of [csum_start, end) is to be stored at csum_start + csum_offset
    bool csum_good; // checksums are known to be right
    uint8_t gso;    // enum net_gso: one TCP segment that stands for several
    uint16_t csum_start, csum_offset;
    uint16_t header;  // gso: bytes of all headers
    uint16_t segment; // gso: payload bytes of each piece but the last
};

struct net_frame {
    struct net_frame *next;
    struct net_offload off;
    uint32_t len, capacity; // bytes
    uint8_t data[];
};

struct net_queue {
    struct net_frame *head, *tail;
    size_t bytes;
};

struct net;

// What the thread is to wait for; the first one is its own.
struct net_polls {
    struct pollfd *fds;
    size_t count, capacity;
    int timeout; // ms, -1: none
};

struct net_ops { // all in the thread
    bool tso;    // takes frames with gso set, and gives some if the front end takes them
    void (*prepare)(struct net *n, struct net_polls *polls);     // may be NULL
    void (*serve)(struct net *n, const struct net_polls *polls); // after the wait
    void (*input)(struct net *n, struct net_frame *f);           // from the guest; takes f over
    void (*destroy)(struct net *n); // frees; the thread has ended. Any thread
};

struct net_front {                  // machine lock
    void (*receive)(void *opaque);  // net_head() has something
    void (*writable)(void *opaque); // net_room() is true again
};

struct net {
    const struct net_ops *ops;
    const struct net_front *front; // constant once the thread runs
    void *front_opaque;
    struct mutex *door; // the machine lock, or NULL (tests)
    struct mutex lock;
    struct net_queue to_host, to_guest;
    struct net_queue out; // to the guest, not yet handed over; the thread's
    struct net_polls polls;
    int wake_fd;
    bool asleep, stop, running;
    bool starved;         // the front end waits for writable()
    unsigned accepts_gso; // 1 << enum net_gso: atomic; set by the front end
    uint64_t dropped;     // frames that found no room; machine lock
    pthread_t thread;
};

// For back ends, which embed struct net first.
void net_init(struct net *n, const struct net_ops *ops);
void net_fini(struct net *n);
// Hands a frame to the guest; what can be merged with the one before is.
void net_deliver(struct net *n, const void *data, size_t len, const struct net_offload *off);
size_t net_poll_add(struct net_polls *polls, int fd, short events); // its index
void net_poll_within(struct net_polls *polls, int64_t ms);          // wake at the latest then

// For the board. door is held whenever the front end is entered.
void net_start(struct net *n, struct mutex *door);
void net_destroy(struct net *n); // not under the machine lock; accepts NULL
// One round of the thread's work; waits ms at most (-1: as long as it takes).
void net_step(struct net *n, int ms);

// For cards, under the machine lock (net_attach() before the thread runs). All accept n == NULL,
// which is a cable that is not plugged in.
void net_attach(struct net *n, const struct net_front *front, void *opaque);
bool net_room(struct net *n); // whether net_send() may be called; if not, writable() comes
void net_send(struct net *n, struct net_frame *f); // takes f over
void net_kick(struct net *n);                      // after the last net_send() of several
void net_accept(struct net *n, unsigned gso);      // set of 1 << enum net_gso that may come
struct net_frame *net_head(struct net *n);         // the next frame to the guest, or NULL
void net_drop(struct net *n);                      // done with it
void net_forget(struct net *n);                    // drops all that wait (reset)

struct net_frame *net_frame_new(size_t capacity);

#endif
