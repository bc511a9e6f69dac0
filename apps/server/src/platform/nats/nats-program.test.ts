import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createLogger } from "@attune/platform/logger";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeUnlessLacking, lackOfCommands } from "../../../../../test/requirements.js";
import { findNatsServer, type NatsProgramOptions } from "./nats-program.js";
import { debianPackage, type NatsSource, officialRelease, releaseArchive } from "./nats-sources.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-program-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const logger = createLogger({ level: "silent", write: () => undefined });
const kept = () => join(folder, "kept", `nats-server-${process.arch}`);

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Finds the program as on a machine that has no nats-server of its own. */
function find(options: Partial<NatsProgramOptions>): Promise<string> {
  const none = { configured: undefined, path: "", usualPlaces: [], sources: [], logger };
  return findNatsServer({ ...none, directories: [join(folder, "kept")], ...options });
}

function writeProgram(name: string, script = "#!/bin/sh\necho nats-server: v9\n"): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

/** Copies the program at `path`, and counts its calls. */
function sourceOf(path: string): NatsSource & { asked: number } {
  return {
    name: "a source",
    asked: 0,
    async fetch(work) {
      this.asked += 1;
      writeFileSync(join(work, "program"), readFileSync(path));
      return join(work, "program");
    },
  };
}

const direct = { http: undefined, https: undefined, except: undefined };

describe("nats-server is", () => {
  test("the one that NATS_SERVER_BIN names, before any on the path", async () => {
    writeProgram("bin/nats-server");
    const own = writeProgram("own");
    expect(await find({ configured: own, path: join(folder, "bin") })).toBe(own);
  });

  test("the one on the path, before one that was fetched", async () => {
    const program = writeProgram("bin/nats-server");
    writeProgram(`kept/nats-server-${process.arch}`);
    expect(await find({ path: `relative:${join(folder, "bin")}` })).toBe(program);
  });

  test("fetched once, and found again", async () => {
    const source = sourceOf(writeProgram("published"));
    expect(await find({ sources: [source] })).toBe(kept());
    expect(execFileSync(kept(), { encoding: "utf8" })).toBe("nats-server: v9\n");
    expect(await find({ sources: [source] })).toBe(kept());
    expect(source.asked).toBe(1);
  });

  test("fetched whole by each of several servers that start at once, and nothing else is left", async () => {
    const source = sourceOf(writeProgram("published"));
    const found = await Promise.all(Array.from({ length: 8 }, () => find({ sources: [source] })));
    expect(new Set(found)).toEqual(new Set([kept()]));
    expect(readFileSync(kept())).toEqual(readFileSync(join(folder, "published")));
    expect(readdirSync(join(folder, "kept"))).toEqual([`nats-server-${process.arch}`]);
  });

  test("fetched from the next source where one fails, or has a program that does not run", async () => {
    const broken = sourceOf(writeProgram("broken", "#!/bin/sh\nexit 1\n"));
    const failing: NatsSource = { name: "failing", fetch: async () => Promise.reject(new Error("no route")) };
    const good = sourceOf(writeProgram("published"));
    expect(await find({ sources: [failing, broken, good] })).toBe(kept());
    expect(statSync(kept()).size).toBe(statSync(join(folder, "published")).size);
  });

  test("kept in the next directory where the first cannot be made", async () => {
    writeFileSync(join(folder, "file"), "");
    const directories = [join(folder, "file", "cache"), join(folder, "kept")];
    expect(await find({ directories, sources: [sourceOf(writeProgram("published"))] })).toBe(kept());
  });
});

describe("NATS_MISSING says", () => {
  test("that NATS_SERVER_BIN names no program, and which", async () => {
    const path = join(folder, "plain");
    writeFileSync(path, "");
    chmodSync(path, 0o644);
    await expect(find({ configured: path })).rejects.toMatchObject({
      code: "NATS_MISSING",
      message: expect.stringContaining(path),
    });
  });

  test("why each source failed, and what to do", async () => {
    const failing: NatsSource = { name: "apt-get", fetch: async () => Promise.reject(new Error("no route")) };
    await expect(find({ sources: [failing] })).rejects.toMatchObject({
      code: "NATS_MISSING",
      message: expect.stringMatching(/NATS_SERVER_BIN.*PATH.*apt-get: no route/),
      remedy: expect.stringMatching(/apt-get install nats-server.*NATS_SERVER_BIN.*NATS_URL/),
    });
  });
});

describe("the official release", () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  async function publish(archive: Buffer): Promise<string> {
    server = createServer((request, response) => {
      if (request.url !== "/release.tar.gz") return void response.writeHead(404).end();
      response.end(archive);
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/release.tar.gz`;
  }

  /** The archive as the project publishes it: a folder with a licence, a page and the program. */
  function pack(): Buffer {
    const name = "nats-server-v9.9.9-linux-amd64";
    for (const file of ["LICENSE", "README.md"]) writeProgram(join(name, file), `${file}\n`.repeat(99));
    writeProgram(join(name, "nats-server"));
    const files = ["LICENSE", "README.md", "nats-server"].map((file) => join(name, file));
    return gzipSync(execFileSync("tar", ["-c", name, ...files], { cwd: folder }));
  }

  test("is downloaded, checked and unpacked", async () => {
    const archive = pack();
    const release = officialRelease({ url: await publish(archive), sha256: sha256(archive) }, direct);
    expect(execFileSync(await find({ sources: [release] }), { encoding: "utf8" })).toBe("nats-server: v9\n");
  });

  test("with another sum is not used, and both sums are named", async () => {
    const [archive, other] = [pack(), "0".repeat(64)];
    const release = officialRelease({ url: await publish(archive), sha256: other }, direct);
    const fault = {
      code: "NATS_MISSING",
      message: expect.stringContaining(`SHA-256 is ${sha256(archive)}, not ${other}`),
    };
    await expect(find({ sources: [release] })).rejects.toMatchObject(fault);
    expect(readdirSync(folder)).not.toContain("kept");
  });

  test("that cannot be reached is named with the reason", async () => {
    const url = await publish(pack());
    const absent = officialRelease({ url: `${url}x`, sha256: "" }, direct);
    await expect(find({ sources: [absent] })).rejects.toThrow(`${url}x: HTTP 404`);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    const gone = officialRelease({ url, sha256: "" }, direct);
    await expect(find({ sources: [gone] })).rejects.toThrow("ECONNREFUSED");
  });

  test.each(["x64", "arm64"])("is pinned by URL and sum for %s", (architecture) => {
    const archive = releaseArchive(architecture);
    expect(archive?.url).toMatch(/^https:\/\/github\.com\/nats-io\/.*-linux-(amd64|arm64)\.tar\.gz$/);
    expect(archive?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

describeUnlessLacking("Debian's package", lackOfCommands("apt-get", "dpkg", "dpkg-deb"), () => {
  const before = process.env.APT_CONFIG;
  afterEach(() => {
    if (before === undefined) delete process.env.APT_CONFIG;
    else process.env.APT_CONFIG = before;
  });

  /** Makes a repository of one package on this disk, which apt-get takes for the system's only one. */
  function makeRepository(): void {
    const architecture = execFileSync("dpkg", ["--print-architecture"], { encoding: "utf8" }).trim();
    const fields = [
      "Package: nats-server",
      "Version: 9",
      `Architecture: ${architecture}`,
      "Maintainer: nobody <n@b.example>",
    ];
    writeProgram("package/usr/sbin/nats-server");
    mkdirSync(join(folder, "package/DEBIAN"));
    const control = [...fields, "Description: stands in for the real one", ""].join("\n");
    writeFileSync(join(folder, "package/DEBIAN/control"), control);
    mkdirSync(join(folder, "repository"));
    execFileSync("dpkg-deb", [
      "--build",
      "--root-owner-group",
      join(folder, "package"),
      join(folder, "repository/a.deb"),
    ]);
    const bytes = readFileSync(join(folder, "repository/a.deb"));
    const entry = [...fields, "Filename: ./a.deb", `Size: ${bytes.length}`, `SHA256: ${sha256(bytes)}`, ""];
    writeFileSync(join(folder, "repository/Packages"), entry.join("\n"));
    writeFileSync(join(folder, "sources.list"), `deb [trusted=yes] file:${folder}/repository ./\n`);
  }

  function useRepository(): void {
    const configuration = `Dir::Etc::SourceList "${folder}/sources.list"; Dir::Etc::SourceParts "/dev/null";\n`;
    writeFileSync(join(folder, "apt.conf"), configuration);
    process.env.APT_CONFIG = join(folder, "apt.conf");
  }

  test("is unpacked from the system's repository, and the system's own lists stay as they are", async () => {
    const systemLists = "/var/lib/apt/lists";
    const lists = () => readdirSync(systemLists).map((name) => [name, statSync(join(systemLists, name)).mtimeMs]);
    const earlier = lists();
    makeRepository();
    useRepository();
    const program = await find({ sources: [debianPackage] });
    expect(program).toBe(kept());
    expect(execFileSync(program, { encoding: "utf8" })).toBe("nats-server: v9\n");
    expect(lists()).toEqual(earlier);
  });

  test("that no repository holds is said to be missing, in apt-get's words", async () => {
    writeFileSync(join(folder, "sources.list"), "");
    useRepository();
    await expect(find({ sources: [debianPackage] })).rejects.toThrow(/apt-get: E: .*nats-server/);
  });
});
