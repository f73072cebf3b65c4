// What a verified enclave answered: outputs as typed arrays, and its receipt.

import * as wasm from "./wasm/strongroom.js";
import { Failed, judged } from "./failure.js";

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/** An answer, or a refusal. Either was sealed by the verified enclave for this request. */
export class InferResponse {
  #text;

  constructor(fields, text) {
    Object.assign(this, fields);
    this.#text = text;
  }

  /** The response of the Open Inference Protocol, or `{ error }`, as text. */
  async text() {
    return this.#text();
  }

  /** The same as an object. */
  async json() {
    return JSON.parse(this.#text());
  }
}

/** Takes an answer out of the WebAssembly. */
export const accepted = (answer) => {
  const elements = answer.elements;
  let at = 0;
  const outputs = JSON.parse(answer.outputs).map(({ name, datatype, shape, bytes }) => {
    const data = typed(datatype, elements.slice(at, at + bytes));
    at += bytes;
    return { name, datatype, shape, data };
  });
  const receipt = { ...JSON.parse(answer.receipt), document: answer.document };
  const fields = { ok: true, status: 200, model: answer.model, version: answer.version, outputs, receipt };
  // Not every answer has a JSON form: who does not ask for it is not told.
  let text, failed;
  try {
    text = judged(wasm.Thrown, () => answer.text());
  } catch (error) {
    failed = error instanceof Failed ? error.outside() : error;
  }
  answer.free();
  return new InferResponse(fields, () => {
    if (failed) throw failed;
    return text;
  });
};

/** What the enclave refused, under seal. */
export const refused = ({ status, message, retryAfterMs }) =>
  new InferResponse({ ok: false, status, error: message, retryAfterMs, outputs: [] }, () =>
    JSON.stringify({ error: message }));

const typed = (datatype, bytes) => {
  if (datatype === "BYTES") return strings(bytes);
  return new ARRAYS[datatype](bytes.buffer);
};

/** Elements of BYTES: each behind its length, 4 bytes little-endian. Their lengths were checked before. */
const strings = (bytes) => {
  const view = new DataView(bytes.buffer);
  const all = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at, true);
    all.push(bytes.slice(at + 4, end));
    at = end;
  }
  return all;
};
