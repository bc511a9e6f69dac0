import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPorts, type PortRequest } from "./ports.js";

let directory: string;
let path: string;
const blockers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "attune-ports-"));
  path = join(directory, "ports.json");
});
afterEach(async () => {
  await Promise.all(blockers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await rm(directory, { recursive: true });
});

function block(port = 0): Promise<number> {
  const server = createServer();
  blockers.push(server);
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

const request = (changes: Partial<PortRequest> = {}): PortRequest => ({
  variable: "ATTUNE_HTTP_PORT",
  configured: 0,
  host: "127.0.0.1",
  known: true,
  ...changes,
});

test("a free port is chosen once and remembered over restarts", async () => {
  const port = await (await openPorts(path)).choose(request());
  expect(await (await openPorts(path)).choose(request())).toBe(port);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ ATTUNE_HTTP_PORT: port });
});

test("two processes of one server get different ports", async () => {
  const ports = await openPorts(path);
  const http = await ports.choose(request());
  expect(await ports.choose(request({ variable: "ATTUNE_NATS_PORT" }))).not.toBe(http);
});

test("a configured port that is taken is refused, naming port, variable and who holds it", async () => {
  const port = await block();
  const holder = process.platform === "linux" ? ` by process ${process.pid} (` : "";
  await expect((await openPorts(path)).choose(request({ configured: port }))).rejects.toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringContaining(`port ${port} on 127.0.0.1 (ATTUNE_HTTP_PORT, configured) is in use${holder}`),
  });
});

test("a remembered port that devices know is not given up; one that nobody knows is", async () => {
  const port = await (await openPorts(path)).choose(request());
  await block(port);
  await expect((await openPorts(path)).choose(request())).rejects.toMatchObject({ code: "PORT_IN_USE" });
  expect(await (await openPorts(path)).choose(request({ known: false }))).not.toBe(port);
});

test("an address that is not this machine's is a fault of ATTUNE_HOST, not a taken port", async () => {
  await expect((await openPorts(path)).choose(request({ host: "192.0.2.1" }))).rejects.toMatchObject({
    code: "INVALID_CONFIGURATION",
    message: expect.stringContaining("ATTUNE_HOST: cannot listen on 192.0.2.1:"),
  });
});

test("a damaged file is reported, not overwritten", async () => {
  await writeFile(path, "{");
  await expect(openPorts(path)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});
