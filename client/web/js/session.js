// A session with the enclave, which is wiped as soon as nobody needs it: when it was replaced and no call is under way.

/** A session of the WebAssembly with the number of calls that use it. */
export class Held {
  #session;
  #calls = 0;
  #dropped = false;

  constructor(session) {
    this.#session = session;
  }

  /** What was verified, as JSON. */
  get verified() {
    return this.#session.verified;
  }

  inForce(now, maxAge) {
    return this.#session.inForce(now, maxAge);
  }

  /** Lets a call use it. */
  async use(call) {
    this.#calls += 1;
    try {
      return await call(this.#session);
    } finally {
      this.#calls -= 1;
      this.#wipe();
    }
  }

  /** Nobody starts another call. */
  drop() {
    this.#dropped = true;
    this.#wipe();
  }

  #wipe() {
    if (!this.#dropped || this.#calls > 0) return;
    this.#session?.free();
    this.#session = undefined;
  }
}
