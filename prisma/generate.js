// Generates the Prisma client, offline, and only when the schema has changed since the last time.
// Prisma wants to download its engine before it generates; no engine is needed for that, so it is given any executable.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const schema = `${root}prisma/schema.prisma`;
const output = `${root}apps/server/src/generated/prisma`;
const stamp = `${output}/.schema-sha256`;

const digest = createHash("sha256").update(readFileSync(schema)).digest("hex");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) {
  execFileSync(process.execPath, [`${root}node_modules/prisma/build/index.js`, "generate", "--schema", schema], {
    cwd: root,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
    stdio: ["ignore", "ignore", "inherit"],
  });
  writeFileSync(stamp, digest);
}
