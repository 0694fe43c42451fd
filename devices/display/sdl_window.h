// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of the window share. Calls go one way:
//
//   sdl.c  life, events --+--> sdl_input.c  keys, pointer, grab --+
//                         |                                       v
//                         +----------------------> sdl_title.c, sdl_picture.c
//                         +--> sdl_pace.c  when to draw
//
// Threads. The process's first thread waits in SDL for events and does everything that SDL does. A
// second one, the pacer, brings the viewer's copy of the guest's picture up to date and says by an
// event that there is something to draw. All functions but sdl_pace_stop() are the first thread's.
#ifndef DEVICES_DISPLAY_SDL_WINDOW_H
#define DEVICES_DISPLAY_SDL_WINDOW_H

#include "devices/display/viewer.h"

#include <SDL.h>

enum { TITLE_MS = 1000 }; // the title's figures are renewed so often

enum { EVENT_REFRESH, EVENT_STOP, EVENTS }; // offsets from first_event

struct sdl {
    // Both threads read these; they stay as sdl_create() has made them.
    struct front_config config;
    SDL_Window *window;
    uint32_t first_event;

    // Under viewer_lock: the pacer holds it while it looks, the first thread while it handles
    // events and draws.
    struct mutex viewer_lock;
    struct viewer viewer;        // its wake_fd stays, and is read without the lock
    struct viewer_change change; // since the last refresh was served

    // The first thread's, up to `pace`. What is drawn, and with what:
    SDL_Renderer *renderer;
    bool in_memory;       // the renderer draws in the window's own pixels,
    SDL_Surface *surface; // these
    SDL_Texture *texture; // the picture, viewer.width by viewer.height
    SDL_Texture *pointer; // the guest's, or NULL
    struct {
        bool all;                       // the whole window
        uint32_t first, end;            // lines of the picture; none if equal
    } stale;                            // what is to be drawn; others may set `all`
    int64_t pointer_first, pointer_end; // lines of the picture where the pointer was drawn last

    // What the user has done:
    bool smooth, user_sized, grabbed, closing;

    struct {
        uint64_t instructions;
        uint64_t ms;
        unsigned mips;
        bool paused;
    } title; // when it was last renewed

    struct {
        pthread_t thread;  // the pacer; 0 before sdl_pace_start()
        struct mutex lock; // of the rest, which is both threads'; `stop` is set by any
        pthread_cond_t changed;
        bool served; // the last refresh
        bool stop;
    } pace;
};

// sdl_pace.c
void sdl_pace_init(struct sdl *s);
// The viewer, the window and the events are there.
void sdl_pace_start(struct sdl *s);
// What EVENT_REFRESH asked for has been done: there may be another.
void sdl_pace_served(struct sdl *s);
// Any thread. Ends the pacer, and wakes the first thread by EVENT_STOP.
void sdl_pace_stop(struct sdl *s);
bool sdl_pace_stopped(struct sdl *s);
// Waits for the pacer, if it was started.
void sdl_pace_fini(struct sdl *s);

// sdl_picture.c
// Opens the window and makes its renderer; false: err says why not.
bool sdl_picture_init(struct sdl *s, struct error *err);
void sdl_picture_fini(struct sdl *s);
// Takes over what has changed in the viewer. Nothing is drawn before sdl_picture_draw().
void sdl_picture_apply(struct sdl *s, const struct viewer_change *c);
// Draws what is stale, if anything is.
void sdl_picture_draw(struct sdl *s);
// The renderer has lost what it had.
void sdl_picture_restore(struct sdl *s);
// The window's pixels are others now.
void sdl_picture_resized(struct sdl *s);
void sdl_picture_toggle_full_screen(struct sdl *s);
// The window takes the size of the guest's mode, unless the user has said how large it is to be.
void sdl_picture_fit_window(struct sdl *s);
// In the renderer's pixels: how many there are, and where the picture is among them.
void sdl_picture_output_size(struct sdl *s, int *w, int *h);
SDL_Rect sdl_picture_rect(struct sdl *s);

// sdl_title.c
// Says what the window is doing now.
void sdl_title_set(struct sdl *s);
// The same with new figures, when they are due.
void sdl_title_update(struct sdl *s);

// sdl_input.c
void sdl_input_key(struct sdl *s, const SDL_KeyboardEvent *e);
void sdl_input_text(struct sdl *s, const SDL_TextInputEvent *e);
void sdl_input_motion(struct sdl *s, const SDL_MouseMotionEvent *e);
void sdl_input_button(struct sdl *s, const SDL_MouseButtonEvent *e);
void sdl_input_wheel(struct sdl *s, const SDL_MouseWheelEvent *e);
// Another display is shown, perhaps: the console is typed at with letters, others with keys.
void sdl_input_follow(struct sdl *s);
void sdl_input_lost_focus(struct sdl *s);

// Whether a click is to grab the pointer: the guest wants motion, not places.
static inline bool sdl_wants_grab(const struct sdl *s)
{
    unsigned kinds = input_kinds(s->config.input);
    return kinds & INPUT_MOUSE && !(kinds & INPUT_TABLET);
}

#endif
