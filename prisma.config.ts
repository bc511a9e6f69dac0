// Where Prisma's own command finds the schema and the database (`npx prisma migrate deploy`); the server needs neither.

import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env.DATABASE_URL ?? "" },
});
