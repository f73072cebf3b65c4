// Loading the WebAssembly, once: objects of one instance mean nothing to another.

import init from "./wasm/strongroom.js";

/** A function that loads what it is given, or what `fallback` gives, the first time that it works. */
export const once = (fallback) => {
  let loading;
  return (source) => {
    loading ??= Promise.resolve(source ?? fallback())
      .then((module_or_path) => init({ module_or_path }))
      .then(() => undefined)
      .catch((error) => {
        loading = undefined;
        throw error;
      });
    return loading;
  };
};
