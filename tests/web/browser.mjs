// Headless Chromium, as all tests and measurements here start it. CHROMIUM is the browser's path.
//
// WebGPU is SwiftShader's, a program on the CPU: right, and slow. GPU_FLAGS names flags for a real GPU instead, such as
// "--use-angle=vulkan --enable-features=Vulkan --disable-vulkan-surface --ignore-gpu-blocklist" on Linux.
import { chromium } from "playwright-core";

const { CHROMIUM, GPU_FLAGS = "--use-webgpu-adapter=swiftshader" } = process.env;

const options = {
  executablePath: CHROMIUM,
  args: [
    "--headless", "--no-sandbox", "--enable-unsafe-webgpu", ...GPU_FLAGS.split(" "),
    // Nothing but the page under test talks to anybody.
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
  ],
};

export const launch = () => chromium.launch(options);

/** The browser, and the process that it is. */
export async function launchProcess() {
  const server = await chromium.launchServer(options);
  const browser = await chromium.connect(server.wsEndpoint());
  return { browser, pid: server.process().pid, close: () => browser.close().then(() => server.close()) };
}
