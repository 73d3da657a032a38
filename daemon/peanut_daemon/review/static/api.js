// Calls to the daemon; its refusals become errors with its own words.

export class Refused extends Error {
  constructor({ reason, message, retryable = false }) {
    super(message);
    this.reason = reason;
    this.retryable = retryable;
  }
}

export async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused({
      reason: "DaemonUnreachableError",
      message: "the daemon does not answer: nothing is lost, the page connects again by itself",
      retryable: true,
    });
  }
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    answer = { reason: "InternalError", message: `the daemon answered ${response.status} without words` };
  }
  if (!response.ok) throw new Refused(answer);
  return answer;
}
