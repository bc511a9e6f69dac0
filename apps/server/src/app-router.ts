// All procedures of the server in one router; its type is what the edge agent's client is built from.

import { router } from "./trpc.js";

/** What the routers call; each area's service is made in app.ts. */
export type AppServices = Record<never, never>;

export function createAppRouter(_services: AppServices) {
  return router({});
}

export type AppRouter = ReturnType<typeof createAppRouter>;
