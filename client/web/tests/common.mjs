// A running simulation to test against: STRONGROOM_TEST_URL is its host, STRONGROOM_TEST_STATE the folder of
// `strongroom-sim up --state`, STRONGROOM_TEST_PACKAGE the unpacked package.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const named = (name) => {
  assert.ok(process.env[name], `${name} must be set; scripts/build-npm --test sets it`);
  return process.env[name];
};

export const url = named("STRONGROOM_TEST_URL");
export const packed = named("STRONGROOM_TEST_PACKAGE");

const state = named("STRONGROOM_TEST_STATE");
export const trust = readFileSync(join(state, "trust.toml"), "utf8");
export const apiKey = readFileSync(join(state, "api-key"), "utf8");
