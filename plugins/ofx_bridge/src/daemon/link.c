#include "daemon/link.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/os.h"
#include "peanut_fields.h"

/* A daemon that is away is looked for again after this time, so that playback does not stutter. */
#define RETRY_PAUSE_MS 1000
#define TICK_MS 100
/* A daemon that says nothing at all for so long hangs; the longest a button makes its user wait for that. */
#define GREETING_MS 3000
#define MAX_CONNECTION_FILE 65536

void link_init(struct daemon_link *link) {
  memset(link, 0, sizeof *link);
  http2_init(&link->connection);
  struct buffer text = {0};
  link->no_files = environment_text("PEANUT_OFX_TRANSPORT", &text) && strcmp(buffer_text(&text), "chunks") == 0;
  buffer_free(&text);
}

void link_close(struct daemon_link *link) {
  http2_close(&link->connection);
  memset(link->token, 0, sizeof link->token);
}

/* The daemon's data folder, settled as the daemon does it. */
static bool data_folder(struct buffer *folder) {
  struct buffer given = {0};
  bool fine = true;
  if (!environment_text("PEANUT_DATA_DIR", &given)) {
    fine = user_data_folder(folder);
    buffer_append_text(folder, "/peanut");
  } else if (given.size > 1 && given.data[0] == '~' && is_path_separator((char)given.data[1]) && home_folder(folder)) {
    buffer_append(folder, given.data + 1, given.size - 1);
  } else {
    buffer_append(folder, given.data, given.size);
  }
  fine = fine && !given.failed;
  buffer_free(&given);
  return fine;
}

bool connection_file_path(char *path, size_t capacity) {
  struct buffer folder = {0};
  bool fine = data_folder(&folder);
  int size = snprintf(path, capacity, "%s/daemon.json", buffer_text(&folder));
  fine = fine && !folder.failed && size > 0 && (size_t)size < capacity;
  buffer_free(&folder);
  return fine;
}

static bool read_connection_file(struct daemon_link *link, char *address, size_t capacity, struct problem *problem) {
  char path[1024];
  struct buffer content = {0};
  bool fine = connection_file_path(path, sizeof path) && read_file(path, MAX_CONNECTION_FILE, &content);
  if (!fine) {
    problem_set(problem, STATUS_UNAVAILABLE, "no PEANUT daemon runs: start one with `peanut serve`");
  } else {
    const char *json = buffer_text(&content);
    fine = json_text(json, "address", address, capacity) && json_text(json, "token", link->token, sizeof link->token);
    json_text(json, "review_address", link->review_address, sizeof link->review_address);
    if (!fine)
      problem_set(problem, STATUS_UNAVAILABLE, "the connection file %.300s is damaged: restart the daemon", path);
  }
  if (content.data != NULL) memset(content.data, 0, content.size);
  buffer_free(&content);
  return fine;
}

/* One call on an open connection. `answered` says whether the daemon has looked at it. */
static bool call_once(struct daemon_link *link, const char *path, const struct buffer *request, struct buffer *response,
                      int64_t deadline_ms, struct problem *problem) {
  struct http2 *connection = &link->connection;
  if (!rpc_start(connection, path, link->token, deadline_ms, problem)) return false;
  if (!rpc_send(connection, request, true, deadline_ms, problem)) {
    rpc_cancel(connection);
    return false;
  }
  for (;;) {
    const uint8_t *message = NULL;
    size_t size = 0;
    switch (rpc_receive(connection, &message, &size, deadline_ms, problem)) {
      case RPC_MESSAGE:
        buffer_clear(response);
        buffer_append(response, message, size);
        break;
      case RPC_END:
        return !response->failed || problem_set(problem, STATUS_RESOURCE_EXHAUSTED, "out of memory");
      case RPC_WAITING:
        rpc_cancel(connection);
        return problem_set(problem, STATUS_DEADLINE_EXCEEDED, "the PEANUT daemon did not answer in time");
      case RPC_FAILED:
        return false;
    }
  }
}

/* The first call on a connection: do we speak the same language? */
static bool greet(struct daemon_link *link, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0}, response = {0};
  put_int(&request, PB_GET_SERVER_INFO_REQUEST_API_MINOR, PEANUT_API_MINOR);
  bool fine = call_once(link, RPC_SERVER_SERVICE_GET_SERVER_INFO, &request, &response, deadline_ms, problem);
  int64_t lowest = 0, highest = 0;
  struct message_reader reader = message_of(response.data, response.size);
  for (struct message_field field; fine && next_field(&reader, &field);) {
    if (field.number == PB_GET_SERVER_INFO_RESPONSE_API_MINOR_LOWEST) lowest = field.value;
    if (field.number == PB_GET_SERVER_INFO_RESPONSE_API_MINOR_HIGHEST) highest = field.value;
  }
  if (fine && (PEANUT_API_MINOR < lowest || PEANUT_API_MINOR > highest)) {
    fine = problem_set(problem, STATUS_FAILED_PRECONDITION,
                       "this plugin speaks API minor %d, the daemon %d to %d: update the older of the two",
                       PEANUT_API_MINOR, (int)lowest, (int)highest);
  }
  buffer_free(&request);
  buffer_free(&response);
  return fine;
}

bool link_open(struct daemon_link *link, bool patient, int64_t deadline_ms, struct problem *problem) {
  if (http2_usable(&link->connection)) return true;
  http2_close(&link->connection);
  if (!patient && now_ms() < link->retry_at_ms) {
    *problem = link->last;
    return false;
  }
  char address[512];
  int64_t greeted_ms = now_ms() + GREETING_MS;
  if (deadline_ms > greeted_ms) deadline_ms = greeted_ms;
  if (read_connection_file(link, address, sizeof address, problem) &&
      http2_connect(&link->connection, address, deadline_ms, problem) && greet(link, deadline_ms, problem)) {
    link->retry_at_ms = 0;
    link->generation++;
    return true;
  }
  http2_close(&link->connection);
  link->last = *problem;
  link->retry_at_ms = now_ms() + RETRY_PAUSE_MS;
  return false;
}

/* What a failed call says about the connection. */
static void after_failure(struct daemon_link *link, struct problem *problem) {
  /* Another daemon may have taken this one's place: read its token before the next call. */
  if (problem->status == STATUS_UNAUTHENTICATED) http2_close(&link->connection);
  if (problem->status == STATUS_UNIMPLEMENTED) {
    problem_set(problem, STATUS_UNIMPLEMENTED, "the PEANUT daemon is older than this plugin: update it");
  }
}

bool link_call(struct daemon_link *link, const char *path, const struct buffer *request, struct buffer *response,
               int64_t deadline_ms, struct problem *problem) {
  for (int attempt = 0;; attempt++) {
    if (!link_open(link, attempt > 0, deadline_ms, problem)) return false;
    if (call_once(link, path, request, response, deadline_ms, problem)) return true;
    after_failure(link, problem);
    /* The daemon was restarted since the last call; every call of ours may be made twice. */
    bool again = problem->status == STATUS_UNAVAILABLE && link->connection.broken;
    if (attempt > 0 || !again || now_ms() >= deadline_ms) return false;
  }
}

static bool receive_all(struct daemon_link *link, const struct link_stream *stream, struct problem *problem) {
  double fraction = 0;
  for (int64_t heard_ms = now_ms();;) {
    const uint8_t *message = NULL;
    size_t size = 0;
    enum rpc_result result = rpc_receive(&link->connection, &message, &size, now_ms() + TICK_MS, problem);
    if (result == RPC_END) return true;
    if (result == RPC_FAILED) return false;
    if (result == RPC_MESSAGE) {
      heard_ms = now_ms();
      fraction = stream->take(stream->context, message_of(message, size));
    } else if (now_ms() - heard_ms > stream->idle_ms) {
      rpc_cancel(&link->connection);
      return problem_set(problem, STATUS_DEADLINE_EXCEEDED, "the PEANUT daemon has said nothing for %d s: see its log",
                         (int)(stream->idle_ms / 1000));
    }
    if (!stream->tick(stream->context, fraction)) {
      rpc_cancel(&link->connection);
      return problem_set(problem, STATUS_CANCELLED, "stopped");
    }
  }
}

bool link_run(struct daemon_link *link, const struct link_stream *stream, struct problem *problem) {
  int64_t deadline_ms = now_ms() + stream->idle_ms;
  if (!link_open(link, true, deadline_ms, problem)) return false;
  bool sent = rpc_start(&link->connection, stream->path, link->token, 0, problem);
  for (size_t k = 0; sent && k < stream->request_count; k++) {
    bool last = k + 1 == stream->request_count;
    sent = rpc_send(&link->connection, &stream->requests[k], last, deadline_ms, problem);
  }
  if (!sent) rpc_cancel(&link->connection);
  bool fine = sent && receive_all(link, stream, problem);
  if (!fine) after_failure(link, problem);
  return fine;
}
