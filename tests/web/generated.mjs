// A search log of any size, as `stepwise prove --log` would write it: no Lean ran, the answers are invented. It follows
// the machine's order of expansion, best sum of log-probabilities first, because the machine ignores any other.

/** A log whose tree has `1 + 5 * expansions` states and a proof at its end. With `n_names` tactics a state
 * instead of eight, all but three of them open one. */
export function generated(expansions, { n_names = 8 } = {}) {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const goal = (n) => {
    const target = `a + ${n} < 2 ^ a * ${n + 1}`;
    return { hypotheses: [{ names: ["a"], ty: "Nat" }, { names: ["h"], ty: `${n} < a` }], target, text: `a : Nat\nh : ${n} < a\n⊢ ${target}` };
  };
  const words = ["simp", "omega", "rw [Nat.add_comm]", "induction a with\n| zero => simp\n| succ n ih => grind", "constructor", "apply Nat.lt_of_lt_of_le", "exact h", "cases h"];
  const names = Array.from({ length: n_names }, (_, idx) => (idx < 8 ? words[idx] : `apply lemma_${idx}`));
  const cost = { cpu_us: 4000, wall_us: 5200 };
  const nodes = [{ sum: 0, depth: 0 }];
  const open = new Set([0]);
  const lines = [{
    stepwise_log: 1,
    theorem: { name: "generated", imports: [], preamble: "", statement: "theorem generated (a : Nat) : a < 2 ^ a" },
    config: { rule: "sum", passes: 1, samples: n_names, expansions: expansions + 1, wall_ms: null, tactics: null, lean_cpu_ms: null, in_flight: 1, seed: 0 },
    policy: "invented 1", lean: "none",
  }];
  let at_ms = 0;
  const log = (event, more = {}) => lines.push({ at_ms: (at_ms += 7), event, ...more });
  log("started");
  log("opened", { outcome: { open: [goal(0)] }, cost });
  for (let round = 1; round <= expansions; round++) {
    let node = -1;
    for (const id of open) {
      const better = node < 0 || nodes[id].sum > nodes[node].sum
        || (nodes[id].sum === nodes[node].sum && nodes[id].depth < nodes[node].depth);
      if (better) node = id;
    }
    open.delete(node);
    const candidates = names.map((name) => ({ tactic: `${name} -- ${node}`, logprob: -Math.round(1 + random() * 300) / 100, n_tokens: 5 }));
    log("proposed", { node, candidates });
    const isLast = round === expansions;
    const outcomes = candidates.map(({ logprob }, idx) => {
      if (isLast && idx === n_names - 1) return "proved";
      if (idx >= n_names - 3) return { failed: "unsolved goals\n⊢ False" };
      open.add(nodes.length);
      nodes.push({ sum: nodes[node].sum + logprob, depth: nodes[node].depth + 1 });
      return { open: [goal(nodes.length)] };
    });
    log("checked", { node, outcomes, cost });
    if (isLast) {
      const verdict = { accepted: true, reasons: [], checker: "none", lean_version: "none", axioms: [] };
      log("rechecked", { node, verdict, cost });
    }
  }
  return { text: lines.map((line) => JSON.stringify(line) + "\n").join(""), n_states: nodes.length };
}
