// Finds the process that listens on a port, as far as Linux shows it to this user.

import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** "process 4711 (nginx)", or undefined where the process cannot be known. */
export async function describePortHolder(port: number): Promise<string | undefined> {
  const sockets = new Set((await listeningInodes(port)).map((inode) => `socket:[${inode}]`));
  if (sockets.size === 0) return undefined;
  for (const pid of await namesIn("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of await namesIn(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (sockets.has(target)) return `process ${pid} (${await programOf(pid)})`;
    }
  }
  return undefined;
}

/**
 * proc(5): the local address in hexadecimal, the state 0A for a listener, and the socket's inode in the tenth column.
 */
async function listeningInodes(port: number): Promise<string[]> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(textOf));
  return tables
    .flatMap((table) => table.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) === true && state === "0A")
    .flatMap((columns) => columns[9] ?? []);
}

/** The program's name alone: its arguments may be private. */
async function programOf(pid: string): Promise<string> {
  const [program = ""] = (await textOf(`/proc/${pid}/cmdline`)).split("\0");
  return basename(program) || (await textOf(`/proc/${pid}/comm`)).trim();
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}
