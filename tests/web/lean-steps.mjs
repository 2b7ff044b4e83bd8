// Measures what a visitor waits for where Lean runs in the browser: that it is ready, a statement to be opened, a tactic, and a
// proof to be judged; from the message to the worker that serves Lean (web/lean.js) to its answer. Nothing is asserted: these
// are figures, not a test.
//
// CHROMIUM=/usr/bin/chromium DIST=dist node tests/web/lean-steps.mjs. ROUNDS (3) may be set; the first is a warm-up.
import { launch } from "./browser.mjs";
import { spread } from "./figures.mjs";
import { statements } from "./lean-hosts.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, ROUNDS = 3 } = process.env;
/** The page's examples come first. */
const N_EXAMPLES = 11;
const TACTICS = ["intro x", "constructor", "simp", "omega", "decide", "grind"];
/** What a visitor takes between turning to the statement's box and opening it, at least, in milliseconds. */
const TURNING = 700;

const server = await serveFolder(DIST);
const browser = await launch();
const context = await browser.newContext();
for (const visit of ["first", "second"]) {
  const page = await context.newPage();
  await page.goto(server.address);
  const ready = await page.evaluate(async () => {
    const begun = performance.now();
    globalThis.lean = new Worker("lean.js", { type: "module" });
    globalThis.heard = [];
    globalThis.wake = () => {};
    lean.onmessage = ({ data }) => {
      heard.push(JSON.parse(data));
      wake();
    };
    /** Waits for a message that `is` one, and gives it. */
    globalThis.hear = async (is) => {
      for (;;) {
        while (heard.length) {
          const message = heard.shift();
          if (message.type === "failed") throw new Error(message.reason);
          const told = message.type === "text" ? JSON.parse(message.text) : message;
          if (is(told)) return told;
        }
        await new Promise((done) => (wake = done));
      }
    };
    await hear(({ type }) => type === "opened");
    lean.postMessage(JSON.stringify({ op: "hello", protocol: 1, client: "measurement" }));
    await hear(({ type }) => type === "welcome");
    return performance.now() - begun;
  });
  console.log(`Lean is ready after ${Math.round(ready)} ms, ${visit} visit`);
  if (visit === "first") {
    // What is loaded for later, and kept.
    await page.waitForTimeout(5000);
    await page.close();
    continue;
  }
  const times = await page.evaluate(
    async ([problems, tactics, rounds, turning]) => {
      // "constructor" is a tactic, and what every plain object has.
      const times = Object.create(null);
      let id = 0;
      const ask = async (kind, op) => {
        const re = (id += 1);
        const begun = performance.now();
        lean.postMessage(JSON.stringify({ id: re, ...op }));
        const told = await hear((message) => message.re === re);
        (times[kind] ??= []).push(performance.now() - begun);
        return told;
      };
      for (let round = 0; round < rounds; round++) {
        if (round === 1) for (const kind of Object.keys(times)) delete times[kind];
        for (const { preamble, statement } of problems) {
          lean.postMessage("soon");
          await new Promise((done) => setTimeout(done, turning));
          await ask("statement opened", { op: "open", text: `${preamble}\n${statement}` });
          for (const tactic of tactics) await ask(tactic, { op: "apply", state: 0, tactic });
          await ask("proof judged", { op: "recheck", proof: ["grind"] });
        }
      }
      return times;
    },
    [(await statements()).slice(0, N_EXAMPLES), TACTICS, Number(ROUNDS), TURNING],
  );
  for (const [kind, all] of Object.entries(times)) console.log(`${kind}: ${spread(all, "ms")}`);
}
await browser.close();
server.close();
