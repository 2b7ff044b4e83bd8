// The worker that runs the models that ship, for the page: it loads them with progress and keeps them, tests the device
// against known outputs, falls back to the CPU when the GPU cannot be used, and answers one question after the other.
//
// Messages are JSON texts. The page sends {type: "start", place: "gpu" | "cpu" | "faster"}, then {type: "propose" | "score", id,
// request}. The worker sends {type: "loading", done, total} in bytes, "testing", "ready" with {place, device, error, speeds}, "fallback"
// with {reason} when it goes over to the CPU, "failed" with {reason} when there will be no models, and for each question
// "answer" with {id, answer} or "refused" with {id, reason}. Questions and answers are texts inside these: their numbers
// are larger than JavaScript's, so only Rust reads them.

import { bring, forget, listing, meter, openCache, said } from "./files.js";

/** Where files are kept between visits, if the browser keeps any. */
const CACHE = "stepwise-models-v1";
const MODELS = "models/tiny/";
const INFERENCE = "inference/";
const WASM = "inference/stepwise-inference_bg.wasm";
/** How far outputs may be from those that are known, as a share of their range. */
const TOLERANCE = { cpu: 1e-4, gpu: 2e-3 };
/** How long a GPU may take to get ready, in milliseconds; the first time its kernels are compiled. */
const PATIENCE = 180_000;

/** How an adapter is marked that is no hardware. */
const SOFTWARE = ", a program on the CPU";

/** What ends an instance of the module: a panic, or a lost device. */
class Died extends Error {}

/** The bytes of all files by path, kept to open the models anew when a device is lost. */
let files;
/** The compiled module, of which every instance is made. */
let wasm;
/** What tells the last instance of the module from those before. */
let nInstances = 0;
let query = "";
/** The open models: {place, device, error, speed, propose, score, died}. */
let models;
/** Why there are none. */
let reason = "the models were not started";
/** Ends the instance that is being opened or asked. */
let die = () => {};
/** What the module said last before it died. */
let lastWords = "";

let tail = Promise.resolve();
self.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  tail = tail.then(() => (message.type === "start" ? start(message.place) : answer(message)));
};

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const post = (message) => self.postMessage(JSON.stringify(message));

async function start(place) {
  try {
    [files, wasm] = await load();
    await open(place);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  models = undefined;
  reason = said(error);
  post({ type: "failed", reason });
}

/** Opens the models on a device, on the CPU when the GPU cannot be used, or on the one that draws faster. */
async function open(place) {
  post({ type: "testing" });
  const speeds = [];
  const measure = async () => {
    const { device } = models;
    speeds.push({ device, tokens: await Promise.race([models.speed(), models.died]) });
  };
  try {
    if (place === "faster") {
      models = await openOn("cpu");
      await measure();
    }
    models = await openOn(place === "cpu" ? "cpu" : "gpu");
    if (place === "faster") {
      await measure();
      const [cpu, gpu] = speeds;
      if (cpu.tokens > gpu.tokens) models = await openOn("cpu");
    }
  } catch (error) {
    if (place === "cpu") throw error;
    return fallBack(error);
  }
  const { device, error } = models;
  post({ type: "ready", place: models.place, device, error, speeds: speeds.toSorted((a, b) => b.tokens - a.tokens) });
}

async function fallBack(error) {
  models = undefined;
  post({ type: "fallback", reason: said(error) });
  await open("cpu");
}

/** Makes a new instance of the module and opens the models in it, which must then compute what is known. */
async function openOn(place) {
  const died = new Promise((_, reject) => (die = (why) => reject(new Died(why))));
  died.catch(() => {});
  const late = new Promise((_, reject) => {
    if (place === "gpu") setTimeout(reject, PATIENCE, new Error(`the GPU was not ready after ${PATIENCE / 1000} s`));
  });
  const ready = async () => {
    const stepwise = await instance();
    const [device, name] = place === "gpu" ? await gpu(stepwise) : [stepwise.Device.cpu(), "CPU"];
    const [policy, critic] = [await policyOf(stepwise, device), criticOf(stepwise, device)];
    // A program on the CPU is slow either way, and takes seconds to get ready for each.
    if (place === "gpu" && !name.includes(SOFTWARE)) {
      for (const [role, model] of Object.entries({ policy, critic })) {
        console.info(`${role}: ${await model.takeFaster(bytes(`${role}/model.safetensors`), device)}`);
      }
    }
    let error = device.selfTestError;
    for (const [role, model] of Object.entries({ policy, critic })) {
      const found = await model.knownError(text(`${role}/known.json`));
      // A NaN is no agreement.
      if (!(found <= TOLERANCE[place])) {
        throw new Error(`${name} computes the ${role} wrongly: ${found.toExponential(1)} of the range from what is known`);
      }
      error = Math.max(error, found);
    }
    const propose = (request) => policy.propose(request);
    const score = (request) => critic.score(request);
    const speed = () => policy.speed();
    return { place, device: name, error, speed, propose, score, died };
  };
  return Promise.race([ready(), died, late]);
}

/** Another address gives another instance: one that panicked or lost its device is not used again. */
async function instance() {
  nInstances += 1;
  query = nInstances === 1 ? "" : `?instance=${nInstances}`;
  const stepwise = await import(`./inference/stepwise-inference.js${query}`);
  await stepwise.default({ module_or_path: wasm });
  return stepwise;
}

async function gpu(stepwise) {
  if (!navigator.gpu) throw new Error("this browser has no WebGPU");
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("this browser finds no GPU that it may use");
  return [await stepwise.Device.gpu(), nameOf(adapter.info)];
}

/** What the browser tells of the adapter, which may be little. */
function nameOf({ description, vendor, architecture, isFallbackAdapter }) {
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
  return `${name} (WebGPU${isFallbackAdapter || architecture === "swiftshader" ? SOFTWARE : ""})`;
}

const bytes = (name) => files.get(MODELS + name);
const text = (name) => new TextDecoder().decode(bytes(name));

async function policyOf(stepwise, device) {
  const packed = bytes("policy/lemmas.jsonl.gz");
  const unpacked = packed && new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
  const [config, tokenizer, tokenizerConfig, settings] =
    ["config", "tokenizer", "tokenizer_config", "stepwise"].map((name) => text(`policy/${name}.json`));
  const lemmas = await unpacked?.text();
  const weights = bytes("policy/model.safetensors");
  return stepwise.Policy.load(config, tokenizer, tokenizerConfig, settings, lemmas, weights, device);
}

function criticOf(stepwise, device) {
  const [config, tokenizer, tokenizerConfig] =
    ["config", "tokenizer", "tokenizer_config"].map((name) => text(`critic/${name}.json`));
  return stepwise.Critic.load(config, tokenizer, tokenizerConfig, bytes("critic/model.safetensors"), device);
}

/** Answers a question, on the CPU if the GPU fails over it. */
async function answer({ type, id, request }) {
  while (models) {
    const { [type]: ask, died, place } = models;
    try {
      post({ type: "answer", id, answer: await Promise.race([ask(request), died]) });
      return;
    } catch (error) {
      const isDead = error instanceof Died || error instanceof WebAssembly.RuntimeError;
      const isGpu = place === "gpu" && (isDead || error?.name === "DeviceError");
      if (!isGpu) {
        post({ type: "refused", id, reason: said(error) });
        if (isDead) await open("cpu").catch(fail);
        return;
      }
      // A reading fails before the news comes that the device is lost, which says more.
      const lost = isDead ? error : await Promise.race([died, pause(1000)]).catch((why) => why);
      await fallBack(lost ?? error).catch(fail);
    }
  }
  post({ type: "refused", id, reason });
}

// A panic in the module reaches no promise: it traps in a task of its own, after a last line on the console.
const { error: consoleError } = console;
console.error = (...words) => {
  lastWords = words.join(" ");
  consoleError.apply(console, words);
};
const uncaught = (event, error, what) => {
  event.preventDefault();
  // An instance that was given up may still stumble over its lost device.
  const from = /stepwise-inference\.js(\?instance=\d+)?/.exec(error?.stack ?? "");
  if (!from || (from[1] ?? "") === query) die(`the model's module failed: ${lastWords || what}`);
};
self.addEventListener("error", (event) => uncaught(event, event.error, event.message));
self.addEventListener("unhandledrejection", (event) => uncaught(event, event.reason, said(event.reason)));

// The module asks for the device itself; whoever asks, its loss ends the instance.
if (globalThis.GPUAdapter) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    const dieThen = die;
    device.lost.then(({ message }) => dieThen(`the GPU was lost (${message})`));
    return device;
  };
}

/** Brings all files: those that are kept from the last visit, if they are whole, and the others from the server. */
async function load() {
  const cache = await openCache(CACHE);
  const [ofModels, ofInference] = await Promise.all([MODELS, INFERENCE].map((folder) => listing(folder, cache)));
  const wanted = [...ofModels, ...ofInference.filter(({ path }) => path === WASM)];
  const advance = meter(wanted, post);
  const loaded = await Promise.all(wanted.map(async (file) => [file.path, await bring(file, cache, advance)]));
  await forget(cache, wanted);
  const all = new Map(loaded);
  const compiled = await WebAssembly.compile(all.get(WASM));
  all.delete(WASM);
  return [all, compiled];
}
