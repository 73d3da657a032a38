/* A stream socket to a server on this machine. It never blocks; waiting is asked for, with an end. */
#ifndef PEANUT_GRPC_SOCKET_H
#define PEANUT_GRPC_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"

/* What `socket_wait` sees. The end of the peer counts as bytes: reading tells. */
enum socket_event {
  SOCKET_HAS_BYTES = 1,
  SOCKET_HAS_ROOM = 2,
};

/* Connects to `127.0.0.1:port`, or `unix:/path` where the system has it; -1 with the problem. */
intptr_t socket_connect(const char *address, int64_t deadline_ms, struct problem *problem);
void socket_close(intptr_t file);
/* How many bytes were taken, 0 when there is no room now; -1: the peer is gone. */
ptrdiff_t socket_send(intptr_t file, const void *bytes, size_t count);
/* How many bytes came, 0 when there are none now; -1: the peer is gone. */
ptrdiff_t socket_receive(intptr_t file, void *bytes, size_t capacity);
/* Waits for bytes, or also for room, at most so long (0 or less: not at all); events, 0 for none; -1: it cannot. */
int socket_wait(intptr_t file, bool or_room, int64_t duration_ms);

/* ---- between socket.c and those of the systems ---- */

/* The port of `127.0.0.1:port`; 0 when the text is anything else. */
uint16_t loopback_port(const char *address);
/* Fill the problem; -1. */
intptr_t socket_not_here(const char *address, struct problem *problem);
intptr_t socket_nobody_there(struct problem *problem);

#endif
