// SPDX-License-Identifier: GPL-3.0-or-later
// A display: where a device of the guest publishes a picture and front ends of the host (window,
// VNC, screendump) read it.
//
//   device --display_set_surface, display_damage, display_set_cursor--> struct display
//   struct display --wake()--> view --display_take()--> front end's own thread
//   front end --display_request_size()--> device's resized()
//
// A surface is a pointer to pixels with width, height, stride and format. The pointer is good for
// every byte of it: who publishes has checked that. Pixels lie in guest RAM, which outlives every
// display (`memory` is NULL then), or in memory with a count of references, which a frame holds. So
// a device may drop or replace its surface at any moment and never waits for a reader. The guest
// may draw while a front end reads: what is torn is damaged again right after.
//
// Two ways to know what changed. A device that is told (virtio-gpu's flush) says display_damage().
// A `direct` surface is drawn into without anybody being told (ramfb, simple-framebuffer): somebody
// has to look, and that is display_take() (scan.c), so front ends of such a display call it on a
// timer, display_poll_ms() says how soon. Nobody looks while there is no front end.
//
// Locks. `lock` guards everything here and in the views but `wanted`. It is held for copying a few
// pointers and for setting bits, never while pixels are read or memory is allocated; so a vCPU may
// take it. `scan.lock` is taken by front ends only. Order: machine lock, scan.lock, lock; what a
// wake() takes comes last.
//
// Which thread: the device's functions under the machine lock (any thread of it); a view's from one
// thread each; display_request_size() and display_snapshot() from any. A front end detaches before
// the machine is destroyed.
#ifndef DEVICES_DISPLAY_DISPLAY_H
#define DEVICES_DISPLAY_DISPLAY_H

#include "base/error.h"
#include "base/thread.h"
#include "devices/display/format.h"
#include "devices/display/scan.h"

enum {
    DISPLAY_MAX_WIDTH = 8192,
    DISPLAY_MAX_HEIGHT = 8192,
    DISPLAY_MAX_CURSOR = 64,
    DISPLAY_MAX_VIEWS = 8,
    DISPLAY_DAMAGE_WORDS = DISPLAY_MAX_HEIGHT / 64,
};

// Pixels that are not guest RAM.
struct display_memory {
    int refs;                                    // atomic; made with 1
    void (*release)(struct display_memory *mem); // the last reference is gone; any thread
};
void display_memory_ref(struct display_memory *mem); // both accept NULL
void display_memory_unref(struct display_memory *mem);

struct display_surface {
    const uint8_t *data;    // first byte of the first line; NULL: the display is off
    uint32_t width, height; // pixels: 1 to DISPLAY_MAX_*
    uint32_t stride;        // bytes from a line to the next, at least a line's
    enum display_format format;
    bool direct;                   // drawn into without display_damage()
    uint64_t gpa;                  // guest address of data, for direct surfaces
    struct display_memory *memory; // NULL: guest RAM
};

// A pointer's image: ARGB8888, alpha premultiplied. Immutable once published.
struct display_cursor {
    struct display_memory memory;
    uint32_t width, height; // 1 to DISPLAY_MAX_CURSOR
    uint32_t hot_x, hot_y;
    uint32_t pixels[DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR]; // lines of width words
};

// Where the upper left corner of the image is (its hot spot is hot_x, hot_y further).
struct display_pointer {
    struct display_cursor *cursor; // NULL: the device draws none, or hides it
    int32_t x, y;
};

// A front end's seat at a display. Fields are the display's.
struct display_view {
    struct display *display;
    // Something is there to take: called once after each display_take(), by any thread, often a
    // vCPU's, under the display's lock: it must not block and not call back (write to an eventfd,
    // push an event). May be NULL (a front end that only polls).
    void (*wake)(void *opaque);
    void *opaque;
    uint64_t damage[DISPLAY_DAMAGE_WORDS]; // bit n % 64 of word n / 64 is line n
    int changed;                           // DISPLAY_CHANGED_*
    bool woken;
};

enum {
    DISPLAY_CHANGED_MODE = 1,    // another size or format, or switched on or off
    DISPLAY_CHANGED_DAMAGE = 2,  // lines
    DISPLAY_CHANGED_CURSOR = 4,  // the pointer's image, or whether there is one
    DISPLAY_CHANGED_POINTER = 8, // where it is
};

// What display_take() gives: valid until display_frame_release().
struct display_frame {
    int changed; // DISPLAY_CHANGED_*; on a change of mode all lines are damaged
    struct display_surface surface;
    uint64_t generation; // counts surfaces of another size, format or place
    uint64_t damage[DISPLAY_DAMAGE_WORDS];
    struct display_pointer pointer;
};

struct display_ops {
    // A front end would like another size (display_wanted_size()). Any thread, no lock; must not
    // block: arm a timer, say.
    void (*resized)(void *opaque);
};

struct display {
    const char *name;              // "ramfb", for the user
    const struct display_ops *ops; // may be NULL: a display that cannot be resized
    void *opaque;
    struct mutex lock;
    struct display_surface surface;                // lock
    struct display_pointer pointer;                // lock
    uint64_t generation;                           // lock
    uint64_t drawn;                 // lock: the generation of a direct surface that is not blank
    struct display_view *views[DISPLAY_MAX_VIEWS]; // lock
    uint64_t wanted;                               // atomic; width << 32 | height; 0: nobody said
    struct scan scan;                              // of direct surfaces
};

// The device's side ------------------------------------------------------------------------------

void display_init(struct display *d, const char *name, const struct display_ops *ops, void *opaque);
void display_fini(struct display *d); // no view is attached any more

// Shows s (copied; a reference to s->memory is taken, the caller keeps its own), or switches the
// display off (NULL). Everything of it counts as damaged. Showing the same again is no change of
// mode.
void display_set_surface(struct display *d, const struct display_surface *s);

// Lines first .. first+count-1 were drawn; clipped to the surface.
void display_damage(struct display *d, uint32_t first, uint32_t count);

// Takes a reference to cursor (may be NULL: no pointer).
void display_set_cursor(struct display *d, struct display_cursor *cursor, int32_t x, int32_t y);
void display_move_pointer(struct display *d, int32_t x, int32_t y);

// A new image with one reference; width and height at most DISPLAY_MAX_CURSOR; pixels are zero.
struct display_cursor *display_cursor_create(uint32_t width, uint32_t height);

// The size that a front end wants; false when none said.
bool display_wanted_size(struct display *d, uint32_t *width, uint32_t *height);

// The front end's side ---------------------------------------------------------------------------

// v is zeroed and filled; the first take gives the present picture. False: too many views.
bool display_attach(struct display *d, struct display_view *v, void (*wake)(void *opaque),
                    void *opaque);
void display_detach(struct display_view *v); // accepts one that is not attached

// Takes what changed since the last time. True: something did, and the frame holds references until
// display_frame_release(). False: nothing did (a direct surface was looked at), frame is not to be
// used. A display that is off has changed with surface.data NULL.
bool display_take(struct display_view *v, struct display_frame *frame);
void display_frame_release(struct display_frame *frame);

// How many milliseconds to wait until the next take is worth it if wake() does not come first: -1
// for ever (nobody draws without saying so), else 16 rising to 100 while nothing happens.
int display_poll_ms(struct display_view *v);

static inline bool display_frame_line(const struct display_frame *frame, uint32_t line)
{
    return frame->damage[line / 64] >> line % 64 & 1;
}

// The next run of damaged lines at or after *first: sets *first and returns how many lines, 0 for
// no more.
uint32_t display_frame_next(const struct display_frame *frame, uint32_t *first);

// Converts lines first .. first+count-1 of the surface to 0xffRRGGBB words; a line of `to` is
// to_stride bytes after the one before (at least 4 * width).
void display_convert(const struct display_surface *s, uint32_t first, uint32_t count, void *to,
                     size_t to_stride);

// The window's size in pixels, for devices whose guests can follow (virtio-gpu). Clamped to what a
// display can have. false: this one cannot.
bool display_request_size(struct display *d, uint32_t width, uint32_t height);

// Whether something is shown.
bool display_is_on(struct display *d);

// Draws the device's pointer over a picture of XRGB8888 words, clipped; stride in bytes.
void display_draw_pointer(const struct display_pointer *p, uint32_t *pixels, uint32_t width,
                          uint32_t height, size_t stride);

struct display_image {
    uint32_t width, height;
    uint32_t *pixels; // 0xffRRGGBB, width * height, owned
};

// A copy of what is shown; with_pointer draws the device's pointer into it. False (with the name of
// the display in err): it is off. Any thread; converts without a lock.
bool display_snapshot(struct display *d, bool with_pointer, struct display_image *image,
                      struct error *err);
void display_image_fini(struct display_image *image);

// Whether it is on and nobody has drawn yet: a direct surface that has been all zero ever since it was
// published. Any thread.
bool display_is_blank(struct display *d);

// Of several displays the one to show first: the last that is on and not blank, or the last that is
// on, or the last, or NULL if n is 0.
struct display *display_pick(struct display *const *displays, size_t n);

#endif
