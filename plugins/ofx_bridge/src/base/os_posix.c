#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"

/* How long a waiter for a lock sleeps between two looks: far below a frame's time. */
#define LOCK_PAUSE_NS 200000L

extern char **environ;

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int64_t duration_ms) {
  if (duration_ms <= 0) return;
  struct timespec pause = {duration_ms / 1000, (long)(duration_ms % 1000) * 1000000L};
  while (nanosleep(&pause, &pause) != 0 && errno == EINTR) continue;
}

bool random_bytes(void *bytes, size_t count) {
  int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  size_t done = 0;
  while (done < count) {
    ssize_t got = read(file, (char *)bytes + done, count - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += (size_t)got;
  }
  close(file);
  return done == count;
}

bool read_file(const char *path, size_t limit, struct buffer *content) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool whole = false;
  off_t length = lseek(file, 0, SEEK_END);
  /* One byte more than it has, so that the end is seen in the same read. */
  size_t step = length > 0 && (uint64_t)length < limit ? (size_t)length + 1 : 4096;
  lseek(file, 0, SEEK_SET);
  while (content->size <= limit) {
    uint8_t *room = buffer_room(content, step);
    if (room == NULL) break;
    ssize_t got = read(file, room, step);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      whole = got == 0;
      break;
    }
    content->size += (size_t)got;
    step = 65536;
  }
  close(file);
  return whole && !content->failed && content->size <= limit;
}

bool write_new_file(const char *path, const void *bytes, size_t count) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return false;
  size_t done = 0;
  while (done < count) {
    ssize_t put = write(file, (const char *)bytes + done, count - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) break;
    done += (size_t)put;
  }
  bool closed = close(file) == 0;
  if (done == count && closed) return true;
  unlink(path);
  return false;
}

void remove_file(const char *path) { unlink(path); }

bool environment_text(const char *name, struct buffer *text) {
  const char *value = getenv(name);
  if (value == NULL || value[0] == 0) return false;
  buffer_append_text(text, value);
  return true;
}

bool home_folder(struct buffer *folder) { return environment_text("HOME", folder); }

bool user_data_folder(struct buffer *folder) {
#ifdef __APPLE__
  const char inside[] = "/Library/Application Support";
#else
  const char inside[] = "/.local/share";
  if (environment_text("XDG_DATA_HOME", folder)) return true;
#endif
  if (!home_folder(folder)) return false;
  buffer_append_text(folder, inside);
  return true;
}

bool is_path_separator(char c) { return c == '/'; }

bool open_in_browser(const char *address) {
#ifdef __APPLE__
  char program[] = "open";
#else
  char program[] = "xdg-open";
#endif
  char command[1200];
  /* Openers start programs for other kinds of addresses. */
  if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0) return false;
  if (strlen(address) >= sizeof command - 1) return false;
  strcpy(command, address);
  /* The opener starts the browser and ends. A shell in between lets the host have no child to wait for. */
  char shell[] = "/bin/sh", flag[] = "-c", script[] = "\"$0\" \"$1\" >/dev/null 2>&1 &";
  char *arguments[] = {shell, flag, script, program, command, NULL};
  pid_t child = 0;
  if (posix_spawn(&child, shell, NULL, NULL, arguments, environ) != 0) return false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return true;
}

bool lock_until(struct lock *lock, int64_t deadline_ms) {
  while (atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire)) {
    if (now_ms() >= deadline_ms) return false;
    struct timespec pause = {0, LOCK_PAUSE_NS};
    nanosleep(&pause, NULL);
  }
  return true;
}

void unlock(struct lock *lock) { atomic_flag_clear_explicit(&lock->taken, memory_order_release); }
