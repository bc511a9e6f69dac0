// Names the schema and the database for Prisma's own command (`npx prisma migrate deploy`). The server does not read this file.

import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env.DATABASE_URL ?? "" },
});
