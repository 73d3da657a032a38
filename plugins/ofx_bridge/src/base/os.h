/* The little that is asked of the operating system. Text is UTF-8 on all of them, paths too. */
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
/* Removes a file, if it is there. */
void remove_file(const char *path);
/* Shows a web address in the user's browser, without waiting for it; false if nothing can be started. */
bool open_in_browser(const char *address);

/* Appends a variable of the environment; false where it is not set or is empty. */
bool environment_text(const char *name, struct buffer *text);
/* Appends the folder of this user; false where the system knows none. */
bool home_folder(struct buffer *folder);
/* Appends the folder in which programs keep data of this user; false where the system knows none. */
bool user_data_folder(struct buffer *folder);
bool is_path_separator(char c);

/* A lock that can be waited for until a deadline. The C library's timed one needs a newer GLIBC than hosts have. */
struct lock {
  atomic_flag taken;
};

#define LOCK_FREE {ATOMIC_FLAG_INIT}

bool lock_until(struct lock *lock, int64_t deadline_ms);
void unlock(struct lock *lock);

#endif
