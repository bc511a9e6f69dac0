// Chooses the address of NATS for a device: the configured one, or the host by which the device
// itself reached this server.

interface BrokerAddresses {
  /** ATTUNE_PUBLIC_NATS_URL, which wins where it is set. */
  readonly publicUrl: string | undefined;
  /** The address at which this server reaches NATS. */
  readonly ownUrl: string;
  /**
   * Whether that NATS belongs to this server and listens on all addresses, of which no single one is
   * right for every device.
   */
  readonly listensOnAllAddresses: boolean;
}

/** `reachedAs` is the Host header of the device's request. A forged header changes only the forger's own reply. */
export function brokerUrls(
  { publicUrl, ownUrl, listensOnAllAddresses }: BrokerAddresses,
  reachedAs: string | undefined,
): string[] {
  if (publicUrl !== undefined) return [publicUrl];
  const host = listensOnAllAddresses ? hostnameOf(reachedAs) : undefined;
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
