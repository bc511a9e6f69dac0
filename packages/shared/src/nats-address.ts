// Whether the addresses of a broker demand TLS, and for which host.

/**
 * By default a client uses TLS only where the broker offers it, and whoever answers at the address may pose as the
 * broker. So one address with `tls:` demands TLS of all connections: the client may be sent to any of the addresses.
 * The client checks a certificate against the name in the address, but against no name when the address is an IP
 * address. Node then checks it against `host`, or against "localhost" where `host` is absent. A broker at an IP address
 * that is not the first needs a certificate for the first.
 */
export function tlsOptions(urls: readonly string[]): { readonly tls?: object } {
  const first = urls.find((url) => /^tls:/i.test(url));
  if (first === undefined) return {};
  // The host name is read as the client reads it. URL brings an IP address into its usual form only under a
  // scheme that it knows.
  const { hostname } = new URL(first.replace(/^tls/i, "http"));
  return { tls: { host: hostname.replace(/^\[|\]$/g, "") } };
}
