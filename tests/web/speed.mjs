// Measures the models that ship in the browser, on WebGPU and on the CPU, against the same natively: tokens written a second,
// and states scored a second. All take turns in one run. Nothing is asserted: these are figures, not a test.
//
// CHROMIUM=/usr/bin/chromium DIST=dist SUGGESTIONS=target/release/suggestions node tests/web/speed.mjs
// RUNS (7), SAMPLES (24), and GPU_FLAGS (browser.mjs) may be set. A machine without a GPU wants PLACES="browser-cpu native-cpu".
import { launch } from "./browser.mjs";
import { spread } from "./figures.mjs";
import { GOALS, ask, goal, proposal, serveModels, start, startNative } from "./models.mjs";

const { RUNS = 7, SAMPLES = 24, PLACES = "browser-gpu browser-cpu native-gpu native-cpu" } = process.env;
const STATES = JSON.stringify({ states: Array.from({ length: 8 }, () => GOALS.map((text) => [goal(text)])).flat() });

const server = await serveModels();
const browser = await launch();

/** Somebody to ask: `propose` and `score` return the answers to a question. */
async function place(name) {
  const [where, device] = name.split("-");
  if (where === "native") {
    const native = startNative("--device", device);
    return { name, propose: native.ask, score: native.ask, close: native.kill };
  }
  const page = await (await browser.newContext()).newPage();
  await page.goto(server.address);
  const heard = await start(page, device);
  const ready = heard.at(-1);
  const fallback = heard.find(({ type }) => type === "fallback")?.reason ?? "";
  console.log(`${name}: ${ready.device ?? ready.reason} ${fallback} (known outputs within ${ready.error?.toExponential(1)})`);
  const answer = async (type, question) => {
    const [{ answer, reason }] = await ask(page, [type, question]);
    if (!answer) throw new Error(reason);
    return JSON.parse(answer);
  };
  return {
    name, propose: (question) => answer("propose", question), score: (question) => answer("score", question),
    close: () => page.context().close(),
  };
}

const places = [];
for (const name of PLACES.split(" ")) places.push({ ...(await place(name)), tokens: [], states: [], seconds: [] });
// The first round compiles shaders and lets burn choose its kernels.
for (let run = -1; run < Number(RUNS); run++) {
  for (const place of places) {
    let [n_tokens, device_us] = [0, 0];
    const begun = performance.now();
    for (const text of GOALS) {
      const { cost } = await place.propose(proposal(text, Number(SAMPLES), BigInt(run + 2)));
      n_tokens += cost.generated_tokens;
      device_us += cost.device_us;
    }
    const seconds = (performance.now() - begun) / 1000;
    const { cost } = await place.score(STATES);
    if (run < 0) continue;
    place.tokens.push(n_tokens / (device_us / 1e6));
    place.states.push((GOALS.length * 8) / (cost.device_us / 1e6));
    place.seconds.push(seconds / GOALS.length);
  }
}
for (const { name, tokens, states, seconds } of places) {
  console.log(`${name}: ${spread(tokens, "tokens/s")}; ${spread(states, "states/s")}; ${spread(seconds.map((s) => 1000 * s), "ms per state's suggestions")}`);
}
for (const { close } of places) await close();
await browser.close();
server.close();
