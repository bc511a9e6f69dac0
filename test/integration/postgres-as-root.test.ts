// PostgreSQL's user and the place of its data when root starts the server.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { makePlaces, placesOf, type ServerPlaces } from "@attune/server/platform/home";
import { type Postgres, startEmbeddedPostgres } from "@attune/server/platform/postgres/postgres";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeUnlessLacking, lackOfRoot } from "../requirements.js";
import { choosePort, makeTemporaryHome, testLogger } from "./temporary-home.js";

describeUnlessLacking("started by root, PostgreSQL", lackOfRoot(), () => {
  let base: Awaited<ReturnType<typeof makeTemporaryHome>>;
  let postgres: Postgres | undefined;

  beforeEach(async () => {
    base = await makeTemporaryHome();
  });
  afterEach(async () => {
    await postgres?.stop();
    postgres = undefined;
    await base.remove();
  });

  async function start(places: ServerPlaces): Promise<Postgres> {
    const sharedDirectory = join(base.home, "shared");
    const choose = choosePort(places, "ATTUNE_POSTGRES_PORT");
    postgres = await startEmbeddedPostgres({ places, choosePort: choose, sharedDirectory, logger: testLogger });
    return postgres;
  }

  const nobody = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
  const userOf = (pid: number | undefined) => statSync(`/proc/${pid}`).uid;

  test("runs as nobody, in the home that nobody can enter", async () => {
    expect(userOf((await start(base)).pid())).toBe(nobody);
    expect(statSync(base.postgres)).toMatchObject({ uid: nobody });
    expect(statSync(base.postgres).mode & 0o777).toBe(0o700);
  });

  test("keeps the data of a home that is root's alone in a shared directory, which it makes, whatever the umask", async () => {
    const before = process.umask(0o077);
    try {
      mkdirSync(join(base.home, "private"), { mode: 0o700 });
      const places = placesOf(join(base.home, "private", "home"));
      await makePlaces(places);
      const pid = (await start(places)).pid();
      const { dataDirectory } = JSON.parse(readFileSync(join(places.server, "postgres-location.json"), "utf8"));
      expect(dataDirectory.startsWith(join(base.home, "shared", "/"))).toBe(true);
      expect(statSync(dataDirectory).uid).toBe(nobody);
      expect(userOf(pid)).toBe(nobody);
      await postgres?.stop();
      expect(userOf((await start(places)).pid())).toBe(nobody);
    } finally {
      process.umask(before);
    }
  });

  test("needs no temporary directory that others can enter", async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = join(base.home, "temporary");
    mkdirSync(process.env.TMPDIR, { mode: 0o700 });
    try {
      expect(userOf((await start(base)).pid())).toBe(nobody);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });

  test("keeps the owner of data that another user's PostgreSQL made", async () => {
    await (await start(base)).stop();
    const owner = 12_345;
    execFileSync("chown", ["-R", `${owner}:${owner}`, base.postgres]);
    expect(userOf((await start(base)).pid())).toBe(owner);
  });

  test("says which directory the owner of the data cannot enter", async () => {
    await (await start(base)).stop();
    chmodSync(base.home, 0o700);
    await expect(start(base)).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining(base.server),
    });
  });
});
