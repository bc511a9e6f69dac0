// Procedures about access: tokens, sign-in links and the events of all changes.

import { z } from "zod";
import { roleSchema } from "../callers/role-schema.js";
import { auditorProcedure, ownerProcedure, publicProcedure, router, viewerProcedure } from "../trpc.js";
import type { AccessService } from "./access.service.js";

const idSchema = z.string().regex(/^[0-9a-f]{16}$/);
const tokenSchema = z.strictObject({ name: z.string(), roles: z.array(roleSchema).min(1), ttlMs: z.int() });

export function createAccessRouter(service: AccessService) {
  return router({
    create: ownerProcedure.input(tokenSchema).mutation(({ input, ctx }) => service.create(input, ctx.by)),
    list: auditorProcedure.query(() => service.list()),
    revoke: ownerProcedure
      .input(z.strictObject({ id: idSchema }))
      .mutation(({ input, ctx }) => service.revoke(input.id, ctx.by)),
    link: viewerProcedure.mutation(({ ctx }) => service.createLink(ctx.caller, ctx.by)),
    redeem: publicProcedure
      .input(z.strictObject({ link: z.string().max(256) }))
      .mutation(({ input }) => service.redeem(input.link)),
    events: auditorProcedure
      .input(z.strictObject({ after: z.int().min(0), limit: z.int().min(1).max(1_000) }))
      .query(({ input }) => service.events(input.after, input.limit)),
  });
}
