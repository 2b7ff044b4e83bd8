// Watches a real campaign in a real Chromium: `stepwise campaign serve` with verifiers that run real Lean, and one donor that
// takes a bundle. What is proved is shown with its proof, the operator pauses and resumes by keyboard, files can be kept. A run
// of `stepwise learn` is watched while it goes on.
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and STEPWISE (the program, built in a workspace whose
// page is packed). SHOTS names a folder for screenshots.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { checkAxe } from "./axe.mjs";
import { launch } from "./browser.mjs";

const { STEPWISE, SHOTS } = process.env;

/** Nothing here takes this long on a busy machine, and a hang is to fail. */
const PATIENCE = 120_000;

/** Three that hold, one that does not, one that nothing proves quickly, and a name that is markup and a formula. */
const PROBLEMS = [
  ["and_left", "theorem and_left (p q : Prop) (h : p ∧ q) : p"],
  ["below", "theorem below (a b : Nat) (h : a < b) : 2 * a + 1 < 2 * b"],
  ["=1+1<b>", "theorem swap (p q : Prop) (h : p ∧ q) : q ∧ p"],
  ["small", "theorem small (n : Nat) : n < 5"],
  ["cubes", "theorem cubes (a b c : Nat) (h : 0 < a) (k : 0 < b) : a ^ 3 + b ^ 3 ≠ c ^ 3"],
];

const folder = mkdtempSync(join(tmpdir(), "stepwise-campaign-"));
const env = { ...process.env, STEPWISE_DONATE_DIR: join(folder, "donor") };
let coordinator, donor, learning, watching, proving, url, browser;

/** Runs the program, and gives what it printed. */
function run(...args) {
  const ran = spawnSync(STEPWISE, args, { cwd: folder, env, encoding: "utf8" });
  assert.equal(ran.status, 0, `${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout.trim();
}

/** Starts a server: its process, and the address that it prints. */
async function serve(...args) {
  const server = spawn(STEPWISE, args, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  return [server, await new Promise((done) => createInterface({ input: server.stdout }).once("line", done))];
}

before(async () => {
  const line = ([name, statement]) => JSON.stringify({ name, formal_statement: `${statement} := by sorry` });
  writeFileSync(join(folder, "problems.jsonl"), PROBLEMS.map(line).join("\n"));
  run("campaign", "init", "shared", "problems.jsonl", "--timeout", "10", "--expansions", "8", "--samples", "8", "--stages", "3");
  [coordinator, url] = await serve("campaign", "serve", "shared", "--listen", "127.0.0.1:0");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await ended(donor, "SIGTERM");
  await ended(learning, "SIGKILL");
  await ended(watching, "SIGINT");
  await ended(proving, "SIGINT");
  await ended(coordinator, "SIGINT");
  rmSync(folder, { recursive: true });
});

/** The token of the donor's account. */
const donorToken = () => new URLSearchParams(new URL(run("donate", "page")).hash.split("?")[1]).get("token");

/** Ends a process, unless it has ended. */
async function ended(process, signal) {
  if (!process || process.exitCode !== null || process.signalCode !== null) return;
  const over = new Promise((done) => process.once("exit", done));
  process.kill(signal);
  await over;
}

/** A page in a profile of its own. What goes wrong in it is in `errors`, which `close` holds to be empty. */
async function visit(hash = "", { at = url, name = "shared" } = {}) {
  const context = await browser.newContext({ viewport: { width: 800, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(`${at}/${hash}`);
  await page.getByRole("heading", { name, exact: true }).waitFor();
  const close = async () => {
    await context.close();
    assert.deepEqual(errors, []);
  };
  return { page, close };
}

const shot = (page, name) => SHOTS && page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });

/** Holds a page against axe-core's rules, and against scrolling sideways. */
const check = (page, what) => checkAxe(page, what, async (colours) => {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${what} scrolls sideways`);
  await shot(page, `${what.replaceAll(" ", "-")}-${colours}`);
});

/** The cells of a table's row, by the head of the row. */
const row = (page, table, head) => page.getByRole("table", { name: table }).getByRole("row").filter({ has: page.getByRole("rowheader", { name: head, exact: true }) });

/** Presses Tab until the focus is on an element of this name. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.textContent)) === name) return;
  }
  assert.fail(`Tab does not come to ${name}`);
}

test("a campaign that nobody has joined says so, and how to", async () => {
  const { page, close } = await visit();
  await page.getByText("Nobody lends a machine just now.").waitFor();
  await page.getByText("Nothing is solved yet.").waitFor();
  await page.getByText("stepwise donate join 'LINK'").waitFor();
  assert.equal(await page.getByRole("status", { name: "Connection" }).textContent(), "● Campaign");
  assert.deepEqual(await page.getByRole("navigation").getByRole("link").allTextContents(), ["Tree", "Campaign", "Benchmark"]);
  assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
  await check(page, "campaign begun");
  await close();
});

test("what a donor proves is shown, with the proof that Lean accepted", async () => {
  const link = run("campaign", "invite", "shared", "--public-url", url);
  const invited = await visit(new URL(link).hash);
  await invited.page.getByText(`stepwise donate join '${link}'`).waitFor();
  await invited.close();
  run("donate", "join", link, "--name", "ada <script>");
  const { page, close } = await visit();
  donor = spawn(STEPWISE, ["donate", "--cores", "1", "--label", "desk"], { cwd: folder, env, stdio: "ignore" });
  const worker = page.getByRole("table", { name: "Who works" }).getByRole("row").filter({ hasText: "ada <script>" });
  await worker.filter({ hasText: "working" }).waitFor();
  assert.ok(!(await worker.textContent()).includes("desk"), "a label is for its owner");
  const owned = await fetch(`${url}/api/v1/campaign/workers`, { headers: { authorization: `Bearer ${donorToken()}` } });
  assert.deepEqual((await owned.json()).workers.map(({ name, label }) => [name, label]), [["ada <script>", "desk"]]);
  for (const [name] of PROBLEMS.slice(0, 3)) {
    await row(page, "Problems", name).filter({ hasText: "proved" }).waitFor();
  }
  await row(page, "Problems", "small").filter({ hasText: "disproved" }).waitFor();
  await page.getByText("ada <script> joined").waitFor();
  await page.getByRole("link", { name: "and_left is proved" }).waitFor();
  await page.getByRole("img", { name: "Solved problems against CPU time" }).waitFor();
  const counts = row(page, "Problems and searches", "proved").getByRole("cell");
  await counts.first().filter({ hasText: "3" }).waitFor();
  assert.deepEqual(await counts.allTextContents(), ["3", "3", "3"]);
  await check(page, "campaign under way");
  // What nobody proves is left, so that the campaign goes on.
  await ended(donor, "SIGTERM");
  await page.getByText("Nobody lends a machine just now.").waitFor();

  await page.getByLabel("Standing").selectOption("disproved");
  await row(page, "Problems", "and_left").waitFor({ state: "detached" });
  assert.equal(await page.getByRole("table", { name: "Problems", exact: true }).getByRole("row").count(), 2);
  await page.getByLabel("Standing").selectOption("");
  await page.getByLabel("Name has").fill("LOW");
  await page.getByLabel("Name has").press("Enter");
  await row(page, "Problems", "and_left").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "below", exact: true }).press("Enter");
  await page.getByRole("heading", { name: "below" }).waitFor();
  assert.match(page.url(), /#\/campaign\?problem=2$/);
  await page.waitForFunction(() => document.activeElement.id === "problem-title");
  const shown = (name) => page.locator("#problem dt", { hasText: name }).locator("xpath=following-sibling::dd").textContent();
  assert.match(await shown("Accepted by"), /lean/i);
  assert.match(await shown("It rests on"), /axiom/);
  const file = await page.locator("#problem pre").nth(1).textContent();
  assert.match(file, /^theorem below \(a b : Nat\) \(h : a < b\) : 2 \* a \+ 1 < 2 \* b := by\n {2}\S/m);
  await check(page, "problem");
  await page.getByRole("link", { name: "Back to the campaign" }).press("Enter");
  await page.getByRole("heading", { name: "shared" }).waitFor();

  // The page shows what the coordinator has.
  const checked = await (await fetch(`${url}/api/v1/campaign/problems/2`)).json();
  assert.equal(checked.proof.file.trimEnd(), file);
  await close();
});

test("the operator pauses and resumes with keys alone", async () => {
  const link = run("campaign", "token", "shared", "--name", "grace", "--public-url", url);
  const { page, close } = await visit(new URL(link).hash);
  await page.getByRole("button", { name: "Pause" }).waitFor();
  assert.ok(!page.url().includes("token"), "the token is taken out of the address");
  const said = page.getByRole("status", { name: "News" });
  const state = page.locator(".campaign-head .state");
  await tabTo(page, "Pause");
  await page.keyboard.press("Enter");
  await state.filter({ hasText: "paused" }).waitFor();
  await said.filter({ hasText: "The campaign is paused" }).waitFor();
  assert.match(run("campaign", "status", "shared"), /shared, paused/);
  await page.getByText("The operator paused the campaign").waitFor();
  await check(page, "operator");
  await page.keyboard.press("Tab");
  await tabTo(page, "Pause");
  await tabTo(page, "Resume");
  await page.keyboard.press("Space");
  await state.filter({ hasText: "running" }).waitFor();
  assert.match(run("campaign", "status", "shared"), /shared, running/);

  // The token outlives a reload of the tab, and no more.
  await page.reload();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.getByText("grace, account").waitFor();
  await page.getByRole("button", { name: "Forget the token" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor({ state: "detached" });
  await close();
});

test("a donor sees its own numbers, and may tell the campaign nothing", async () => {
  const link = run("donate", "page");
  const { page, close } = await visit(new URL(link).hash);
  await page.getByText("ada <script>, account").waitFor();
  assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
  const instruct = (headers) => fetch(`${url}/api/v1/campaign/instructions`, { method: "POST", headers, body: '{"type":"stop"}' });
  assert.equal((await instruct({ authorization: `Bearer ${donorToken()}` })).status, 403);
  assert.equal((await instruct({})).status, 401);
  const invite = (headers) => fetch(`${url}/api/v1/campaign/invitations`, { method: "POST", headers, body: '{"uses":1,"expires_s":60}' });
  assert.equal((await invite({ authorization: `Bearer ${donorToken()}` })).status, 403);
  assert.equal((await invite({})).status, 401);
  assert.equal((await instruct({ authorization: "Bearer x", origin: "https://evil.example" })).status, 403);
  assert.match(run("campaign", "status", "shared"), /shared, running/);
  await close();
});

test("files can be kept, and no cell of them is a formula", async () => {
  const { page, close } = await visit();
  const save = async (name) => {
    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name }).first().click();
    const download = await downloading;
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const problems = await save("Problems as CSV");
  assert.equal(problems.name, "problems.csv");
  const lines = problems.text.trimEnd().split("\r\n");
  assert.equal(lines.length, 1 + PROBLEMS.length);
  assert.equal(lines[0], "number,name,standing,solved,searches,cpu_seconds");
  assert.match(lines[1], /^1,and_left,proved,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,\d+,\d+\.\d{3}$/);
  assert.match(lines[3], /^3,'=1\+1<b>,proved,/);
  const effort = await save("Effort over time as CSV");
  assert.match(effort.text, /^time,searches,cpu_seconds,proved,disproved\r\n\d{4}-/);
  const json = await (await fetch(`${url}/api/v1/campaign/problems.json`)).json();
  assert.deepEqual(json.map(({ name }) => name), PROBLEMS.map(([name]) => name));
  const points = await (await fetch(`${url}/api/v1/campaign/effort.json`)).json();
  const { proved, disproved } = points.at(-1);
  assert.deepEqual([proved, disproved], [3, 1]);
  await close();
});

test("what is asked wrongly is refused in words", async () => {
  const ask = async (path) => {
    const answer = await fetch(`${url}/api/v1/campaign/${path}`);
    return [answer.status, (await answer.json()).detail];
  };
  assert.deepEqual(await ask("problems/99"), [404, "there is no such problem"]);
  assert.equal((await ask("problems/x"))[0], 400);
  assert.equal((await ask("problems?standing=maybe"))[0], 400);
  assert.equal((await ask(`problems?name=${"x".repeat(300)}`))[0], 400);
  assert.equal((await ask("me"))[0], 401);
  assert.equal((await fetch(`${url}/api/v1/campaign/campaign`, { headers: { origin: "https://evil.example" } })).status, 403);
});

test("a run of expert iteration is watched round by round, and nobody can join it", async () => {
  const easy = run("corpus", "synthetic", "--n", "200", "--seed", "3").split("\n").filter((line) => JSON.parse(line).difficulty <= 1);
  writeFileSync(join(folder, "easy.jsonl"), easy.slice(0, 24).join("\n"));
  const small = "--samples 4 --scan-expansions 1 --deep-share 0 --shorten-share 0 --detail-share 0 --eval-expansions 1 --hidden 64 --layers 1 --vocab 300 --epochs 1 --batch-tokens 1024 --device cpu --held-out 0.4";
  const args = ["learn", "run", "--problems", "easy.jsonl", "--rounds", "2", ...small.split(" ")];
  learning = spawn(STEPWISE, args, { cwd: folder, env, stdio: "ignore" });
  const over = new Promise((done) => learning.once("exit", done));
  while (!existsSync(join(folder, "run", "ledger.db")) || spawnSync(STEPWISE, ["campaign", "status", "run"], { cwd: folder }).status !== 0) {
    assert.equal(learning.exitCode, null, "the run ends before it has begun");
    await new Promise((done) => setTimeout(done, 100));
  }
  let watched;
  [watching, watched] = await serve("campaign", "watch", "run", "--listen", "127.0.0.1:0");
  const { page, close } = await visit("", { at: watched, name: "run" });
  await row(page, "Searches by stage", "round 1: scan").waitFor();
  assert.equal(await over, 0);
  const told = async () => (await (await fetch(`${watched}/api/v1/campaign/rounds`)).json()).rounds;
  while ((await told()).filter((round) => round.is_over).length < 2) await new Promise((done) => setTimeout(done, 500));
  await page.reload();
  const table = page.getByRole("table", { name: "Rounds" });
  await table.waitFor();
  assert.deepEqual(await table.getByRole("rowheader").allTextContents(), ["1", "2"]);
  const [first] = await told();
  const cells = await row(page, "Rounds", "1").getByRole("cell").allTextContents();
  assert.equal(cells[0], `${first.ended}`);
  const { proved, tried } = first.measured.find(({ configuration }) => configuration === "bf");
  assert.ok(cells.some((cell) => cell.includes(`best-first: ${Math.round((100 * proved) / tried)}%`) && cell.includes(`${proved} of ${tried}`)), cells.join(" | "));
  assert.ok(cells.some((cell) => /^policy [0-9a-f]{12}/.test(cell)), cells.join(" | "));
  await page.getByRole("img", { name: "Pass rate by round, held-out" }).waitFor();
  await page.getByRole("link", { name: "Problems as CSV" }).waitFor();
  for (const hidden of ["Lend a machine", "Your account"]) assert.equal(await page.getByRole("heading", { name: hidden }).count(), 0);
  // What is wider than its place scrolls with the keyboard.
  await page.locator("#rounds").focus();
  await check(page, "rounds");
  await close();
});

test("a server that proves has a campaign too, to which its visitor invites a machine with keys alone", async () => {
  run("campaign", "init", "beside", "problems.jsonl", "--limit", "3", "--timeout", "10", "--expansions", "8", "--samples", "8");
  let address;
  [proving, address] = await serve("serve", "--port", "0", "--campaign", "beside");
  const { origin, hash } = new URL(address);
  const { page, close } = await visit(hash, { at: origin, name: "stepwise" });
  await page.getByRole("status", { name: "Connection" }).filter({ hasText: "Connected" }).waitFor();
  assert.ok(!page.url().includes("token"), "the token is taken out of the address");
  assert.deepEqual(await page.getByRole("navigation").getByRole("link").allTextContents(), ["Prove", "Tree", "Campaign", "Benchmark"]);
  await tabTo(page, "Campaign");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "beside" }).waitFor();
  await page.getByText("Nobody lends a machine just now.").waitFor();
  await page.getByRole("button", { name: "Invite a machine" }).waitFor();
  await tabTo(page, "Invite a machine");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "join-title");
  const commands = page.locator("pre").filter({ hasText: "stepwise donate join" });
  const link = (await commands.textContent()).match(/'(.*)'/)[1];
  assert.equal(new URL(link).origin, origin);
  await check(page, "campaign beside a prover");
  run("donate", "join", link, "--folder", "beside-donor");
  donor = spawn(STEPWISE, ["donate", "--folder", "beside-donor", "--cores", "1"], { cwd: folder, env, stdio: "ignore" });
  for (const [name] of PROBLEMS.slice(0, 3)) {
    await row(page, "Problems", name).filter({ hasText: "proved" }).waitFor();
  }
  await ended(donor, "SIGTERM");

  // What it was for goes on, under the same address.
  await page.getByRole("link", { name: "Prove", exact: true }).press("Enter");
  await page.getByLabel("Statement in Lean").fill("theorem t (p : Prop) (h : p) : p");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.locator(".goals").waitFor();
  await close();
});
