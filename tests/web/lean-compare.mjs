// Holds Lean in the browser against Lean in a native host: the same statements are opened and the same tactics run in both,
// with the same requests, and every answer has to be the same. Then it tells what both took. It is run by hand.
//
// CHROMIUM=/usr/bin/chromium DIST=dist STEPWISE=target/debug/stepwise LEAN="CODE REST LIBRARY" node tests/web/lean-compare.mjs
// where LEAN names the folders that `stepwise setup` prints. STATEMENTS (40) bounds the statements; the browser's worker is
// driven without the server beside it, so that both do exactly the same.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { launchProcess } from "./browser.mjs";
import { spread } from "./figures.mjs";
import { children } from "./server.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, STEPWISE, LEAN, STATEMENTS = 40, ONLY } = process.env;
const LIMIT_MS = 60_000;
const NOTATION = "local notation \"ℕ\" => Nat\nlocal notation \"ℤ\" => Int\nlocal notation \"ℚ\" => Rat";
const TACTICS = [
  "intro x", "intros", "constructor", "rfl", "simp", "simp_all", "omega", "decide", "grind", "exact?", "trivial",
  "assumption", "contradiction", "ext x", "split", "cases h", "rcases h with ⟨x, y⟩", "induction n", "induction xs",
  "exact h.2", "nonsense", "rw [Nat.add_comm]", "apply Nat.le_antisymm", "constructor <;> simp", "funext x; rfl",
];

/** The statements: the page's examples, and problems with declarations of their own. */
async function statements() {
  const examples = await readFile(new URL("../../web/src/examples.rs", import.meta.url), "utf8");
  const texts = [...examples.matchAll(/statement: "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => JSON.parse(`"${text}"`));
  const split = (text) => {
    const at = text.lastIndexOf("theorem ");
    return { preamble: [NOTATION, text.slice(0, at).trim()].filter(Boolean).join("\n"), statement: text.slice(at) };
  };
  const lines = await readFile(new URL("../fixtures/own-definitions/problems.jsonl", import.meta.url), "utf8");
  const own = lines.trim().split("\n").map((line) => JSON.parse(line));
  const problems = own.map(({ header, statement }) => ({ preamble: `${NOTATION}\n${header}`, statement }));
  return [...texts.map(split), ...problems].slice(0, STATEMENTS);
}

/** A host: `ask` gives the lines that answer a request. */
function native() {
  const child = spawn(STEPWISE, ["lean-host", ...LEAN.split(" "), String(2 ** 30), "wanted"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return answers(request, next);
  };
  const tell = (request) => child.stdin.write(`${JSON.stringify(request)}\n`);
  return { hello: next, ask, tell, close: () => child.kill() };
}

async function inBrowser(address) {
  const { browser, pid, close } = await launchProcess();
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()));
  await page.goto(address);
  const started = performance.now();
  await page.evaluate(async () => {
    const load = async (name) => new Uint8Array(await (await fetch(`lean/packed/${name}`)).arrayBuffer());
    const wasm = await WebAssembly.compileStreaming(fetch("lean/stepwise-lean_bg.wasm"));
    const unpack = async (name, description) => {
      const worker = new Worker("lean-unpack.js", { type: "module" });
      worker.postMessage({ wasm, packed: await load(name), description });
      const { data } = await new Promise((done) => (worker.onmessage = done));
      worker.terminate();
      return data.answer;
    };
    const description = await (await fetch("lean/packed/lean.json")).text();
    const pieces = new Map();
    // All of Lean, so that no tactic has to wait for a piece.
    for (const number of JSON.parse(description).pieces.keys()) pieces.set(number, await WebAssembly.compile(await (await unpack(`lean.${number}.bin`)).arrayBuffer()));
    globalThis.parts = {
      wasm, description, pieces,
      symbols: await (await unpack("symbols.bin")).arrayBuffer(), library: await unpack("library.bin", description),
    };
    globalThis.begin = () => {
      globalThis.worker?.terminate();
      globalThis.worker = new Worker("lean-host.js", { type: "module" });
      globalThis.heard = [];
      globalThis.wake = () => {};
      worker.onmessage = ({ data }) => { heard.push(data); wake(); };
      worker.postMessage({ start: parts });
    };
    globalThis.next = async () => {
      while (!heard.length) await new Promise((done) => (globalThis.wake = done));
      return heard.shift();
    };
    begin();
  });
  console.log(`browser: files there and compiled after ${Math.round(performance.now() - started)} ms`);
  const next = async () => {
    const { line, died } = await page.evaluate(() => next());
    if (died) return { fatal: { cause: "crashed", detail: died } };
    return JSON.parse(line);
  };
  const ask = async (request) => {
    // In one go: what passes between this script and the browser is no part of what is measured.
    const lines = await page.evaluate(async ([request, isInParts]) => {
      worker.postMessage({ ask: request });
      const lines = [];
      for (;;) {
        const { line, died } = await next();
        const answer = died ? { fatal: { cause: "crashed", detail: died } } : JSON.parse(line);
        lines.push(answer);
        if (answer.fatal) begin();
        if (answer.fatal && !died) return lines;
        if (answer.fatal || !isInParts || answer.done) return lines;
      }
    }, [JSON.stringify(request), request.op === "apply"]);
    if (lines.at(-1).fatal) await next();
    return lines;
  };
  const tell = (request) => page.evaluate((ask) => worker.postMessage({ ask }), JSON.stringify(request));
  return { hello: next, ask, tell, pid, close };
}

async function answers(request, next) {
  const lines = [];
  for (;;) {
    const answer = await next();
    lines.push(answer);
    if (answer.fatal || request.op !== "apply" || answer.done) return lines;
  }
}

/** An answer without what differs from run to run. */
const shown = (lines) => JSON.stringify(lines.map(({ cpu_us, wall_us, id, state, open, ...rest }) => rest));

/** What each of a browser's pages takes, workers and all. */
function renderers(parent) {
  return children(parent).flatMap((pid) => {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const below = renderers(pid);
    if (!line.includes("--type=renderer")) return below;
    const [, pss] = /^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return [[`renderer ${pid}`, Math.round(pss / 1000)], ...below];
  });
}

const server = await serveFolder(DIST);
const [ours, theirs] = [await inBrowser(server.address), native()];
const begun = performance.now();
console.log("hello:", (await ours.hello()).version, `after ${Math.round(performance.now() - begun)} ms;`, (await theirs.hello()).version);
let id = 0;
let [nTactics, nDifferent, nFatal] = [0, 0, 0];
// "constructor" is a tactic, and what every plain object has.
const times = { browser: Object.create(null), native: Object.create(null) };
const note = (name, kind, lines) => (times[name][kind] ??= []).push((lines.at(-1).wall_us ?? 0) / 1000);

async function both(make, kind, what) {
  id += 1;
  const here = await ours.ask({ id, ...make(0) });
  const there = await theirs.ask({ id, ...make(1) });
  note("browser", kind, here);
  note("native", kind, there);
  if (here.at(-1).fatal) nFatal += 1;
  if (shown(here) !== shown(there)) {
    nDifferent += 1;
    console.log(`different: ${what}\n  browser: ${shown(here).slice(0, 400)}\n  native:  ${shown(there).slice(0, 400)}`);
  }
  return [here, there];
}

for (const { preamble, statement } of await statements()) {
  const opening = () => ({ op: "open", preamble, statement, without: [], limit_ms: LIMIT_MS });
  let states = (await both(opening, "open", statement)).map((lines) => lines[0].state);
  if (states.some((state) => state == null)) continue;
  for (const tactic of ONLY ? [ONLY] : TACTICS) {
    nTactics += 1;
    const lines = await both((who) => ({ op: "apply", state: states[who], tactics: [tactic], limit_ms: LIMIT_MS }), tactic, `${statement} / ${tactic}`);
    if (lines[0].at(-1).fatal || lines[1].at(-1).fatal) {
      states = (await both(opening, "open again", statement)).map((lines) => lines[0].state);
    }
  }
  await both(() => ({ op: "recheck", preamble, statement, without: [], body: "  grind", limit_ms: LIMIT_MS }), "recheck", `${statement} by grind`);
  for (const [who, host] of [ours, theirs].entries()) await host.tell({ op: "free", states: [states[who]] });
}
console.log(`${nTactics} tactics, ${nDifferent} answers differ, Lean was cut off ${nFatal} times in the browser`);
for (const kind of Object.keys(times.browser)) {
  console.log(`${kind.padEnd(24)} browser ${spread(times.browser[kind], "ms")}   native ${spread(times.native[kind], "ms")}`);
}
const sum = (name) => Object.entries(times[name]).filter(([kind]) => TACTICS.includes(kind)).flatMap(([, all]) => all).reduce((a, b) => a + b, 0);
console.log(`all tactics: browser ${Math.round(sum("browser"))} ms, native ${Math.round(sum("native"))} ms`);
for (const [name, megabytes] of renderers(ours.pid)) console.log(`memory of ${name}: PSS ${megabytes} MB`);
await ours.close();
theirs.close();
server.close();
