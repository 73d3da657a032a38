/* Only functions whose names end in W: what they take does not depend on the system's code page. */
#include <windows.h>
/* Needs the above. */
#include <bcrypt.h>
#include <shellapi.h>
#include <shlobj.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

/* How long a waiter for a lock sleeps between two looks; the system may make a clock tick of it. */
#define LOCK_PAUSE_MS 1

/* A copy in UTF-16, for `free`; NULL when it is no UTF-8 or memory ran out. */
static wchar_t *new_wide(const char *text) {
  int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
  wchar_t *wide = count > 0 ? malloc((size_t)count * sizeof *wide) : NULL;
  if (wide != NULL) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, count);
  return wide;
}

static bool append_wide(struct buffer *text, const wchar_t *wide) {
  int count = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  uint8_t *room = count > 0 ? buffer_room(text, (size_t)count) : NULL;
  if (room == NULL) return false;
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, (char *)room, count, NULL, NULL);
  text->size += (size_t)count - 1; /* Without the zero behind it. */
  return true;
}

int64_t now_ms(void) {
  LARGE_INTEGER ticks, per_second;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&per_second);
  /* In two parts: a thousand times all ticks since the start would not fit after some months. */
  int64_t seconds = ticks.QuadPart / per_second.QuadPart, rest = ticks.QuadPart % per_second.QuadPart;
  return seconds * 1000 + rest * 1000 / per_second.QuadPart;
}

void sleep_ms(int64_t duration_ms) {
  for (int64_t end_ms = now_ms() + duration_ms, left = duration_ms; left > 0; left = end_ms - now_ms()) {
    Sleep(left > 60000 ? 60000 : (DWORD)left);
  }
}

bool random_bytes(void *bytes, size_t count) {
  return count <= ULONG_MAX && BCryptGenRandom(NULL, bytes, (ULONG)count, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0;
}

/* INVALID_HANDLE_VALUE when it cannot be opened. Others may replace or remove the file meanwhile, as on POSIX. */
static HANDLE open_file(const char *path, DWORD access, DWORD how, DWORD flags) {
  wchar_t *wide = new_wide(path);
  if (wide == NULL) return INVALID_HANDLE_VALUE;
  DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  HANDLE file = CreateFileW(wide, access, share, NULL, how, FILE_ATTRIBUTE_NORMAL | flags, NULL);
  free(wide);
  return file;
}

bool read_file(const char *path, size_t limit, struct buffer *content) {
  HANDLE file = open_file(path, GENERIC_READ, OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN);
  if (file == INVALID_HANDLE_VALUE) return false;
  bool whole = false;
  LARGE_INTEGER length = {0};
  if (!GetFileSizeEx(file, &length)) length.QuadPart = 0;
  /* One byte more than it has, so that the end is seen in the same read. */
  bool known = length.QuadPart > 0 && (uint64_t)length.QuadPart < limit && length.QuadPart < INT32_MAX;
  DWORD step = known ? (DWORD)length.QuadPart + 1 : 4096;
  while (content->size <= limit) {
    uint8_t *room = buffer_room(content, step);
    DWORD got = 0;
    if (room == NULL || !ReadFile(file, room, step, &got, NULL)) break;
    if (got == 0) {
      whole = true;
      break;
    }
    content->size += got;
    step = 65536;
  }
  CloseHandle(file);
  return whole && !content->failed && content->size <= limit;
}

/* The folder's own rights count, and a user's data folder is open to that user (and administrators) alone. */
bool write_new_file(const char *path, const void *bytes, size_t count) {
  HANDLE file = open_file(path, GENERIC_WRITE, CREATE_NEW, FILE_FLAG_OPEN_REPARSE_POINT);
  if (file == INVALID_HANDLE_VALUE) return false;
  size_t done = 0;
  while (done < count) {
    DWORD step = count - done > INT32_MAX ? INT32_MAX : (DWORD)(count - done), put = 0;
    if (!WriteFile(file, (const char *)bytes + done, step, &put, NULL) || put == 0) break;
    done += put;
  }
  bool closed = CloseHandle(file) != 0;
  if (done == count && closed) return true;
  remove_file(path);
  return false;
}

void remove_file(const char *path) {
  wchar_t *wide = new_wide(path);
  if (wide != NULL) DeleteFileW(wide);
  free(wide);
}

bool environment_text(const char *name, struct buffer *text) {
  wchar_t *wide = new_wide(name), *value = NULL;
  DWORD capacity = wide != NULL ? GetEnvironmentVariableW(wide, NULL, 0) : 0;
  if (capacity > 1) value = malloc(capacity * sizeof *value);
  /* Another thread may have made it longer in between; then it is as good as not set. */
  DWORD size = value != NULL ? GetEnvironmentVariableW(wide, value, capacity) : 0;
  bool fine = size > 0 && size < capacity && append_wide(text, value);
  free(value);
  free(wide);
  return fine;
}

bool home_folder(struct buffer *folder) { return environment_text("USERPROFILE", folder); }

bool user_data_folder(struct buffer *folder) {
  wchar_t path[MAX_PATH];
  if (SHGetFolderPathW(NULL, CSIDL_LOCAL_APPDATA, NULL, SHGFP_TYPE_CURRENT, path) == S_OK) {
    return append_wide(folder, path);
  }
  return environment_text("LOCALAPPDATA", folder);
}

bool is_path_separator(char c) { return c == '/' || c == '\\'; }

bool open_in_browser(const char *address) {
  /* The shell starts programs for other kinds of addresses, and any file. */
  if (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0) return false;
  wchar_t *wide = new_wide(address);
  if (wide == NULL) return false;
  SHELLEXECUTEINFOW what = {0};
  what.cbSize = sizeof what;
  what.fMask = SEE_MASK_FLAG_NO_UI; /* The effect itself says what failed. */
  what.lpVerb = L"open";
  what.lpFile = wide;
  what.nShow = SW_SHOWNORMAL;
  bool started = ShellExecuteExW(&what) != 0;
  free(wide);
  return started;
}

bool lock_until(struct lock *lock, int64_t deadline_ms) {
  while (atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire)) {
    if (now_ms() >= deadline_ms) return false;
    Sleep(LOCK_PAUSE_MS);
  }
  return true;
}

void unlock(struct lock *lock) { atomic_flag_clear_explicit(&lock->taken, memory_order_release); }
