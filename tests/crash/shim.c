/*
 * Counts the calls that change what is on disk, and lets the Nth go wrong: a plug pulled, or a disk that fails, at an exact instant.
 *
 * Loaded in front of libc. FAULT_AT=N, FAULT=what happens before the Nth call: kill, exit, stop (whoever watches then does as he likes, such
 * as cutting the power), or the call fails with eio, enospc or eintr. FAULT=emfile counts every opening, reading ones too, and fails the
 * Nth; FAULT=eread counts every reading of a file, and the Nth meets a bad sector. FAULT=eio*M: the Nth and the M - 1 after it. FAULT_ON="call fragment" counts only that call, on paths that contain the fragment. FAULT_LOG=FILE appends one line a call: its
 * number, the process, its name, its path. A process that is forked ready-made calls fault_arm() to begin at one. Children of the daemon are started without this environment, so that only the daemon is counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long seen, at, times;
static int log_fd = -1;
static enum { ACTS, OPENINGS, READINGS } counted;
static char how[16], on_call[16], on_path[64];

#define REAL(type, name, args) static type(*real) args; if (!real) real = dlsym(RTLD_NEXT, name)

static int real_open(const char *path, int flags, mode_t mode)
{
    REAL(int, "open", (const char *, int, ...));
    return real(path, flags, mode);
}

__attribute__((constructor)) void fault_arm(void)
{
    const char *n = getenv("FAULT_AT"), *what = getenv("FAULT"), *path = getenv("FAULT_LOG"), *on = getenv("FAULT_ON");
    seen = 0;
    at = n ? atol(n) : 0;
    times = 1;
    sscanf(what ? what : "kill", "%15[a-z]*%ld", how, &times);
    counted = !strcmp(how, "emfile") ? OPENINGS : !strcmp(how, "eread") ? READINGS : ACTS;
    on_call[0] = on_path[0] = 0;
    if (on)
        sscanf(on, "%15s %63s", on_call, on_path);
    log_fd = path && *path ? real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

static const char *name_of(int fd, const char *path, char *name, size_t room)
{
    char link[64];
    if (path)
        return path;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, name, room - 1);
    name[size > 0 ? size : 0] = 0;
    return name;
}

/* 0: go on; else the call fails, and errno says how. */
static int fault(const char *what, int fd, const char *path, const char *to)
{
    if (!at && log_fd < 0)
        return 0;
    int saved = errno;
    char name[4096] = "";
    if (log_fd >= 0 || *on_call)
        path = name_of(fd, path, name, sizeof name);
    errno = saved;
    if (*on_call && (strcmp(what, on_call) || !strstr(to ? to : path, on_path)))
        return 0;
    long n = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (log_fd >= 0)
        dprintf(log_fd, "%ld %d %s %s%s%s\n", n, getpid(), what, path, to ? " -> " : "", to ? to : "");
    errno = saved;
    if (n < at || n >= at + times)
        return 0;
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
    else if (!strcmp(how, "exit"))
        _exit(70);
    else if (!strcmp(how, "stop"))
        raise(SIGSTOP);
    else {
        errno = !strcmp(how, "enospc") ? ENOSPC : !strcmp(how, "emfile") ? EMFILE : !strcmp(how, "eintr") ? EINTR : EIO;
        return 1;
    }
    errno = saved;
    return 0;
}

static int act(const char *what, int fd, const char *path, const char *to) { return counted == ACTS ? fault(what, fd, path, to) : 0; }

static int opening(const char *path, int flags)
{
    return counted == OPENINGS || (counted == ACTS && flags & (O_CREAT | O_TRUNC)) ? fault("open", -1, path, NULL) : 0;
}

/* Only files: sockets, pipes and the standard streams are no disk. */
static int a_file(int fd)
{
    struct stat found;
    return (at || log_fd >= 0) && fd > 2 && !fstat(fd, &found) && S_ISREG(found.st_mode);
}

static int writing(const char *what, int fd) { return counted == ACTS && a_file(fd) ? fault(what, fd, NULL, NULL) : 0; }

static int reading(const char *what, int fd) { return counted == READINGS && a_file(fd) ? fault(what, fd, NULL, NULL) : 0; }

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name) \
    int name(const char *p, int f, ...) { REAL(int, #name, (const char *, int, ...)); va_list r; va_start(r, f); mode_t m = mode_of(f, r); \
        va_end(r); return opening(p, f) ? -1 : real(p, f, m); }
#define OPENAT(name) \
    int name(int d, const char *p, int f, ...) { REAL(int, #name, (int, const char *, int, ...)); va_list r; va_start(r, f); mode_t m = mode_of(f, r); \
        va_end(r); return opening(p, f) ? -1 : real(d, p, f, m); }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

#define CALL(type, name, params, args, fd, path, to) \
    type name params { REAL(type, #name, params); return act(#name, fd, path, to) ? -1 : real args; }
CALL(int, fsync, (int fd), (fd), fd, NULL, NULL)
CALL(int, fdatasync, (int fd), (fd), fd, NULL, NULL)
CALL(int, syncfs, (int fd), (fd), fd, NULL, NULL)
CALL(int, rename, (const char *a, const char *b), (a, b), -1, a, b)
CALL(int, renameat, (int d, const char *a, int e, const char *b), (d, a, e, b), -1, a, b)
CALL(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f), -1, a, b)
CALL(int, link, (const char *a, const char *b), (a, b), -1, a, b)
CALL(int, unlink, (const char *p), (p), -1, p, NULL)
CALL(int, unlinkat, (int d, const char *p, int f), (d, p, f), -1, p, NULL)
CALL(int, mkdir, (const char *p, mode_t m), (p, m), -1, p, NULL)
CALL(int, rmdir, (const char *p), (p), -1, p, NULL)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), fd, NULL, NULL)
CALL(int, ftruncate64, (int fd, off_t n), (fd, n), fd, NULL, NULL)

#define WRITE(name, params, args, fd) ssize_t name params { REAL(ssize_t, #name, params); return writing(#name, fd) ? -1 : real args; }
WRITE(write, (int fd, const void *b, size_t n), (fd, b, n), fd)
WRITE(pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), fd)
WRITE(pwrite64, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), fd)
WRITE(sendfile, (int fd, int from, off_t *o, size_t n), (fd, from, o, n), fd)
WRITE(sendfile64, (int fd, int from, off_t *o, size_t n), (fd, from, o, n), fd)
WRITE(copy_file_range, (int from, off_t *o, int fd, off_t *p, size_t n, unsigned f), (from, o, fd, p, n, f), fd)

#define READ(name, params, args, fd) ssize_t name params { REAL(ssize_t, #name, params); return reading(#name, fd) ? -1 : real args; }
READ(read, (int fd, void *b, size_t n), (fd, b, n), fd)
READ(pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), fd)
READ(pread64, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), fd)
