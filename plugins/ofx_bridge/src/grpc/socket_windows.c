#include <winsock2.h>
/* Needs the above. */
#include <mstcpip.h>
#include <string.h>
#include <windows.h>

#include "base/os.h"
#include "grpc/socket.h"

/* `select` with one socket; a set may be NULL. More than 0 when it is in one of them, 0 for none, -1: it cannot. */
static int look(SOCKET file, fd_set *bytes, fd_set *room, fd_set *failed, int64_t duration_ms) {
  fd_set *sets[] = {bytes, room, failed};
  for (int k = 0; k < 3; k++) {
    if (sets[k] == NULL) continue;
    sets[k]->fd_count = 1;
    sets[k]->fd_array[0] = file;
  }
  /* Who waits longer asks again. */
  int64_t wait_ms = duration_ms <= 0 ? 0 : duration_ms > 60000 ? 60000 : duration_ms;
  struct timeval limit = {(long)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000};
  return select(0, bytes, room, failed, &limit);
}

/* INVALID_SOCKET with the error's number. */
static SOCKET new_socket(int *error) {
  /* A program that the host starts must not keep our connection open. */
  DWORD flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
  SOCKET file = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, flags);
  u_long yes = 1;
  BOOL at_once = TRUE;
  if (file == INVALID_SOCKET || ioctlsocket(file, FIONBIO, &yes) != 0) {
    *error = WSAGetLastError();
    if (file != INVALID_SOCKET) closesocket(file);
    return INVALID_SOCKET;
  }
  setsockopt(file, IPPROTO_TCP, TCP_NODELAY, (const char *)&at_once, sizeof at_once);
  /* A refusal is tried again for two seconds by default: longer than a frame may take. Where that stays, the deadline
   * ends it. */
  TCP_INITIAL_RTO_PARAMETERS once = {TCP_INITIAL_RTO_UNSPECIFIED_RTT, TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS};
  DWORD returned = 0;
  WSAIoctl(file, SIO_TCP_INITIAL_RTO, &once, sizeof once, NULL, 0, &returned, NULL, NULL);
  return file;
}

/* Waits for a connection that is on its way; 0 or the error's number. */
static int wait_connected(SOCKET file, int64_t deadline_ms) {
  fd_set room, failed;
  int ready = look(file, NULL, &room, &failed, deadline_ms - now_ms());
  if (ready == 0) return WSAETIMEDOUT;
  int error = 0, size = sizeof error;
  if (ready < 0 || getsockopt(file, SOL_SOCKET, SO_ERROR, (char *)&error, &size) != 0) return WSAGetLastError();
  return error != 0 || room.fd_count > 0 ? error : WSAECONNREFUSED;
}

/* INVALID_SOCKET with the error's number. */
static SOCKET connected_socket(uint16_t port, int64_t deadline_ms, int *error) {
  SOCKET file = new_socket(error);
  if (file == INVALID_SOCKET) return file;
  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *error = 0;
  if (connect(file, (const struct sockaddr *)&address, sizeof address) != 0) {
    *error = WSAGetLastError();
    if (*error == WSAEWOULDBLOCK) *error = wait_connected(file, deadline_ms);
  }
  if (*error == 0) return file;
  closesocket(file);
  return INVALID_SOCKET;
}

intptr_t socket_connect(const char *text, int64_t deadline_ms, struct problem *problem) {
  uint16_t port = loopback_port(text);
  if (port == 0) return socket_not_here(text, problem);
  /* Counted by the system: each connected socket holds one, and nothing is left when the last is closed. */
  WSADATA library;
  int error = WSAStartup(MAKEWORD(2, 2), &library);
  if (error == 0) {
    SOCKET file = connected_socket(port, deadline_ms, &error);
    if (file != INVALID_SOCKET) return (intptr_t)file;
    WSACleanup();
  }
  if (error == WSAECONNREFUSED) return socket_nobody_there(problem);
  problem_set(problem, STATUS_UNAVAILABLE, "the PEANUT daemon cannot be reached (Windows error %d)", error);
  return -1;
}

void socket_close(intptr_t file) {
  closesocket((SOCKET)file);
  WSACleanup();
}

static int at_most(size_t count) { return count > INT32_MAX ? INT32_MAX : (int)count; }

ptrdiff_t socket_send(intptr_t file, const void *bytes, size_t count) {
  int put = send((SOCKET)file, bytes, at_most(count), 0);
  return put >= 0 ? put : WSAGetLastError() == WSAEWOULDBLOCK ? 0 : -1;
}

ptrdiff_t socket_receive(intptr_t file, void *bytes, size_t capacity) {
  int got = recv((SOCKET)file, bytes, at_most(capacity), 0);
  if (got > 0) return got;
  return got < 0 && WSAGetLastError() == WSAEWOULDBLOCK ? 0 : -1;
}

int socket_wait(intptr_t file, bool or_room, int64_t duration_ms) {
  fd_set bytes, room;
  room.fd_count = 0;
  int ready = look((SOCKET)file, &bytes, or_room ? &room : NULL, NULL, duration_ms);
  if (ready <= 0) return ready;
  return (bytes.fd_count > 0 ? SOCKET_HAS_BYTES : 0) | (room.fd_count > 0 ? SOCKET_HAS_ROOM : 0);
}
