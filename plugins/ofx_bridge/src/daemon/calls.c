#include "daemon/calls.h"

#include "base/os.h"
#include "peanut_fields.h"

/* Probing a long file, or freezing the masks of a long range, takes the daemon a while between two messages. */
#define IDLE_MS 120000

bool call_create_edit(struct daemon_link *link, const char *path, int64_t start_frame, int64_t end_frame,
                      struct edit_facts *edit, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0}, source = {0}, range = {0}, response = {0};
  put_text(&source, PB_CLIP_RANGE_PATH, path);
  if (end_frame > start_frame) {
    put_int(&range, PB_FRAME_RANGE_START_FRAME, start_frame);
    put_int(&range, PB_FRAME_RANGE_END_FRAME, end_frame);
    put_message(&source, PB_CLIP_RANGE_RANGE, &range);
  }
  put_message(&request, PB_CREATE_EDIT_REQUEST_CLIP_RANGE, &source);
  bool fine = link_call(link, RPC_EDIT_SERVICE_CREATE_EDIT, &request, &response, deadline_ms, problem);
  edit->width = edit->height = 0;
  edit->start_frame = edit->end_frame = 0;
  edit->id[0] = 0;
  struct message_reader outer = message_of(response.data, response.size);
  struct message_field field;
  if (fine && next_field(&outer, &field) && field.number == PB_CREATE_EDIT_RESPONSE_EDIT) {
    struct message_reader reader = part_of(&field);
    while (next_field(&reader, &field)) {
      struct message_reader part = part_of(&field);
      struct message_field inner;
      if (field.number == PB_EDIT_ID) field_text(&field, edit->id, sizeof edit->id);
      while (field.number == PB_EDIT_CLIP && next_field(&part, &inner)) {
        if (inner.number == PB_CLIP_WIDTH) edit->width = (int)inner.value;
        if (inner.number == PB_CLIP_HEIGHT) edit->height = (int)inner.value;
      }
      while (field.number == PB_EDIT_RANGE && next_field(&part, &inner)) {
        if (inner.number == PB_FRAME_RANGE_START_FRAME) edit->start_frame = inner.value;
        if (inner.number == PB_FRAME_RANGE_END_FRAME) edit->end_frame = inner.value;
      }
    }
  }
  buffer_free(&request);
  buffer_free(&response);
  if (fine && edit->id[0] == 0) return problem_set(problem, STATUS_INTERNAL, "the daemon made an edit without an id");
  return fine;
}

/* What the streams' callbacks share. */
struct run {
  struct listener listener;
  double fraction;
  int64_t done;
  int64_t total;
  int state;
  char error[500];
};

static bool tick_run(void *context, double fraction) {
  struct run *run = context;
  return run->listener.tick(run->listener.context, fraction);
}

/* Frames done and in all of one target; several targets take turns, and the last one heard of is shown. */
static double take_tracking(void *context, struct message_reader message) {
  struct run *run = context;
  struct message_field field, inner;
  while (next_field(&message, &field)) {
    if (field.number != PB_TRACK_MASKS_RESPONSE_PROGRESS) continue;
    struct message_reader part = part_of(&field);
    double done = 0, total = 0;
    while (next_field(&part, &inner)) {
      if (inner.number == PB_TRACK_PROGRESS_FRAMES_DONE) done = (double)inner.value;
      if (inner.number == PB_TRACK_PROGRESS_FRAMES_TOTAL) total = (double)inner.value;
    }
    if (total > 0) run->fraction = done / total;
  }
  return run->fraction;
}

bool call_track(struct daemon_link *link, const struct buffer *requests, size_t count, struct listener listener,
                struct problem *problem) {
  struct run run = {.listener = listener};
  struct link_stream stream = {RPC_MASK_SERVICE_TRACK_MASKS, requests, count, IDLE_MS, take_tracking, tick_run, &run};
  return link_run(link, &stream, problem);
}

bool call_approve(struct daemon_link *link, const char *edit_id, int grow_px, int feather_px, int64_t deadline_ms,
                  struct problem *problem) {
  struct buffer request = {0}, response = {0};
  put_text(&request, PB_APPROVE_MASKS_REQUEST_EDIT_ID, edit_id);
  put_int(&request, PB_APPROVE_MASKS_REQUEST_GROW_PX, grow_px);
  put_int(&request, PB_APPROVE_MASKS_REQUEST_FEATHER_PX, feather_px);
  bool fine = link_call(link, RPC_MASK_SERVICE_APPROVE_MASKS, &request, &response, deadline_ms, problem);
  buffer_free(&request);
  buffer_free(&response);
  return fine;
}

bool call_start_render(struct daemon_link *link, const struct render_request *wanted, char *job_id, int64_t deadline_ms,
                       struct problem *problem) {
  struct buffer request = {0}, response = {0};
  put_text(&request, PB_START_RENDER_REQUEST_EDIT_ID, wanted->edit_id);
  put_int(&request, PB_START_RENDER_REQUEST_DELIVERABLE, wanted->deliverable);
  put_int(&request, PB_START_RENDER_REQUEST_CODEC, CODEC_FFV1);
  put_text(&request, PB_START_RENDER_REQUEST_OUTPUT_PATH, wanted->output_path);
  put_int(&request, PB_START_RENDER_REQUEST_OVERWRITE, wanted->may_replace ? 1 : 0);
  put_text(&request, PB_START_RENDER_REQUEST_PROFILE, wanted->profile);
  bool fine = link_call(link, RPC_RENDER_SERVICE_START_RENDER, &request, &response, deadline_ms, problem);
  job_id[0] = 0;
  struct message_reader outer = message_of(response.data, response.size);
  struct message_field field;
  if (fine && next_field(&outer, &field) && field.number == PB_START_RENDER_RESPONSE_JOB) {
    struct message_reader reader = part_of(&field);
    while (next_field(&reader, &field)) {
      if (field.number == PB_JOB_ID) field_text(&field, job_id, ID_BYTES);
    }
  }
  buffer_free(&request);
  buffer_free(&response);
  if (fine && job_id[0] == 0) return problem_set(problem, STATUS_INTERNAL, "the daemon made a job without an id");
  return fine;
}

static double take_job(void *context, struct message_reader message) {
  struct run *run = context;
  struct message_field field, inner;
  if (!next_field(&message, &field) || field.number != PB_WATCH_JOB_RESPONSE_JOB) return run->fraction;
  struct message_reader job = part_of(&field);
  run->done = run->total = 0;
  while (next_field(&job, &field)) {
    if (field.number == PB_JOB_STATE) run->state = (int)field.value;
    if (field.number == PB_JOB_UNITS_DONE) run->done = field.value;
    if (field.number == PB_JOB_UNITS_TOTAL) run->total = field.value;
    struct message_reader part = part_of(&field);
    while (field.number == PB_JOB_ERROR && next_field(&part, &inner)) {
      if (inner.number == PB_ERROR_MESSAGE) field_text(&inner, run->error, sizeof run->error);
    }
  }
  if (run->total > 0) run->fraction = (double)run->done / (double)run->total;
  return run->fraction;
}

bool call_watch(struct daemon_link *link, const char *job_id, struct listener listener, struct problem *problem) {
  struct run run = {.listener = listener};
  struct buffer request = {0};
  put_text(&request, PB_WATCH_JOB_REQUEST_JOB_ID, job_id);
  /* A job may wait behind others, or work on a large window, for as long as it takes. */
  struct link_stream stream = {RPC_JOB_SERVICE_WATCH_JOB, &request, 1, INT32_MAX, take_job, tick_run, &run};
  bool fine = link_run(link, &stream, problem);
  buffer_free(&request);
  if (!fine || run.state == JOB_STATE_SUCCEEDED) return fine;
  if (run.state == JOB_STATE_CANCELLED) return problem_set(problem, STATUS_CANCELLED, "the render was cancelled");
  return problem_set(problem, STATUS_FAILED_PRECONDITION, "the render failed: %s",
                     run.error[0] != 0 ? run.error : "see the daemon's log");
}

bool call_cancel_job(struct daemon_link *link, const char *job_id, int64_t deadline_ms, struct problem *problem) {
  struct buffer request = {0}, response = {0};
  put_text(&request, PB_CANCEL_JOB_REQUEST_JOB_ID, job_id);
  bool fine = link_call(link, RPC_JOB_SERVICE_CANCEL_JOB, &request, &response, deadline_ms, problem);
  buffer_free(&request);
  buffer_free(&response);
  return fine;
}
