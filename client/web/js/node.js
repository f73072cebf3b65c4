// The package for Node: the WebAssembly is read from the file beside its module.

import { readFile } from "node:fs/promises";
import { webcrypto } from "node:crypto";

import { begin } from "./client.js";
import { once } from "./load.js";

// Node 18 has it, under another name.
globalThis.crypto ??= webcrypto;

/** Loads the WebAssembly, once. Other bytes or a compiled module may be given; then before anything else. */
export const load = once(() => readFile(new URL("./wasm/strongroom_bg.wasm", import.meta.url)));

export const { verify, connect } = begin(() => load());
export { StrongroomError } from "./failure.js";
