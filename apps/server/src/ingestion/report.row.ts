// A stored report as the fleet manager and the auditor read it.

import type { Prisma } from "../generated/prisma/client.js";

export const reportColumns = {
  deviceId: true,
  epoch: true,
  sequence: true,
  type: true,
  releaseSequence: true,
  sizeBytes: true,
  bodySha256: true,
  receivedAt: true,
} satisfies Prisma.ReportSelect;

export interface StoredReport {
  readonly device: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly type: string;
  readonly releaseSequence: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly receivedAt: string;
}

export function describeReport(row: Prisma.ReportGetPayload<{ select: typeof reportColumns }>): StoredReport {
  const { deviceId, bodySha256, receivedAt, ...rest } = row;
  return { device: deviceId, sha256: bodySha256, receivedAt: receivedAt.toISOString(), ...rest };
}
