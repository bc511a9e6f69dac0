// The fleet manager's side of the demo: it publishes and rolls out the bundled release, and issues tokens. With the
// auditor's own comparison it checks that the server holds exactly the reports in a device's journal.

import { setTimeout as sleep } from "node:timers/promises";
import { type AuditResult, auditJournal } from "@attune/server/audit/journal-audit";
import { fetchReports } from "@attune/server/client/device-reports";
import { askServer, type FleetClient, findServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import type { AgentClient } from "./agent-client.js";

export interface PublishedRelease {
  readonly sequence: number;
  readonly model: string;
  readonly modelVersion: string;
}

export interface DemoFleet {
  /** Publishes the frozen extractor in `directory` and makes it the fleet's target; a second call changes nothing. */
  publish(directory: string): Promise<PublishedRelease>;
  /** A one-time enrolment token. */
  createToken(): Promise<string>;
  /**
   * Resolves with the audit once the server holds every report of the agent's journal, each once and unaltered,
   * and no other report.
   */
  confirmReports(agent: AgentClient, device: string): Promise<AuditResult>;
}

const fleetName = "home";
/**
 * A name of its own: only demonstrations take the contract of this release, and a home may publish the same
 * model for other devices.
 */
const model = "attune-english-demo";
const modelVersion = "1.0.0";
const tokenLifeMs = 10 * 60_000;
const timeoutMs = 120_000;
const contracts = createContracts(demoContracts);

export async function openFleet(input: {
  readonly home: string;
  readonly httpUrl: string;
  readonly signal: AbortSignal;
}): Promise<DemoFleet> {
  const access = await findServer({ home: input.home, server: input.httpUrl, adminTokenFile: undefined });

  /** Retries while the server restarts; every call may be made twice. */
  async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
    for (const deadline = performance.now() + timeoutMs; ; ) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AppError && error.retryable) || performance.now() > deadline) throw error;
        await sleep(300, undefined, { signal: input.signal });
      }
    }
  }
  const ask = <T>(call: (client: FleetClient) => Promise<T>): Promise<T> => patiently(() => askServer(access, call));

  async function rolledOut(): Promise<number | undefined> {
    try {
      return (await ask((client) => client.rollout.status.query({ fleet: fleetName }))).releaseSequence;
    } catch (error) {
      if (error instanceof AppError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  return {
    async publish(directory) {
      const { sequence } = await patiently(() => publishFolder(access, { folder: directory, model, modelVersion }));
      if ((await rolledOut()) !== sequence) {
        await ask((client) => client.fleet.create.mutate({ name: fleetName }));
        await ask((client) => client.rollout.create.mutate({ fleet: fleetName, releaseSequence: sequence }));
      }
      return { sequence, model, modelVersion };
    },
    async createToken() {
      const { token } = await ask((client) => client.token.create.mutate({ fleet: fleetName, ttlMs: tokenLifeMs }));
      return token;
    },
    async confirmReports(agent, device) {
      for (const deadline = performance.now() + timeoutMs; ; ) {
        // The journal comes second, since reports leave all the time: a report that is stored is in it by then.
        const reports = await patiently(() => fetchReports(access, device));
        const audit = auditJournal(await agent.journal(), reports, contracts);
        if (audit.verdict === "consistent") return audit;
        // A killed server's batch arrives after later reports, so a missing report may still be on its way.
        const final = audit.faults.length + audit.extra.length + audit.altered.length > 0;
        if (final || performance.now() > deadline) {
          throw new AppError(
            "INTERNAL",
            `the server's reports of ${device} are not its journal's: ${audit.missing.length} missing, ${audit.extra.length} extra, ` +
              `${audit.altered.length} altered${audit.faults.map((fault) => `; ${fault}`).join("")}`,
          );
        }
        await sleep(200, undefined, { signal: input.signal });
      }
    },
  };
}
