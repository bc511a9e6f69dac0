// tRPC's building blocks for every router: a procedure for each role, and AppErrors as replies with code and remedy.

import { AppError, type ErrorCode } from "@attune/shared/errors";
import { shortage } from "@attune/shared/system-fault";
import { initTRPC, TRPCError } from "@trpc/server";
import { z } from "zod";
import { type Author, assertMay, type Caller, type NeededRole } from "./callers/roles.js";
import { describeIssues } from "./platform/describe-issues.js";
import { isDatabaseUnavailable } from "./platform/postgres/database-fault.js";

export interface RequestContext {
  /** Who signed in; undefined for a stranger. Devices are strangers here, and sign their messages. */
  readonly caller: Caller | undefined;
  /** The caller's words on why, for the events of the changes. */
  readonly reason: string | null;
  /** The Host header: the name or address by which the caller reached this server. */
  readonly host: string | undefined;
  /** The newest version of a manifest that the calling device reads. */
  readonly manifestVersion: number;
  /** The budget of the caller's address for calls that come to nothing. */
  readonly budget: { take(): boolean; giveBack(): void };
}

/** The object that a client finds in `error.data.attune`. */
export interface ErrorReply {
  readonly code: ErrorCode;
  readonly remedy: string;
}

/** A procedure's description of itself, without one where anyone may call it. */
export interface ProcedureMeta {
  readonly needs: NeededRole;
}

const t = initTRPC
  .context<RequestContext>()
  .meta<ProcedureMeta>()
  .create({
    isDev: false,
    errorFormatter({ shape, error }) {
      const fault = toAppError(error);
      const attune: ErrorReply = { code: fault.code, remedy: fault.remedy };
      return { ...shape, message: fault.message, data: { ...shape.data, httpStatus: fault.httpStatus, attune } };
    },
  });

const reportFaults = t.middleware(async ({ next }) => {
  const result = await next();
  if (result.ok) return result;
  const fault = toAppError(result.error);
  throw new TRPCError({
    code: trpcCodes[fault.httpStatus] ?? "INTERNAL_SERVER_ERROR",
    message: fault.message,
    cause: fault,
  });
});

const limitStrangers = t.middleware(async ({ ctx, next }) => {
  if (ctx.caller !== undefined) return next();
  if (!ctx.budget.take()) {
    throw new AppError("TOO_MANY_REQUESTS", "too many failed calls came from this address");
  }
  const result = await next();
  if (result.ok) ctx.budget.giveBack();
  return result;
});

export const router = t.router;
export const publicProcedure = t.procedure.use(reportFaults).use(limitStrangers);
export const viewerProcedure = procedureFor("viewer");
export const managerProcedure = procedureFor("manager");
export const auditorProcedure = procedureFor("auditor");
export const ownerProcedure = procedureFor("owner");

function procedureFor(needs: NeededRole) {
  return publicProcedure.meta({ needs }).use(({ ctx: { caller, reason }, next }) => {
    assertMay(caller, needs);
    const by: Author = { actor: caller.name, reason };
    return next({ ctx: { caller, by } });
  });
}

const trpcCodes: { readonly [status: number]: TRPCError["code"] } = {
  400: "BAD_REQUEST",
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  409: "CONFLICT",
  429: "TOO_MANY_REQUESTS",
  503: "SERVICE_UNAVAILABLE",
  504: "GATEWAY_TIMEOUT",
};

/**
 * Limits a fault to what the client may know: an AppError as it is, bad input by field, and no detail
 * of any other fault.
 */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof TRPCError) {
    if (error.cause instanceof AppError) return error.cause;
    if (error.cause instanceof z.ZodError) return new AppError("INVALID_INPUT", describeIssues(error.cause));
    if (error.code === "NOT_FOUND") return new AppError("NOT_FOUND", "there is no such procedure", { cause: error });
    if (isDatabaseUnavailable(error.cause)) return databaseUnavailable(error.cause);
    const clientFault = error.code !== "INTERNAL_SERVER_ERROR";
    if (clientFault) return new AppError("INVALID_INPUT", "the request cannot be read", { cause: error });
  }
  if (isDatabaseUnavailable(error)) return databaseUnavailable(error);
  const short = shortage(error) ?? shortage((error as { cause?: unknown } | undefined)?.cause);
  if (short !== undefined) return short;
  return new AppError("INTERNAL", "the server failed to answer", { cause: error });
}

function databaseUnavailable(cause: unknown): AppError {
  return new AppError("DATABASE_UNAVAILABLE", "the database does not answer just now", { cause });
}
