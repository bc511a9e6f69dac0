// The sources of nats-server: the system's own package, else the official release. Neither needs root
// or changes the machine.

import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { readTextFile } from "@attune/platform/durable-file";
import { type Fetch, fetchThrough, type Proxies } from "@attune/platform/proxy";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { readTarEntry } from "./tar-entry.js";

const run = promisify(execFile);

export interface NatsSource {
  readonly name: string;
  /** Returns the program's path inside `work`, an empty directory that is removed afterwards. */
  fetch(work: string): Promise<string>;
}

/** The sources for this system, best first. Systems other than Linux have none. */
export async function natsSources(proxies: Proxies): Promise<NatsSource[]> {
  if (process.platform !== "linux") return [];
  const isDebian = (await readTextFile("/etc/debian_version")) !== undefined;
  const archive = releaseArchive(process.arch);
  return [...(isDebian ? [debianPackage] : []), ...(archive === undefined ? [] : [officialRelease(archive, proxies)])];
}

/** Runs apt-get with lists and a cache of its own, so that the system's need be neither up to date nor writable. */
export const debianPackage: NatsSource = {
  name: "apt-get",
  async fetch(work) {
    const [lists, cache, configuration] = [join(work, "lists"), join(work, "cache"), join(work, "apt.conf")];
    await mkdir(join(lists, "partial"), { recursive: true });
    await mkdir(join(cache, "archives", "partial"), { recursive: true });
    // The system's hooks after an update are meant for the system's own lists.
    const hooks = ["Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"].map((hook) => `#clear APT::Update::${hook};\n`);
    await writeFile(configuration, hooks.join(""));
    const settings = [
      `Dir::State::Lists=${lists}`,
      `Dir::Cache=${cache}`,
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
    ];
    const options = ["-q", "-c", configuration, ...settings.flatMap((setting) => ["-o", setting])];
    const warnings = await runQuietly("apt-get", [...options, "update"], work);
    await runQuietly("apt-get", [...options, "download", "nats-server"], work).catch((error: Error) => {
      // apt-get does not fail where an update reached no server: only its warnings show it.
      throw new Error(`${error.message} ${warnings}`.trim(), { cause: error });
    });
    const file = (await readdir(work)).find((name) => name.endsWith(".deb")) ?? "";
    await runQuietly("dpkg", ["-x", file, "package"], work);
    return join(work, "package", "usr", "sbin", "nats-server");
  },
};

/** Returns the last line of the program's complaints, and throws this line where the program failed. */
async function runQuietly(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return lastLine((await run(program, args, { cwd, timeout: 180_000 })).stderr);
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    throw new Error(lastLine(stderr) || message, { cause: error });
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

interface ReleaseArchive {
  readonly url: string;
  /** The archive's sum, in hexadecimal digits. */
  readonly sha256: string;
}

const version = "2.14.5";
const archives: Readonly<Record<string, readonly [name: string, sha256: string]>> = {
  x64: ["amd64", "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355"],
  arm64: ["arm64", "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c"],
};

/** The pinned release, with the sum that the project's own container images check. */
export function releaseArchive(architecture: string): ReleaseArchive | undefined {
  const [name, sha256] = archives[architecture] ?? [];
  if (name === undefined || sha256 === undefined) return undefined;
  const releases = "https://github.com/nats-io/nats-server/releases/download";
  return { url: `${releases}/v${version}/nats-server-v${version}-linux-${name}.tar.gz`, sha256 };
}

export function officialRelease({ url, sha256 }: ReleaseArchive, proxies: Proxies): NatsSource {
  return {
    name: url,
    async fetch(work) {
      const archive = await download(url, await fetchThrough(proxies));
      const digest = sha256Of(archive);
      if (digest !== sha256) throw new Error(`its SHA-256 is ${digest}, not ${sha256}`);
      const program = join(work, "nats-server");
      await writeFile(program, readTarEntry(gunzipSync(archive), "nats-server"));
      return program;
    },
  };
}

async function download(url: string, fetchVia: Fetch): Promise<Uint8Array> {
  try {
    const response = await fetchVia(url, { signal: AbortSignal.timeout(300_000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    // fetch itself says no more than "fetch failed".
    const { cause } = error as Error;
    throw cause instanceof Error ? new Error(cause.message, { cause: error }) : error;
  }
}
