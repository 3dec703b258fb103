/* A broken disk, by LD_PRELOAD: from the Nth write or sync of a journal file on, the call fails.
 *
 * SHIM_DIR    files under this directory whose name holds "journal.sqlite" count
 * SHIM_CALL   "write" or "sync"
 * SHIM_FROM   the first call that fails, from 1
 * SHIM_TIMES  how many fail; 0: all from there on
 * SHIM_ERRNO  with which error
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int is_journal(int fd) {
    const char *directory = getenv("SHIM_DIR");
    char link[64], path[4096];
    if (!directory) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, directory, strlen(directory)) == 0 && strstr(path, "journal.sqlite") != NULL;
}

static int fails(int fd, const char *call) {
    const char *wanted = getenv("SHIM_CALL");
    int before = errno;
    if (!wanted || strcmp(wanted, call) != 0 || !is_journal(fd)) {
        errno = before;
        return 0;
    }
    long nth = atomic_fetch_add(&calls, 1) + 1, from = number("SHIM_FROM"), times = number("SHIM_TIMES");
    if (nth < from || (times > 0 && nth >= from + times)) {
        errno = before;
        return 0;
    }
    errno = (int)number("SHIM_ERRNO");
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return fails(fd, "write") ? -1 : syscall(SYS_write, fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return fails(fd, "write") ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return fails(fd, "write") ? -1 : syscall(SYS_pwrite64, fd, bytes, length, at);
}

int fsync(int fd) { return fails(fd, "sync") ? -1 : (int)syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return fails(fd, "sync") ? -1 : (int)syscall(SYS_fdatasync, fd); }
