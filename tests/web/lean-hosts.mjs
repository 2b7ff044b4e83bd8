// Two hosts of Lean for measurements, one in a browser and one of the native program, that are asked the same; and what they
// are asked.
//
// CHROMIUM is the browser's path, STEPWISE the program, and LEAN names the folders that `stepwise setup` prints.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { launchProcess } from "./browser.mjs";
import { children } from "./server.mjs";

const { STEPWISE, LEAN } = process.env;
const NOTATION = "local notation \"ℕ\" => Nat\nlocal notation \"ℤ\" => Int\nlocal notation \"ℚ\" => Rat";
export const TACTICS = [
  "intro x", "intros", "constructor", "rfl", "simp", "simp_all", "omega", "decide", "grind", "exact?", "trivial",
  "assumption", "contradiction", "ext x", "split", "cases h", "rcases h with ⟨x, y⟩", "induction n", "induction xs",
  "exact h.2", "nonsense", "rw [Nat.add_comm]", "apply Nat.le_antisymm", "constructor <;> simp", "funext x; rfl",
];

/** The statements: the page's examples, and problems with declarations of their own. */
export async function statements() {
  const examples = await readFile(new URL("../../web/src/examples.rs", import.meta.url), "utf8");
  const texts = [...examples.matchAll(/statement: "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => JSON.parse(`"${text}"`));
  const split = (text) => {
    const at = text.lastIndexOf("theorem ");
    return { preamble: [NOTATION, text.slice(0, at).trim()].filter(Boolean).join("\n"), statement: text.slice(at) };
  };
  const lines = await readFile(new URL("../fixtures/own-definitions/problems.jsonl", import.meta.url), "utf8");
  const own = lines.trim().split("\n").map((line) => JSON.parse(line));
  const problems = own.map(({ header, statement }) => ({ preamble: `${NOTATION}\n${header}`, statement }));
  return [...texts.map(split), ...problems];
}

/**
 * A host: `ask` gives the lines that answer a request; `run` runs tactics one after the other, up to one that cuts Lean off, and
 * frees the states that they make; `renew` takes another Lean where the one before would go on taking memory.
 */
export function native() {
  const child = spawn(STEPWISE, ["lean-host", ...LEAN.split(" "), String(2 ** 30), "wanted"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return answers(request, next);
  };
  const tell = (request) => child.stdin.write(`${JSON.stringify(request)}\n`);
  const run = async (requests) => {
    const all = [];
    for (const request of requests) {
      const lines = await ask(request);
      all.push(lines);
      if (lines.at(-1).fatal) break;
      const states = lines.map(({ open }) => open).filter((open) => open != null);
      if (states.length) tell({ op: "free", states });
    }
    return all;
  };
  return { hello: next, ask, tell, run, renew: async () => {}, pid: () => child.pid, close: () => child.kill() };
}

export async function inBrowser(address) {
  const { browser, pid, close } = await launchProcess();
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && console.log("console:", message.text()));
  await page.goto(address);
  const started = performance.now();
  await page.evaluate(async () => {
    const { files } = await (await fetch("lean/packed/manifest.json")).json();
    const wasm = await WebAssembly.compileStreaming(fetch("lean/stepwise-lean_bg.wasm"));
    const unpack = async (name, description) => {
      const worker = new Worker("lean-unpack.js", { type: "module" });
      worker.postMessage({ file: { path: `lean/packed/${name}`, ...files[name] }, cache: "measurement" });
      worker.postMessage({ tools: { wasm, description } });
      const blob = await new Promise((done) => (worker.onmessage = ({ data: { brought } }) => brought && done(brought)));
      worker.terminate();
      return blob;
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
  const run = (requests) =>
    page.evaluate(async (requests) => {
      const all = [];
      for (const request of requests) {
        worker.postMessage({ ask: request });
        const lines = [];
        do {
          const { line, died } = await next();
          lines.push(died ? { fatal: { cause: "crashed", detail: died } } : JSON.parse(line));
        } while (!lines.at(-1).done && !lines.at(-1).fatal);
        all.push(lines);
        if (lines.at(-1).fatal) break;
        const states = lines.map(({ open }) => open).filter((open) => open != null);
        if (states.length) worker.postMessage({ ask: JSON.stringify({ op: "free", states }) });
      }
      return all;
    }, requests.map((request) => JSON.stringify(request)));
  // Another worker, which gives the memory of the one before back.
  const renew = async () => {
    await page.evaluate(() => begin());
    await next();
  };
  return { hello: next, ask, tell, run, renew, pid: () => tabOf(pid), close };
}

async function answers(request, next) {
  const lines = [];
  for (;;) {
    const answer = await next();
    lines.push(answer);
    if (answer.fatal || request.op !== "apply" || answer.done) return lines;
  }
}

/** What each of a browser's pages takes in megabytes, workers and all, by its process. */
export function renderers(parent) {
  return children(parent).flatMap((pid) => {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const below = renderers(pid);
    if (!line.includes("--type=renderer")) return below;
    const [, pss] = /^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return [[pid, Math.round(pss / 1000)], ...below];
  });
}

/** The process of the page with Lean: the largest. */
const tabOf = (browser) => renderers(browser).toSorted(([, one], [, other]) => other - one)[0][0];
