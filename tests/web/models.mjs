// The page's worker (web/worker.js) with the models that ship, for what asks it in a real Chromium; and the program that
// answers the same questions natively. DIST is the packed page, SUGGESTIONS the program.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";

const { DIST, SUGGESTIONS } = process.env;

const TYPES = { ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };
/** As a careful server has it: nothing inline, no eval, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'";

/** Workers with something amiss, by what is put in front of the real one. */
const AMISS = {
  "no-gpu": "Object.defineProperty(navigator, 'gpu', { value: undefined });",
  "no-caches": "Object.defineProperty(globalThis, 'caches', { value: undefined });",
  "fickle": `const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      return (globalThis.device = await requestDevice.apply(this, options));
    };`,
  // No program on the CPU by its name, so that kernels of our own are tried.
  "disguised": `for (const [name, value] of Object.entries({ architecture: "disguised", description: "", isFallbackAdapter: false })) {
      Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
    }`,
  // A driver that gets one function slightly wrong, as some have.
  "wrong-gpu": `const { createShaderModule } = GPUDevice.prototype;
    GPUDevice.prototype.createShaderModule = function ({ code, ...more }) {
      return createShaderModule.call(this, { ...more, code: code.replace(/\\bexp\\(/g, "1.05 * exp(") });
    };`,
};

/** Serves the packed page's files; `replaced` holds files to serve instead, `asked` collects the paths that were asked for. */
export async function serveModels() {
  const state = { replaced: {}, asked: [] };
  const server = createServer(async ({ url }, response) => {
    const path = url.split("?")[0].slice(1);
    const [amiss] = /(?<=^amiss-)[a-z-]+(?=\.js$)/.exec(path) ?? [];
    state.asked.push(path);
    const body = await (async () => {
      if (path === "") return "<!doctype html><title>models</title>";
      if (path in state.replaced) return state.replaced[path];
      if (amiss) return AMISS[amiss];
      // Imports run in their order, and both before the first message is heard.
      if (path.startsWith("worker-")) return `import "./amiss-${path.slice(7)}"; import "./worker.js";`;
      return readFile(join(DIST, path)).catch(() => undefined);
    })();
    const type = path === "" ? "text/html" : (TYPES[extname(path)] ?? "application/octet-stream");
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": type, "content-security-policy": POLICY, "cache-control": "no-cache",
    }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(state, { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() });
}

/** The program that answers as `stepwise prove` with these flags would be answered, one question at a time. */
export function startNative(...flags) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("STEPWISE_")));
  const child = spawn(SUGGESTIONS, ["--policy", "tiny", "--critic", "tiny", "--search", "bf+cg", ...flags], { env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (question) => {
    child.stdin.write(`${question}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("the native program ended");
    return JSON.parse(value);
  };
  return { ask, kill: () => child.kill() };
}

/** Starts a worker, waits until it is ready or failed, and returns what it said. */
export async function start(page, place, script = "worker.js") {
  return page.evaluate(([place, script]) => new Promise((done, failed) => {
    globalThis.heard = [];
    globalThis.waiting = new Map();
    globalThis.worker = new Worker(script, { type: "module" });
    worker.onerror = (event) => failed(new Error(event.message));
    worker.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      heard.push(message);
      waiting.get(message.id)?.(message);
      if (["ready", "failed"].includes(message.type)) done(heard);
    };
    worker.postMessage(JSON.stringify({ type: "start", place }));
  }), [place, script]);
}

/** Asks questions all at once; they are texts, because JavaScript's numbers would round their seeds. */
export async function ask(page, ...questions) {
  return page.evaluate((questions) => Promise.all(questions.map(([type, request]) => new Promise((done) => {
    const id = (globalThis.nAsked = (globalThis.nAsked ?? 0) + 1);
    waiting.set(id, done);
    worker.postMessage(JSON.stringify({ type, id, request }));
  }))), questions);
}

/** A goal as the wire has it, from its text. */
export function goal(text) {
  const lines = text.split("\n");
  const hypotheses = lines.slice(0, -1).map((line) => {
    const [names, ty] = line.split(" : ");
    return { names: names.split(" "), ty };
  });
  return { hypotheses, target: lines.at(-1).slice(2), text };
}

export const GOALS = [
  "n : Nat\n⊢ n + 0 = n",
  "p q : Prop\nhp : p\nhq : q\n⊢ p ∧ q",
  "a b c : Nat\n⊢ a * (b + c) = a * b + a * c",
  "α : Type\nl₁ l₂ : List α\n⊢ (l₁ ++ l₂).length = l₂.length + l₁.length",
  "x y : Int\nh : x < y\n⊢ 2 * x + 1 ≤ 2 * y",
  "n : Nat\nh : n % 7 = 3\n⊢ n ^ 2 % 7 = 2",
];

/** A question to the policy; the seeds are more than JavaScript's numbers hold. */
export const proposal = (text, samples, seed, pass = 0, without = []) =>
  JSON.stringify({ theorem: "t", goals: [goal(text)], history: [], samples, pass, without, seed: "SEED" })
    .replace('"SEED"', String(seed));
