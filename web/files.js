// The files that the page's workers load: brought with progress, held against the hashes of a list, and kept between visits.

/** Where files are kept; nothing where the browser keeps none. */
export const openCache = (name) => self.caches?.open(name).catch(() => undefined);

/** One line for people. */
export function said(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ").split(" Backtrace:")[0];
}

/** Counts the bytes of files that are on their way, and tells `post` of it: a hundred messages are enough for a bar. */
export function meter(files, post) {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let [done, told] = [0, -1];
  const advance = (n) => {
    done += n;
    if (Math.floor((100 * done) / total) === told) return;
    told = Math.floor((100 * done) / total);
    post({ type: "loading", done, total });
  };
  advance(0);
  return advance;
}

/** What a folder holds, by its manifest; without the server, as it was at the last visit. */
export async function listing(folder, cache) {
  const path = `${folder}manifest.json`;
  let response, kept;
  try {
    response = await fetch(path, { cache: "no-cache" });
    kept = response.ok && response.clone();
  } catch (error) {
    response = await cache?.match(path);
    if (!response) throw new Error(`cannot load ${path} (${said(error)})`);
  }
  if (!response.ok) throw new Error(`cannot load ${path}: the server says ${response.status}`);
  const { files } = await response.json();
  if (kept) await cache?.put(path, kept).catch(() => {});
  return Object.entries(files).map(([name, entry]) => ({ path: folder + name, ...entry }));
}

/** Under what a file is kept: another version is another file. */
const key = ({ path, sha256 }) => new URL(`${path}?sha256=${sha256}`, self.location).href;

/** The bytes of a file, whole: what is kept of it, or else loaded and kept. */
export async function bring(file, cache, advance) {
  const kept = await keptOf(file, cache);
  if (kept) {
    advance(file.bytes);
    return kept.bytes;
  }
  const bytes = await load(file, advance);
  await keep(file, bytes, cache);
  return bytes;
}

/** What is kept in a file's place, as a blob and as bytes, where it is what an entry of the list says; the file's own, say. */
export async function keptOf(file, cache, entry = file) {
  try {
    const blob = await (await cache.match(key(file))).blob();
    const bytes = await bytesOf(blob);
    return (await isWhole(bytes, entry)) ? { blob, bytes } : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps something in a file's place. Without room for it, it is loaded again at the next visit. */
export const keep = (file, body, cache) => cache?.put(key(file), new Response(body)).catch(() => {});

/** The bytes of a file from the network, whole. */
export async function load(file, advance) {
  let problem;
  // The browser's own cache may have an older version, or a broken one.
  for (const mode of ["default", "reload"]) {
    let got = 0;
    try {
      const response = await fetch(file.path, { cache: mode });
      if (!response.ok) throw new Error(`the server says ${response.status}`);
      const parts = [];
      for (let reader = response.body.getReader(), part; !(part = await reader.read()).done; ) {
        parts.push(part.value);
        got += part.value.length;
        advance(part.value.length);
      }
      const bytes = await bytesOf(new Blob(parts));
      if (!(await isWhole(bytes, file))) throw new Error("it arrived damaged, or is of another version than the manifest");
      return bytes;
    } catch (error) {
      problem = error;
      advance(-got);
    }
  }
  throw new Error(`cannot load ${file.path}: ${said(problem)}`);
}

const bytesOf = async (body) => new Uint8Array(await body.arrayBuffer());

async function isWhole(bytes, file) {
  if (bytes.length !== file.bytes) return false;
  // Pages that did not come over https, nor from this machine, have no hashes; the size must do.
  if (!self.crypto?.subtle) return true;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") === file.sha256;
}

/** Removes what is kept of other versions than these files. */
export async function forget(cache, files) {
  const wanted = new Set(files.map(key));
  try {
    for (const request of (await cache?.keys()) ?? []) {
      if (request.url.includes("?sha256=") && !wanted.has(request.url)) await cache.delete(request);
    }
  } catch {
    // What is kept too long takes room, and nothing else.
  }
}
