#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os.h"
#include "grpc/socket.h"

#define UNIX_PREFIX "unix:"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

union any_address {
  struct sockaddr any;
  struct sockaddr_un local;
  struct sockaddr_in loopback;
};

/* The size of the address, 0 when it is none of ours. */
static socklen_t parse(const char *text, union any_address *address) {
  memset(address, 0, sizeof *address);
  if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
    const char *path = text + strlen(UNIX_PREFIX);
    if (*path != '/' || strlen(path) >= sizeof address->local.sun_path) return 0;
    address->local.sun_family = AF_UNIX;
    strcpy(address->local.sun_path, path);
    return sizeof address->local;
  }
  uint16_t port = loopback_port(text);
  if (port == 0) return 0;
  address->loopback.sin_family = AF_INET;
  address->loopback.sin_port = htons(port);
  address->loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sizeof address->loopback;
}

static int new_socket(int family) {
  int file = socket(family, SOCK_STREAM, 0);
  if (file < 0) return -1;
  /* A program that the host starts must not keep our connection open. */
  fcntl(file, F_SETFD, FD_CLOEXEC);
  fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK);
  int yes = 1;
#ifdef SO_NOSIGPIPE
  setsockopt(file, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
  if (family == AF_INET) setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return file;
}

/* As poll takes it; who waits longer asks again. */
static int poll_ms(int64_t duration_ms) {
  return duration_ms <= 0 ? 0 : duration_ms > 60000 ? 60000 : (int)duration_ms;
}

/* Waits for a connection that is on its way; 0 or the error's number. */
static int wait_connected(int file, int64_t deadline_ms) {
  for (;;) {
    struct pollfd wait = {file, POLLOUT, 0};
    int ready = poll(&wait, 1, poll_ms(deadline_ms - now_ms()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (ready < 0 || getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

intptr_t socket_connect(const char *text, int64_t deadline_ms, struct problem *problem) {
  union any_address address;
  socklen_t size = parse(text, &address);
  if (size == 0) return socket_not_here(text, problem);
  int file = new_socket(address.any.sa_family);
  int error = file < 0 ? errno : 0;
  if (file >= 0 && connect(file, &address.any, size) != 0) {
    error = errno == EINPROGRESS || errno == EAGAIN ? wait_connected(file, deadline_ms) : errno;
  }
  if (error == 0) return file;
  if (file >= 0) close(file);
  if (error == ENOENT || error == ECONNREFUSED) return socket_nobody_there(problem);
  problem_set(problem, STATUS_UNAVAILABLE, "the PEANUT daemon cannot be reached (%s)", strerror(error));
  return -1;
}

void socket_close(intptr_t file) { close((int)file); }

static bool is_not_now(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

ptrdiff_t socket_send(intptr_t file, const void *bytes, size_t count) {
  for (;;) {
    ssize_t put = send((int)file, bytes, count, MSG_NOSIGNAL);
    if (put >= 0) return put;
    if (errno != EINTR) return is_not_now(errno) ? 0 : -1;
  }
}

ptrdiff_t socket_receive(intptr_t file, void *bytes, size_t capacity) {
  ssize_t got = recv((int)file, bytes, capacity, 0);
  if (got > 0) return got;
  return got < 0 && (errno == EINTR || is_not_now(errno)) ? 0 : -1;
}

int socket_wait(intptr_t file, bool or_room, int64_t duration_ms) {
  struct pollfd wait = {(int)file, (short)(or_room ? POLLIN | POLLOUT : POLLIN), 0};
  /* A signal is no reason to end: the caller finds nothing, and looks at its own clock. */
  if (poll(&wait, 1, poll_ms(duration_ms)) < 0) return errno == EINTR ? SOCKET_HAS_ROOM : -1;
  int events = wait.revents & POLLOUT ? SOCKET_HAS_ROOM : 0;
  return wait.revents & ~POLLOUT ? events | SOCKET_HAS_BYTES : events;
}
