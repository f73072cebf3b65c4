// The one error that the package throws.

/** A failed call. The message is for people and repeats nothing of what was asked. */
export class StrongroomError extends Error {
  constructor({ message, status, kind, retryAfterMs }) {
    super(message);
    this.name = "StrongroomError";
    this.status = status;
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A failure inside, with what decides about another attempt. */
export class Failed extends Error {
  constructor(thrown, wait) {
    super(thrown.message);
    this.status = thrown.status;
    this.kind = thrown.kind;
    this.retryAfterMs = thrown.retryAfterMs;
    this.cure = thrown.cure;
    this.keepsSession = thrown.keepsSession;
    // What the host asked for, in milliseconds.
    this.wait = wait;
    thrown.free();
  }

  /** The same for the caller. */
  outside() {
    return new StrongroomError(this);
  }
}

/** The caller's argument is wrong. */
export const usage = (message) => new StrongroomError({ message, status: 400, kind: "usage" });

/** Calls into the WebAssembly, whose failures are no errors of JavaScript. */
export const judged = (Thrown, call) => {
  try {
    return call();
  } catch (thrown) {
    throw thrown instanceof Thrown ? new Failed(thrown) : thrown;
  }
};
