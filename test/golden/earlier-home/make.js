// Makes home.json.gz: a server's home as release 0.1.0 leaves it when it is killed with reports acknowledged and not
// yet ingested. Run it with the code of that release, whose files it uses:
//
//   git worktree add ../earlier d21daba && cd ../earlier && npm ci && npm run build
//   cp ../attune/test/golden/earlier-home/make.js test/integration/make-earlier-home.test.ts
//   OUT=../attune/test/golden/earlier-home/home.json.gz npx vitest run --config test/vitest.config.ts \
//     --project integration test/integration/make-earlier-home.test.ts
//
// The file holds every file of the home except PostgreSQL's (a cluster has 40 MB), and PostgreSQL's tables as JSON.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { featureIdentity } from "@attune/ml/features/identity";
import pg from "pg";
import { expect, test } from "vitest";
import { askServer } from "../../apps/server/src/client/fleet-client.js";
import { publishFolder } from "../../apps/server/src/client/publish-folder.js";
import { createNatsCredentials } from "../../apps/server/src/platform/nats-credentials.js";
import { openNatsKeys } from "../../apps/server/src/platform/nats-keys.js";
import { createTinyRelease } from "../fakes/tiny-release.js";
import { createFleet, createToken, enrolDevice, publishBytes, publishReport } from "./harness.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

/**
 * The tiny release with the settings that a folder needs. Its head is bound to the features that these settings change.
 */
function publishableFiles() {
  const { files, release } = createTinyRelease();
  const attune = { pooling: "mean", maxTokens: 16 };
  const config = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(files.get("config.json")).toString()), attune }),
  );
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const digest = (name) => sha256(files.get(name));
  const [model, tokenizer, reduction] = ["model.safetensors", "tokenizer.json", "dr.safetensors"].map(digest);
  const identity = sha256(featureIdentity({ config: sha256(config), model, tokenizer, reduction }, attune));
  const head = Buffer.from(files.get("prior-head.safetensors")).toString("latin1");
  const bound = Buffer.from(head.replaceAll(release.features.identity, identity), "latin1");
  return new Map([...files, ["config.json", config], ["prior-head.safetensors", bound]]);
}

const tenYearsMs = 10 * 365 * 86_400_000;

test("the home of an earlier release", async () => {
  const home = await makeTemporaryHome();
  const program = spawn(process.execPath, ["apps/server/bin/attune.js", "server", "--json"], {
    env: {
      PATH: process.env.PATH,
      ATTUNE_HOME: home.home,
      ATTUNE_HTTP_PORT: "0",
      ATTUNE_NATS_PORT: "0",
      ATTUNE_POSTGRES_PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(program.stdout, "data");
  const { httpUrl } = JSON.parse(String(line));
  const server = { access: { httpUrl, adminToken: (await readFile(home.adminTokenFile, "utf8")).trim() } };

  await createFleet(server, "home");
  await createFleet(server, "lab");
  const unusedToken = await createToken(server, "lab", 86_400_000);
  const folder = await mkdtemp(join(tmpdir(), "tiny-"));
  for (const [name, bytes] of publishableFiles()) await writeFile(join(folder, name), bytes);
  const release = await publishFolder(server.access, { folder, model: "tiny", modelVersion: "1.0.0", lifeDays: 3_650 });
  await rm(folder, { recursive: true });
  const rollout = await askServer(server.access, (client) =>
    client.rollout.create.mutate({ fleet: "home", releaseSequence: release.sequence }),
  );
  const people = { alice: await enrolDevice(server, "home"), bob: await enrolDevice(server, "home") };
  const carol = await enrolDevice(server, "lab");
  const [alice, bob] = [await people.alice.connect(), await people.bob.connect()];
  await people.alice.poll({ sequence: 7, releaseSequence: release.sequence, state: "committed" });
  for (let i = 1; i <= 4; i++) await publishReport(alice, people.alice, people.alice.metrics(i));
  for (let i = 1; i <= 3; i++) await publishReport(bob, people.bob, people.bob.metrics(i));
  await publishBytes(bob, people.bob, new TextEncoder().encode("no report"));
  // Broker credentials as this release signs them, but valid for longer than its thirty days, so that the test lasts.
  const credentials = await createNatsCredentials({
    keys: await openNatsKeys(home.keys),
    directory: home.keys,
    now: () => Date.now() + tenYearsMs,
    systemConnection: () => undefined,
  });
  const devices = {};
  for (const [name, { key, epoch, reply }] of Object.entries({ ...people, carol })) {
    const input = { nkeyPublic: key.getPublicKey(), fleet: reply.fleet, device: reply.device, lifeMs: 0 };
    const userJwt = await credentials.createDeviceJwt(input);
    devices[name] = {
      seed: new TextDecoder().decode(key.getSeed()),
      epoch,
      fleet: reply.fleet,
      device: reply.device,
      userJwt,
    };
  }
  await askServer(server.access, (client) => client.device.revoke.mutate({ device: carol.reply.device }));

  const ports = JSON.parse(await readFile(home.portsFile, "utf8"));
  const password = (await readFile(join(home.keys, "postgres.password"), "utf8")).trim();
  const database = new pg.Client({
    connectionString: `postgresql://attune:${password}@127.0.0.1:${ports.ATTUNE_POSTGRES_PORT}/attune`,
  });
  database.on("error", () => undefined);
  await database.connect();
  const count = async (table) => Number((await database.query(`SELECT count(*) FROM "${table}"`)).rows[0].count);
  await eventually(async () => expect([await count("Report"), await count("DeadLetter")]).toEqual([7, 1]));
  await database.query(`UPDATE "EnrolmentToken" SET "expiresAt" = now() + interval '10 years' WHERE "usedAt" IS NULL`);
  // The database does not answer the ingestion from here on: reports are acknowledged and stay in the stream.
  await database.query("BEGIN");
  await database.query('LOCK TABLE "Report", "DeadLetter" IN ACCESS EXCLUSIVE MODE');
  for (let i = 5; i <= 10; i++) await publishReport(alice, people.alice, people.alice.metrics(i));
  for (let i = 4; i <= 6; i++) await publishReport(bob, people.bob, people.bob.metrics(i));

  const tables = {};
  const { rows } = await database.query(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name",
  );
  for (const { table_name: table } of rows) {
    tables[table] = (await database.query(`SELECT coalesce(json_agg(t), '[]') AS rows FROM "${table}" t`)).rows[0].rows;
  }
  const pids = [program.pid];
  for (const file of ["nats/nats-server.pid", "postgres/postmaster.pid"]) {
    pids.push(Number((await readFile(join(home.server, file), "utf8")).split("\n")[0]));
  }
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await Promise.all([alice.close(), bob.close()]);

  const files = {};
  for (const entry of await readdir(home.server, { recursive: true, withFileTypes: true })) {
    const path = relative(home.server, join(entry.parentPath, entry.name));
    if (!entry.isFile() || path.startsWith("postgres") || /(^ports|^ready)\.json$|\.pid$|\.log$|\.lock$/.test(path))
      continue;
    const { mode } = await stat(join(home.server, path));
    files[path] = { mode: mode & 0o777, base64: (await readFile(join(home.server, path))).toString("base64") };
  }
  const made = { release, rollout, unusedToken, devices, tables, files };
  const packed = gzipSync(JSON.stringify(made), { level: 9 });
  await writeFile(process.env.OUT, packed);
  console.log(Object.keys(files), packed.length);
  await home.remove();
});
