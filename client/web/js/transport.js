// Opaque bytes out, opaque bytes back, both bounded. Nothing here is trusted.

import * as wasm from "./wasm/strongroom.js";
import { Failed, usage } from "./failure.js";

/** Time for one HTTP request and its whole answer, in milliseconds. */
const EXCHANGE_MS = 60_000;
/** Room for a body before it is known how long it is, in bytes. */
const FIRST_BYTES = 16_384;

/** The host's origin: a URL that names a host and nothing else. */
export const origin = (url) => {
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    parsed = undefined;
  }
  const bare =
    parsed &&
    ["http:", "https:"].includes(parsed.protocol) &&
    parsed.pathname === "/" &&
    !parsed.username && !parsed.password && !parsed.search && !parsed.hash;
  if (!bare) throw usage("not a URL of the form http://HOST[:PORT] or https://HOST[:PORT]");
  return parsed.origin;
};

export class Transport {
  #origin;
  #fetch;
  // Whether anyone ever answered: then somebody who is not there is somebody who left.
  #met = false;

  constructor(url, fetch) {
    this.#origin = origin(url);
    if (fetch !== undefined && typeof fetch !== "function") throw usage("fetch: is not a function");
    this.#fetch = fetch ?? ((...all) => globalThis.fetch(...all));
  }

  /** Posts a nonce and returns evidence. */
  hello(nonce, signal) {
    return this.#post("/v1/hello", nonce, wasm.maxEvidenceBytes(), signal);
  }

  /** Posts a sealed message and returns a sealed answer. */
  message(sealed, signal) {
    return this.#post("/v1/message", sealed, wasm.maxRecordBytes(), signal);
  }

  async #post(path, body, maxBytes, signal) {
    signal?.throwIfAborted();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), EXCHANGE_MS);
    const abort = () => late.abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const response = await this.#fetch(this.#origin + path, {
        method: "POST",
        body,
        signal: late.signal,
        // No cookie and no address of the page goes to a host that is not trusted, and no other host is asked in its place.
        credentials: "omit",
        referrerPolicy: "no-referrer",
        redirect: "error",
        cache: "no-store",
      });
      this.#met = true;
      if (response.status !== 200) {
        // Read to the end, so that the connection can be used again. Its text says nothing that the status does not.
        await whole(response, 1024).catch(() => undefined);
        throw new Failed(wasm.exchange(response.status, true), seconds(response.headers.get("retry-after")));
      }
      return await whole(response, maxBytes);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Failed) throw error;
      if (late.signal.aborted) throw new Failed(wasm.timedOut());
      throw error instanceof TooLong ? new Failed(wasm.tooLong()) : new Failed(wasm.exchange(undefined, this.#met));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

class TooLong extends Error {}

/** The whole of a body, if it is within its bound. */
const whole = async (response, maxBytes) => {
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw new TooLong();
  }
  // One buffer that grows, because a host may send a byte at a time, and each piece has a cost of its own.
  let bytes = new Uint8Array(Math.min(FIRST_BYTES, maxBytes));
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return bytes.slice(0, length);
    if (length + value.length > maxBytes) {
      await reader.cancel();
      throw new TooLong();
    }
    if (length + value.length > bytes.length) {
      const larger = new Uint8Array(Math.min(Math.max(2 * bytes.length, length + value.length), maxBytes));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(value, length);
    length += value.length;
  }
};

/** Seconds of a Retry-After header (RFC 9110 section 10.2.3), in milliseconds; its date form is ignored. */
const seconds = (header) => (/^\d{1,9}$/.test(header ?? "") ? Number(header) * 1000 : undefined);
