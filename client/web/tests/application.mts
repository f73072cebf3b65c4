// An application as a compiler sees it; nobody runs it.

import { connect, load, verify, StrongroomError } from "strongroom";
import type { Client, InferRequest, InferResponse, Judgement, Receipt } from "strongroom";

const url = "https://inference.example.com";
await load(fetch("/strongroom_bg.wasm", { integrity: "sha384-" }));
const judgement: Judgement = await verify(url, { trust: new Uint8Array(1), signal: AbortSignal.timeout(1) });
const lines: string[] = judgement.checks.map(({ id, status, detail }) => `${status} ${id}: ${detail}`);
if (!judgement.ok) throw new Error(judgement.refusal ?? lines.join("\n"));

const client: Client = await connect(url, { trust: "", measurements: "", apiKey: "", fetch: globalThis.fetch });
const request: InferRequest = {
  inputs: [
    { name: "X", shape: [1, 2], datatype: "FP32", data: new Float32Array(2) },
    { name: "Y", shape: [1], datatype: "INT64", data: [1n] },
  ],
  parameters: { "risk.amount": 1 },
};
try {
  const response: InferResponse = await client.infer("fraud", request, { version: "1" });
  if (response.ok) {
    const receipt: Receipt | undefined = response.receipt;
    for (const { name, data } of response.outputs) console.log(name, data.length, receipt?.document.byteLength);
  } else {
    console.log(response.status, response.error, response.retryAfterMs);
  }
} catch (error) {
  if (!(error instanceof StrongroomError)) throw error;
  const kind: "usage" | "evidence" | "binding" | "unreachable" | "other" = error.kind;
  console.log(kind, error.status);
} finally {
  client.close();
}
