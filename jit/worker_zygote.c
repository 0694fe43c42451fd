// SPDX-License-Identifier: GPL-3.0-or-later
// The zygote: a copy of armlet from when it was small, that forks workers, kills them when told,
// and reports how they ended and what they used. It ends when armlet's end of the socket is gone.
//
// Each worker leads a process group (it runs `as`), and has a directory for temporary files, both
// of which go when it goes. The directories are in one of the zygote's, held by a lock, so that
// a later armlet can tell which were left by a zygote that was killed.
#include "jit/worker_wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCESSES (2 * COMPILE_MAX_WORKERS) // those that are set aside or dying among them
#define TMP_PREFIX "armlet-cc-"
#define TMP_SPACE  (UINT64_C(16) << 20) // a memory file system with less is not used

struct child {
    pid_t pid; // 0: free
    uint32_t serial;
};

struct zygote {
    const struct compile_options *options;
    int control, signals;
    pid_t parent;
    char tmp[64]; // "": none
    int tmp_lock;
    pid_t tender; // 0: none
    struct child children[MAX_PROCESSES];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

// Directories whose zygote is gone. Only our own user's are touched.
static void sweep(const char *where)
{
    DIR *d = opendir(where);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[320];
        struct stat st;
        if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)))
            continue;
        snprintf(path, sizeof path, "%s/%s", where, e->d_name);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        // One that was made this moment may not be locked yet: its zygote makes another then.
        bool ours = fstat(fd, &st) == 0 && st.st_uid == geteuid();
        if (ours && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_tree(path);
        close(fd);
    }
    if (d)
        closedir(d);
}

// Takes the new directory, unless somebody who swept has taken it for one that was left.
static bool lock_tmp(struct zygote *z)
{
    struct stat mine, there;
    z->tmp_lock = open(z->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (z->tmp_lock < 0)
        return false;
    if (flock(z->tmp_lock, LOCK_EX) == 0 && fstat(z->tmp_lock, &mine) == 0 &&
        lstat(z->tmp, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        return true;
    close(z->tmp_lock);
    z->tmp_lock = -1;
    return false;
}

static bool make_tmp(struct zygote *z, const char *where, bool memory)
{
    struct statvfs fs;
    if (strlen(where) > sizeof z->tmp - sizeof TMP_PREFIX - 8 || access(where, W_OK | X_OK) ||
        (memory && (statvfs(where, &fs) || (uint64_t)fs.f_bavail * fs.f_frsize < TMP_SPACE)))
        return false;
    sweep(where);
    for (unsigned tries = 0; tries < 8; tries++) {
        snprintf(z->tmp, sizeof z->tmp, "%s/" TMP_PREFIX "XXXXXX", where);
        if (mkdtemp(z->tmp) && lock_tmp(z))
            return true;
    }
    z->tmp[0] = 0;
    return false;
}

static void worker_tmp(const struct zygote *z, uint32_t serial, char *out, size_t size)
{
    snprintf(out, size, "%s/%u", z->tmp, serial);
}

static void send_event(const struct zygote *z, const struct zygote_event *e)
{
    while (send(z->control, e, sizeof *e, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

// The new process: nothing of the zygote's stays open, signals are as for any program.
static void become_worker(const struct zygote *z, int fd, uint32_t serial)
{
    sigset_t none;
    char tmp[96];
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != z->parent)
        _exit(0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int mine = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (mine < 0 || dup2(mine, 3) != 3)
        _exit(1);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    worker_tmp(z, serial, tmp, sizeof tmp);
    worker_main(z->options, 3, tmp);
}

static void spawn(struct zygote *z, int fd, uint32_t serial)
{
    struct child *c = NULL;
    char tmp[96];
    for (unsigned i = 0; i < ARRAY_SIZE(z->children) && !c; i++)
        if (!z->children[i].pid)
            c = &z->children[i];
    worker_tmp(z, serial, tmp, sizeof tmp);
    mkdir(tmp, 0700);
    pid_t pid = c ? fork() : -1;
    if (pid == 0)
        become_worker(z, fd, serial);
    close(fd);
    if (pid < 0) {
        remove_tree(tmp);
        send_event(z,
                   &(struct zygote_event){.what = ZYGOTE_EXITED, .serial = serial, .status = -1});
        return;
    }
    setpgid(pid, pid);
    *c = (struct child){pid, serial};
}

static uint64_t cpu_us(const struct rusage *u)
{
    return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

// Buries what has ended. A dead worker's group is killed before its id can be another's.
static void reap(struct zygote *z)
{
    for (unsigned i = 0; i < ARRAY_SIZE(z->children); i++) {
        struct child *c = &z->children[i];
        siginfo_t info = {0};
        struct zygote_event e = {.what = ZYGOTE_EXITED, .serial = c->serial};
        struct rusage usage;
        char tmp[96];
        if (!c->pid || waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            info.si_pid != c->pid)
            continue;
        kill(-c->pid, SIGKILL);
        if (wait4(c->pid, &e.status, 0, &usage) == c->pid)
            e.cpu_us = cpu_us(&usage);
        c->pid = 0;
        worker_tmp(z, c->serial, tmp, sizeof tmp);
        remove_tree(tmp);
        send_event(z, &e);
    }
}

static void signal_worker(struct zygote *z, uint32_t serial, int signo)
{
    for (unsigned i = 0; i < ARRAY_SIZE(z->children); i++)
        if (z->children[i].pid && z->children[i].serial == serial)
            kill(-z->children[i].pid, signo);
}

// False: armlet is gone.
static bool take_command(struct zygote *z)
{
    struct zygote_command c;
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&c, sizeof c};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t n = recvmsg(z->control, &m, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (n != sizeof c)
        return false;
    struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
    int fd = -1;
    if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(cm), sizeof fd);
    switch (c.what) {
    case ZYGOTE_SPAWN:
        if (fd >= 0)
            spawn(z, fd, c.serial);
        break;
    case ZYGOTE_KILL: signal_worker(z, c.serial, SIGKILL); break;
    case ZYGOTE_STOP: signal_worker(z, c.serial, SIGSTOP); break;
    case ZYGOTE_GO_ON: signal_worker(z, c.serial, SIGCONT); break;
    }
    return true;
}

static bool find_assembler(void)
{
    const char *path = getenv("PATH");
    char name[512];
    while (path && *path) {
        size_t n = strcspn(path, ":");
        if (snprintf(name, sizeof name, "%.*s/as", (int)n, path) < (int)sizeof name &&
            access(name, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

// Has the cache read into memory and tidied up, beside everything else.
static void tend_cache(struct zygote *z)
{
    if (!z->options->cache)
        return;
    pid_t pid = fork();
    if (pid > 0)
        z->tender = pid;
    if (pid)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cache_warm(z->options->cache);
    setpriority(PRIO_PROCESS, 0, 19);
    cache_merge(z->options->cache);
    _exit(0);
}

// stdin and stdout are nobody's, stderr only when asked for; the control socket is 3.
static int keep_only(int control, bool log_stderr)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high = fcntl(control, F_DUPFD_CLOEXEC, 64);
    if (null < 0 || high < 0)
        _exit(1);
    dup2(null, 0);
    dup2(null, 1);
    if (!log_stderr)
        dup2(null, 2);
    dup2(high, 3);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    return 3;
}

static int open_signals(void)
{
    static const int defaults[] = {SIGINT,  SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM,
                                   SIGSEGV, SIGBUS, SIGABRT, SIGILL,  SIGFPE};
    sigset_t set;
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        signal(defaults[i], SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// False: told to end.
static bool take_signals(struct zygote *z)
{
    struct signalfd_siginfo s;
    bool stay = true;
    while (read(z->signals, &s, sizeof s) == sizeof s)
        if (s.ssi_signo == SIGTERM)
            stay = false;
    if (z->tender && waitpid(z->tender, NULL, WNOHANG) == z->tender)
        z->tender = 0;
    reap(z);
    return stay;
}

static void serve(struct zygote *z)
{
    struct pollfd fds[2] = {{z->control, POLLIN, 0}, {z->signals, POLLIN, 0}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents && !take_signals(z))
            return;
        if (fds[0].revents && !take_command(z))
            return;
    }
}

void zygote_main(const struct compile_options *options, int control)
{
    static const char *const memory[] = {"/dev/shm", "/run/shm"};
    const char *tmpdir = getenv("TMPDIR");
    struct zygote z = {.options = options, .parent = getpid(), .tmp_lock = -1};
    prctl(PR_SET_NAME, "armlet-zygote");
    setpgid(0, 0);
    z.control = keep_only(control, options->log_stderr);
    z.signals = open_signals();
    umask(077);
    for (size_t i = 0; i < ARRAY_SIZE(memory) && !z.tmp[0]; i++)
        make_tmp(&z, memory[i], true);
    if (!z.tmp[0] && !(tmpdir && make_tmp(&z, tmpdir, false)))
        make_tmp(&z, "/tmp", false);
    if (options->needs_assembler && !find_assembler())
        send_event(&z, &(struct zygote_event){.what = ZYGOTE_NO_ASSEMBLER});
    tend_cache(&z);
    if (z.signals >= 0 && z.tmp[0])
        serve(&z);
    if (z.tender) {
        kill(z.tender, SIGKILL);
        waitpid(z.tender, NULL, 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(z.children); i++) {
        if (!z.children[i].pid)
            continue;
        kill(-z.children[i].pid, SIGKILL);
        waitpid(z.children[i].pid, NULL, 0);
    }
    if (z.tmp[0])
        remove_tree(z.tmp);
    _exit(0);
}
