#include "grpc/socket.h"

#include <string.h>

#define LOOPBACK_PREFIX "127.0.0.1:"

uint16_t loopback_port(const char *address) {
  if (strncmp(address, LOOPBACK_PREFIX, strlen(LOOPBACK_PREFIX)) != 0) return 0;
  unsigned port = 0;
  const char *digit = address + strlen(LOOPBACK_PREFIX);
  for (; *digit >= '0' && *digit <= '9' && port < 65536; digit++) port = port * 10 + (unsigned)(*digit - '0');
  return *digit != 0 || port > 65535 ? 0 : (uint16_t)port;
}

intptr_t socket_not_here(const char *address, struct problem *problem) {
  problem_set(problem, STATUS_UNAVAILABLE, "the PEANUT daemon's address %.200s is not on this machine", address);
  return -1;
}

intptr_t socket_nobody_there(struct problem *problem) {
  problem_set(problem, STATUS_UNAVAILABLE, "no PEANUT daemon runs: start one with `peanut serve`");
  return -1;
}
