// The agent's environment, parsed once at start. The only reader of process.env in this app.

import { homedir } from "node:os";
import { join } from "node:path";
import { type LogLevel, logLevels } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

export const envSchema = z.object({
  ATTUNE_AGENT_HOME: z.string().min(1).optional(),
  ATTUNE_SERVER: z.url({ protocol: /^https?$/ }).optional(),
  ATTUNE_NATS_URL: z.url({ protocol: /^(nats|tls)$/ }).optional(),
  ATTUNE_OUTBOX_LIMIT: z.coerce.number().int().min(1).max(1_000_000).default(10_000),
  ATTUNE_AGENT_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  ATTUNE_THREADS: z.coerce.number().int().min(1).max(64).default(1),
  ATTUNE_LOG_LEVEL: z.enum(logLevels).default("info"),
});

export interface AgentEnv {
  /** The device's directory; `--home` takes precedence. */
  readonly home: string;
  readonly server: string | undefined;
  /** A leaf node or relay at the device's site, used instead of the addresses that the server names. */
  readonly natsUrl: string | undefined;
  readonly outboxLimit: number;
  /** Port of the local API; 0 takes a free one. */
  readonly port: number;
  /** The number of threads on which the kernels compute an extractor's features, native or in WebAssembly. */
  readonly threads: number;
  readonly logLevel: LogLevel;
}

/** Fails with INVALID_CONFIGURATION, naming the variable; an empty variable counts as not set. */
export function readEnv(variables: NodeJS.ProcessEnv = process.env): AgentEnv {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
  const parsed = envSchema.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new AppError("INVALID_CONFIGURATION", `${issue?.path.join(".")}: ${issue?.message}`);
  }
  const env = parsed.data;
  return {
    home: env.ATTUNE_AGENT_HOME ?? join(homedir(), ".attune-agent"),
    server: env.ATTUNE_SERVER,
    natsUrl: env.ATTUNE_NATS_URL,
    outboxLimit: env.ATTUNE_OUTBOX_LIMIT,
    port: env.ATTUNE_AGENT_PORT,
    threads: env.ATTUNE_THREADS,
    logLevel: env.ATTUNE_LOG_LEVEL,
  };
}
