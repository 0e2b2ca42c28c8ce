/*
 * Counts the calls that change what is on disk, and kills the process before the Nth: a plug pulled at an exact instant.
 *
 * Loaded in front of libc. CRASH_AT=N kills before the Nth call; CRASH_LOG=FILE appends one line a call. Children of the daemon are
 * started without this environment, so that only the daemon is counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static long seen, at = -1;
static int log_fd = -2;

static void count(const char *what)
{
    if (at == -1) {
        const char *n = getenv("CRASH_AT");
        at = n ? atol(n) : 0;
    }
    seen++;
    if (log_fd == -2) {
        const char *path = getenv("CRASH_LOG");
        int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        log_fd = path ? real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    }
    if (log_fd >= 0)
        dprintf(log_fd, "%ld %s\n", seen, what);
    if (at > 0 && seen == at)
        kill(getpid(), SIGKILL);
}

#define REAL(type, name, args) static type(*real) args; if (!real) real = dlsym(RTLD_NEXT, name)

int fsync(int fd) { REAL(int, "fsync", (int)); count("fsync"); return real(fd); }
int fdatasync(int fd) { REAL(int, "fdatasync", (int)); count("fdatasync"); return real(fd); }
int syncfs(int fd) { REAL(int, "syncfs", (int)); count("syncfs"); return real(fd); }
int rename(const char *a, const char *b) { REAL(int, "rename", (const char *, const char *)); count("rename"); return real(a, b); }
int renameat(int d, const char *a, int e, const char *b) { REAL(int, "renameat", (int, const char *, int, const char *)); count("renameat"); return real(d, a, e, b); }
int renameat2(int d, const char *a, int e, const char *b, unsigned f) { REAL(int, "renameat2", (int, const char *, int, const char *, unsigned)); count("renameat2"); return real(d, a, e, b, f); }
int unlink(const char *p) { REAL(int, "unlink", (const char *)); count("unlink"); return real(p); }
int unlinkat(int d, const char *p, int f) { REAL(int, "unlinkat", (int, const char *, int)); count("unlinkat"); return real(d, p, f); }
int rmdir(const char *p) { REAL(int, "rmdir", (const char *)); count("rmdir"); return real(p); }
int mkdir(const char *p, mode_t m) { REAL(int, "mkdir", (const char *, mode_t)); count("mkdir"); return real(p, m); }
int ftruncate(int fd, off_t n) { REAL(int, "ftruncate", (int, off_t)); count("ftruncate"); return real(fd, n); }
int ftruncate64(int fd, off_t n) { REAL(int, "ftruncate64", (int, off_t)); count("ftruncate"); return real(fd, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(ssize_t, "pwrite", (int, const void *, size_t, off_t)); count("pwrite"); return real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { REAL(ssize_t, "pwrite64", (int, const void *, size_t, off_t)); count("pwrite"); return real(fd, b, n, o); }
