// A request of the Open Inference Protocol with typed arrays: its JSON, and behind it the bytes of those.

import { usage } from "./failure.js";

/** Which typed arrays hold the elements of a datatype. FP16 and BF16 may be given as the bits of each element. */
const ARRAYS = {
  BOOL: ["Uint8Array"],
  UINT8: ["Uint8Array", "Uint8ClampedArray"],
  UINT16: ["Uint16Array"],
  UINT32: ["Uint32Array"],
  UINT64: ["BigUint64Array"],
  INT8: ["Int8Array"],
  INT16: ["Int16Array"],
  INT32: ["Int32Array"],
  INT64: ["BigInt64Array"],
  FP16: ["Uint16Array", "Float16Array"],
  BF16: ["Uint16Array"],
  FP32: ["Float32Array"],
  FP64: ["Float64Array"],
};

/** JSON as bytes, and the bytes behind it. What is wrong beside typed arrays is found by whoever reads them. */
export const encode = (request) => {
  if (typeof request !== "object" || request === null || !Array.isArray(request.inputs)) {
    throw usage("inputs: is not a list");
  }
  const behind = [];
  const inputs = request.inputs.map((input, index) => apart(input, `inputs[${index}]`, behind));
  let json;
  try {
    json = JSON.stringify({ ...request, inputs });
  } catch {
    throw usage("the request cannot be written as JSON");
  }
  return { json: new TextEncoder().encode(json), behind: joined(behind) };
};

const apart = (input, at, behind) => {
  const data = typed(input?.data, input?.datatype, at);
  if (data === undefined) return input;
  const allowed = Object.hasOwn(ARRAYS, input.datatype) ? ARRAYS[input.datatype] : [];
  // By what it is, not by its class: a Buffer of Node is a Uint8Array, too.
  if (!allowed.includes(data[Symbol.toStringTag])) {
    throw usage(`${at}.data: is not the typed array of this datatype`);
  }
  behind.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const { data: _, ...rest } = input;
  return { ...rest, parameters: { ...rest.parameters, binary_data_size: data.byteLength } };
};

/** The typed array that is given, or that BigInts, which JSON does not have, are put into. */
const typed = (data, datatype, at) => {
  if (ArrayBuffer.isView(data)) return data;
  if (!Array.isArray(data) || !["INT64", "UINT64"].includes(datatype)) return undefined;
  const flat = data.flat(Infinity);
  if (!flat.some((value) => typeof value === "bigint")) return undefined;
  const fits = datatype === "INT64" ? BigInt.asIntN : BigInt.asUintN;
  const whole = flat.every((value) =>
    typeof value === "bigint" ? fits(64, value) === value : Number.isSafeInteger(value) && (value >= 0 || datatype === "INT64"));
  if (!whole) throw usage(`${at}.data: an element does not fit the datatype`);
  return (datatype === "INT64" ? BigInt64Array : BigUint64Array).from(flat, BigInt);
};

const joined = (pieces) => {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};
