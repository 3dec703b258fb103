// Drives yaml-language-server on a plan, as an editor does, and fails when the schema does not give what it should:
// completion of `network`, hover on `max_naked`, a diagnostic for an unknown key.
// usage: node client.mjs FOLDER-OF-node_modules

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const program = join(resolve(process.argv[2]), "node_modules/yaml-language-server/bin/yaml-language-server");
const server = spawn(process.execPath, [program, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const limit = setTimeout(() => fail("no answer within a minute"), 60_000);

let buffer = Buffer.alloc(0);
let next = 1;
const waiting = new Map();
const published = [];

function fail(why) {
  console.error(`FAILED: ${why}`);
  server.kill();
  process.exit(1);
}

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function ask(method, params) {
  const id = next++;
  send({ id, method, params });
  return new Promise((done) => waiting.set(id, done));
}

server.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
    if (buffer.length < head + 4 + length) return;
    const message = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
    buffer = buffer.subarray(head + 4 + length);
    take(message);
  }
});
server.on("exit", (code) => fail(`the server ended with ${code}`));

function take(message) {
  if (message.method === "workspace/configuration") {
    // The only setting: everything on, no schema but the one that the plan's header names.
    const yaml = { validate: true, hover: true, completion: true, schemaStore: { enable: false } };
    send({ id: message.id, result: message.params.items.map((item) => (item.section === "yaml" ? yaml : {})) });
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else if (message.method === "textDocument/publishDiagnostics") {
    published.push(message.params);
  } else if (waiting.has(message.id)) {
    waiting.get(message.id)(message);
    waiting.delete(message.id);
  }
}

async function until(what, ready) {
  for (let tries = 0; tries < 300; tries++) {
    const found = ready();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  return fail(`waited for ${what}`);
}

const plan = readFileSync(join(root, "plans/sol-pair.yaml"), "utf8");
let opened = 0;

function open(text) {
  // In the folder of the plans, so that the header's relative path holds; never written.
  const uri = pathToFileURL(join(root, `plans/editor-test-${opened++}.yaml`)).href;
  send({
    method: "textDocument/didOpen",
    params: { textDocument: { uri, languageId: "yaml", version: 1, text } },
  });
  return uri;
}

function position(text, mark, columns) {
  const at = text.indexOf(mark) + columns;
  assert.ok(at >= columns, `${mark} is in the text`);
  const before = text.slice(0, at).split("\n");
  return { line: before.length - 1, character: before.at(-1).length };
}

async function at(method, text, mark, columns) {
  const uri = open(text);
  const answer = await ask(method, { textDocument: { uri }, position: position(text, mark, columns) });
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  return answer.result;
}

const labels = (result) => (result.items ?? result).map((item) => item.label);
const prose = (value) => (typeof value === "string" ? value : (value?.value ?? ""));

await ask("initialize", {
  processId: process.pid,
  rootUri: pathToFileURL(root).href,
  capabilities: {
    workspace: { configuration: true },
    textDocument: {
      completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
      hover: { contentFormat: ["markdown"] },
    },
  },
});
send({ method: "initialized", params: {} });

const unknown = plan.replace("max_hold: 2m", "max_hodl: 2m");
const uri = open(unknown);
const found = await until("a diagnostic", () => published.find((it) => it.uri === uri && it.diagnostics.length > 0));
assert.ok(
  found.diagnostics.some((it) => /max_hodl/.test(it.message)),
  JSON.stringify(found.diagnostics),
);
console.log(`unknown key: ${found.diagnostics[0].message}`);

const sound = open(plan);
const clean = await until("a verdict on a sound plan", () => published.find((it) => it.uri === sound));
assert.deepEqual(clean.diagnostics, [], "a sound plan has no diagnostics");

const empty = plan.replace("network: paper", "network: ");
const networks = await at("textDocument/completion", empty, "network: ", 9);
for (const wanted of ["paper", "testnet", "mainnet"]) {
  assert.ok(labels(networks).includes(wanted), `${wanted} among ${labels(networks)}`);
}
const documented = (networks.items ?? networks).filter((item) => prose(item.documentation).length > 10);
console.log(`network completes to ${labels(networks).join(", ")}; ${documented.length} with words of their own`);
assert.ok(documented.length >= 3, `values are explained: ${JSON.stringify(networks.items ?? networks)}`);

const block = plan.replace(/^hedge: .*$/m, "hedge:\n  wait: 20s\n  p");
const keys = await at("textDocument/completion", block, "  p\n", 3);
assert.ok(labels(keys).includes("prefer"), `keys of hedge: ${labels(keys)}`);

const hover = await at("textDocument/hover", plan, "max_naked", 2);
const text = prose(hover?.contents);
const schema = JSON.parse(readFileSync(join(root, "schemas/plan.v1.schema.json"), "utf8"));
const wanted = schema.$defs.Hedge.properties.max_naked.description;
// The server escapes marks of Markdown.
assert.ok(text.replaceAll("\\", "").includes(wanted.slice(0, 40)), `${text}\nshould hold: ${wanted}`);
console.log(`hover on max_naked: ${text.split("\n")[0]}`);

clearTimeout(limit);
server.removeAllListeners("exit");
server.kill();
console.log("ok");
process.exit(0);
