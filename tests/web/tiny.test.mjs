// Runs the models that ship in the page's worker (web/worker.js) in a real Chromium, on the CPU and on WebGPU: how they
// are loaded, kept and tested, how they fall back, and that they say what `stepwise prove` would be told.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path), DIST (the packed page) and SUGGESTIONS (the program
// that answers natively). WebGPU is SwiftShader's, a program on the CPU: right, and slow.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { GOALS, ask, goal, proposal, serveModels, start, startNative } from "./models.mjs";

const { DIST } = process.env;

/** Log-probabilities are sums over tokens, and then shares; the same bits are not to be had across instructions. */
const TOLERANCE = { cpu: 1e-4, gpu: 2e-2 };

const errors = [];
let server, browser, native;
/** Why WebGPU is not tested, if it is not. */
let lacking;

before(async () => {
  server = await serveModels();
  native = startNative("--device", "cpu");
  browser = await launch();
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

async function opened(context) {
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(server.address);
  return page;
}

const kinds = (heard) => heard.map(({ type }) => type).filter((type, idx, all) => type !== all[idx - 1]).join(" ");
const last = (heard, type) => heard.findLast((message) => message.type === type);

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
  server.asked.length = 0;
  const again = await opened(context);
  assert.equal(kinds(await start(again, "cpu")), "loading testing ready");
  const large = server.asked.filter((path) => /safetensors|wasm|gz$/.test(path));
  assert.deepEqual(large, []);
  assert.ok(server.asked.includes("models/tiny/manifest.json"));

  // What is kept may be damaged, or of an older version.
  const kept = await again.evaluate(async () => {
    const cache = await caches.open("stepwise-models-v1");
    const urls = (await cache.keys()).map(({ url }) => url);
    await cache.put(urls.find((url) => url.includes("policy/model.safetensors")), new Response("half"));
    await cache.put("models/tiny/policy/model.safetensors?sha256=00", new Response("old"));
    worker.terminate();
    return urls.length;
  });
  server.asked.length = 0;
  assert.equal(kinds(await start(again, "cpu")), "loading testing ready");
  assert.deepEqual(server.asked.filter((path) => /safetensors|wasm|gz$/.test(path)), ["models/tiny/policy/model.safetensors"]);
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

test("the faster of WebGPU and CPU is measured and taken, with kernels of our own where they are faster", async (t) => {
  if (lacking) return t.skip(lacking);
  const context = await browser.newContext();
  const page = await opened(context);
  const told = [];
  page.on("console", (message) => message.type() === "info" && told.push(message.text()));
  const heard = await start(page, "faster", "worker-disguised.js");
  assert.equal(kinds(heard), "loading testing ready", JSON.stringify(heard.filter(({ type }) => type !== "loading")));
  const { place, device, speeds } = last(heard, "ready");
  console.log(`${told.join("; ")}; ${speeds.map(({ device, tokens }) => `${Math.round(tokens)} tokens/s on ${device}`).join(", ")}`);
  assert.match(told.join("\n"), /^policy: kernels of our own draw \d+ tokens a second where burn draws \d+\ncritic: kernels of our own read \d+/);
  assert.equal(speeds.length, 2);
  assert.ok(speeds[0].tokens >= speeds[1].tokens && speeds[1].tokens > 0);
  assert.equal(device, speeds[0].device);
  assert.equal(place, device === "CPU" ? "cpu" : "gpu");
  await compareProposals(page, place, QUESTIONS.slice(0, 1));
  await context.close();
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

test("a GPU that computes wrongly is refused for the CPU", async (t) => {
  if (lacking) return t.skip(lacking);
  const context = await browser.newContext();
  const page = await opened(context);
  const heard = await start(page, "gpu", "worker-wrong-gpu.js");
  assert.equal(kinds(heard), "loading testing fallback testing ready");
  console.log(`wrong GPU: ${last(heard, "fallback").reason}`);
  assert.match(last(heard, "fallback").reason, /wrong/);
  assert.equal(last(heard, "ready").device, "CPU");
  await compareProposals(page, "cpu", QUESTIONS.slice(0, 1));
  await context.close();
});

test("without a cache it works, and loads everything each time", async () => {
  const context = await browser.newContext();
  const page = await opened(context);
  server.asked.length = 0;
  assert.equal(kinds(await start(page, "cpu", "worker-no-caches.js")), "loading testing ready");
  assert.ok(server.asked.includes("models/tiny/policy/model.safetensors"));
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
  server.replaced = { [path]: changed };
  assert.deepEqual(await failure("cpu"), [
    `failed: cannot load ${path}: it arrived damaged, or is of another version than the manifest`,
  ]);
  const manifest = JSON.parse(await readFile(join(DIST, "models/tiny/manifest.json"), "utf8"));
  const sha256 = createHash("sha256").update(changed).digest("hex");
  manifest.files["policy/known.json"] = { bytes: Buffer.byteLength(changed), sha256 };
  server.replaced["models/tiny/manifest.json"] = JSON.stringify(manifest);
  const [onCpu] = await failure("cpu");
  assert.match(onCpu, /^failed: CPU computes the policy wrongly: \d\.\de-\d of the range from what is known$/);
  server.replaced = {};
});

test("nothing was logged as an error", () => assert.deepEqual(errors, []));
