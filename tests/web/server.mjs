// A real `stepwise serve` for browser tests, and a proxy in front of it whose connections can be cut.
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";

const { STEPWISE } = process.env;

/** Starts the server; `url` ends with a slash, `stop` ends it, `hosts` are the process ids of its Lean hosts. */
export async function serve(...flags) {
  const child = spawn(STEPWISE, ["serve", "--hosts", "2", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (data) => (complaint += data));
  const over = new Promise((done) => child.once("exit", done));
  const url = await Promise.race([
    new Promise((done) => createInterface({ input: child.stdout }).once("line", done)),
    over.then(() => Promise.reject(new Error(`the server did not start: ${complaint}`))),
  ]);
  const stop = async (signal = "SIGINT") => {
    child.kill(signal);
    await over;
  };
  return { url, stop, pid: child.pid, hosts: () => children(child.pid) };
}

/** The processes that a process started; those that it started in turn are not among them. */
export function children(parent) {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      // The program's name stands in parentheses and may hold anything.
      const behind = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1);
      return Number(behind.split(" ")[1]) === parent;
    } catch {
      return false;
    }
  });
}

/** A port of our own in front of `port`: `cut` ends all connections, `refuse(true)` takes no new ones. */
export async function proxy(port) {
  const open = new Set();
  let refusing = false;
  const server = createServer((near) => {
    if (refusing) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [socket, other] of [[near, far], [far, near]]) {
      open.add(socket);
      socket.on("error", () => other.destroy()).on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    cut: () => open.forEach((socket) => socket.destroy()),
    refuse: (yes) => (refusing = yes),
    close: () => server.close(),
  };
}
