// The WebSocket: the edit's state and its masks, again and again after each break.

const FIRST_PAUSE_MS = 200, LONGEST_PAUSE_MS = 2000;

export class Feed {
  // `on` has: open(), state(edit), clear(target), mask(header, png), error(refusal), gone(message),
  // lost(), refused().
  constructor(editId, on) {
    this.path = `/api/edits/${editId}/feed`;
    this.on = on;
    this.pause = FIRST_PAUSE_MS;
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`ws://${location.host}${this.path}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.pause = FIRST_PAUSE_MS; this.on.open(); };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.text(JSON.parse(data)) : this.masks(data));
    socket.onclose = () => {
      if (this.ended) return;
      this.on.lost();
      setTimeout(() => this.again(), this.pause);
      this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 1.6);
    };
  }

  // A browser does not say why a WebSocket was refused; a plain call does.
  async again() {
    try {
      const response = await fetch(this.path.replace(/\/feed$/, ""));
      if (response.status === 401 || response.status === 404) {
        this.ended = true;
        this.on.gone((await response.json()).message);
        return;
      }
    } catch { /* the daemon is away: the socket will fail, and wait longer */ }
    this.connect();
  }

  text(message) {
    if (message.kind === "state") this.on.state(message.edit);
    else if (message.kind === "masks") this.on.clear(message.target);
    else if (message.kind === "error") this.on.error(message);
    else if (message.kind === "gone") { this.ended = true; this.on.gone(message.message); }
  }

  masks(data) {
    const view = new DataView(data), decoder = new TextDecoder();
    for (let at = 0; at < data.byteLength;) {
      const length = view.getUint32(at, true);
      const header = JSON.parse(decoder.decode(new Uint8Array(data, at + 4, length)));
      const start = at + 4 + length;
      at = start + header.bytes;
      // A copy: the message with hundreds of masks must not live as long as one of them.
      this.on.mask(header, data.slice(start, at));
    }
    this.on.masksDone();
  }
}
