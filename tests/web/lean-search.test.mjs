// Searches with the models that ship and with Lean, both in a real Chromium, from files alone: every example of the page is
// proved, and each search is the one that `stepwise prove` does with the same seed, tactic for tactic.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path), DIST (the page, packed with the models and Lean) and
// STEPWISE (the program).
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launch } from "./browser.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, STEPWISE } = process.env;

/** Nothing here takes this long on a busy machine, and a hang is to fail. */
const PATIENCE = 90_000;
/** Log-probabilities are sums over tokens; the same bits are not to be had across instructions. */
const TOLERANCE = 1e-4;

let server, browser, folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "stepwise-searches-"));
  server = await serveFolder(DIST);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
  await rm(folder, { recursive: true });
});

/** The statements of the page's examples, by their names. */
async function examples() {
  const source = await readFile(new URL("../../web/src/examples.rs", import.meta.url), "utf8");
  const text = (literal) => JSON.parse(`"${literal}"`);
  const pairs = [...source.matchAll(/name: "((?:[^"\\]|\\.)*)",\s*statement: "((?:[^"\\]|\\.)*)"/g)];
  return pairs.map(([, name, statement]) => [text(name), text(statement)]);
}

/** Lets the page search, and gives the log that it saves. */
async function searchedByPage(page, statement, file) {
  await page.getByRole("link", { name: "Prove", exact: true }).click();
  await page.getByLabel("Statement in Lean").fill(statement);
  await page.getByRole("button", { name: /^Open/ }).click();
  await page.locator(".script-rows .here").filter({ hasText: "1 goal" }).waitFor();
  await page.getByRole("button", { name: "Search for a proof" }).click();
  await page.locator(".verdict").filter({ hasText: "Accepted" }).waitFor();
  await page.getByRole("link", { name: "See the tree" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save log (JSON lines)" }).click();
  await (await download).saveAs(file);
  return read(file);
}

/** Has the program do the same search. */
async function searchedByProgram(statement, { config }, file) {
  const plan = ["--samples", config.samples, "--expansions", config.expansions, "--seed", config.seed, "--hosts", 1];
  const models = ["--policy", "tiny", "--device", "cpu", "--no-disprove", "--no-tidy"];
  await promisify(execFile)(STEPWISE, ["prove", ...models, ...plan.map(String), "--log", file, statement]);
  return read(file);
}

/** A log: its header, how long it took, and its events without what depends on the machine. */
async function read(file) {
  const [header, ...events] = (await readFile(file, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  const logprobs = events.flatMap(({ candidates = [] }) => candidates.map(({ logprob }) => logprob));
  const comparable = (key, value) => (["at_ms", "cost", "logprob"].includes(key) ? undefined : value);
  const tookMs = events.at(-1).at_ms;
  return { header, tookMs, logprobs, tree: events.map((event) => JSON.parse(JSON.stringify(event, comparable))) };
}

test("every example is proved in the browser, by the very search that the program does", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(server.address);
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Lean runs in this browser" }).waitFor();
  await page.getByLabel("after every step").uncheck();
  await page.getByLabel("in this browser, on the CPU").check();
  await page.getByText(/^Ready on /).waitFor();
  const all = await examples();
  assert.ok(all.length >= 11, "the examples are found");
  let longest = 0;
  for (const [idx, [name, statement]] of all.entries()) {
    const ours = await searchedByPage(page, statement, join(folder, `page-${idx}.jsonl`));
    const theirs = await searchedByProgram(statement, ours.header, join(folder, `program-${idx}.jsonl`));
    assert.deepEqual(ours.tree, theirs.tree, name);
    const apart = ours.logprobs.map((logprob, idx) => Math.abs(logprob - theirs.logprobs[idx]));
    assert.ok(Math.max(...apart) <= TOLERANCE, `${name}: log-probabilities are ${Math.max(...apart)} apart`);
    longest = Math.max(longest, ours.tookMs);
  }
  console.log(`${all.length} examples proved; the longest search took ${longest} ms`);
  await context.close();
  assert.deepEqual(errors, []);
});
