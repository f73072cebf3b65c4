// The package in Node, against a running simulation.

import assert from "node:assert/strict";
import { test } from "node:test";

import { apiKey, asked, between, byName, rejected, ROW, rows, trust, url } from "./common.mjs";

const { connect, verify, StrongroomError } = await byName();

test("evidence is judged by the whole trust file", async () => {
  const judgement = await verify(url, { trust });
  assert.ok(judgement.ok, judgement.refusal);
  assert.ok(judgement.simulation && judgement.verified.simulation);
  assert.ok(judgement.checks.length > 10);
  assert.ok(judgement.checks.every(({ status }) => status !== "FAIL"));
  assert.match(judgement.verified.image.pcr0, /^[0-9a-f]{96}$/);
});

test("an enclave of another image is refused, and asked nothing", async () => {
  const other = trust.replace(/pcr0 = "(.)/, (_, digit) => `pcr0 = "${digit === "0" ? "1" : "0"}`);
  const judgement = await verify(url, { trust: other });
  assert.equal(judgement.ok, false);
  assert.equal(judgement.verified, undefined);
  assert.ok(judgement.checks.some(({ status }) => status === "FAIL"));
  const { paths, fetch } = between();
  const client = await connect(url, { trust: other, apiKey, fetch });
  await rejected(client.infer("fraud", asked(rows(1))), "evidence", 503);
  assert.deepEqual(paths, ["/v1/hello"]);
});

test("without the simulation's root nothing is believed", async () => {
  const real = trust.replace(/^simulation = true$/m, "").replace(/^root = """[^]*?"""$/m, "");
  const judgement = await verify(url, { trust: real });
  assert.equal(judgement.ok, false);
});

test("answers are the same from typed arrays and lists, and signed", async () => {
  const { paths, fetch } = between();
  const client = await connect(url, { trust, apiKey, fetch });
  const first = await client.infer("fraud", asked(rows(2), 2));
  assert.ok(first.ok && first.status === 200);
  assert.equal(first.model, "fraud");
  assert.ok(first.outputs.length > 0 && first.outputs[0].data.length > 0);
  assert.match(first.receipt.request, /^[0-9a-f]{96}$/);
  assert.ok(first.receipt.document instanceof Uint8Array && first.receipt.index > 0);
  assert.equal(first.receipt.model, client.verified.models[0].digest);
  const second = await client.infer("fraud", { id: "a", ...asked([...rows(2)], 2) }, { version: "1" });
  assert.deepEqual(second.outputs, first.outputs);
  const json = await second.json();
  assert.deepEqual([json.id, json.model_name, json.model_version], ["a", "fraud", "1"]);
  assert.deepEqual(json.outputs.map(({ name }) => name), first.outputs.map(({ name }) => name));
  assert.deepEqual(paths, ["/v1/hello", "/v1/message", "/v1/message"], "one session");
});

test("a request too large for the opening follows it", async () => {
  const { paths, fetch } = between();
  const client = await connect(url, { trust, apiKey, fetch });
  const response = await client.infer("fraud", asked(rows(10_000), 10_000));
  // More rows than the model takes: an answer under the session that was opened without them.
  assert.deepEqual([response.ok, response.status], [false, 400]);
  assert.deepEqual(paths, ["/v1/hello", "/v1/message", "/v1/message"]);
});

test("calls at once share one session", async () => {
  const { paths, fetch } = between();
  const client = await connect(url, { trust, apiKey, fetch });
  const all = await Promise.all(Array.from({ length: 8 }, () => client.infer("fraud", asked(rows(1)))));
  assert.ok(all.every(({ ok }) => ok));
  assert.equal(paths.filter((path) => path === "/v1/hello").length, 1);
});

test("what the enclave refuses is an answer, too", async () => {
  const client = await connect(url, { trust, apiKey });
  const response = await client.infer("fraud", {
    inputs: [{ name: "X", shape: [1, 3], datatype: "FP32", data: [1, 2, 3] }],
  });
  assert.deepEqual([response.ok, response.status], [false, 400]);
  assert.equal((await response.json()).error, response.error);
  const stranger = await connect(url, { trust, apiKey: `sr_${"A".repeat(43)}` });
  assert.equal((await stranger.infer("fraud", asked(rows(1)))).status, 403);
});

test("what is wrong is said before anything is sent", async () => {
  const { paths, fetch } = between();
  const client = await connect(url, { trust, apiKey, fetch });
  await rejected(client.infer("fraud", {}), "usage", 400);
  await rejected(client.infer("fraud", asked(new Float64Array(ROW))), "usage", 400);
  await rejected(client.infer("fraud", asked([Number.NaN, ...rows(1).slice(1)])), "usage", 400);
  await rejected(client.infer("a b", asked(rows(1))), "usage", 400);
  await rejected(client.infer("fraud", asked(rows(1)), { version: 1 }), "usage", 400);
  await rejected(connect(url, { trust, apiKey: "secret" }), "usage", 400);
  await rejected(connect(url, { trust: "x = 1", apiKey }), "usage", 400);
  await rejected(connect(`${url}/path`, { trust, apiKey }), "usage", 400);
  await rejected(connect(url, { trust, apiKey, fetch: "fetch" }), "usage", 400);
  await assert.rejects(verify(url, {}), StrongroomError);
  assert.deepEqual(paths, []);
});

test("a model that the trust file does not name is not asked for", async () => {
  const { verified } = await verify(url, { trust });
  const [{ name, version, digest }] = verified.models;
  const pin = `[[model]]\nname = "${name}"\nversion = "${version}"\ndigest = "${digest}"\n`;
  const pinned = `${trust.replace("owner_may_change_models = true", "")}\n${pin}`;
  const { paths, fetch } = between();
  const client = await connect(url, { trust: pinned, apiKey, fetch });
  assert.ok((await client.infer("fraud", asked(rows(1)))).ok);
  await rejected(client.infer("other", asked(rows(1))), "binding", 404);
  await rejected(client.infer("fraud", asked(rows(1)), { version: "2" }), "binding", 404);
  assert.deepEqual(paths, ["/v1/hello", "/v1/message"], "nothing was sent");
  const open = await connect(url, { trust, apiKey });
  assert.equal((await open.infer("other", asked(rows(1)))).status, 404);
});

test("a lost session and a busy host are tried again", async () => {
  let lost = 0;
  const { paths, fetch } = between((path, response, sent) => {
    if (response !== undefined || path !== "/v1/message") return response;
    const turn = sent.filter((each) => each === path).length;
    if (turn === 2) return new Response("misdirected\n", { status: 421 });
    if (turn === 3) return new Response("busy\n", { status: 429, headers: { "retry-after": "1" } });
    lost = turn;
    return undefined;
  });
  const client = await connect(url, { trust, apiKey, fetch });
  await client.infer("fraud", asked(rows(1)));
  const started = Date.now();
  assert.ok((await client.infer("fraud", asked(rows(1)))).ok);
  assert.ok(Date.now() - started >= 1000, "Retry-After is honoured");
  assert.equal(lost, 4);
  assert.equal(paths.filter((path) => path === "/v1/hello").length, 3, "a lost session is attested anew");
});

test("a changed answer is refused, and not tried again", async () => {
  const { paths, fetch } = between(async (path, response) => {
    if (response === undefined || path !== "/v1/message") return response;
    const bytes = new Uint8Array(await response.arrayBuffer());
    bytes[bytes.length >> 1] ^= 1;
    return new Response(bytes, { status: 200 });
  });
  const client = await connect(url, { trust, apiKey, fetch });
  await rejected(client.infer("fraud", asked(rows(1))), "binding", 502);
  assert.deepEqual(paths, ["/v1/hello", "/v1/message"]);
});

test("answers are bounded", async () => {
  const { fetch } = between((path, response) =>
    response === undefined ? new Response(new Uint8Array((2 << 20) + 1), { status: 200 }) : response);
  await rejected(verify(url, { trust, fetch }), "other", 502);
});

test("a closed client asks nothing", async () => {
  const client = await connect(url, { trust, apiKey });
  const pending = client.infer("fraud", asked(rows(1)));
  client.close();
  client.close();
  await rejected(pending, "usage", 400);
  await rejected(client.infer("fraud", asked(rows(1))), "usage", 400);
});

test("nobody there, and a caller who gives up", async () => {
  await rejected(verify("http://127.0.0.1:9", { trust }), "unreachable", 503);
  const { fetch } = between((_path, response) =>
    response === undefined ? new Response("", { status: 503 }) : response);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  await assert.rejects(verify(url, { trust, fetch, signal: abort.signal }), { name: "AbortError" });
});

test("no plaintext and no key leaves in the clear", async () => {
  const sent = [];
  const fetch = (address, options) => {
    sent.push(Buffer.from(options.body));
    return globalThis.fetch(address, options);
  };
  const client = await connect(url, { trust, apiKey, fetch });
  await client.infer("fraud", asked(rows(1)));
  const all = Buffer.concat(sent);
  const secret = Buffer.from(apiKey.trim().slice(3), "base64url");
  assert.ok(!all.includes(secret) && !all.includes(Buffer.from(rows(1).buffer)));
});
