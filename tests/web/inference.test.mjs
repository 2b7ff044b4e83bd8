// Runs the language model in a Web Worker of a real Chromium, on the CPU and on WebGPU, and holds its logits against
// those of llama.cpp (tests/reference/README.md says how they were made).
//
// Run by `cargo xtask test`, which sets CHROMIUM (the browser's path) and INFERENCE (the packed module). WebGPU is
// SwiftShader's, a program on the CPU: it shows that results are right, and nothing about a GPU's speed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { launch } from "./browser.mjs";

const { INFERENCE } = process.env;
const { models } = JSON.parse(await readFile(new URL("../reference/vectors.json", import.meta.url), "utf8"));

/** How far logits may be from the reference, as a share of its range. */
const TOLERANCE = { cpu: 1e-4, gpu: 2e-3 };
/** These run on WebGPU whatever the time: every family, 1, 2 and 4 query heads to a key, dynamic positions, rewards. */
const ALWAYS = ["llama-dynamic", "internlm2-gqa2-tied", "qwen2-gqa4", "reward-gqa2"];
/** The others run on WebGPU while this time, in milliseconds, is not over. */
const BUDGET = 60_000;

const FILES = { "/": ["<!doctype html><link rel=icon href='data:,'><title>inference</title>", "text/html"] };
FILES["/worker.js"] = [
  `import init, * as stepwise from "./stepwise-inference.js";
  globalThis.loaded = init().then(() => ({ ...stepwise, devices: { cpu: stepwise.Device.cpu() } }));`,
  "text/javascript",
];

let server, browser, worker;
/** Why WebGPU is not tested, if it is not. */
let lacking;
const errors = [];

before(async () => {
  const packed = (name, type) => readFile(join(INFERENCE, name)).then((body) => (FILES[`/${name}`] = [body, type]));
  await packed("stepwise-inference.js", "text/javascript");
  await packed("stepwise-inference_bg.wasm", "application/wasm");
  server = createServer(({ url }, response) => {
    const [body, type] = FILES[url] ?? ["", "text/plain"];
    response.writeHead(url in FILES ? 200 : 404, { "content-type": type }).end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await launch();
  const page = await browser.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const started = page.waitForEvent("worker");
  await page.evaluate(() => void (globalThis.worker = new Worker("worker.js", { type: "module" })));
  worker = await started;
  const gpu = await worker.evaluate(async () => {
    const { Device, devices } = await loaded;
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return null;
    devices.gpu = await Device.gpu();
    const again = await Device.gpu();
    const { vendor, architecture } = adapter.info;
    globalThis.nDispatches = 0;
    const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...counts) {
      nDispatches++;
      return dispatchWorkgroups.apply(this, counts);
    };
    return { name: `${devices.gpu.name} (${vendor} ${architecture})`, error: again.selfTestError };
  });
  lacking = gpu === null && "this Chromium gives no WebGPU adapter";
  console.log(lacking ? `not tested: WebGPU, because ${lacking}` : `WebGPU: ${gpu.name}, self-test ${shown(gpu.error)}`);
});

after(async () => {
  await browser?.close();
  server?.close();
});

const shown = (error) => `${error.toExponential(1)} of the range`;
const named = (name) => models.find((model) => model.spec.name === name);

/** A tokenizer.json whose tokens are the words `t0`, `t1`, ... */
const words = (n) => ({
  version: "1.0", truncation: null, padding: null, normalizer: null, post_processor: null, decoder: null,
  added_tokens: [], pre_tokenizer: { type: "WhitespaceSplit" },
  model: { type: "WordLevel", unk_token: "t0", vocab: Object.fromEntries(Array.from({ length: n }, (_, id) => [`t${id}`, id])) },
});

/** What `Model.random` takes, apart from the device. */
const recipe = ({ config, spec }) =>
  [JSON.stringify(config), JSON.stringify(words(config.vocab_size)), spec.seed, spec.embedding_scale];

/** The greatest difference as a share of the reference's range; a NaN counts as infinite. */
function relativeError(ours, reference) {
  assert.equal(ours.length, reference.length);
  const differences = ours.map((value, idx) => Math.abs(value - reference[idx]));
  const greatest = differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
  return greatest / (Math.max(...reference) - Math.min(...reference));
}

/** Compares a model's logits on a device with the reference's and returns the greatest error. */
async function compare(model, device) {
  const wanted = model.cases.map(({ tokens, positions }) => [tokens, positions ?? [tokens.length - 1]]);
  const found = await worker.evaluate(async ([device, recipe, wanted]) => {
    const { Model, devices } = await loaded;
    const model = Model.random(...recipe, devices[device]);
    const found = [];
    for (const [tokens, positions] of wanted) {
      const logits = await model.logits(tokens);
      const width = logits.length / tokens.length;
      found.push(positions.map((position) => [...logits.subarray(position * width, (position + 1) * width)]));
    }
    model.free();
    return found;
  }, [device, recipe(model), wanted]);
  const of_case = model.cases.map(({ logits, score }, idx) =>
    // One score has no range; a reward of unit scale stands for it.
    score === undefined
      ? Math.max(...logits.map((reference, row) => relativeError(found[idx][row], reference)))
      : relativeError([...found[idx][0], 0, 1], [score, 0, 1]),
  );
  const greatest = Math.max(...of_case);
  assert.ok(greatest <= TOLERANCE[device], `${model.spec.name} on the ${device}: ${shown(greatest)}`);
  return greatest;
}

test("on the CPU all logits are the reference's", async () => {
  assert.ok(models.length >= 12, "the reference vectors are incomplete");
  let greatest = 0;
  for (const model of models) greatest = Math.max(greatest, await compare(model, "cpu"));
  console.log(`CPU: ${models.length} models, logits within ${shown(greatest)}`);
});

test("on WebGPU logits are the reference's", async (t) => {
  if (lacking) return t.skip(lacking);
  assert.equal(await worker.evaluate(() => nDispatches), 0, "what ran on the CPU needed no GPU");
  const rank = ({ spec: { name } }) => (ALWAYS.includes(name) ? ALWAYS.indexOf(name) : ALWAYS.length);
  const left = models.toSorted((a, b) => rank(a) - rank(b));
  const started = performance.now();
  let greatest = 0;
  while (left.length > 0 && (rank(left[0]) < ALWAYS.length || performance.now() - started < BUDGET)) {
    greatest = Math.max(greatest, await compare(left.shift(), "gpu"));
  }
  assert.ok((await worker.evaluate(() => nDispatches)) > 0, "the GPU did nothing, so something else computed this");
  console.log(`WebGPU: ${models.length - left.length} models, logits within ${shown(greatest)}`);
  if (left.length > 0) console.log(`not tested on WebGPU, for time: ${left.map(({ spec }) => spec.name).join(", ")}`);
});

/** Samples of a reference model, once for each of several options; says how fast the last were written. */
async function generate(device, name, ...options) {
  const [runs, seconds] = await worker.evaluate(async ([device, recipe, options]) => {
    const { Model, devices } = await loaded;
    const model = Model.random(...recipe, devices[device]);
    const prompt = model.encode("t5 t17 t3 t40 t11");
    const runs = [];
    let started;
    for (const option of options) {
      started = performance.now();
      runs.push(await model.generate(prompt, option));
    }
    model.free();
    return [runs, (performance.now() - started) / 1000];
  }, [device, recipe(named(name)), options]);
  const n_tokens = runs.at(-1).reduce((sum, { logprobs }) => sum + logprobs.length, 0);
  console.log(`${device}: ${(n_tokens / seconds).toFixed(0)} tokens/s with a test's model, ${runs.at(-1).length} samples at once`);
  return runs;
}

/** The same texts with the same ends, and log-probabilities no further apart than this. */
function alike(ours, theirs, tolerance) {
  assert.deepEqual(ours.map(({ text, end }) => [text, end]), theirs.map(({ text, end }) => [text, end]));
  const [our, their] = [ours, theirs].map((samples) => samples.flatMap(({ logprobs }) => logprobs));
  assert.ok(our.every((logprob, idx) => Math.abs(logprob - their[idx]) <= tolerance), `${our} are not ${their}`);
}

for (const device of ["cpu", "gpu"]) {
  test(`equal seeds give equal samples on the ${device}`, async (t) => {
    if (device === "gpu" && lacking) return t.skip(lacking);
    // The model is sure of itself; heat makes it hesitate.
    const options = { n: 3, temperature: 4, topP: 0.9, maxTokens: 6 };
    const seeds = [1, 2, 1].map((seed) => ({ ...options, seed }));
    const [first, other, again] = await generate(device, "internlm2-gqa2-tied", ...seeds);
    assert.equal(first.length, 3);
    for (const { text, logprobs, end } of first) {
      assert.match(text, /^( t\d+)*$/);
      assert.ok(logprobs.length >= 1 && logprobs.every((logprob) => logprob <= 0));
      assert.ok(end === "end of text" || (end === "length" && logprobs.length === 6));
    }
    assert.notDeepEqual(other, first);
    assert.equal(new Set(first.map(({ text }) => text)).size, 3, "samples of one call have random numbers of their own");
    // A model that has not read anything yet gives the same bits. One that has kept the prompt reads only its end, and
    // so adds up in another order.
    assert.deepEqual((await generate(device, "internlm2-gqa2-tied", seeds[0]))[0], first);
    alike(again, first, 1e-4);
  });
}

test("without randomness the CPU and WebGPU write the same", async (t) => {
  if (lacking) return t.skip(lacking);
  const options = { n: 2, temperature: 0, maxTokens: 6 };
  const of = async (device) => (await generate(device, "internlm2-gqa2-tied", options))[0];
  const [cpu, gpu] = [await of("cpu"), await of("gpu")];
  alike(gpu, cpu, 2e-2);
});

/** The values of a tensor by the rule in tests/reference/README.md, written once more from its words. */
function values(seed, name, shape, embeddingScale) {
  const mod = (x) => BigInt.asUintN(64, x);
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(`${seed}/${name}`)) hash = mod((hash ^ BigInt(byte)) * 0x100000001b3n);
  const { fround } = Math;
  const isEmbedding = name === "model.embed_tokens.weight";
  const scale = fround(shape.length === 1 ? 0.1 : isEmbedding ? embeddingScale : Math.sqrt(3 / shape[1]));
  return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => {
    hash = mod(hash + 0x9e3779b97f4a7c15n);
    let z = mod((hash ^ (hash >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = mod((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    const value = fround(((Number(z >> 40n) - 2 ** 23) / 2 ** 23) * scale);
    return shape.length === 1 ? fround(1 + value) : value;
  });
}

/** The model.safetensors of a LLaMA of the reference. */
function checkpoint({ config, spec }) {
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab } = config;
  const width = (n_heads) => (n_heads * hidden) / config.num_attention_heads;
  const [q, kv] = [width(config.num_attention_heads), width(config.num_key_value_heads)];
  const block = {
    "input_layernorm": [hidden], "self_attn.q_proj": [q, hidden], "self_attn.k_proj": [kv, hidden],
    "self_attn.v_proj": [kv, hidden], "self_attn.o_proj": [hidden, q], "post_attention_layernorm": [hidden],
    "mlp.gate_proj": [ffn, hidden], "mlp.up_proj": [ffn, hidden], "mlp.down_proj": [hidden, ffn],
  };
  const shapes = { "model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden], "lm_head.weight": [vocab, hidden] };
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    for (const [part, shape] of Object.entries(block)) shapes[`model.layers.${layer}.${part}.weight`] = shape;
  }
  const [header, data] = [{}, []];
  let start = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = Buffer.from(values(spec.seed, name, shape, spec.embedding_scale).buffer);
    header[name] = { dtype: "F32", shape, data_offsets: [start, (start += tensor.length)] };
    data.push(tensor);
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

/** What is said of broken input, in the order of the attempts below. */
const REFUSED = [
  "the tensor `model.layers.1.mlp.down_proj.weight` holds NaN; the weights are broken, take another checkpoint",
  "the file of the weights holds 429358 bytes, but its header asks for 429363; download it again",
  "the file of the weights is not a safetensors file (it has only 3 bytes); download it again",
  'the architecture "MambaForCausalLM" is unknown; choose a model of one of InternLM2ForCausalLM, ' +
    "InternLM2ForRewardModel, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM",
  "config.json is not a JSON object (EOF while parsing an object at line 1 column 1); download it again",
  "the tokenizer has 97 tokens, but the model embeds only 96; take the tokenizer from the model's own folder",
  "the model's vocabulary has 96 tokens, and number 96 is none of them; use its own tokenizer",
  "the model's vocabulary has 96 tokens, and number 4294967295 is none of them; use its own tokenizer",
  "the model reads and writes from 1 to 2048 tokens, and here are 0; change the text or the limit of tokens",
  "the model's vocabulary has 96 tokens, and number 96 is none of them; use its own tokenizer",
  "the model reads and writes from 1 to 2048 tokens, and here are 0; change the text or the limit of tokens",
  "the model reads and writes from 1 to 2048 tokens, and here are 4097; change the text or the limit of tokens",
  "the options of generate are wrong: unknown field `temprature`, expected one of `n`, `seed`, `temperature`, `topK`, " +
    "`topP`, `maxTokens`, `stop` at line 1 column 13",
  "the options of generate are wrong: n is 1000000, and may be from 1 to 256",
];

test("weights are read from safetensors, and what is broken is refused in one line", async () => {
  const model = named("llama-mha");
  const [config, tokenizer] = recipe(model);
  const sound = checkpoint(model);
  const broken = Buffer.from(sound);
  broken.writeFloatLE(NaN, sound.length - 64);
  const strange = JSON.stringify({ ...model.config, architectures: ["MambaForCausalLM"] });
  const { tokens, positions, logits } = model.cases[1];
  const found = await worker.evaluate(async ([config, tokenizer, strange, words, sound, broken, tokens]) => {
    const { Model, devices: { cpu } } = await loaded;
    const [soundBytes, brokenBytes] = [sound, broken].map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
    const model = Model.load(config, tokenizer, soundBytes, cpu);
    const refused = [];
    for (const attempt of [
      () => Model.load(config, tokenizer, brokenBytes, cpu),
      () => Model.load(config, tokenizer, soundBytes.subarray(0, -5), cpu),
      () => Model.load(config, tokenizer, new Uint8Array(3), cpu),
      () => Model.load(strange, tokenizer, soundBytes, cpu),
      () => Model.load("{", tokenizer, soundBytes, cpu),
      () => Model.load(config, words, soundBytes, cpu),
      () => model.logits([1, 96]),
      () => model.logits([-1]),
      () => model.logits([]),
      () => model.generate([96], {}),
      () => model.generate([], {}),
      () => model.generate([1], { maxTokens: 4096 }),
      () => model.generate([1], { temprature: 1 }),
      () => model.generate([1], { n: 1_000_000 }),
    ]) {
      const error = await Promise.resolve().then(attempt).then(() => "nothing", (error) => error);
      refused.push(error instanceof Error && !(error instanceof WebAssembly.RuntimeError) ? error.message : `no error but ${error}`);
    }
    return { refused, logits: [...(await model.logits(tokens))] };
  }, [config, tokenizer, strange, JSON.stringify(words(97)), sound.toString("base64"), broken.toString("base64"), tokens]);
  assert.deepEqual(found.refused, REFUSED);
  const width = model.config.vocab_size;
  positions.forEach((position, idx) => {
    const error = relativeError(found.logits.slice(position * width, (position + 1) * width), logits[idx]);
    assert.ok(error <= TOLERANCE.cpu, `after all refusals: ${shown(error)}`);
  });
});

test("nothing was logged as an error", () => assert.deepEqual(errors, []));
