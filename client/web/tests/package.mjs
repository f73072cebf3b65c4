// What npm installed: its files, what it says of itself, its types, and the examples of its manuals.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { app, byName, installed, modules, state, url } from "./common.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));

const FILES = [
  "LICENSE", "README.md", "answer.js", "client.js", "failure.js", "index.d.ts", "index.js", "load.js", "node.js",
  "package.json", "request.js", "retry.js", "session.js", "transport.js", "wasm/strongroom.js", "wasm/strongroom_bg.wasm",
];

test("exactly these files are installed, and nothing beside them", () => {
  const found = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(installed, join(entry.parentPath ?? entry.path, entry.name)));
  assert.deepEqual(found.sort(), FILES);
  const beside = readdirSync(join(app, "node_modules")).filter((name) => !name.startsWith("."));
  assert.deepEqual(beside, ["strongroom"]);
});

test("it says what it is, brings nothing along and runs nothing", () => {
  const [, version] = readFileSync(join(root, "Cargo.toml"), "utf8").match(/^version = "(.*)"$/m);
  assert.equal(manifest.version, version);
  assert.equal(manifest.license, "Apache-2.0");
  assert.equal(manifest.type, "module");
  assert.deepEqual(manifest.engines, { node: ">=18" });
  const paths = [manifest.main, manifest.module, manifest.types, ...Object.values(manifest.exports["."]),
    manifest.exports["./strongroom_bg.wasm"]];
  for (const path of paths) assert.ok(existsSync(join(installed, path)), path);
  for (const absent of ["dependencies", "peerDependencies", "optionalDependencies", "scripts", "bin"]) {
    assert.equal(manifest[absent], undefined, absent);
  }
});

test("whatever its types declare is there, and nothing else", async () => {
  const types = readFileSync(join(installed, "index.d.ts"), "utf8");
  const declared = [...types.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(await byName()).sort(), declared.sort());
});

/** What the compiler of TypeScript says of a file. */
const check = (...options) =>
  execFileSync(process.execPath, [join(modules, "typescript/lib/tsc.js"), "--noEmit", "--strict", "--target", "es2022", "--lib",
    "es2022,dom", ...options], { cwd: app, encoding: "utf8" });

test("its types are those that an application needs", () => {
  copyFileSync(new URL("application.mts", import.meta.url), join(app, "application.mts"));
  check("application.mts", "--module", "nodenext");
  check("application.mts", "--module", "esnext", "--moduleResolution", "bundler");
  writeFileSync(join(app, "wrong.mts"), 'import { connect } from "strongroom";\nawait connect("http://a", { trust: 1 });\n');
  assert.throws(() => check("wrong.mts", "--module", "nodenext"), ({ stdout }) => /TS2322/.test(stdout));
});

// Where the examples find what they read: the folders that the README made before.
symlinkSync(state, join(app, "state"));
symlinkSync(join(root, "models"), join(app, "models"));
const GIVEN = `import { readFileSync } from "node:fs";
const [trust, apiKey] = ["state/trust.toml", "state/api-key"].map((path) => readFileSync(path, "utf8"));
`;

for (const [page, given, last] of [
  ["README.md", "", "json"],
  ["docs/browser.md", GIVEN, "response.ok"],
  ["client/web/js/README.md", GIVEN, "response.ok"],
]) {
  test(`the example of ${page} runs`, () => {
    const [, code] = readFileSync(join(root, page), "utf8").match(/^```js\n([^]*?)^```$/m);
    const example = given + code.replace("http://127.0.0.1:8080", url).replaceAll("https://inference.example.com", url) +
      (last === "json" ? "" : `console.log(${last}, judgement.ok);\nclient.close();\n`);
    writeFileSync(join(app, "example.mjs"), example);
    const said = execFileSync(process.execPath, ["example.mjs"], { cwd: app, encoding: "utf8", timeout: 60_000 });
    assert.match(said, last === "json" ? /model_name: 'fraud'/ : /^true true$/m);
  });
}
