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
#include "grpc/frames.h"

#define UNIX_PREFIX "unix:"
#define LOOPBACK_PREFIX "127.0.0.1:"

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
  if (strncmp(text, LOOPBACK_PREFIX, strlen(LOOPBACK_PREFIX)) != 0) return 0;
  unsigned port = 0;
  const char *digit = text + strlen(LOOPBACK_PREFIX);
  for (; *digit >= '0' && *digit <= '9' && port < 65536; digit++) port = port * 10 + (unsigned)(*digit - '0');
  if (*digit != 0 || port == 0 || port > 65535) return 0;
  address->loopback.sin_family = AF_INET;
  address->loopback.sin_port = htons((uint16_t)port);
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

/* Waits for a connection that is on its way; 0 or the error's number. */
static int wait_connected(int file, int64_t deadline_ms) {
  for (;;) {
    int64_t left = deadline_ms - now_ms();
    struct pollfd wait = {file, POLLOUT, 0};
    int ready = poll(&wait, 1, left < 0 ? 0 : left > 60000 ? 60000 : (int)left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (ready < 0 || getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

int connect_socket(const char *text, int64_t deadline_ms, struct problem *problem) {
  union any_address address;
  socklen_t size = parse(text, &address);
  if (size == 0) {
    problem_set(problem, STATUS_UNAVAILABLE, "the PEANUT daemon's address %.200s is not on this machine", text);
    return -1;
  }
  int file = new_socket(address.any.sa_family);
  int error = file < 0 ? errno : 0;
  if (file >= 0 && connect(file, &address.any, size) != 0) {
    error = errno == EINPROGRESS || errno == EAGAIN ? wait_connected(file, deadline_ms) : errno;
  }
  if (error == 0) return file;
  if (file >= 0) close(file);
  if (error == ENOENT || error == ECONNREFUSED) {
    problem_set(problem, STATUS_UNAVAILABLE, "no PEANUT daemon runs: start one with `peanut serve`");
  } else {
    problem_set(problem, STATUS_UNAVAILABLE, "the PEANUT daemon cannot be reached (%s)", strerror(error));
  }
  return -1;
}
