// The package for Node: the WebAssembly is read from the file beside its module.

import { readFile } from "node:fs/promises";
import { webcrypto } from "node:crypto";

import init from "./wasm/strongroom.js";
import { begin } from "./client.js";

// Node 18 has it, under another name.
globalThis.crypto ??= webcrypto;

let loading;

/** Loads the WebAssembly, once. Other bytes or a compiled module may be given; then before anything else. */
export const load = (source) => {
  loading ??= Promise.resolve(source ?? readFile(new URL("./wasm/strongroom_bg.wasm", import.meta.url)))
    .then((module_or_path) => init({ module_or_path }))
    .catch((error) => {
      loading = undefined;
      throw error;
    });
  return loading;
};

export const { verify, connect } = begin(() => load());
export { StrongroomError } from "./failure.js";
