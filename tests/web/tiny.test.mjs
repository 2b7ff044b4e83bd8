// Runs the models that ship in the page's worker (web/worker.js) in a real Chromium, on the CPU and on WebGPU: how they
// are loaded, kept and tested, how they fall back, and that they say what `stepwise prove` would be told.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path), DIST (the packed page) and SUGGESTIONS (the program
// that answers natively). WebGPU is SwiftShader's, a program on the CPU: right, and slow.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const { CHROMIUM, DIST, SUGGESTIONS } = process.env;

const TYPES = { ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };
/** As a careful server has it: nothing inline, no eval, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'";
/** Log-probabilities are sums over tokens, and then shares; the same bits are not to be had across instructions. */
const TOLERANCE = { cpu: 1e-4, gpu: 2e-2 };

/** Workers with something amiss, by what is put in front of the real one. */
const AMISS = {
  "no-gpu": "Object.defineProperty(navigator, 'gpu', { value: undefined });",
  "no-caches": "Object.defineProperty(globalThis, 'caches', { value: undefined });",
  "fickle": `const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      return (globalThis.device = await requestDevice.apply(this, options));
    };`,
};

/** Files that are served instead of those in DIST. */
let replaced = {};
/** Paths that were asked for. */
let asked = [];
const errors = [];
let server, browser, native;
/** Why WebGPU is not tested, if it is not. */
let lacking;

before(async () => {
  server = createServer(async ({ url }, response) => {
    const path = url.split("?")[0].slice(1);
    const [amiss] = /(?<=^amiss-)[a-z-]+(?=\.js$)/.exec(path) ?? [];
    asked.push(path);
    const body = await (async () => {
      if (path === "") return "<!doctype html><title>models</title>";
      if (path in replaced) return replaced[path];
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
  native = startNative();
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    ],
  });
  const page = await opened(await browser.newContext());
  const found = await page.evaluate(async () => (await navigator.gpu?.requestAdapter()) != null);
  lacking = !found && "this Chromium gives no WebGPU adapter";
  if (lacking) console.log(`not tested: the models that ship on WebGPU, because ${lacking}`);
  await page.context().close();
});

after(async () => {
  native?.kill();
  await browser?.close();
  server?.close();
});

/** The program that answers as `stepwise prove` would be answered, one question at a time. */
function startNative() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("STEPWISE_")));
  const flags = ["--critic", "tiny", "--search", "bf+cg", "--device", "cpu"];
  const child = spawn(SUGGESTIONS, flags, { env, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ask = async (question) => {
    child.stdin.write(`${question}\n`);
    const { value, done } = await lines.next();
    assert.ok(!done, "the native program ended");
    return JSON.parse(value);
  };
  return { ask, kill: () => child.kill() };
}

async function opened(context) {
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return page;
}

/** Starts a worker, waits until it is ready or failed, and returns what it said. */
async function start(page, place, script = "worker.js") {
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
async function ask(page, ...questions) {
  return page.evaluate((questions) => Promise.all(questions.map(([type, request]) => new Promise((done) => {
    const id = (globalThis.nAsked = (globalThis.nAsked ?? 0) + 1);
    waiting.set(id, done);
    worker.postMessage(JSON.stringify({ type, id, request }));
  }))), questions);
}

const kinds = (heard) => heard.map(({ type }) => type).filter((type, idx, all) => type !== all[idx - 1]).join(" ");
const last = (heard, type) => heard.findLast((message) => message.type === type);

/** A goal as the wire has it, from its text. */
function goal(text) {
  const lines = text.split("\n");
  const hypotheses = lines.slice(0, -1).map((line) => {
    const [names, ty] = line.split(" : ");
    return { names: names.split(" "), ty };
  });
  return { hypotheses, target: lines.at(-1).slice(2), text };
}

const GOALS = [
  "n : Nat\n⊢ n + 0 = n",
  "p q : Prop\nhp : p\nhq : q\n⊢ p ∧ q",
  "a b c : Nat\n⊢ a * (b + c) = a * b + a * c",
  "α : Type\nl₁ l₂ : List α\n⊢ (l₁ ++ l₂).length = l₂.length + l₁.length",
  "x y : Int\nh : x < y\n⊢ 2 * x + 1 ≤ 2 * y",
  "n : Nat\nh : n % 7 = 3\n⊢ n ^ 2 % 7 = 2",
];

/** A question to the policy; the seeds are more than JavaScript's numbers hold. */
const proposal = (text, samples, seed, pass = 0, without = []) =>
  JSON.stringify({ theorem: "t", goals: [goal(text)], history: [], samples, pass, without, seed: "SEED" })
    .replace('"SEED"', String(seed));

const QUESTIONS = [
  ...GOALS.map((text, idx) => proposal(text, 8, 0xfedcba9876543211n + BigInt(idx))),
  proposal(GOALS[2], 24, 0n),
  proposal(GOALS[3], 8, 2n ** 64n - 1n, 2, ["List.length_append"]),
  proposal(GOALS[0], 1, 5n),
];
const STATES = JSON.stringify({ states: [...GOALS.map((text) => [goal(text)]), [], GOALS.slice(0, 2).map(goal)] });

/** Holds answers of a browser's policy against the native ones. */
async function compareProposals(page, place, questions) {
  const answers = await ask(page, ...questions.map((question) => ["propose", question]));
  let [greatest, nCandidates] = [0, 0];
  for (const [idx, { answer, reason }] of answers.entries()) {
    assert.ok(answer, `${questions[idx]}: ${reason}`);
    const [ours, theirs] = [JSON.parse(answer), await native.ask(questions[idx])];
    const shown = ({ candidates }) => candidates.map(({ tactic, n_tokens = 0 }) => [tactic, n_tokens]);
    assert.deepEqual(shown(ours), shown(theirs), questions[idx]);
    assert.equal(ours.cost.generated_tokens, theirs.cost.generated_tokens);
    assert.ok(ours.cost.device_us > 0);
    nCandidates += ours.candidates.length;
    for (const [at, { logprob }] of ours.candidates.entries()) {
      greatest = Math.max(greatest, Math.abs(logprob - theirs.candidates[at].logprob));
    }
  }
  assert.ok(greatest <= TOLERANCE[place], `log-probabilities ${greatest} apart`);
  console.log(`${place}: ${nCandidates} suggestions for ${answers.length} states, as native; logprobs ${greatest.toExponential(1)} apart`);
}

async function compareScores(page, place) {
  const [{ answer, reason }] = await ask(page, ["score", STATES]);
  assert.ok(answer, reason);
  const [ours, theirs] = [JSON.parse(answer).scores, (await native.ask(STATES)).scores];
  assert.equal(ours.length, theirs.length);
  const greatest = Math.max(...ours.map((score, idx) => Math.abs(score - theirs[idx])));
  assert.ok(greatest <= TOLERANCE[place], `scores ${greatest} apart`);
}

test("on the CPU: loaded with progress, kept, tested, and as native", async () => {
  const context = await browser.newContext();
  const page = await opened(context);
  const heard = await start(page, "cpu");
  assert.equal(kinds(heard), "loading testing ready", JSON.stringify(heard));
  const loading = heard.filter(({ type }) => type === "loading");
  assert.ok(loading.length > 10 && loading[0].done === 0);
  assert.ok(loading.every(({ done }, idx) => idx === 0 || done > loading[idx - 1].done));
  assert.equal(loading.at(-1).done, loading.at(-1).total);
  const ready = last(heard, "ready");
  assert.equal(ready.device, "CPU");
  assert.ok(ready.error <= 1e-4);
  console.log(`cpu: known outputs within ${ready.error.toExponential(1)} of the range`);
  await compareProposals(page, "cpu", QUESTIONS);
  await compareScores(page, "cpu");

  const wrong = await ask(page, ["propose", "{"], ["propose", proposal(GOALS[0], 100_000, 0n)], ["score", "[]"]);
  assert.deepEqual(wrong.map(({ type, reason }) => `${type}: ${reason}`), [
    "refused: this is no question to a model: EOF while parsing an object at line 1 column 1",
    "refused: 100000 samples are too many for a browser; ask for at most 256",
    "refused: this is no question to a model: invalid length 0, expected struct ScoreRequest with 1 element at line 1 column 2",
  ]);
  await compareProposals(page, "cpu", QUESTIONS.slice(0, 1));
  await page.close();

  // The next visit loads nothing but the lists, and the bindings.
  asked = [];
  const again = await opened(context);
  assert.equal(kinds(await start(again, "cpu")), "loading testing ready");
  const large = asked.filter((path) => /safetensors|wasm|gz$/.test(path));
  assert.deepEqual(large, []);
  assert.ok(asked.includes("models/tiny/manifest.json"));

  // What is kept may be damaged, or of an older version.
  const kept = await again.evaluate(async () => {
    const cache = await caches.open("stepwise-models-v1");
    const urls = (await cache.keys()).map(({ url }) => url);
    await cache.put(urls.find((url) => url.includes("policy/model.safetensors")), new Response("half"));
    await cache.put("models/tiny/policy/model.safetensors?sha256=00", new Response("old"));
    worker.terminate();
    return urls.length;
  });
  asked = [];
  assert.equal(kinds(await start(again, "cpu")), "loading testing ready");
  assert.deepEqual(asked.filter((path) => /safetensors|wasm|gz$/.test(path)), ["models/tiny/policy/model.safetensors"]);
  const urls = await again.evaluate(async () => (await (await caches.open("stepwise-models-v1")).keys()).length);
  assert.equal(urls, kept, "the old version is gone");
  await context.close();
});

test("on WebGPU: tested, as native, and over to the CPU when the device is lost", async (t) => {
  if (lacking) return t.skip(lacking);
  const context = await browser.newContext();
  const page = await opened(context);
  const heard = await start(page, "gpu", "worker-fickle.js");
  assert.equal(kinds(heard), "loading testing ready", JSON.stringify(heard.filter(({ type }) => type !== "loading")));
  const ready = last(heard, "ready");
  assert.match(ready.device, /\(WebGPU/);
  assert.ok(ready.error > 0 && ready.error <= 2e-3);
  console.log(`gpu: ${ready.device}, known outputs within ${ready.error.toExponential(1)} of the range`);
  // A program on the CPU takes seconds for each.
  await compareProposals(page, "gpu", QUESTIONS.slice(0, 2));
  await compareScores(page, "gpu");

  const asking = ask(page, ["propose", QUESTIONS[3]], ["score", STATES]);
  await page.workers()[0].evaluate(() => globalThis.device.destroy());
  const answers = await asking;
  assert.deepEqual(answers.map(({ type, reason }) => reason ?? type), ["answer", "answer"]);
  const all = await page.evaluate(() => heard);
  const since = all.slice(all.findIndex(({ type }) => type === "fallback"));
  assert.equal(kinds(since), "fallback testing ready answer");
  assert.match(last(since, "fallback").reason, /^the GPU was lost/);
  assert.equal(last(since, "ready").device, "CPU");
  await compareProposals(page, "cpu", QUESTIONS.slice(0, 1));
  await context.close();
  // What Chromium says of a destroyed device is no error of ours.
  errors.splice(0);
});

test("without WebGPU it falls back by itself and says why", async () => {
  const context = await browser.newContext();
  const page = await opened(context);
  const heard = await start(page, "gpu", "worker-no-gpu.js");
  assert.equal(kinds(heard), "loading testing fallback testing ready");
  assert.equal(last(heard, "fallback").reason, "this browser has no WebGPU");
  await compareProposals(page, "cpu", QUESTIONS.slice(0, 1));
  await context.close();
});

test("without a cache it works, and loads everything each time", async () => {
  const context = await browser.newContext();
  const page = await opened(context);
  asked = [];
  assert.equal(kinds(await start(page, "cpu", "worker-no-caches.js")), "loading testing ready");
  assert.ok(asked.includes("models/tiny/policy/model.safetensors"));
  await context.close();
});

test("damaged files and wrong models are refused", async () => {
  const path = "models/tiny/policy/known.json";
  const known = JSON.parse(await readFile(join(DIST, path), "utf8"));
  known.cases[0].outputs[0][1] += 1;
  const changed = JSON.stringify(known);
  const failure = async (place) => {
    const context = await browser.newContext();
    const heard = await start(await opened(context), place);
    await context.close();
    return heard.filter(({ type }) => type === "fallback" || type === "failed").map(({ type, reason }) => `${type}: ${reason}`);
  };
  replaced = { [path]: changed };
  assert.deepEqual(await failure("cpu"), [
    `failed: cannot load ${path}: it arrived damaged, or is of another version than the manifest`,
  ]);
  const manifest = JSON.parse(await readFile(join(DIST, "models/tiny/manifest.json"), "utf8"));
  const sha256 = createHash("sha256").update(changed).digest("hex");
  manifest.files["policy/known.json"] = { bytes: Buffer.byteLength(changed), sha256 };
  replaced["models/tiny/manifest.json"] = JSON.stringify(manifest);
  const [onCpu] = await failure("cpu");
  assert.match(onCpu, /^failed: CPU computes the policy wrongly: \d\.\de-\d of the range from what is known$/);
  replaced = {};
});

test("nothing was logged as an error", () => assert.deepEqual(errors, []));
