// What the address of a broker demands of a connection to it.

/**
 * A client by itself takes TLS only where the broker offers it, and the broker may be whoever answers at the address.
 * One such address among several demands it of all: the client may be sent to any of them.
 * The client checks a certificate against the name in the address, but against none for an IP address. Node falls back on `host`
 * then, and without it on "localhost". An IP address that is not the first needs a certificate for the first.
 */
export function tlsOptions(urls: readonly string[]): { readonly tls?: object } {
  const first = urls.find((url) => /^tls:/i.test(url));
  if (first === undefined) return {};
  // As the client reads it: an IP address has its usual form only where the scheme is one that URL knows.
  const { hostname } = new URL(first.replace(/^tls/i, "http"));
  return { tls: { host: hostname.replace(/^\[|\]$/g, "") } };
}
