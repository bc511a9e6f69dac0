// tRPC's building blocks for every router: the two roles, and AppErrors as replies with a code and a remedy.

import { AppError, type ErrorCode } from "@attune/shared/errors";
import { shortage } from "@attune/shared/system-fault";
import { initTRPC, TRPCError } from "@trpc/server";
import { z } from "zod";
import { describeIssues } from "./platform/describe-issues.js";
import { isDatabaseUnavailable } from "./platform/postgres/database-fault.js";

export interface RequestContext {
  /** "admin" for a request that carries the fleet's admin token. Devices are "public" and sign their messages. */
  readonly role: "public" | "admin";
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

const t = initTRPC.context<RequestContext>().create({
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

const requireAdmin = t.middleware(({ ctx, next }) => {
  if (ctx.role !== "admin") throw new AppError("UNAUTHORIZED", "this call needs the fleet's admin token");
  return next();
});

const limitStrangers = t.middleware(async ({ ctx, next }) => {
  if (ctx.role === "admin") return next();
  if (!ctx.budget.take()) {
    throw new AppError("TOO_MANY_REQUESTS", "too many failed calls came from this address");
  }
  const result = await next();
  if (result.ok) ctx.budget.giveBack();
  return result;
});

export const router = t.router;
export const publicProcedure = t.procedure.use(reportFaults).use(limitStrangers);
export const adminProcedure = publicProcedure.use(requireAdmin);

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
