/* Frames into the daemon and pictures out of it, by file where both see one disk, else through the connection. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "daemon/calls.h"
#include "peanut_fields.h"

#define CHUNK_BYTES (1U << 20)
#define MAX_PICTURE_BYTES (1U << 31)
#define FINISH_IDLE_MS 120000

static void take_session(struct message_reader reader, struct host_session *session) {
  session->frames_stored = session->frames_total = 0;
  session->clip_path[0] = 0;
  for (struct message_field field; next_field(&reader, &field);) {
    if (field.number == PB_HOST_SESSION_ID) field_text(&field, session->id, sizeof session->id);
    if (field.number == PB_HOST_SESSION_FRAMES_STORED) session->frames_stored = field.value;
    if (field.number == PB_HOST_SESSION_FRAMES_TOTAL) session->frames_total = field.value;
    if (field.number == PB_HOST_SESSION_CLIP_PATH) field_text(&field, session->clip_path, PATH_BYTES);
    if (field.number == PB_HOST_SESSION_OUTPUT_DIR) field_text(&field, session->output_dir, PATH_BYTES);
    if (field.number == PB_HOST_SESSION_TRANSFER_DIR) field_text(&field, session->transfer_dir, PATH_BYTES);
  }
}

static int sample_of(int sample_bytes) { return sample_bytes == 2 ? HOST_SAMPLE_U16 : HOST_SAMPLE_U8; }

static void put_ratio(struct buffer *message, unsigned field, int num, int den) {
  struct buffer ratio = {0};
  put_int(&ratio, PB_RATE_NUM, num);
  put_int(&ratio, PB_RATE_DEN, den);
  put_message(message, field, &ratio);
}

bool call_open_session(struct daemon_link *link, const char *session_id, const struct host_clip *clip,
                       struct host_session *session, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0}, response = {0};
  put_text(&request, PB_OPEN_HOST_SESSION_REQUEST_SESSION_ID, session_id);
  if (clip->width > 0) {
    put_int(&request, PB_OPEN_HOST_SESSION_REQUEST_WIDTH, clip->width);
    put_int(&request, PB_OPEN_HOST_SESSION_REQUEST_HEIGHT, clip->height);
    put_int(&request, PB_OPEN_HOST_SESSION_REQUEST_SAMPLE, sample_of(clip->sample_bytes));
    put_ratio(&request, PB_OPEN_HOST_SESSION_REQUEST_RATE, clip->rate_num, clip->rate_den);
    put_int(&request, PB_OPEN_HOST_SESSION_REQUEST_FIRST_TIME, clip->first_time);
    put_int(&request, PB_OPEN_HOST_SESSION_REQUEST_FRAME_COUNT, clip->frame_count);
    put_ratio(&request, PB_OPEN_HOST_SESSION_REQUEST_PIXEL_ASPECT, clip->aspect_num, clip->aspect_den);
  }
  bool fine = link_call(link, RPC_HOST_SERVICE_OPEN_HOST_SESSION, &request, &response, deadline_ms, problem);
  struct message_reader reader = message_of(response.data, response.size);
  struct message_field field;
  if (fine && next_field(&reader, &field) && field.number == PB_OPEN_HOST_SESSION_RESPONSE_SESSION) {
    take_session(part_of(&field), session);
  }
  buffer_free(&request);
  buffer_free(&response);
  return fine;
}

/* A name that no other plugin uses. */
static bool new_transfer_file(const char *folder, char *path, size_t capacity, const char **name) {
  uint8_t number[8];
  if (folder[0] == 0 || !random_bytes(number, sizeof number)) return false;
  size_t start = strlen(folder) + 1;
  int size = snprintf(path, capacity, "%s/frame-%02x%02x%02x%02x%02x%02x%02x%02x.rgb", folder, number[0], number[1],
                      number[2], number[3], number[4], number[5], number[6], number[7]);
  *name = path + start;
  return size > 0 && (size_t)size < capacity;
}

static bool put_by_file(struct daemon_link *link, struct host_session *session, int64_t time, const char *name,
                        struct buffer *response, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0};
  put_text(&request, PB_PUT_HOST_FRAMES_REQUEST_SESSION_ID, session->id);
  put_int(&request, PB_PUT_HOST_FRAMES_REQUEST_TIME, time);
  put_text(&request, PB_PUT_HOST_FRAMES_REQUEST_FILE, name);
  bool fine = link_call(link, RPC_HOST_SERVICE_PUT_HOST_FRAMES, &request, response, deadline_ms, problem);
  buffer_free(&request);
  return fine;
}

static bool send_chunks(struct daemon_link *link, const struct host_session *session, int64_t time, const uint8_t *rgb,
                        size_t size, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0};
  bool fine = true;
  for (size_t at = 0; fine && at < size; at += CHUNK_BYTES) {
    size_t step = size - at < CHUNK_BYTES ? size - at : CHUNK_BYTES;
    buffer_clear(&request);
    put_text(&request, PB_PUT_HOST_FRAMES_REQUEST_SESSION_ID, session->id);
    put_int(&request, PB_PUT_HOST_FRAMES_REQUEST_TIME, time);
    put_bytes(&request, PB_PUT_HOST_FRAMES_REQUEST_CHUNK, rgb + at, step);
    fine = rpc_send(&link->connection, &request, at + step == size, deadline_ms, problem);
  }
  buffer_free(&request);
  return fine;
}

static bool put_by_chunks(struct daemon_link *link, struct host_session *session, int64_t time, const uint8_t *rgb,
                          size_t size, struct buffer *response, int64_t deadline_ms, struct problem *problem) {
  if (!link_open(link, false, deadline_ms, problem)) return false;
  if (!rpc_start(&link->connection, RPC_HOST_SERVICE_PUT_HOST_FRAMES, link->token, deadline_ms, problem)) return false;
  if (!send_chunks(link, session, time, rgb, size, deadline_ms, problem)) {
    rpc_cancel(&link->connection);
    return false;
  }
  for (;;) {
    const uint8_t *message = NULL;
    size_t length = 0;
    enum rpc_result result = rpc_receive(&link->connection, &message, &length, deadline_ms, problem);
    if (result == RPC_END) return true;
    if (result == RPC_MESSAGE) {
      buffer_clear(response);
      buffer_append(response, message, length);
      continue;
    }
    if (result == RPC_WAITING) rpc_cancel(&link->connection);
    return false;
  }
}

bool call_put_frame(struct daemon_link *link, struct host_session *session, int64_t time, const void *rgb, size_t size,
                    int64_t deadline_ms, struct problem *problem) {
  char path[PATH_BYTES + 64];
  const char *name = NULL;
  struct buffer response = {0};
  bool fine = false;
  if (!link->no_files && new_transfer_file(session->transfer_dir, path, sizeof path, &name) &&
      write_new_file(path, rgb, size)) {
    fine = put_by_file(link, session, time, name, &response, deadline_ms, problem);
    if (!fine) remove_file(path); /* Where the daemon took it, nothing is there any more. */
  } else {
    fine = put_by_chunks(link, session, time, rgb, size, &response, deadline_ms, problem);
  }
  struct message_reader reader = message_of(response.data, response.size);
  struct message_field field;
  if (fine && next_field(&reader, &field) && field.number == PB_PUT_HOST_FRAMES_RESPONSE_SESSION) {
    take_session(part_of(&field), session);
  }
  buffer_free(&response);
  return fine;
}

struct finishing {
  struct listener listener;
  struct host_session *session;
  int64_t total;
};

static double take_finishing(void *context, struct message_reader message) {
  struct finishing *finishing = context;
  int64_t done = 0;
  for (struct message_field field; next_field(&message, &field);) {
    if (field.number == PB_FINISH_HOST_SESSION_RESPONSE_FRAMES_DONE) done = field.value;
    if (field.number == PB_FINISH_HOST_SESSION_RESPONSE_SESSION) take_session(part_of(&field), finishing->session);
  }
  return finishing->total > 0 ? (double)done / (double)finishing->total : 0;
}

static bool tick_finishing(void *context, double fraction) {
  struct finishing *finishing = context;
  return finishing->listener.tick(finishing->listener.context, fraction);
}

bool call_finish_session(struct daemon_link *link, struct host_session *session, struct listener listener,
                         struct problem *problem) {
  struct finishing finishing = {listener, session, session->frames_total};
  struct buffer request = {0};
  put_text(&request, PB_FINISH_HOST_SESSION_REQUEST_SESSION_ID, session->id);
  struct link_stream stream = {
      RPC_HOST_SERVICE_FINISH_HOST_SESSION, &request, 1, FINISH_IDLE_MS, take_finishing, tick_finishing, &finishing};
  bool fine = link_run(link, &stream, problem);
  buffer_free(&request);
  if (fine && session->clip_path[0] == 0) return problem_set(problem, STATUS_INTERNAL, "the daemon made no clip");
  return fine;
}

/* Adds what one message of a picture says; `file` becomes the path of its pixels, if they lie in one. */
static void take_picture(struct message_reader message, struct picture *picture, char *file) {
  for (struct message_field field; next_field(&message, &field);) {
    switch (field.number) {
      case PB_GET_HOST_PICTURE_RESPONSE_WIDTH:
        picture->width = (int)field.value;
        break;
      case PB_GET_HOST_PICTURE_RESPONSE_HEIGHT:
        picture->height = (int)field.value;
        break;
      case PB_GET_HOST_PICTURE_RESPONSE_COMPONENTS:
        picture->components = (int)field.value;
        break;
      case PB_GET_HOST_PICTURE_RESPONSE_FILE:
        field_text(&field, file, PATH_BYTES);
        break;
      case PB_GET_HOST_PICTURE_RESPONSE_CHUNK:
        if (picture->pixels.size + field.size <= MAX_PICTURE_BYTES) {
          buffer_append(&picture->pixels, field.bytes, field.size);
        }
        break;
      default:
        break;
    }
  }
}

static bool receive_picture(struct daemon_link *link, struct picture *picture, char *file, int64_t deadline_ms,
                            struct problem *problem) {
  for (;;) {
    const uint8_t *message = NULL;
    size_t size = 0;
    enum rpc_result result = rpc_receive(&link->connection, &message, &size, deadline_ms, problem);
    if (result == RPC_END) return true;
    if (result == RPC_WAITING) rpc_cancel(&link->connection);
    if (result != RPC_MESSAGE) return false;
    take_picture(message_of(message, size), picture, file);
  }
}

static bool fetch(struct daemon_link *link, const struct picture_request *wanted, bool by_file, struct picture *picture,
                  char *file, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0};
  put_text(&request, PB_GET_HOST_PICTURE_REQUEST_EDIT_ID, wanted->edit_id);
  put_text(&request, PB_GET_HOST_PICTURE_REQUEST_JOB_ID, wanted->job_id);
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_VIEW, wanted->view);
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_FRAME_INDEX, wanted->frame_index);
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_WIDTH, wanted->width);
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_HEIGHT, wanted->height);
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_SAMPLE, sample_of(wanted->sample_bytes));
  put_int(&request, PB_GET_HOST_PICTURE_REQUEST_BY_FILE, by_file ? 1 : 0);
  file[0] = 0;
  buffer_clear(&picture->pixels);
  bool fine = link_open(link, false, deadline_ms, problem) &&
              rpc_start(&link->connection, RPC_HOST_SERVICE_GET_HOST_PICTURE, link->token, deadline_ms, problem);
  if (fine && !rpc_send(&link->connection, &request, true, deadline_ms, problem)) {
    rpc_cancel(&link->connection);
    fine = false;
  }
  buffer_free(&request);
  return fine && receive_picture(link, picture, file, deadline_ms, problem);
}

/* Brings the pixels from the file into the picture; without it, asks once more for chunks and then always. */
static bool fetch_pixels(struct daemon_link *link, const struct picture_request *wanted, struct picture *picture,
                         int64_t deadline_ms, struct problem *problem) {
  char file[PATH_BYTES];
  if (!fetch(link, wanted, !link->no_files, picture, file, deadline_ms, problem)) return false;
  if (file[0] == 0) return true;
  bool read = read_file(file, MAX_PICTURE_BYTES, &picture->pixels);
  remove_file(file);
  if (read) return true;
  link->no_files = true;
  return fetch(link, wanted, false, picture, file, deadline_ms, problem);
}

bool call_picture(struct daemon_link *link, const struct picture_request *wanted, struct picture *picture,
                  int64_t deadline_ms, struct problem *problem) {
  picture->width = picture->height = picture->components = 0;
  picture->sample_bytes = wanted->sample_bytes;
  for (int attempt = 0; !fetch_pixels(link, wanted, picture, deadline_ms, problem); attempt++) {
    bool again = problem->status == STATUS_UNAVAILABLE && link->connection.broken;
    if (attempt == 0 && again && now_ms() < deadline_ms) continue;
    if (problem->status == STATUS_UNAUTHENTICATED) http2_close(&link->connection);
    if (problem->status == STATUS_UNIMPLEMENTED) {
      problem_set(problem, STATUS_UNIMPLEMENTED, "the PEANUT daemon is older than this plugin: update it");
    }
    return false;
  }
  bool is_known = picture->components == 1 || picture->components == 4;
  size_t size =
      (size_t)picture->width * (size_t)picture->height * (size_t)picture->components * (size_t)picture->sample_bytes;
  if (picture->width == wanted->width && picture->height == wanted->height && is_known &&
      picture->pixels.size == size) {
    return true;
  }
  return problem_set(problem, STATUS_INTERNAL, "the daemon sent a picture of another size than it said");
}
