// Reports from Node: a TCP connection to the broker, with the device's own key.

import { tlsOptions } from "@attune/shared/nats-address";
import { connect } from "@nats-io/transport-node";
import type { ReportTransport } from "../core/ports.js";
import { createReportTransport, type ReportTransportOptions } from "../transports/report-transport.js";
import type { NodeDeviceKey } from "./nkey.js";

interface NatsTransportOptions extends ReportTransportOptions {
  readonly deviceKey: NodeDeviceKey;
}

export function createNatsTransport({ deviceKey, ...options }: NatsTransportOptions): ReportTransport {
  return createReportTransport(async (dialling, userJwt) => {
    await deviceKey.create();
    return connect({
      ...dialling,
      ...tlsOptions(dialling.servers),
      authenticator: (nonce) => ({ jwt: userJwt(), ...deviceKey.answerChallenge(nonce ?? "") }),
    });
  }, options);
}
