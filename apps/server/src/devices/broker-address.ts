// The address of NATS that a device is told: the configured one, or the host by which the device itself reached this server.

export interface BrokerAddresses {
  /** ATTUNE_PUBLIC_NATS_URL: where it is set, it is the one. */
  readonly publicUrl: string | undefined;
  /** Where this server reaches NATS. */
  readonly ownUrl: string;
  /** Whether that NATS is this server's own and listens on all addresses, of which no single one is right for every device. */
  readonly everywhere: boolean;
}

/** `reachedAs`: the Host header of the device's request. Whoever forges one gets a wrong address in the reply to itself alone. */
export function brokerUrls(
  { publicUrl, ownUrl, everywhere }: BrokerAddresses,
  reachedAs: string | undefined,
): string[] {
  if (publicUrl !== undefined) return [publicUrl];
  const host = everywhere ? hostnameOf(reachedAs) : undefined;
  if (host === undefined) return [ownUrl];
  const url = new URL(ownUrl);
  return [`${url.protocol}//${host}:${url.port}`];
}

/** A name or an IP address, without the port; undefined for anything else. */
function hostnameOf(host: string | undefined): string | undefined {
  const match = /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.exec(
    host ?? "",
  );
  return match?.[1];
}
