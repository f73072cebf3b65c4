/** A trust file or a document, as text or as bytes. */
export type Bytes = string | Uint8Array;

export type Datatype =
  | "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64"
  | "FP16" | "BF16" | "FP32" | "FP64" | "BYTES";

export interface Connection {
  /** The trust file: what is demanded of the enclave. */
  trust: Bytes;
  /** The document of published measurements, where the trust file has `[measurements]`. */
  measurements?: Bytes;
  /** In place of the global `fetch`. It sees nonces, evidence and sealed messages. */
  fetch?: typeof globalThis.fetch;
}

/** One check of a judgement. */
export interface Check {
  id: string;
  status: "PASS" | "FAIL" | "SKIP";
  detail: string;
}

/** An enclave that met every demand. Digests and registers are hexadecimal. */
export interface Verified {
  /** Whether its root is a simulated one, which vouches for nothing. */
  simulation: boolean;
  deployment: string;
  charter: string;
  release: string;
  epoch: number;
  controls: string;
  image: { pcr0: string; pcr1: string; pcr2: string } | null;
  models: { name: string; version: string; digest: string }[];
  evidence: string;
  /** Time of the attestation document, in milliseconds since the Unix epoch. */
  attested_at: number;
}

export interface Judgement {
  /** Whether every demand is met. */
  ok: boolean;
  simulation: boolean;
  checks: Check[];
  /** Only of one that is ok. */
  verified?: Verified;
  /** The first check that failed, in words. */
  refusal?: string;
  /** The evidence as received. */
  evidence: Uint8Array;
}

export type TypedArray =
  | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array | BigUint64Array
  | Int8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

export type Value = number | bigint | boolean | string | Value[];

export interface Input {
  name: string;
  shape: number[];
  datatype: Datatype;
  /** Row-major: a flat list, lists nested as the shape says, or the typed array of the datatype. */
  data: Value[] | TypedArray;
  parameters?: Record<string, unknown>;
}

/** The body of an infer request of the Open Inference Protocol v2. */
export interface InferRequest {
  id?: string;
  inputs: Input[];
  outputs?: { name: string }[];
  /** `risk.NAME` declares a number where a route chooses by it. */
  parameters?: Record<string, unknown>;
}

export interface Output {
  name: string;
  datatype: Datatype;
  shape: number[];
  /** BOOL as bytes 0 and 1, FP16 and BF16 as the bits of each element, BYTES as a list of byte strings. */
  data: TypedArray | Uint8Array[];
}

/** What an enclave signed with an answer. Digests are hexadecimal. */
export interface Receipt {
  request: string;
  outcome: string;
  model: string | null;
  release: string;
  epoch: number;
  controls: string;
  treatment: Record<string, unknown> | null;
  voted: boolean;
  budget: Record<string, number>;
  index: number | null;
  /** In milliseconds since the Unix epoch, by the enclave's clock. */
  time: number;
  /** The receipt as it was signed (COSE_Sign1). */
  document: Uint8Array;
}

/** What the verified enclave said, under seal: an answer, or a refusal. */
export interface InferResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly outputs: Output[];
  /** Only of an answer. */
  readonly model?: string;
  readonly version?: string;
  readonly receipt?: Receipt;
  /** Only of a refusal. */
  readonly error?: string;
  readonly retryAfterMs?: number;
  text(): Promise<string>;
  json(): Promise<any>;
}

export interface Client {
  readonly simulation: boolean;
  /** What the open session was verified against; nothing before the first call. */
  readonly verified?: Verified;
  /** Wipes the API key and the session. Calls that are under way end. */
  close(): void;
  infer(model: string, request: InferRequest, options?: { version?: string; signal?: AbortSignal }): Promise<InferResponse>;
}

/** Why there is no answer of a verified enclave. */
export class StrongroomError extends Error {
  readonly name: "StrongroomError";
  /** The status that the proxy gives the same failure. */
  readonly status: number;
  readonly kind: "usage" | "evidence" | "binding" | "unreachable" | "other";
  readonly retryAfterMs?: number;
}

/** Asks for evidence with a fresh nonce and judges it. Needs no API key and opens no session. */
export function verify(url: string, options: Connection & { signal?: AbortSignal }): Promise<Judgement>;

/** Prepares a client. Nothing is sent before its first call, which verifies. */
export function connect(url: string, options: Connection & { apiKey: string }): Promise<Client>;

/** Loads the WebAssembly from another place, or a module that was compiled already; then before anything else. */
export function load(source?: WebAssembly.Module | BufferSource | URL | string | Response | Promise<Response>): Promise<void>;
