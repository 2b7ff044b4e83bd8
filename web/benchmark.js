// The worker that runs the GPU benchmark for the page, and reads reports that the visitor brings.
//
// Messages are JSON texts. The page sends {wish, name, text}: "run" with a plan's name, "stop", "read" with a file's name and
// content, "markdown", "save" and "clear". The worker sends {share, row} while a run goes on, {notice, html, own} when
// something happened (html is all reports, own whether one of them was measured here) and no run goes on, with {share, row}
// where one does, and {file: [name, content]}: what to save, or what to copy when it has no name.

import { bring, forget, listing, meter, openCache, said } from "./files.js";

/** Where files are kept between visits, if the browser keeps any. */
const CACHE = "stepwise-benchmark-v1";
const INFERENCE = "inference/";
const WASM = "inference/stepwise-inference_bg.wasm";

/** All reports by name, as JSON; what was measured here first. */
const reports = new Map();
/** They as HTML. */
let html = "";
/** What the last run here is called. */
let own;
let isRunning = false;
/** How far the run is, and what is under way. */
let doing;
let isStopped = false;
/** The module, once it is there. */
let loaded;
/** What tells the last instance of the module from those before: one that panicked is not used again. */
let nInstances = 0;
/** Ends the run that is under way. */
let die = () => {};
/** What the module said last before it died. */
let lastWords = "";

const post = (message) => self.postMessage(JSON.stringify(message));
const tell = (notice) => post({ notice, own: reports.has(own), html, ...(isRunning && doing) });

self.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  try {
    await { run, stop, read, markdown, save, clear }[message.wish](message);
  } catch (error) {
    tell(said(error));
  }
};

async function run({ name: plan }) {
  if (isRunning) return;
  [isRunning, isStopped, doing] = [true, false, { share: 0, row: "loading the module" }];
  try {
    const stepwise = await module();
    const { name, isSoftware } = await adapter();
    // On the CPU the full plan would take hours, and could not be ranked.
    const planned = isSoftware ? "quick" : plan;
    const now = () => performance.now() / 1000;
    const progress = (share, row) => post((doing = { share, row }));
    const died = new Promise((_, reject) => (die = reject));
    const report = await Promise.race([
      stepwise.benchGpu(planned, name, isSoftware, machine(), browser(), now, progress, () => isStopped),
      died,
    ]);
    const others = [...reports].filter(([other]) => other !== own);
    own = `${name}, ${planned}`;
    reports.clear();
    for (const [other, text] of [[own, report], ...others]) reports.set(other, text);
    const why = planned === plan ? "" : ` ${name} is a program on the CPU, which only the quick plan is made for.`;
    isRunning = false;
    await show(`${isStopped ? "Stopped; what was measured is shown." : "The benchmark is done."}${why}`);
  } finally {
    isRunning = false;
  }
}

function stop() {
  isStopped = true;
}

async function read({ name, text }) {
  const stepwise = await module();
  try {
    stepwise.checkReport(text);
  } catch (error) {
    throw new Error(`${name}: ${said(error)}`);
  }
  reports.set(name.replace(/\.json$/i, ""), text);
  await show(`${name} was read.`);
}

async function markdown() {
  const stepwise = await module();
  post({ file: ["", stepwise.reportsAsMarkdown([...reports.keys()], [...reports.values()])] });
}

function save() {
  if (reports.has(own)) post({ file: ["stepwise-bench-gpu.json", reports.get(own)] });
}

async function clear() {
  reports.clear();
  await show("All reports are gone from the page.");
}

async function show(notice) {
  const stepwise = await module();
  html = stepwise.reportsAsHtml([...reports.keys()], [...reports.values()]);
  tell(notice);
}

/** Loads the module once; after a failure the next question tries again. */
function module() {
  loaded ??= load().catch((error) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

/** How far the module's way is, while a run waits for it. */
function loading({ done, total }) {
  const row = `loading the module: ${Math.floor(done / 1e6)} of ${Math.ceil(total / 1e6)} MB`;
  if (isRunning) post((doing = { share: 0, row }));
}

async function load() {
  const cache = await openCache(CACHE);
  const files = (await listing(INFERENCE, cache)).filter(({ path }) => path === WASM);
  const advance = meter(files, loading);
  const [wasm] = await Promise.all(files.map((file) => bring(file, cache, advance)));
  await forget(cache, files);
  nInstances += 1;
  const stepwise = await import(`./inference/stepwise-inference.js?instance=${nInstances}`);
  await stepwise.default({ module_or_path: wasm });
  return stepwise;
}

// A panic in the module reaches no promise: it traps in a task of its own, after a last line on the console.
const { error: consoleError } = console;
console.error = (...words) => {
  lastWords = words.join(" ");
  consoleError.apply(console, words);
};
const uncaught = (event, what) => {
  event.preventDefault();
  loaded = undefined;
  die(new Error(`the benchmark failed: ${lastWords || what}`));
};
self.addEventListener("error", (event) => uncaught(event, event.message));
self.addEventListener("unhandledrejection", (event) => uncaught(event, said(event.reason)));

/** What the browser tells of the adapter, which may be little. */
async function adapter() {
  if (!navigator.gpu) throw new Error("this browser has no WebGPU; try a newer one, or `stepwise bench gpu` in a terminal");
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("this browser finds no GPU that it may use; try `stepwise bench gpu` in a terminal");
  const { description, vendor, architecture, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "a GPU without a name";
  return { name, isSoftware: Boolean(isFallbackAdapter) || architecture === "swiftshader" };
}

const machine = () => `${navigator.hardwareConcurrency} threads${navigator.platform ? `, ${navigator.platform}` : ""}`;

/** The browser's name and version. */
function browser() {
  const brands = navigator.userAgentData?.brands?.filter(({ brand }) => !/not.*brand/i.test(brand)) ?? [];
  if (brands.length > 0) return brands.map(({ brand, version }) => `${brand} ${version}`).join(", ");
  return /(Firefox|Version|Chrome)\/[\d.]+/.exec(navigator.userAgent)?.[0].replace("/", " ") ?? navigator.userAgent;
}
