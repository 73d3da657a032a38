/* What went wrong, as a gRPC status and a sentence for the user. */
#ifndef PEANUT_BASE_PROBLEM_H
#define PEANUT_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

/* The statuses of gRPC that this plugin tells apart; the numbers are those on the wire. */
enum status {
  STATUS_OK = 0,
  STATUS_CANCELLED = 1,
  STATUS_UNKNOWN = 2,
  STATUS_INVALID_ARGUMENT = 3,
  STATUS_DEADLINE_EXCEEDED = 4,
  STATUS_NOT_FOUND = 5,
  STATUS_RESOURCE_EXHAUSTED = 8,
  STATUS_FAILED_PRECONDITION = 9,
  STATUS_UNIMPLEMENTED = 12,
  STATUS_INTERNAL = 13,
  STATUS_UNAVAILABLE = 14,
  STATUS_UNAUTHENTICATED = 16,
};

struct problem {
  int status;
  char text[600];
};

/* Fills `problem` (which may be NULL) and returns false, so that `return problem_set(...)` reads well. */
bool problem_set(struct problem *problem, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
