#include "ofx/commands.h"

#include <stdio.h>
#include <string.h>

#include "ofx/feeding.h"
#include "ofx/prompts.h"
#include "ofx/render.h"
#include "peanut_fields.h"

#define CALL_DEADLINE_MS 30000
/* A frame that is being rendered has at most this to let go of the daemon. */
#define LOCK_DEADLINE_MS 65000

static bool same_clip(const struct host_clip *a, const struct host_clip *b) {
  return a->width == b->width && a->height == b->height && a->sample_bytes == b->sample_bytes &&
         a->rate_num == b->rate_num && a->rate_den == b->rate_den && a->first_time == b->first_time &&
         a->frame_count == b->frame_count && a->aspect_num == b->aspect_num && a->aspect_den == b->aspect_den;
}

/* The file that the daemon shall read, and what tells it from another; both "" where the host gives the frames. */
static void source_file(struct instance *instance, char *path, size_t capacity, char *hash, size_t hash_capacity) {
  int offset = param_int(instance->params.single[PARAM_FILE_OFFSET], 0);
  param_text(instance->params.single[PARAM_FILE], path, capacity);
  hash[0] = 0;
  if (path[0] == 0) return;
  uint64_t value = hash_bytes(hash_bytes(HASH_START, path, strlen(path)), &offset, sizeof offset);
  snprintf(hash, hash_capacity, "%016llx", (unsigned long long)value);
}

/* The clip as the daemon reads it itself. */
static bool edit_from_file(struct instance *instance, struct saved_state *state, struct problem *problem) {
  struct edit_facts edit;
  char path[PATH_BYTES], hash[24];
  source_file(instance, path, sizeof path, hash, sizeof hash);
  int offset = param_int(instance->params.single[PARAM_FILE_OFFSET], 0);
  ofx_properties clip = NULL;
  int64_t start = 0, end = 0;
  if (the_host.effect->get_clip_properties(instance->source, &clip) == OFX_OK && clip != NULL) {
    double first = get_double(clip, "OfxImageEffectPropFrameRange", 0, 0);
    double last = get_double(clip, "OfxImageEffectPropFrameRange", 1, -1);
    start = (int64_t)nearest(first) + offset;
    end = (int64_t)nearest(last) + offset + 1;
  }
  if (start < 0 || end <= start) start = end = 0;
  int64_t deadline_ms = now_ms() + CALL_DEADLINE_MS;
  if (!call_create_edit(&instance->link, path, start, end, &edit, deadline_ms, problem)) {
    /* Hosts know clips by ranges of their own; the whole file always fits. */
    if (end == 0 || !call_create_edit(&instance->link, path, 0, 0, &edit, deadline_ms, problem)) return false;
  }
  struct saved_state fresh = {
      .first = -(int64_t)offset, .start = edit.start_frame, .width = edit.width, .height = edit.height};
  memcpy(fresh.edit, edit.id, sizeof fresh.edit);
  memcpy(fresh.file, hash, sizeof fresh.file);
  session_new_id(fresh.session, sizeof fresh.session);
  *state = fresh;
  state_write(instance, state);
  return true;
}

static bool edit_from_session(struct instance *instance, struct saved_state *state, struct problem *problem) {
  struct edit_facts edit;
  if (!session_finish(instance, state, problem)) return false;
  if (!call_create_edit(&instance->link, instance->session.clip_path, 0, 0, &edit, now_ms() + CALL_DEADLINE_MS,
                        problem)) {
    return false;
  }
  memcpy(state->edit, edit.id, sizeof state->edit);
  state_write(instance, state);
  return true;
}

/* Reads the prompts. Targets cannot be taken out of an edit: where one is gone, an edit without it is made. */
static bool read_prompts(struct instance *instance, struct saved_state *state, struct prompts *prompts,
                         struct problem *problem) {
  if (!prompts_read(instance, state, prompts, problem)) return false;
  if (prompts->count == 0 || (state->targets & ~prompts->targets) == 0) return true;
  prompts_free(prompts);
  state->targets = 0;
  bool fine =
      state->file[0] != 0 ? edit_from_file(instance, state, problem) : edit_from_session(instance, state, problem);
  return fine && prompts_read(instance, state, prompts, problem);
}

/* Tracks what the prompts say, unless that was done already. */
static bool track(struct instance *instance, struct saved_state *state, struct problem *problem) {
  struct prompts prompts;
  bool fine = read_prompts(instance, state, &prompts, problem);
  if (fine && prompts.count == 0) {
    fine = problem_set(problem, STATUS_INVALID_ARGUMENT,
                       "the clip is there: now say what must go, with points, a box or text");
  }
  if (fine && strcmp(prompts.hash, state->prompts) != 0) {
    struct progress_part part = {instance->effect, 0.5, 0.5};
    fine =
        call_track(&instance->link, prompts.requests, prompts.count, (struct listener){progress_tick, &part}, problem);
    if (fine) {
      memcpy(state->prompts, prompts.hash, sizeof state->prompts);
      state->targets = prompts.targets;
      state->approved[0] = 0; /* New prompts withdraw the approval. */
      state_write(instance, state);
    }
  }
  prompts_free(&prompts);
  return fine;
}

/* Brings the clip to the daemon anew. */
static bool bring_clip(struct instance *instance, struct saved_state *state, double time, struct problem *problem) {
  char path[PATH_BYTES], hash[24];
  source_file(instance, path, sizeof path, hash, sizeof hash);
  if (path[0] != 0) return edit_from_file(instance, state, problem);
  if (!session_begin(instance, time, state, problem)) return false;
  state_write(instance, state);
  return analyse_range(instance, state, problem) && edit_from_session(instance, state, problem);
}

/* Whether only the prompts have changed since the clip was brought. Pressed without any change: bring it again. */
static bool has_only_new_prompts(struct instance *instance, const struct saved_state *state, double time) {
  struct saved_state now;
  struct prompts prompts;
  struct problem ignored;
  char path[PATH_BYTES], hash[24];
  if (state->edit[0] == 0) return false;
  source_file(instance, path, sizeof path, hash, sizeof hash);
  if (strcmp(hash, state->file) != 0) return false;
  bool is_same_clip =
      path[0] != 0 || (session_begin(instance, time, &now, &ignored) && same_clip(&now.clip, &state->clip));
  if (!is_same_clip) return false;
  bool is_new = prompts_read(instance, state, &prompts, &ignored) && strcmp(prompts.hash, state->prompts) != 0;
  prompts_free(&prompts);
  return is_new;
}

static bool analyse(struct instance *instance, struct saved_state *state, double time, struct problem *problem) {
  if (!link_open(&instance->link, true, now_ms() + CALL_DEADLINE_MS, problem)) return false;
  if (!has_only_new_prompts(instance, state, time) && !bring_clip(instance, state, time, problem)) return false;
  if (!track(instance, state, problem)) return false;
  problem_set(problem, STATUS_OK, "the masks are there: look at the overlay, then approve");
  return true;
}

/* Makes an edit of what was collected, if that is not done. */
static bool ensure_edit(struct instance *instance, struct saved_state *state, struct problem *problem) {
  if (!link_open(&instance->link, true, now_ms() + CALL_DEADLINE_MS, problem)) return false;
  if (state->edit[0] != 0) return true;
  if (state->session[0] == 0) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION, "nothing was analysed yet: press Analyse");
  }
  return edit_from_session(instance, state, problem);
}

static bool approve(struct instance *instance, struct saved_state *state, struct problem *problem) {
  if (!ensure_edit(instance, state, problem) || !track(instance, state, problem)) return false;
  int grow = param_int(instance->params.single[PARAM_GROW], 4),
      feather = param_int(instance->params.single[PARAM_FEATHER], 2);
  if (!call_approve(&instance->link, state->edit, grow, feather, now_ms() + CALL_DEADLINE_MS, problem)) return false;
  memcpy(state->approved, state->prompts, sizeof state->approved);
  state_write(instance, state);
  problem_set(problem, STATUS_OK, "the masks are approved: press Process");
  return true;
}

/* Where the deliverable goes. Only in our own folder may something be replaced. */
static bool output_path(struct instance *instance, struct saved_state *state, char *path, size_t capacity,
                        struct problem *problem) {
  static const char *const NAMES[] = {"patch", "full", "upscaled"};
  param_text(instance->params.single[PARAM_OUTPUT], path, capacity);
  if (path[0] != 0) return true;
  static const struct host_clip NOTHING = {0};
  const struct host_clip *clip = state->clip.width > 0 ? &state->clip : &NOTHING;
  if (!call_open_session(&instance->link, state->session, clip, &instance->session, now_ms() + CALL_DEADLINE_MS,
                         problem)) {
    return false;
  }
  int deliverable = param_int(instance->params.single[PARAM_DELIVERABLE], 1);
  const char *name = NAMES[deliverable >= 0 && deliverable <= 2 ? deliverable : 1];
  int size = snprintf(path, capacity, "%s/%s-%s.mkv", instance->session.output_dir, name, state->edit);
  return (size > 0 && (size_t)size < capacity) ||
         problem_set(problem, STATUS_INTERNAL, "the daemon's folder has too long a path");
}

static bool until(void *context, double fraction) {
  (void)fraction;
  return now_ms() < *(const int64_t *)context;
}

/* Cancels the job and waits until it has let go of its files, so that Process can be pressed again. */
static void cancel(struct instance *instance, const char *job) {
  struct problem ignored = {0};
  int64_t deadline_ms = now_ms() + CALL_DEADLINE_MS;
  if (!call_cancel_job(&instance->link, job, deadline_ms, &ignored)) return;
  call_watch(&instance->link, job, (struct listener){until, &deadline_ms}, &ignored);
}

static bool process(struct instance *instance, struct saved_state *state, struct problem *problem) {
  if (!ensure_edit(instance, state, problem) || !track(instance, state, problem)) return false;
  if (strcmp(state->approved, state->prompts) != 0) {
    return problem_set(problem, STATUS_FAILED_PRECONDITION,
                       "the masks are not approved: look at the overlay, press Approve masks, then Process");
  }
  char path[PATH_BYTES + 128], job[ID_BYTES], given[PATH_BYTES];
  if (!output_path(instance, state, path, sizeof path, problem)) return false;
  param_text(instance->params.single[PARAM_OUTPUT], given, sizeof given);
  const char *profile = profile_name(param_int(instance->params.single[PARAM_PROFILE], 0));
  int deliverable = param_int(instance->params.single[PARAM_DELIVERABLE], 1);
  struct render_request request = {state->edit, deliverable + 1, profile, path, given[0] == 0};
  if (!call_start_render(&instance->link, &request, job, now_ms() + CALL_DEADLINE_MS, problem)) return false;
  /* Remembered at once: the job goes on when the host dies now. */
  memcpy(state->job, job, sizeof state->job);
  memcpy(state->job_prompts, state->prompts, sizeof state->job_prompts);
  state->deliverable = deliverable;
  state_write(instance, state);
  struct progress_part part = {instance->effect, 0, 1};
  if (!call_watch(&instance->link, job, (struct listener){progress_tick, &part}, problem)) {
    if (problem->status == STATUS_CANCELLED) cancel(instance, job);
    return false;
  }
  problem_set(problem, STATUS_OK, "done: %.400s", path);
  return true;
}

static bool open_review(struct instance *instance, struct saved_state *state, struct problem *problem) {
  if (!link_open(&instance->link, true, now_ms() + CALL_DEADLINE_MS, problem)) return false;
  if (instance->link.review_address[0] == 0) {
    return problem_set(problem, STATUS_UNIMPLEMENTED, "this daemon has no review page: look at the mask overlay here");
  }
  char address[sizeof instance->link.review_address + ID_BYTES + 8];
  const char *edit = state->edit[0] == 0 ? "" : "&edit=";
  snprintf(address, sizeof address, "%s%s%s", instance->link.review_address, edit, state->edit);
  if (!open_in_browser(address)) {
    return problem_set(problem, STATUS_INTERNAL, "no browser could be started; the page is %.400s", address);
  }
  problem_set(problem, STATUS_OK, "the review page is open in the browser");
  return true;
}

static void refresh(struct instance *instance) {
  ofx_param revision = instance->params.single[PARAM_REVISION];
  param_set_int(revision, (param_int(revision, 0) + 1) % 1000000000);
}

/* Starts or ends collecting. */
static bool switch_collecting(struct instance *instance, struct saved_state *state, double time,
                              struct problem *problem) {
  if (param_int(instance->params.single[PARAM_COLLECT], 0) == 0) return true;
  if (!session_begin(instance, time, state, problem)) return false;
  state_write(instance, state);
  problem_set(problem, STATUS_OK, "play the whole clip once at full size (%lld frames)",
              (long long)state->clip.frame_count);
  return true;
}

enum command {
  COMMAND_NONE,
  COMMAND_ANALYSE,
  COMMAND_APPROVE,
  COMMAND_PROCESS,
  COMMAND_REVIEW,
  COMMAND_COLLECT,
  COMMAND_REFRESH
};

static enum command command_of(const char *name) {
  static const struct {
    enum param param;
    enum command command;
  } COMMANDS[] = {{PARAM_ANALYSE, COMMAND_ANALYSE}, {PARAM_APPROVE, COMMAND_APPROVE}, {PARAM_PROCESS, COMMAND_PROCESS},
                  {PARAM_REVIEW, COMMAND_REVIEW},   {PARAM_COLLECT, COMMAND_COLLECT}, {PARAM_REFRESH, COMMAND_REFRESH}};
  for (size_t k = 0; k < sizeof COMMANDS / sizeof COMMANDS[0]; k++) {
    if (strcmp(name, param_name(COMMANDS[k].param)) == 0) return COMMANDS[k].command;
  }
  return COMMAND_NONE;
}

static bool run(struct instance *instance, enum command command, double time, struct problem *problem) {
  struct saved_state state;
  state_read(instance, &state);
  switch (command) {
    case COMMAND_ANALYSE:
      return analyse(instance, &state, time, problem);
    case COMMAND_APPROVE:
      return approve(instance, &state, problem);
    case COMMAND_PROCESS:
      return process(instance, &state, problem);
    case COMMAND_REVIEW:
      return open_review(instance, &state, problem);
    case COMMAND_COLLECT:
      return switch_collecting(instance, &state, time, problem);
    case COMMAND_REFRESH:
    case COMMAND_NONE:
      break;
  }
  return true;
}

static void carry_out(struct instance *instance, enum command command, double time) {
  bool is_long = command == COMMAND_ANALYSE || command == COMMAND_APPROVE || command == COMMAND_PROCESS;
  struct problem problem = {0};
  atomic_store(&instance->busy, true);
  bool fine = lock_until(&instance->lock, now_ms() + LOCK_DEADLINE_MS);
  if (!fine) problem_set(&problem, STATUS_DEADLINE_EXCEEDED, "a frame is being rendered: try again");
  if (fine) {
    if (is_long) progress_start(instance->effect, "PEANUT");
    fine = run(instance, command, time, &problem);
    if (is_long) progress_end(instance->effect);
    unlock(&instance->lock);
  }
  atomic_store(&instance->busy, false);
  refresh(instance);
  if (problem.text[0] != 0) param_set_text(instance->params.single[PARAM_STATUS], problem.text);
  bool is_wanted = problem.status == STATUS_CANCELLED;
  if (!fine && !is_wanted) message_dialog(instance->effect, true, problem.text);
}

ofx_status command_changed(struct instance *instance, ofx_properties in) {
  char name[64];
  if (!text_is(in, "OfxPropChangeReason", "OfxChangeUserEdited") || !text_is(in, "OfxPropType", "OfxTypeParameter")) {
    return OFX_REPLY_DEFAULT;
  }
  get_text(in, "OfxPropName", 0, name, sizeof name);
  double time = get_double(in, "OfxPropTime", 0, 0);
  ofx_param frame = frame_param_of(&instance->params, name);
  if (frame != NULL) { /* A click counts on the frame that the user sees. */
    param_set_int(frame, nearest(time));
    return OFX_OK;
  }
  enum command command = command_of(name);
  if (command == COMMAND_NONE) return OFX_REPLY_DEFAULT;
  carry_out(instance, command, time);
  return OFX_OK;
}
