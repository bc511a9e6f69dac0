// Finds the Chromium of these tests: CHROMIUM_PATH, else the packed one of the development packages, else the system's.

import { execFileSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, createBrotliDecompress } from "node:zlib";
import { readEnv } from "@attune/server/env";

export interface ChromiumProgram {
  readonly executablePath: string;
  /** The system's libraries that Chromium needs and a machine may lack. */
  readonly libraries?: string;
}

export const lackOfChromium = async (): Promise<string | undefined> =>
  (await findChromium()) === undefined ? "no Chromium: CHROMIUM_PATH and /usr/bin/chromium name none" : undefined;

export async function findChromium(): Promise<ChromiumProgram | undefined> {
  const configured = process.env.CHROMIUM_PATH;
  if (configured !== undefined) return existsSync(configured) ? { executablePath: configured } : undefined;
  if (process.platform === "linux" && process.arch === "x64") return unpacked();
  return existsSync("/usr/bin/chromium") ? { executablePath: "/usr/bin/chromium" } : undefined;
}

async function unpacked(): Promise<ChromiumProgram> {
  // The package's own code unpacks into the temporary directory, whose files may be another user's.
  const packed = dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium")));
  const { version } = JSON.parse(readFileSync(join(packed, "../package.json"), "utf8")) as { version: string };
  const cache = readEnv().cacheDirectory ?? join(tmpdir(), "attune-cache");
  const folder = join(cache, `chromium-${version}`);
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true });
    const beside = mkdtempSync(`${folder}.`);
    try {
      const program = createWriteStream(join(beside, "chromium"), { mode: 0o755 });
      await pipeline(createReadStream(join(packed, "../bin/chromium.br")), createBrotliDecompress(), program);
      const libraries = brotliDecompressSync(readFileSync(join(packed, "../bin/al2023.tar.br")));
      execFileSync("tar", ["-x", "-C", beside], { input: libraries });
      renameSync(beside, folder);
    } catch (error) {
      rmSync(beside, { recursive: true, force: true });
      // Another test's process may have been quicker.
      if (!existsSync(folder)) throw error;
    }
  }
  return { executablePath: join(folder, "chromium"), libraries: join(folder, "lib") };
}
