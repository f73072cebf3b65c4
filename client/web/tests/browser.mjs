// The package in a page of headless Chromium, against a running simulation whose host lists the page's origin.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { apiKey, installed, modules, trust, url } from "./common.mjs";

const origin = process.env.STRONGROOM_TEST_ORIGIN;
const { chromium } = await import(
  pathToFileURL(join(modules, "playwright-core/index.mjs")).href);

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
// A policy as the manual advises: the page's own scripts, WebAssembly, and no host but the one.
const POLICY = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${url}`;

const site = (port) => new Promise((done) => {
  const server = createServer(async (request, response) => {
    const path = request.url === "/" ? "/page.html" : request.url;
    const type = TYPES[path.slice(path.lastIndexOf("."))];
    const bytes = path === "/page.html" ? "<!doctype html><title>test</title>"
      : await readFile(join(installed, path)).catch(() => undefined);
    if (type === undefined || bytes === undefined) return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(bytes);
  });
  server.listen(port, "127.0.0.1", () => done(server));
});

let listed, other, browser, profile;

before(async () => {
  listed = await site(Number(new URL(origin).port));
  other = await site(0);
  profile = await mkdtemp(join(tmpdir(), "strongroom-web-"));
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
});

after(async () => {
  await browser?.close();
  for (const server of [listed, other]) {
    server?.closeAllConnections();
    server?.close();
  }
  await rm(profile, { recursive: true, force: true });
});

const page = async (at) => {
  const opened = await browser.newPage();
  await opened.goto(at);
  return opened;
};

test("a page verifies, seals and reads", async () => {
  const opened = await page(origin);
  const requests = [];
  opened.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const told = await opened.evaluate(async ({ url, trust, apiKey }) => {
    const { connect, verify } = await import("/index.js");
    const started = performance.now();
    const judgement = await verify(url, { trust });
    const verified = performance.now();
    const client = await connect(url, { trust, apiKey });
    const asked = (data) => ({ inputs: [{ name: "X", shape: [1, 30], datatype: "FP32", data }] });
    const first = await client.infer("fraud", asked(new Float32Array(30)));
    const answered = performance.now();
    const second = await client.infer("fraud", asked(Array(30).fill(0)));
    const again = performance.now();
    const refused = await client.infer("fraud", { inputs: [{ name: "X", shape: [1], datatype: "FP32", data: [1] }] });
    return {
      ok: judgement.ok, refusal: judgement.refusal, simulation: client.simulation,
      first: [first.ok, first.status, first.receipt.index, first.outputs.map(({ data }) => [...data].map(String))],
      second: [second.ok, second.status, second.receipt.index, second.outputs.map(({ data }) => [...data].map(String))],
      json: await second.json(), refused: [refused.ok, refused.status],
      took: { verify: verified - started, first: answered - verified, second: again - answered },
    };
  }, { url, trust, apiKey });
  assert.ok(told.ok, told.refusal);
  assert.ok(told.simulation);
  assert.deepEqual([told.first[0], told.first[1], told.first[3]], [true, 200, told.second[3]]);
  assert.equal(told.second[2], told.first[2] + 1, "receipts are numbered");
  assert.equal(told.json.model_name, "fraud");
  assert.deepEqual(told.refused, [false, 400]);
  const posted = requests.filter((line) => line.startsWith("POST"));
  assert.deepEqual(posted, ["POST /v1/hello", "POST /v1/hello", ...Array(3).fill("POST /v1/message")]);
  console.log(`in milliseconds: ${JSON.stringify(told.took)}`);
  await opened.close();
});

test("what is asked first, at once, is asked of one WebAssembly", async () => {
  const opened = await page(origin);
  const fetched = [];
  opened.on("request", (request) => fetched.push(new URL(request.url()).pathname));
  const told = await opened.evaluate(async ({ url, trust, apiKey }) => {
    const { connect, verify, load } = await import("/index.js");
    const inputs = [{ name: "X", shape: [1, 30], datatype: "FP32", data: new Float32Array(30) }];
    const infer = async () => (await connect(url, { trust, apiKey })).infer("fraud", { inputs });
    return Promise.all([verify(url, { trust }), infer(), load(), infer()].map(async (each) => (await each)?.ok));
  }, { url, trust, apiKey });
  assert.deepEqual(told, [true, true, undefined, true]);
  assert.equal(fetched.filter((path) => path.endsWith(".wasm")).length, 1);
  await opened.close();
});

test("the WebAssembly may be loaded by its digest", async () => {
  const opened = await page(origin);
  const digest = createHash("sha384").update(await readFile(join(installed, "wasm/strongroom_bg.wasm"))).digest("base64");
  const told = await opened.evaluate(async ({ url, trust, digest }) => {
    const { load, verify } = await import("/index.js");
    const wasm = (integrity) => fetch("/wasm/strongroom_bg.wasm", { integrity: `sha384-${integrity}` });
    const other = await load(wasm("A".repeat(64))).then(() => "loaded", ({ name }) => name);
    await load(wasm(digest));
    return [other, (await verify(url, { trust })).ok];
  }, { url, trust, digest });
  assert.deepEqual(told, ["TypeError", true]);
  await opened.close();
});

test("a page refuses an enclave of another image", async () => {
  const opened = await page(origin);
  const others = trust.replace(/pcr0 = "(.)/, (_, digit) => `pcr0 = "${digit === "0" ? "1" : "0"}`);
  const told = await opened.evaluate(async ({ url, trust, apiKey }) => {
    const { connect } = await import("/index.js");
    const client = await connect(url, { trust, apiKey });
    const inputs = [{ name: "X", shape: [1, 30], datatype: "FP32", data: Array(30).fill(0) }];
    return client.infer("fraud", { inputs }).catch(({ name, kind, status }) => [name, kind, status]);
  }, { url, trust: others, apiKey });
  assert.deepEqual(told, ["StrongroomError", "evidence", 503]);
  await opened.close();
});

test("a page of an origin that is not listed reads nothing", async () => {
  const opened = await page(`http://127.0.0.1:${other.address().port}`);
  const told = await opened.evaluate(async ({ url, trust }) => {
    const { verify } = await import("/index.js");
    return verify(url, { trust }).then(() => "read", ({ kind, status }) => [kind, status]);
  }, { url, trust });
  assert.deepEqual(told, ["unreachable", 503]);
  await opened.close();
});
