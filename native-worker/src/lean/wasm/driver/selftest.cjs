// Starts Lean from a snapshot as a host does, and elaborates a few theorems: a broken set-up shows at once.
//   node selftest.cjs PREPARED_DIR [MODULE...]
"use strict";

const path = require("node:path");

for (const script of ["abi", "watchdog", "declared", "facts", "driver", "replay", "axioms", "recheck"]) require(path.join(__dirname, `${script}.js`));
const { loadRuntime } = require("./runtime.cjs");

const PROVED = [
  { statement: "theorem simp_works (xs : List Nat) : (xs ++ []).length + 0 = xs.length", tactic: "simp" },
  { statement: "theorem omega_works (a b : Nat) (h : a < b) : a + 1 ≤ b", tactic: "omega" },
  { statement: "theorem grind_works (p q : Prop) (hp : p) (hq : q) : p ∧ q", tactic: "grind" },
  { statement: "theorem decide_works : 7 * 6 = 42 ∧ ¬ 2 ∣ 7", tactic: "decide" },
];
const REFUSED = { statement: "theorem refused (a b : Nat) : a = b", tactic: "omega", error: /omega could not prove the goal/ };
const LIMIT_MS = 60_000;

/** Throws an error that names the first theorem that Lean judges otherwise than it should. */
const selfTest = (directory, modules) => {
  const runtime = loadRuntime(directory, modules);
  // Nothing here runs for long, so no clock has to interrupt it.
  const watchdog = { arm: () => {}, disarm: () => {} };
  const abi = StepwiseLean.createAbi(runtime);
  try {
    const driver = StepwiseLean.createDriver(abi, runtime.roots.env, watchdog);
    const judge = StepwiseLean.createRecheck(abi, driver);
    const run = ({ statement, tactic }) => {
      const opened = driver.open({ statement, limit_ms: LIMIT_MS });
      if (opened.state === undefined) throw new Error(`Lean does not open \`${statement}\`: ${JSON.stringify(opened)}`);
      const outcome = driver.apply(opened.state, tactic, LIMIT_MS);
      driver.free([opened.state]);
      return outcome;
    };
    for (const theorem of PROVED) {
      const outcome = run(theorem);
      if (!outcome.proved) throw new Error(`${theorem.tactic} does not prove \`${theorem.statement}\`: ${JSON.stringify(outcome)}`);
      const verdict = judge.recheck({ statement: theorem.statement, body: `  ${theorem.tactic}`, limit_ms: LIMIT_MS });
      if (!verdict.accepted) throw new Error(`the kernel does not accept \`${theorem.statement}\`: ${JSON.stringify(verdict)}`);
    }
    const outcome = run(REFUSED);
    if (!REFUSED.error.test(outcome.failed)) throw new Error(`\`${REFUSED.statement}\` should be refused: ${JSON.stringify(outcome)}`);
    if (driver.liveStates() !== 0) throw new Error(`${driver.liveStates()} states are left over`);
    return driver.version;
  } catch (error) {
    throw new Error(runtime.describe(error));
  }
};

module.exports = { selfTest };

if (require.main === module) {
  const [directory, ...modules] = process.argv.slice(2);
  try {
    const version = selfTest(path.resolve(directory), modules.length > 0 ? modules : undefined);
    console.log(`Lean ${version} works`);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
