// The package for pages and bundlers: the WebAssembly is fetched from beside its module.

import { begin } from "./client.js";
import { once } from "./load.js";

/** Loads the WebAssembly, once. Another place or a compiled module may be given; then before anything else. */
export const load = once(() => new URL("./wasm/strongroom_bg.wasm", import.meta.url));

export const { verify, connect } = begin(() => load());
export { StrongroomError } from "./failure.js";
