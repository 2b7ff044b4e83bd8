// The worker that is a server of Lean for the page: it loads Lean with progress and keeps it, speaks the page's protocol
// (web/lean/src/server), and has Lean run in other workers (lean-host.js), which hear of nothing while Lean works. What does
// not end in time, crashes or is given up is ended with its worker; the next one begins in a moment, with the code that is
// compiled already.
//
// Each of these workers, a host, has one Lean, or two while it judges a proof. Its memory comes back when it is ended and not
// before, so a statement is opened in a new host, and so is a proof that is judged.
//
// Messages to the page are JSON texts: {type: "loading", done, total} in bytes, "starting", "opened" when the server hears,
// "text" with {text} of the protocol, and "failed" with {reason}. The page sends texts of the protocol, and "soon" when its
// visitor is about to open a statement.

import { bring, forget, keep, listing, meter, openCache, said } from "./files.js";

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
/** How long a host is kept for a statement that the page has announced, in milliseconds. */
const PATIENCE = 20_000;

let cache;
/** All packed files. */
let packed;
/** What each host is given. */
let parts;
/** The host of the statement, the one that judges a proof, and one that waits for either. */
let host, judge, next;
/** Pieces of Lean's module that hosts have called in vain. */
const lacking = new Set();
let server;
let alarm;

self.onmessage = ({ data }) => {
  if (data === "soon") getReady();
  else act(server.hear(data, performance.now()));
};

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
  const tools = wasm.then((wasm) => ({ wasm }));
  const bringFirst = async (file, tools) => {
    const { brought, isNew } = await bringUnpacked(file, tools, advance);
    // Nobody has to wait until it is kept.
    if (isNew) keep(file, brought, cache);
    return brought;
  };
  const piece = bringFirst(first, tools).then(compile);
  const places = bringFirst(symbols, tools).then((blob) => blob.arrayBuffer());
  const toolsOfMemory = Promise.all([wasm, description]).then(([wasm, description]) => ({ wasm, description }));
  const memory = bringFirst(library, toolsOfMemory);
  const { Server, default: init } = await import("./lean/stepwise-lean.js");
  parts = {
    wasm: await wasm,
    description: await description,
    symbols: await places,
    library: await memory,
    pieces: new Map([[0, await piece]]),
  };
  await init({ module_or_path: parts.wasm });
  server = new Server(JSON.parse(parts.description).package);
  post({ type: "opened" });
  restart();
  await forget(cache, [...ofModule, ...ofLean]);
  await keepTheRest();
}

/** Compiles a piece of Lean's module. */
const compile = (blob) => WebAssembly.compileStreaming(new Response(blob, { headers: { "content-type": "application/wasm" } }));

/** Has a worker of its own bring a file and unpack it: a blob, and whether it `isNew`. */
function bringUnpacked(file, tools, advance) {
  const worker = new Worker(new URL("lean-unpack.js", import.meta.url), { type: "module" });
  const brought = new Promise((done, fail) => {
    worker.onmessage = ({ data }) => {
      if (data.advance !== undefined) advance(data.advance);
      else if (data.brought) done(data);
      else fail(new Error(data.failed));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new Error(event.message || "lean-unpack.js cannot be loaded"));
    };
    worker.postMessage({ file, cache: CACHE });
    tools.then((tools) => worker.postMessage({ tools }), fail);
  });
  return brought.finally(() => worker.terminate());
}

/** Does what the server wants done. */
function act(actions) {
  for (const action of JSON.parse(actions)) {
    if (action === "restart") restart();
    else if (action === "dismiss") judge = judge?.end();
    else if (action.send) post({ type: "text", text: action.send });
    else if (action.open) open(action.open);
    else if (action.judge) (judge = take({ said: "judged", died: "judgeDied" })).ask(action.judge);
    else host?.ask(action.ask);
  }
  clearTimeout(alarm);
  const { deadline } = server;
  if (deadline !== undefined) alarm = setTimeout(() => act(server.late(performance.now())), Math.max(0, deadline - performance.now()));
}

/** What the server hears of the statement's host. */
const OF_HOST = { said: "said", died: "died" };

/** Ends the host, and starts another. The server wants to hear its first line. */
function restart() {
  host?.end();
  host = take({ ...OF_HOST, hello: "said" });
}

/** Asks a host that nothing has used, which is the statement's from then on. */
function open(line) {
  if (!host || host.isUsed) {
    host?.end();
    host = take(OF_HOST);
  }
  host.ask(line);
}

/** The host that waits, or a new one. `ears` names the server's functions that are told what becomes of it. */
function take(ears) {
  const taken = next ?? new Host();
  next = undefined;
  taken.hearWith(ears);
  return taken;
}

/** Has a host wait for the statement that is about to be opened, unless the one that is there will do. */
function getReady() {
  if (!host?.isUsed) return;
  next ??= new Host();
  next.waitFor(PATIENCE);
}

/** Compiles the pieces that hosts have called in vain. */
async function complete() {
  for (const piece of lacking) {
    const file = packed.get(`${PACKED}lean.${piece}.bin`);
    if (!file) throw new Error(`Lean has no piece ${piece}`);
    const { brought } = await bringUnpacked(file, Promise.resolve({ wasm: parts.wasm }), ignore);
    parts.pieces.set(piece, await compile(brought));
    lacking.delete(piece);
  }
}

/** A worker that runs Lean. What it is asked before it has said hello is kept until then. */
class Host {
  isUsed = false;
  asks = [];

  constructor() {
    this.start();
  }

  async start() {
    try {
      await complete();
    } catch (error) {
      this.die(said(error));
    }
    if (this.isOver) return;
    this.worker = new Worker(new URL("lean-host.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: { line, lack, died } }) => {
      if (lack !== undefined) this.lack(lack);
      else if (died !== undefined) this.die(died);
      else if (this.hello === undefined) this.greet(line);
      else act(server[this.ears.said](line, performance.now()));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.die(event.message || "lean-host.js cannot be loaded");
    };
    this.worker.postMessage({ start: parts });
  }

  hearWith(ears) {
    this.ears = ears;
    clearTimeout(this.alarm);
    if (this.hello !== undefined) queueMicrotask(() => this.introduce());
  }

  greet(line) {
    const { fatal } = JSON.parse(line);
    if (fatal) return this.die(fatal);
    this.hello = line;
    for (const ask of this.asks) this.worker.postMessage({ ask });
    this.introduce();
  }

  introduce() {
    if (this.ears?.hello && !this.isOver) act(server[this.ears.hello](this.hello, performance.now()));
  }

  ask(line) {
    this.isUsed = true;
    if (this.hello === undefined) this.asks.push(line);
    else this.worker.postMessage({ ask: line });
  }

  /** Ends it when nobody has taken it for so long. */
  waitFor(ms) {
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => (next = this.end()), ms);
  }

  /** The one that waits lacks the same piece. */
  lack(piece) {
    lacking.add(piece);
    next = next?.end();
  }

  die(reason) {
    if (this === next) next = undefined;
    this.end();
    if (this.ears) act(server[this.ears.died](reason, performance.now()));
  }

  /** Ends it, with all of its memory. */
  end() {
    this.isOver = true;
    clearTimeout(this.alarm);
    if (this.worker) this.worker.onmessage = this.worker.onerror = null;
    this.worker?.terminate();
  }
}

/** Keeps the pieces that most proofs do not need for when one does, without a network then. */
async function keepTheRest() {
  for (const file of packed.values()) {
    if (!FIRST.includes(file.path)) await bring(file, cache, ignore).catch(ignore);
  }
}
