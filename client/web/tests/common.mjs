// A running simulation to test against, and the package as npm installed it: STRONGROOM_TEST_URL is the simulation's
// host, STRONGROOM_TEST_STATE the folder of `strongroom-sim up --state`, STRONGROOM_TEST_APP the folder with node_modules.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const named = (name) => {
  assert.ok(process.env[name], `${name} must be set; scripts/build-npm --test sets it`);
  return process.env[name];
};

export const url = named("STRONGROOM_TEST_URL");
export const state = named("STRONGROOM_TEST_STATE");
export const app = named("STRONGROOM_TEST_APP");
export const modules = named("STRONGROOM_TEST_MODULES");
export const installed = join(app, "node_modules/strongroom");

export const trust = readFileSync(join(state, "trust.toml"), "utf8");
export const apiKey = readFileSync(join(state, "api-key"), "utf8");

/** The package as an application gets it, by its name. */
export const byName = () => {
  const module = join(app, "application.mjs");
  writeFileSync(module, 'export * from "strongroom";\n');
  return import(pathToFileURL(module).href);
};

// The bundled fraud classifier takes rows of 30 floats.
export const ROW = 30;
export const rows = (count) => Float32Array.from({ length: count * ROW }, (_, index) => (index % 7) / 7);
export const asked = (data, count = 1) => ({
  inputs: [{ name: "X", shape: [count, ROW], datatype: "FP32", data }],
});

/** Counts what is sent where, and lets a test stand between. */
export const between = (change = (_path, response) => response) => {
  const paths = [];
  const fetch = async (address, options) => {
    const path = new URL(address).pathname;
    paths.push(path);
    return (await change(path, undefined, paths)) ?? change(path, await globalThis.fetch(address, options), paths);
  };
  return { paths, fetch };
};

/** Rejects with the package's error. */
export const rejected = (promise, kind, status) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.name, "StrongroomError", String(error));
    assert.deepEqual([error.kind, error.status], [kind, status], error.message);
    return true;
  });
