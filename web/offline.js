// The page's service worker, where Lean runs in the browser: it keeps the page's own files, so that the page opens without a
// network after the first visit. Lean and the models are kept by the workers that load them (files.js).
//
// The network goes first: what is kept is answered with only when nothing else answers.

const CACHE = "stepwise-page-v1";
const FILES = [
  "./", "main.js", "stepwise-web.js", "stepwise-web_bg.wasm", "style.css", "tree.css", "campaign.css", "benchmark.css",
  "files.js", "worker.js", "benchmark.js", "lean.js", "lean-host.js", "lean-unpack.js", "lean/stepwise-lean.js",
  "lean/packed/manifest.json",
];

self.addEventListener("install", (event) => event.waitUntil(keepAll()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function keepAll() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
  await self.skipWaiting();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  // What a server says of itself is never kept.
  const isOurs = origin === self.location.origin && !pathname.startsWith("/api/");
  if (request.method === "GET" && isOurs) event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok && (await cache.match(request, { ignoreSearch: true }))) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
