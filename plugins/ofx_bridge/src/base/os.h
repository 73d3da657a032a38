/* The little that is asked of the operating system. */
#ifndef PEANUT_BASE_OS_H
#define PEANUT_BASE_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Milliseconds of a clock that never jumps. Deadlines are points on it. */
int64_t now_ms(void);
void sleep_ms(int64_t duration_ms);
/* Random bytes from the system; false where it has none. */
bool random_bytes(void *bytes, size_t count);
/* Reads a whole file of at most `limit` bytes; false if it cannot be read. */
bool read_file(const char *path, size_t limit, struct buffer *content);
/* Writes a new file for this user alone; false if it exists or cannot be written (nothing is left then). */
bool write_new_file(const char *path, const void *bytes, size_t count);
/* Shows a web address in the user's browser, without waiting for it; false if nothing can be started. */
bool open_in_browser(const char *address);

/* A lock that can be waited for until a deadline. The C library's timed one needs a newer GLIBC than hosts have. */
struct lock {
  atomic_flag taken;
};

#define LOCK_FREE {ATOMIC_FLAG_INIT}

bool lock_until(struct lock *lock, int64_t deadline_ms);
void unlock(struct lock *lock);

#endif
