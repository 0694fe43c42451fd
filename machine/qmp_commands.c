// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/qmp_commands.h"

#include "machine/stats.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct command {
    const char *name;
    json_t *(*run)(struct qmp *q, json_t *args, struct qmp_error *err);
    const char *arguments;
} commands[] = {
#define QMP_COMMAND(name, handler, arguments) {name, qmp_##handler, arguments},
#include "machine/qmp_commands.def"
#undef QMP_COMMAND
};

json_t *qmp_fail(struct qmp_error *err, const char *class, const char *fmt, ...)
{
    va_list ap;
    err->class = class;
    va_start(ap, fmt);
    vsnprintf(err->error.text, sizeof err->error.text, fmt, ap);
    va_end(ap);
    return NULL;
}

json_t *qmp_fail_with(struct qmp_error *err, const struct error *why)
{
    return qmp_fail(err, "GenericError", "%s", why->text);
}

// Arguments --------------------------------------------------------------------------------------

static bool has_type(const json_t *v, char type, const char **name)
{
    switch (type) {
    case 's':
        *name = "string";
        // A NUL inside would end the string early for whoever looks next.
        return json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v);
    case 'i':
        *name = "integer";
        return json_is_integer(v);
    case 'b':
        *name = "boolean";
        return json_is_boolean(v);
    default:
        *name = "array";
        return json_is_array(v);
    }
}

// The argument that stands at the front of a row's list. Returns what follows.
static const char *next_argument(const char *list, char name[32], bool *optional, char *type)
{
    size_t n = strcspn(list, ":?");
    snprintf(name, 32, "%.*s", (int)n, list);
    *optional = list[n] == '?';
    *type = list[n + 1];
    list += n + 2;
    return list + (*list == ' ');
}

static bool is_known(const char *list, const char *key)
{
    char name[32], type;
    bool optional;
    while (*list) {
        list = next_argument(list, name, &optional, &type);
        if (!strcmp(name, key))
            return true;
    }
    return false;
}

static bool check_arguments(const char *list, json_t *args, struct qmp_error *err)
{
    char name[32], type;
    bool optional;
    const char *key, *expected;
    json_t *value;
    json_object_foreach(args, key, value) if (!is_known(list, key))
    {
        qmp_fail(err, "GenericError", "Parameter '%.60s' is unexpected", key);
        return false;
    }
    while (*list) {
        list = next_argument(list, name, &optional, &type);
        value = json_object_get(args, name);
        if (!value && !optional) {
            qmp_fail(err, "GenericError", "Parameter '%s' is missing", name);
            return false;
        }
        if (value && !has_type(value, type, &expected)) {
            qmp_fail(err, "GenericError", "Invalid parameter type for '%s', expected: %s", name,
                     expected);
            return false;
        }
    }
    return true;
}

json_t *qmp_execute(struct qmp *q, const char *name, json_t *args, struct qmp_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(commands[i].name, name))
            return check_arguments(commands[i].arguments, args, err) ? commands[i].run(q, args, err)
                                                                     : NULL;
    return qmp_fail(err, "CommandNotFound", "The command %.60s has not been found", name);
}

void qmp_init(struct qmp *q, struct machine *m)
{
    *q = (struct qmp){.m = m};
    key_queue_init(&q->keys, m);
}

void qmp_fini(struct qmp *q)
{
    key_queue_fini(&q->keys);
}

// The machine ------------------------------------------------------------------------------------

json_t *qmp_stop(struct qmp *q, json_t *args, struct qmp_error *err)
{
    machine_pause(q->m);
    return json_object();
}

json_t *qmp_cont(struct qmp *q, json_t *args, struct qmp_error *err)
{
    if (!machine_resume(q->m))
        return qmp_fail(err, "GenericError", "the debugger holds the machine");
    return json_object();
}

json_t *qmp_quit(struct qmp *q, json_t *args, struct qmp_error *err)
{
    __atomic_store_n(&q->quit, true, __ATOMIC_SEQ_CST);
    machine_request(q->m, MACHINE_QUIT);
    return json_object();
}

json_t *qmp_system_reset(struct qmp *q, json_t *args, struct qmp_error *err)
{
    machine_request(q->m, MACHINE_RESET);
    return json_object();
}

json_t *qmp_system_powerdown(struct qmp *q, json_t *args, struct qmp_error *err)
{
    machine_power_key(q->m);
    return json_object();
}

// Questions --------------------------------------------------------------------------------------

json_t *qmp_version(void)
{
    int major = 0, minor = 0, micro = 0;
    sscanf(ARMLET_VERSION, "%d.%d.%d", &major, &minor, &micro);
    return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "major", major, "minor", minor, "micro",
                     micro, "package", "armlet " ARMLET_VERSION);
}

json_t *qmp_query_version(struct qmp *q, json_t *args, struct qmp_error *err)
{
    return qmp_version();
}

json_t *qmp_query_status(struct qmp *q, json_t *args, struct qmp_error *err)
{
    bool paused = machine_is_paused(q->m);
    return json_pack("{s:s, s:b, s:b}", "status", paused ? "paused" : "running", "running", !paused,
                     "singlestep", 0);
}

json_t *qmp_query_name(struct qmp *q, json_t *args, struct qmp_error *err)
{
    const char *name = q->m->config->name;
    json_t *text = name ? json_string(name) : NULL; // NULL as well for what is not UTF-8
    json_t *r = json_object();
    if (text)
        json_object_set_new(r, "name", text);
    return r;
}

json_t *qmp_query_commands(struct qmp *q, json_t *args, struct qmp_error *err)
{
    json_t *list = json_array();
    json_array_append_new(list, json_pack("{s:s}", "name", "qmp_capabilities"));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        json_array_append_new(list, json_pack("{s:s}", "name", commands[i].name));
    return list;
}

json_t *qmp_query_cpus_fast(struct qmp *q, json_t *args, struct qmp_error *err)
{
    json_t *list = json_array();
    char path[64];
    for (unsigned n = 0; n < q->m->nr_cpus; n++) {
        snprintf(path, sizeof path, "/machine/unattached/device[%u]", n);
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:i, s:s, s:{s:i}}", "cpu-index", n, "qom-path",
                                        path, "thread-id", vcpu_thread_id(&q->m->threads[n]),
                                        "target", "aarch64", "props", "core-id", n));
    }
    return list;
}

static void add_stat(void *opaque, const char *name, uint64_t value)
{
    json_array_append_new(opaque,
                          json_pack("{s:s, s:I}", "name", name, "value", (json_int_t)value));
}

json_t *qmp_query_stats(struct qmp *q, json_t *args, struct qmp_error *err)
{
    const char *target = json_string_value(json_object_get(args, "target"));
    json_t *list = json_array();
    if (!strcmp(target, "vm")) {
        json_t *stats = json_array();
        stats_vm(q->m, add_stat, stats);
        json_array_append_new(list, json_pack("{s:s, s:o}", "provider", "armlet", "stats", stats));
        return list;
    }
    if (strcmp(target, "vcpu")) {
        json_decref(list);
        return qmp_fail(err, "GenericError", "Parameter 'target' does not accept value '%.60s'",
                        target);
    }
    for (unsigned n = 0; n < q->m->nr_cpus; n++) {
        json_t *stats = json_array();
        char path[64];
        snprintf(path, sizeof path, "/machine/unattached/device[%u]", n);
        stats_cpu(q->m, n, add_stat, stats);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "provider", "armlet", "qom-path",
                                              path, "stats", stats));
    }
    return list;
}

// Events -----------------------------------------------------------------------------------------

char *qmp_event_line(struct qmp *q, enum machine_event event)
{
    static const struct {
        const char *name, *reason;
        int guest;
    } rows[] = {
        [MACHINE_EVENT_STOP] = {"STOP", NULL, 0},
        [MACHINE_EVENT_RESUME] = {"RESUME", NULL, 0},
        [MACHINE_EVENT_RESET] = {"RESET", "guest-reset", 1},
        [MACHINE_EVENT_POWERDOWN] = {"POWERDOWN", NULL, 0},
        [MACHINE_EVENT_SHUTDOWN_GUEST] = {"SHUTDOWN", "guest-shutdown", 1},
        [MACHINE_EVENT_SHUTDOWN_SIGNAL] = {"SHUTDOWN", "host-signal", 0},
        [MACHINE_EVENT_SHUTDOWN_USER] = {"SHUTDOWN", "host-ui", 0},
    };
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const char *reason = rows[event].reason;
    if (event == MACHINE_EVENT_SHUTDOWN_USER && __atomic_load_n(&q->quit, __ATOMIC_SEQ_CST))
        reason = "host-qmp-quit";
    json_t *line =
        json_pack("{s:{s:I, s:I}, s:s}", "timestamp", "seconds", (json_int_t)t.tv_sec,
                  "microseconds", (json_int_t)(t.tv_nsec / 1000), "event", rows[event].name);
    if (reason)
        json_object_set_new(line, "data",
                            json_pack("{s:b, s:s}", "guest", rows[event].guest, "reason", reason));
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    return text;
}
