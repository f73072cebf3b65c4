// What a client leaves behind in the memory of the WebAssembly. Alone in its process, because others leave theirs.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { apiKey, asked, byName, installed, ROW, trust, url } from "./common.mjs";

const { connect, load } = await byName();

test("a closed client leaves neither key nor request nor answer in the WebAssembly", async () => {
  await load();
  const { default: instance } = await import(pathToFileURL(join(installed, "wasm/strongroom.js")).href);
  const { memory } = await instance();
  const within = (bytes) => Buffer.from(memory.buffer).includes(bytes);
  const secret = Buffer.from(apiKey.trim().slice(3), "base64url");
  // A row that no other test asks about.
  const row = Float32Array.from({ length: ROW }, (_, index) => Math.fround(Math.sin(index + 0.123)));
  const client = await connect(url, { trust, apiKey });
  assert.ok(within(secret), "it is looked for where it would be");
  const texts = await Promise.all([client.infer("fraud", asked(row)), client.infer("fraud", asked([...row]))]
    .map(async (response) => (await response).text()));
  client.close();
  const bytes = Buffer.from(row.buffer);
  for (const [name, piece] of [
    ["the key", secret], ["the key's text", Buffer.from(apiKey.trim())], ["the row", bytes], ["a part of the row", bytes.subarray(40, 72)],
    ["the row as text", Buffer.from(String(row[3]))], ["the answer", Buffer.from(texts[0]).subarray(0, 64)],
  ]) {
    assert.ok(!within(piece), name);
  }
});
