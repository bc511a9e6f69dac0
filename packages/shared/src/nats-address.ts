// What the address of a broker demands of a connection to it.

/**
 * A client by itself takes TLS only where the broker offers it, and the broker may be whoever answers at the address.
 * One such address among several demands it of all: the client may be sent to any of them.
 */
export function tlsOptions(urls: readonly string[]): { readonly tls?: object } {
  return urls.some((url) => /^tls:\/\//i.test(url)) ? { tls: {} } : {};
}
