// The client: verify first, then seal, then judge what comes back. Every judgement is made in the WebAssembly.

import * as wasm from "./wasm/strongroom.js";
import { accepted, refused } from "./answer.js";
import { Failed, StrongroomError, judged, usage } from "./failure.js";
import { encode } from "./request.js";
import { retried } from "./retry.js";
import { Held } from "./session.js";
import { Transport } from "./transport.js";

/** Age of a session at which the enclave has to prove itself again, in milliseconds. */
const SESSION_AGE_MS = 3_600_000;

/** The functions of the package, over whatever loads its WebAssembly. */
export const begin = (load) => ({
  async verify(url, { trust, measurements, fetch, signal } = {}) {
    await load();
    const verifier = demands(trust, measurements);
    try {
      const transport = new Transport(url, fetch);
      return await retried(async (late) => {
        const evidence = await evidenceOf(() => verifier, transport, late);
        try {
          return described(evidence, verifier.simulation);
        } finally {
          evidence.free();
        }
      }, signal);
    } finally {
      verifier.free();
    }
  },

  async connect(url, { trust, measurements, apiKey, fetch } = {}) {
    await load();
    if (typeof apiKey !== "string") throw usage("an API key is missing");
    return new Client(new Transport(url, fetch), demands(trust, measurements, apiKey));
  },
});

/** A client of one deployment behind one URL. One session serves every call, in parallel. */
class Client {
  #transport;
  #verifier;
  #session;
  // Whoever finds the session lost opens the next one; the others wait for that.
  #opening;
  // Ends the calls that are under way when the client is closed.
  #end = new AbortController();

  constructor(transport, verifier) {
    this.#transport = transport;
    this.#verifier = verifier;
  }

  /** Whether the trust file names a simulated root, which vouches for nothing. */
  get simulation() {
    return this.#party.simulation;
  }

  /** What the open session was verified against. */
  get verified() {
    return this.#session && JSON.parse(this.#session.verified);
  }

  /** Wipes the API key and the session. Calls that are under way end. */
  close() {
    if (this.#end.signal.aborted) return;
    this.#end.abort(usage("the client is closed"));
    this.#lose();
    this.#verifier.free();
  }

  get #party() {
    this.#end.signal.throwIfAborted();
    return this.#verifier;
  }

  /** Runs one inference in the verified enclave. */
  async infer(model, request, { version, signal } = {}) {
    if (version !== undefined && typeof version !== "string") throw usage("the version is not a name");
    const { json, behind } = encode(request);
    let question;
    try {
      question = judged(wasm.Thrown, () => this.#party.ask(String(model), version, json, behind));
    } catch (error) {
      throw error instanceof Failed ? error.outside() : error;
    }
    try {
      return await retried((late) => this.#attempt(question, late), signal, this.#end.signal);
    } catch (error) {
      if (error instanceof StrongroomError && error.kind === "refused") return refused(error);
      throw error;
    } finally {
      question.free();
    }
  }

  async #attempt(question, signal) {
    for (;;) {
      const session = this.#session;
      if (session?.inForce(Date.now(), SESSION_AGE_MS)) return this.#ask(session, question, signal);
      if (this.#opening === undefined) break;
      await until(this.#opening, signal);
    }
    let opened;
    this.#opening = new Promise((done) => {
      opened = done;
    });
    try {
      const answer = await this.#open(question, signal);
      if (!answer.opened) return accepted(answer);
      answer.free();
    } finally {
      this.#opening = undefined;
      opened();
    }
    if (this.#session === undefined) throw new Failed(wasm.timedOut());
    return this.#ask(this.#session, question, signal);
  }

  /** Attests, judges and opens. The session is kept when the enclave keeps it: unless it refused the key. */
  async #open(question, signal) {
    this.#lose();
    const evidence = await evidenceOf(() => this.#party, this.#transport, signal);
    // Takes the evidence, passed or not.
    const sealed = judged(wasm.Thrown, () => this.#party.open(evidence, Date.now(), question));
    try {
      const record = await this.#transport.message(sealed.message, signal);
      const session = new Held(sealed.takeSession());
      let kept = false;
      try {
        const answer = await session.use((open) =>
          judged(wasm.Thrown, () => this.#party.read(open, question, sealed, record)));
        kept = true;
        return answer;
      } catch (error) {
        kept = error.keepsSession === true;
        throw error;
      } finally {
        if (kept && !this.#end.signal.aborted) this.#session = session;
        else session.drop();
      }
    } finally {
      sealed.free();
    }
  }

  async #ask(session, question, signal) {
    try {
      return await session.use((open) => this.#exchange(open, question, signal));
    } catch (error) {
      // Lost, unless another attempt has already replaced it.
      if (error.cure === "attestation" && this.#session === session) this.#lose();
      throw error;
    }
  }

  async #exchange(session, question, signal) {
    const sealed = judged(wasm.Thrown, () => this.#party.seal(session, question));
    try {
      const record = await this.#transport.message(sealed.message, signal);
      const answer = judged(wasm.Thrown, () => this.#party.read(session, question, sealed, record));
      if (!answer.opened) return accepted(answer);
      answer.free();
      throw new StrongroomError({ message: "the answer is not one of this protocol", status: 502, kind: "other" });
    } finally {
      sealed.free();
    }
  }

  #lose() {
    this.#session?.drop();
    this.#session = undefined;
  }
}

const demands = (trust, measurements, apiKey) => {
  const bytes = (value, name) => {
    if (typeof value === "string") return new TextEncoder().encode(value);
    if (value instanceof Uint8Array) return value;
    throw usage(`${name}: is neither text nor bytes`);
  };
  const published = measurements === undefined ? undefined : bytes(measurements, "measurements");
  const text = bytes(trust, "trust");
  try {
    return judged(wasm.Thrown, () => new wasm.Verifier(text, published, apiKey));
  } catch (error) {
    throw error instanceof Failed ? error.outside() : error;
  }
};

/** Evidence for a fresh nonce, judged. */
const evidenceOf = async (party, transport, signal) => {
  const nonce = judged(wasm.Thrown, () => party().nonce());
  const evidence = await transport.hello(nonce, signal);
  return judged(wasm.Thrown, () => party().judge(nonce, evidence, Date.now()));
};

const described = (judgement, simulation) => ({
  ok: judgement.ok,
  simulation,
  checks: JSON.parse(judgement.checks),
  verified: judgement.ok ? JSON.parse(judgement.verified) : undefined,
  refusal: judgement.refusal,
  evidence: judgement.evidence,
});

/** Waits for another's work, or until one's own is given up. */
const until = (work, signal) =>
  new Promise((done, failed) => {
    const abort = () => failed(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(() => {
      signal.removeEventListener("abort", abort);
      done();
    });
  });
