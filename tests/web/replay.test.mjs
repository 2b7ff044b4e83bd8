// Walks through the packed page in a real Chromium, by keyboard alone.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and DIST (the packed page). SHOTS names a folder
// for screenshots, for the eye.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { serveFolder } from "./static.mjs";

const { DIST, SHOTS } = process.env;
const recorded = new URL("recorded.jsonl", import.meta.url).pathname;

let server, browser, address;

before(async () => {
  server = await serveFolder(DIST);
  address = server.address;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A fresh page in which any error fails the test at its end. */
async function open(options = {}) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, ...options });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The page asks whether it comes from a server that proves, and whether it has a Lean for browsers; this one only has
    // files, and no Lean.
    const asks = /(api\/v1\/info|lean\/packed\/manifest\.json)$/.test(message.location().url);
    if (message.type() === "error" && !asks) errors.push(message.text());
  });
  await page.goto(address);
  await page.getByRole("heading", { name: "stepwise" }).waitFor();
  return { page, errors };
}

const load = async (page, file = recorded) => {
  await page.getByLabel("Open a search log").setInputFiles(file);
  await page.getByRole("tree").waitFor();
};
const shot = (page, name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
const selected = (page) => page.locator('[role="treeitem"][aria-selected="true"]');

test("a recorded search opens at its end, proved", async () => {
  const { page, errors } = await open();
  await shot(page, "empty");
  await load(page);
  await page.getByText(/^Proved; rechecked by /).waitFor();
  assert.ok((await page.getByRole("treeitem").count()) > 2);
  const levels = await page.getByRole("treeitem").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-level")));
  assert.deepEqual(levels.slice(0, 3), ["1", "2", "3"]);
  assert.equal(await page.locator('[role="treeitem"].good').first().locator(".glyph").textContent(), "★");
  await page.getByText("Signs and keys").click();
  await shot(page, "proved");
  assert.deepEqual(errors, []);
});

test("everything can be reached and used with the keyboard alone", async () => {
  const { page, errors } = await open();
  await load(page);
  const tree = page.getByRole("tree");
  // Tab from the top must come to the time line, then the filter, then the tree.
  const reached = [];
  await page.locator("body").click({ position: { x: 1, y: 1 } });
  for (let step = 0; step < 15 && !(await tree.evaluate((node) => node === document.activeElement)); step++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.type));
  }
  assert.deepEqual(reached.slice(-7), [
    "First event", "Previous event", "Event", "Next event", "Last event", "checkbox", "Search tree",
  ]);
  const ids = [await tree.getAttribute("aria-activedescendant")];
  for (const key of ["ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp", "End"]) {
    await page.keyboard.press(key);
    const id = await tree.getAttribute("aria-activedescendant");
    assert.equal(await selected(page).getAttribute("id"), id, `after ${key}`);
    ids.push(id);
  }
  assert.equal(ids[0], "root");
  assert.notEqual(ids[1], "root");
  // Folding the root leaves one row; unfolding brings the others back.
  const n_rows = await page.getByRole("treeitem").count();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("treeitem").count(), 1);
  assert.equal(await selected(page).getAttribute("aria-expanded"), "false");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("treeitem").count(), n_rows);
  // The details follow the selection.
  await page.keyboard.press("End");
  // White space aside: the script indents a tactic of several lines.
  const words = async (locator) => (await locator.textContent()).replace(/\s+/g, " ").trim();
  assert.ok((await words(page.locator(".script"))).endsWith(await words(selected(page).locator("code"))));
  // The filter shows what failed, and the tree keeps its place.
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Space");
  await page.waitForFunction((n) => document.querySelectorAll('[role="treeitem"]').length > n, n_rows);
  assert.ok((await page.locator('[role="treeitem"].bad').count()) > 0);
  await shot(page, "dead-ends");
  assert.deepEqual(errors, []);
});

test("the time line scrubs from nothing to the proof and back", async () => {
  const { page, errors } = await open();
  await load(page);
  const slider = page.getByRole("slider", { name: "Event" });
  const n_events = Number(await slider.getAttribute("max"));
  const n_rows = await page.getByRole("treeitem").count();
  await slider.focus();
  await page.keyboard.press("Home");
  await page.getByText("Not started").waitFor();
  assert.equal(await page.getByRole("treeitem").count(), 0);
  let most = 0;
  for (let event = 1; event <= n_events; event++) {
    await page.keyboard.press("ArrowRight");
    assert.match(await slider.getAttribute("aria-valuetext"), new RegExp(`^${event} of ${n_events}: `));
    const now = await page.getByRole("treeitem").count();
    assert.ok(now >= most, "the tree only grows");
    most = now;
  }
  assert.equal(most, n_rows);
  await page.getByText(/^Proved; /).waitFor();
  await page.getByRole("button", { name: "Previous event" }).press("Enter");
  await page.getByText("Searching").waitFor();
  assert.deepEqual(errors, []);
});

test("a file that is no log is refused in words and the page stays", async () => {
  const { page, errors } = await open();
  await load(page);
  const n_rows = await page.getByRole("treeitem").count();
  await page.getByLabel("Open a search log").setInputFiles({
    name: "notes.jsonl", mimeType: "text/plain", buffer: Buffer.from("hello\n"),
  });
  await page.getByText(/^notes.jsonl: line 1 is not the header of a stepwise log/).waitFor();
  assert.equal(await page.getByRole("treeitem").count(), n_rows);
  assert.deepEqual(errors, []);
});

test("a dropped file opens", async () => {
  const { page, errors } = await open();
  const text = await readFile(recorded, "utf8");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], "dropped.jsonl"));
    document.querySelector(".tree-page").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
  }, text);
  await page.getByRole("tree").waitFor();
  assert.deepEqual(errors, []);
});

test("colours follow the choice and the system, and the choice is kept", async () => {
  const { page, errors } = await open({ colorScheme: "dark" });
  await load(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await ground(), "rgb(15, 19, 24)");
  await shot(page, "dark");
  await page.getByLabel("Colours").selectOption("light");
  assert.equal(await ground(), "rgb(255, 255, 255)");
  await page.reload();
  await page.getByRole("heading", { name: "stepwise" }).waitFor();
  assert.equal(await ground(), "rgb(255, 255, 255)");
  assert.equal(await page.getByLabel("Colours").inputValue(), "light");
  assert.deepEqual(errors, []);
});

test("a narrow window has one column and no sideways scrolling", async () => {
  const { page, errors } = await open({ viewport: { width: 380, height: 700 } });
  await load(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  await shot(page, "narrow");
  assert.deepEqual(errors, []);
});
