// Measures a GPU in a real Chromium by the Benchmark page, and holds reports against each other there.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and DIST (the packed page with the inference module).
// WebGPU is SwiftShader's, a program on the CPU: it shows that the kernels compute right in a browser, and nothing about a
// GPU's speed. SHOTS names a folder for screenshots.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { checkAxe } from "./axe.mjs";
import { launch } from "./browser.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, SHOTS } = process.env;
/** The quick plan takes seconds; a hang is to fail. */
const PATIENCE = 180_000;

let served, browser, page;
const errors = [];
/** Why nothing is measured, if nothing is. */
let lacking;
/** The report of the run, as it was saved. */
let report;

before(async () => {
  served = await serveFolder(DIST);
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page asks whether it comes from a server that proves; this one only has files.
    const asks = /api\/v1\/info|lean\/packed\/manifest/.test(message.location().url);
    if (message.type() === "error" && !asks) errors.push(message.text());
  });
  await page.goto(`${served.address}#/benchmark`);
  const adapter = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  lacking = !adapter && "this Chromium gives no WebGPU adapter";
  if (lacking) console.log(`not tested: the benchmark in a browser, because ${lacking}`);
});

after(async () => {
  await browser?.close();
  served?.close();
  assert.deepEqual(errors, []);
});

const notice = () => page.getByRole("status", { name: "Benchmark" });
const button = (name) => page.getByRole("button", { name, exact: true });
const rows = () => page.locator(".benchmark .scroll tbody tr:not(.group)");
const shot = (name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
/** Adds a report as a visitor does who drops or chooses a file. */
const add = (name, text) => page.getByLabel("Add reports").setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });

test("the quick plan runs with keys only, and every kernel computes right", async (t) => {
  if (lacking) return t.skip(lacking);
  await button("Only check (seconds)").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("progressbar", { name: "Measured" }).waitFor();
  assert.ok(await button("Measure (minutes)").isDisabled(), "one run at a time");
  await notice().filter({ hasText: "The benchmark is done." }).waitFor();

  const saved = page.waitForEvent("download");
  await button("Save the report (JSON)").click();
  report = JSON.parse(await readFile(await (await saved).path(), "utf8"));
  assert.equal(report.stepwise_bench_gpu, 1);
  const wrong = report.rows.filter(({ state }) => state !== "right");
  assert.deepEqual(wrong.map(({ name, state, reason }) => `${name}: ${state} ${reason}`), []);
  assert.ok(report.rows.length >= 32, `${report.rows.length} rows`);
  for (const { name, samples, repeats } of report.rows) {
    assert.ok(samples.length >= 3 && samples.every((seconds) => seconds > 0) && repeats >= 1, name);
  }
  assert.equal(await rows().count(), report.rows.length);
  await shot("benchmark");
});

test("a program on the CPU is shown and not ranked", async (t) => {
  if (lacking) return t.skip(lacking);
  const { adapter, verdict } = report;
  const verdictShown = page.locator(".benchmark .state");
  if (adapter.is_software) assert.match(verdict.reasons.join(), /a program on the CPU/);
  assert.equal(verdict.ranked, false, "the quick plan ranks nothing");
  assert.match(await verdictShown.textContent(), /not ranked: .*the quick plan is too short to rank/);
});

test("reports of others are held against it, and what is none is refused", async (t) => {
  if (lacking) return t.skip(lacking);
  const half = structuredClone(report);
  half.adapter.name = "<b>another</b>";
  for (const row of half.rows) row.samples = row.samples.map((seconds) => 2 * seconds);
  await add("other machine.json", JSON.stringify(half));
  await notice().filter({ hasText: "other machine.json was read." }).waitFor();
  const compared = page.getByRole("group", { name: "Side by side" });
  const cells = await compared.getByRole("row", { name: /^copy / }).getByRole("cell").allTextContents();
  assert.match(cells.at(-1), /^0\.50 \[/, "half as fast");
  assert.equal(await page.locator(".benchmark b").count(), 0, "a name is text");

  await add("torn.json", JSON.stringify(report).slice(0, 1000));
  await notice().filter({ hasText: "torn.json: it is no report" }).waitFor();
  await add("later.json", JSON.stringify({ ...report, stepwise_bench_gpu: 99 }));
  await notice().filter({ hasText: "later.json: it is a report of version 99" }).waitFor();
  assert.equal(await page.locator(".benchmark section h3").count(), 3, "two reports, side by side");
});

test("it has no fault that axe-core finds, and fits a narrow window", async (t) => {
  if (lacking) return t.skip(lacking);
  await page.getByText("What else the device says of itself").first().click();
  await checkAxe(page, "the Benchmark page", (colours) => shot(`benchmark-${colours}`));
  await page.setViewportSize({ width: 400, height: 800 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels beyond the window`);
  await shot("benchmark-narrow");
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("a run can be stopped, and clearing leaves an empty page", async (t) => {
  if (lacking) return t.skip(lacking);
  await button("Only check (seconds)").click();
  await page.getByRole("progressbar", { name: "Measured" }).waitFor();
  await page.locator(".benchmark .row span").filter({ hasText: /\d% (?!the module)/ }).first().waitFor();
  await button("Stop").click();
  await notice().filter({ hasText: "Stopped" }).waitFor();
  await page.locator(".benchmark .state").filter({ hasText: "the run was interrupted" }).first().waitFor();
  await button("Clear").click();
  await notice().filter({ hasText: "All reports are gone" }).waitFor();
  assert.equal(await rows().count(), 0);
});
