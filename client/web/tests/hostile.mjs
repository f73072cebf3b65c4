// What the package does when host or network misbehave.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { apiKey, asked, between, byName, rejected, ROW, rows, trust, url } from "./common.mjs";

const { connect, load, verify } = await byName();

/** A host of the test's own for as long as `run` takes. */
const host = async (answer, run) => {
  const server = createServer(answer);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await run(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
};

test("a host gets no cookie, no address of the page and nothing into a cache", async () => {
  const sent = [];
  const fetch = (address, options) => {
    sent.push(options);
    return globalThis.fetch(address, options);
  };
  const client = await connect(url, { trust, apiKey, fetch });
  assert.ok((await client.infer("fraud", asked(rows(1)))).ok);
  assert.equal(sent.length, 2);
  for (const { body, signal, ...rest } of sent) {
    assert.ok(body instanceof Uint8Array && signal instanceof AbortSignal);
    assert.deepEqual(rest, {
      method: "POST", credentials: "omit", referrerPolicy: "no-referrer", redirect: "error", cache: "no-store",
    });
  }
  await rejected(connect(url.replace("//", "//user:password@"), { trust, apiKey }), "usage", 400);
});

test("nobody is followed to another host", async () => {
  const asks = [];
  await host((request, response) => response.writeHead(200).end(asks.push(request.url)), async (elsewhere) => {
    for (const status of [301, 307, 308]) {
      await host((_, response) => response.writeHead(status, { location: `${elsewhere}/v1/hello` }).end(), (here) =>
        rejected(verify(here, { trust }), "unreachable", 503));
    }
  });
  assert.deepEqual(asks, []);
});

test("what a host says in clear is not repeated", async () => {
  await host((_, response) => response.writeHead(500).end("<script>alert(1)</script>"), (here) =>
    verify(here, { trust }).then(assert.fail, ({ kind, message }) => {
      assert.equal(kind, "other");
      assert.doesNotMatch(message, /script/);
    }));
});

test("old evidence and old answers are refused", async () => {
  const kept = {};
  const { paths, fetch } = between(async (path, response) => {
    if (response === undefined) return kept[path]?.clone();
    kept[path] = response.clone();
    return response;
  });
  assert.ok((await verify(url, { trust, fetch })).ok);
  const again = await verify(url, { trust, fetch });
  assert.equal(again.ok, false);
  assert.equal(again.checks.find(({ status }) => status === "FAIL").id, "offer");
  delete kept["/v1/hello"];
  const client = await connect(url, { trust, apiKey, fetch });
  assert.ok((await client.infer("fraud", asked(rows(1)))).ok);
  await rejected(client.infer("fraud", asked(rows(1))), "binding", 502);
  assert.equal(paths.filter((path) => path === "/v1/message").length, 2, "not tried again");
});

test("evidence is judged by the clock of the page", async (context) => {
  for (const now of [0, Date.UTC(2001, 0), Date.UTC(2101, 0), Number.NaN]) {
    const clock = context.mock.method(Date, "now", () => now);
    const { paths, fetch } = between();
    assert.equal((await verify(url, { trust })).ok, false, String(now));
    const client = await connect(url, { trust, apiKey, fetch });
    await rejected(client.infer("fraud", asked(rows(1))), "evidence", 503);
    assert.deepEqual(paths, ["/v1/hello"]);
    clock.mock.restore();
  }
});

test("attempts are counted, whatever the host wants", async () => {
  const lost = between((path, response) =>
    response === undefined && path === "/v1/message" ? new Response("", { status: 421 }) : response);
  const client = await connect(url, { trust, apiKey, fetch: lost.fetch });
  await rejected(client.infer("fraud", asked(rows(1))), "unreachable", 503);
  assert.equal(lost.paths.length, 20, "ten hellos, ten messages");
  const busy = between((_path, response, { length }) =>
    response === undefined && length === 1 ? new Response("", { status: 429, headers: { "retry-after": "999999999" } }) : response);
  const started = performance.now();
  assert.ok((await verify(url, { trust, fetch: busy.fetch })).ok);
  assert.ok(performance.now() - started < 8_000);
});

test("an endless answer ends", { timeout: 60_000 }, async () => {
  for (const chunk of [1, 65_536]) {
    let sent = 0, cancelled = false;
    const body = () => new ReadableStream({
      pull(to) {
        sent += chunk;
        to.enqueue(new Uint8Array(chunk));
      },
      cancel() {
        cancelled = true;
      },
    });
    await rejected(verify(url, { trust, fetch: async () => new Response(body()) }), "other", 502);
    assert.ok(cancelled && sent < (4 << 20), `${sent} bytes in pieces of ${chunk}`);
  }
});

test("a silent host is waited for a minute", async (context) => {
  await load();
  let begun;
  const asking = new Promise((done) => {
    begun = done;
  });
  const fetch = (_address, { signal }) =>
    new Promise((_done, failed) => {
      signal.addEventListener("abort", () => failed(signal.reason));
      begun();
    });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const call = rejected(verify(url, { trust, fetch }), "unreachable", 503);
  await asking;
  context.mock.timers.tick(60_000);
  await call;
});

test("whoever gives up or closes waits for nobody", { timeout: 10_000 }, async () => {
  await host(() => undefined, async (silent) => {
    const reason = new Error("enough");
    const given = new AbortController();
    setTimeout(() => given.abort(reason), 50);
    await assert.rejects(verify(silent, { trust, signal: given.signal }), reason);
    const client = await connect(silent, { trust, apiKey });
    const calls = [client.infer("fraud", asked(rows(1))), client.infer("fraud", asked(rows(1)))];
    setTimeout(() => client.close(), 50);
    for (const call of calls) await rejected(call, "usage", 400);
    const before = await connect(silent, { trust, apiKey });
    await assert.rejects(before.infer("fraud", asked(rows(1)), { signal: AbortSignal.abort(reason) }), reason);
  });
});

test("names out of a request change no object", async () => {
  const client = await connect(url, { trust, apiKey });
  const odd = JSON.parse(`{"__proto__": {"polluted": true}, "parameters": {"__proto__": {"polluted": true}, "constructor": 1},
    "inputs": [{"name": "__proto__", "shape": [1, 30], "datatype": "FP32", "data": [${rows(1)}]}]}`);
  const response = await client.infer("fraud", odd).catch((error) => error);
  assert.equal(response.status, 400);
  for (const datatype of ["__proto__", "constructor", "hasOwnProperty"]) {
    const inputs = [{ name: "X", shape: [1, ROW], datatype, data: rows(1) }];
    await rejected(client.infer("fraud", { inputs }), "usage", 400);
  }
  assert.equal({}.polluted, undefined);
});

test("a Buffer is bytes like any other", async () => {
  const client = await connect(url, { trust, apiKey });
  const response = await client.infer("fraud", {
    inputs: [{ name: "X", shape: [1, ROW], datatype: "UINT8", data: Buffer.alloc(ROW) }],
  });
  // The model takes another datatype, which is the enclave's to say.
  assert.deepEqual([response.ok, response.status], [false, 400]);
});
