// Which failures another attempt may cure is decided by the WebAssembly; here is how long to wait for it.

import { Failed, StrongroomError } from "./failure.js";

/** Attempts at one call, the first one included. */
const MAX_ATTEMPTS = 10;
/** Wait before the second attempt; later waits double. Milliseconds. */
const FIRST_BACKOFF_MS = 100;
/** Longest wait between two attempts, whatever the host asks for. */
const MAX_BACKOFF_MS = 5_000;
/** Time for one call with all its attempts. */
const CALL_MS = 180_000;

/** Tries until there is a result, or no attempt left, or one of the signals ends it with its own reason. */
export const retried = async (attempt, ...given) => {
  const signals = given.filter((signal) => signal !== undefined);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), CALL_MS);
  const abort = () => late.abort();
  const goOn = () => signals.forEach((signal) => signal.throwIfAborted());
  signals.forEach((signal) => signal.addEventListener("abort", abort, { once: true }));
  const until = performance.now() + CALL_MS;
  let backoff = FIRST_BACKOFF_MS;
  try {
    for (let left = MAX_ATTEMPTS - 1; ; left -= 1) {
      try {
        goOn();
        return await attempt(late.signal);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        const wait = error.cure === "attestation" ? 0 : Math.min(Math.max(error.wait ?? 0, backoff), MAX_BACKOFF_MS);
        if (!error.cure || left <= 0 || performance.now() + wait >= until) throw error.outside();
        backoff = Math.min(backoff * 2, MAX_BACKOFF_MS);
        await pause(wait, late.signal);
      }
    }
  } catch (error) {
    goOn();
    if (late.signal.aborted && !(error instanceof StrongroomError)) throw timedOut();
    throw error;
  } finally {
    clearTimeout(timer);
    signals.forEach((signal) => signal.removeEventListener("abort", abort));
  }
};

const timedOut = () =>
  new StrongroomError({ message: "the host did not answer in time", status: 503, kind: "unreachable" });

const pause = (ms, signal) =>
  new Promise((done, failed) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      failed(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      done();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
