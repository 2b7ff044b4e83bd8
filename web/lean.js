// The worker that is a server of Lean for the page: it loads Lean with progress and keeps it, speaks the page's protocol
// (web/lean/src/server), and has Lean run in a second worker (lean-host.js), which hears of nothing while Lean works. What
// does not end in time, crashes or is given up is ended with that worker; the next one begins in a moment, with the code
// that is compiled already.
//
// Messages to the page are JSON texts: {type: "loading", done, total} in bytes, "starting", "opened" when the server hears,
// "text" with {text} of the protocol, and "failed" with {reason}. The page sends texts of the protocol.

import { bring, forget, listing, meter, openCache, said } from "./files.js";

/** Where files are kept between visits, if the browser keeps any. */
const CACHE = "stepwise-lean-v1";
/** The module of both workers. */
const MODULE = "lean/";
/** What `stepwise setup --web` writes. */
const PACKED = "lean/packed/";
const WASM = `${MODULE}stepwise-lean_bg.wasm`;
/** What Lean begins with: in the first piece is what runs in most proofs. */
const FIRST = ["lean.json", "lean.0.bin", "symbols.bin", "library.bin"].map((name) => PACKED + name);

const post = (message) => self.postMessage(JSON.stringify(message));
const ignore = () => {};

let cache;
/** All packed files. */
let packed;
/** What each host is given. */
let parts;
let host;
/** Whether a host is on its way. */
let isStarting = false;
/** Pieces of Lean's module that the last host called in vain. */
const lacking = new Set();
let server;
let alarm;

self.onmessage = ({ data }) => act(server.hear(data, performance.now()));

start().catch((error) => post({ type: "failed", reason: said(error) }));

async function start() {
  cache = await openCache(CACHE);
  const [ofModule, ofLean] = await Promise.all([MODULE, PACKED].map((folder) => listing(folder, cache)));
  packed = new Map(ofLean.map((file) => [file.path, file]));
  const wanted = [...ofModule.filter(({ path }) => path === WASM), ...FIRST.map((path) => packed.get(path))];
  if (wanted.includes(undefined)) throw new Error(`the files in ${PACKED} are not all there`);
  const advance = meter(wanted, (message) => {
    post(message);
    if (message.done === message.total) post({ type: "starting" });
  });
  const [module, text, first, symbols, library] = wanted;
  const wasm = bring(module, cache, advance).then((bytes) => WebAssembly.compile(bytes));
  const description = bring(text, cache, advance).then((bytes) => new TextDecoder().decode(bytes));
  const unpacked = (file) => bring(file, cache, advance, async (bytes) => unpack(bytes, await wasm));
  const memory = bring(library, cache, advance, async (bytes) => unpack(bytes, await wasm, await description));
  const piece = unpacked(first).then((bytes) => WebAssembly.compile(bytes));
  const { Server, default: init } = await import("./lean/stepwise-lean.js");
  parts = {
    wasm: await wasm,
    description: await description,
    symbols: (await unpacked(symbols)).buffer,
    // A blob, because every host needs the bytes, and a blob is not copied before they are read.
    library: new Blob([await memory]),
    pieces: new Map([[0, await piece]]),
  };
  await init({ module_or_path: parts.wasm });
  server = new Server(JSON.parse(parts.description).package);
  post({ type: "opened" });
  await restart();
  await forget(cache, [...ofModule, ...ofLean]);
  await keepTheRest();
}

/** Unpacks a file of Lean's in a worker of its own; the memory needs its description. */
function unpack(bytes, wasm, description) {
  const worker = new Worker(new URL("lean-unpack.js", import.meta.url), { type: "module" });
  const unpacked = new Promise((done, fail) => {
    worker.onmessage = ({ data: { unpacked, failed } }) => (unpacked ? done(unpacked) : fail(new Error(failed)));
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new Error(event.message || "lean-unpack.js cannot be loaded"));
    };
  });
  worker.postMessage({ wasm, packed: bytes, description }, [bytes.buffer]);
  return unpacked.finally(() => worker.terminate());
}

/** Does what the server wants done. */
function act(actions) {
  for (const action of JSON.parse(actions)) {
    if (action === "restart") restart();
    else if (action.send) post({ type: "text", text: action.send });
    else host?.postMessage({ ask: action.ask });
  }
  clearTimeout(alarm);
  const { deadline } = server;
  if (deadline !== undefined) alarm = setTimeout(() => act(server.late(performance.now())), Math.max(0, deadline - performance.now()));
}

/** Ends the host, and starts another, with what the last one lacked. */
async function restart() {
  end();
  if (isStarting) return;
  isStarting = true;
  let reason;
  try {
    for (const piece of lacking) {
      const file = packed.get(`${PACKED}lean.${piece}.bin`);
      if (!file) throw new Error(`Lean has no piece ${piece}`);
      const bytes = await unpack(await bring(file, cache, ignore), parts.wasm);
      parts.pieces.set(piece, await WebAssembly.compile(bytes));
      lacking.delete(piece);
    }
    begin();
  } catch (error) {
    reason = said(error);
  }
  isStarting = false;
  if (reason) act(server.died(reason, performance.now()));
}

function end() {
  if (!host) return;
  host.onmessage = host.onerror = null;
  host.terminate();
  host = undefined;
}

function begin() {
  host = new Worker(new URL("lean-host.js", import.meta.url), { type: "module" });
  host.onmessage = ({ data: { line, lack, died } }) => {
    if (lack !== undefined) lacking.add(lack);
    else if (line !== undefined) act(server.said(line, performance.now()));
    else diedOf(died);
  };
  host.onerror = (event) => {
    event.preventDefault();
    diedOf(event.message || "lean-host.js cannot be loaded");
  };
  host.postMessage({ start: parts });
}

function diedOf(reason) {
  end();
  act(server.died(reason, performance.now()));
}

/** Keeps the pieces that most proofs do not need for when one does, without a network then. */
async function keepTheRest() {
  for (const file of packed.values()) {
    if (!FIRST.includes(file.path)) await bring(file, cache, ignore).catch(ignore);
  }
}
