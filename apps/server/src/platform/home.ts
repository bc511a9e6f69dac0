// The places inside ATTUNE_HOME that belong to the server, and their permissions.

import { join } from "node:path";
import { makeDirectory } from "@attune/platform/durable-file";
import { directoryFault } from "@attune/platform/output-directory";

export interface ServerPlaces {
  readonly home: string;
  readonly server: string;
  /** Seeds, passwords, signing keys: 0700. */
  readonly keys: string;
  readonly postgres: string;
  readonly nats: string;
  readonly chunks: string;
  readonly manifests: string;
  readonly portsFile: string;
  readonly adminTokenFile: string;
  readonly lockFile: string;
  readonly readyFile: string;
  /** Present until a restore has put all in place. */
  readonly restoringFile: string;
}

export function placesOf(home: string): ServerPlaces {
  const server = join(home, "server");
  return {
    home,
    server,
    keys: join(server, "keys"),
    postgres: join(server, "postgres"),
    nats: join(server, "nats"),
    chunks: join(server, "chunks"),
    manifests: join(server, "manifests"),
    portsFile: join(server, "ports.json"),
    adminTokenFile: join(server, "admin-token"),
    lockFile: join(server, "server.lock"),
    readyFile: join(server, "ready.json"),
    restoringFile: join(server, "restoring"),
  };
}

/** Throws INVALID_CONFIGURATION where ATTUNE_HOME cannot be a directory of this user's. */
export async function makePlaces(places: ServerPlaces): Promise<void> {
  try {
    // 0711: PostgreSQL's own user passes through to its directory and cannot list this one.
    await makeDirectory(places.server, 0o711);
    await makeDirectory(places.keys, 0o700);
    await makeDirectory(places.nats, 0o700);
    await makeDirectory(places.chunks, 0o755);
  } catch (cause) {
    throw directoryFault(places.server, "ATTUNE_HOME", cause);
  }
}
