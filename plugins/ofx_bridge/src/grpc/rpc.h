/* gRPC over one HTTP/2 connection: one call at a time, messages of bytes, statuses. */
#ifndef PEANUT_GRPC_RPC_H
#define PEANUT_GRPC_RPC_H

#include "grpc/http2.h"

enum rpc_result {
  RPC_MESSAGE, /* A message came. */
  RPC_END,     /* The call ended well. */
  RPC_WAITING, /* Nothing came until the moment that was given; the call goes on. */
  RPC_FAILED,  /* The call ended with a problem. */
};

/*
 * Starts a call. `path` is "/package.Service/Method"; `token` is sent as the bearer's; the server gives up at
 * `deadline_ms`, unless that is 0.
 */
bool rpc_start(struct http2 *connection, const char *path, const char *token, int64_t deadline_ms,
               struct problem *problem);
/* Sends one message; `last`: nothing more will be sent. */
bool rpc_send(struct http2 *connection, const struct buffer *message, bool last, int64_t deadline_ms,
              struct problem *problem);
/*
 * Waits for the next message until `until_ms`. Its bytes stay valid until the next call of a function of this file. A
 * call that ended is over; one that is to be given up needs rpc_cancel.
 */
enum rpc_result rpc_receive(struct http2 *connection, const uint8_t **message, size_t *size, int64_t until_ms,
                            struct problem *problem);
void rpc_cancel(struct http2 *connection);
/* Decodes what grpc-message carries; invalid escapes stay as they are. */
void percent_decode(const char *text, char *decoded, size_t capacity);

#endif
