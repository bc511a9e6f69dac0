// Generates the Prisma client, offline, and only when the schema has changed since the last time.
// Prisma wants to download its engine before it generates; no engine is needed for that, so it is given any executable.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const schema = `${root}prisma/schema.prisma`;
const output = `${root}apps/server/src/generated/prisma`;
const stamp = `${output}/.schema-sha256`;

const digest = createHash("sha256").update(readFileSync(schema)).digest("hex");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) {
  const prisma = `${root}node_modules/prisma/build/index.js`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [prisma, "generate", "--schema", schema], {
    cwd: root,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
    encoding: "utf8",
  });
  if (status !== 0) {
    process.stderr.write(`prisma generate failed:\n${stdout}${stderr}`);
    process.exit(1);
  }
  writeFileSync(stamp, digest);
}
