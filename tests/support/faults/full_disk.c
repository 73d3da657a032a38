/* Preloaded into a process: writes to chosen files fail as on a full disk.
 *
 * FULL_DISK names a file with lines PART or PART|WITNESS: a path that contains PART has no room, with a
 * witness only while that file exists. As on a real disk the first write may go through in part.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int is_full(const char *path) {
    char copy[4096];
    const char *list = getenv("FULL_DISK");
    int fd = list ? (int)syscall(SYS_openat, AT_FDCWD, list, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return 0;
    ssize_t size = syscall(SYS_read, fd, copy, sizeof copy - 1);
    syscall(SYS_close, fd);
    if (size <= 0) return 0;
    copy[size] = 0;
    char *next = copy;
    for (char *line; (line = strsep(&next, "\n")) != NULL;) {
        char *part = strsep(&line, "|");
        if (*part && strstr(path, part) && (!line || syscall(SYS_faccessat, AT_FDCWD, line, F_OK) == 0)) return 1;
    }
    return 0;
}

static int fd_is_full(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return path[0] == '/' && is_full(path);
}

/* What still fits of `count` bytes: half, until one is left. */
#define FITS(fd, count) (fd_is_full(fd) ? (count) / 2 : (count))

ssize_t write(int fd, const void *data, size_t count) {
    int saved = errno;
    size_t fits = FITS(fd, count);
    errno = saved;
    if (count && !fits) { errno = ENOSPC; return -1; }
    return syscall(SYS_write, fd, data, fits);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
    int saved = errno;
    size_t fits = FITS(fd, count);
    errno = saved;
    if (count && !fits) { errno = ENOSPC; return -1; }
    return syscall(SYS_pwrite64, fd, data, fits, offset);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) { return pwrite64(fd, data, count, offset); }

int posix_fallocate(int fd, off_t offset, off_t size) {
    if (fd_is_full(fd)) return ENOSPC;
    return (int)syscall(SYS_fallocate, fd, 0, offset, size) ? errno : 0;
}

static int refused(const char *path, int flags) {
    if (!(flags & O_CREAT) || syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0 || !is_full(path)) return 0;
    errno = ENOSPC;
    return 1;
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return refused(path, flags) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return refused(path, flags) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int mkdir(const char *path, mode_t mode) {
    if (is_full(path)) { errno = ENOSPC; return -1; }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
