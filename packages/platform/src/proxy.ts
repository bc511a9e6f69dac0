// Downloads through the proxies that the environment names, as other programs do.

import { AppError } from "@attune/shared/errors";

export interface Proxies {
  /** HTTP_PROXY, in upper or lower case; for `http:` addresses. */
  readonly http: string | undefined;
  /** HTTPS_PROXY. Without it, HTTP_PROXY serves these addresses as well. */
  readonly https: string | undefined;
  /** NO_PROXY: hosts, separated by commas, that are reached directly. */
  readonly except: string | undefined;
}

export type Fetch = typeof globalThis.fetch;

/** A proxy would take this machine's own addresses for its own. */
const loopback = "localhost,127.0.0.1,[::1]";

/**
 * Node's own fetch where no proxy is named. Throws INVALID_CONFIGURATION naming a variable that names no
 * proxy, never its value.
 */
export async function fetchThrough({ http, https, except }: Proxies): Promise<Fetch> {
  if (http === undefined && https === undefined) return globalThis.fetch;
  const undici = await import("undici");
  const dispatcher = new undici.EnvHttpProxyAgent({
    httpProxy: addressOf("HTTP_PROXY", http),
    httpsProxy: addressOf("HTTPS_PROXY", https),
    noProxy: except === "*" ? except : [except, loopback].filter((hosts) => hosts !== undefined).join(","),
    // An unencrypted address is requested from the proxy itself: many proxies open no tunnel to port 80.
    proxyTunnel: false,
  });
  const proxied = (url: string | URL, init?: object) => undici.fetch(url, { ...init, dispatcher });
  return proxied as unknown as Fetch;
}

function addressOf(variable: string, value: string | undefined): string {
  if (value === undefined) return "";
  const address = value.includes("://") ? value : `http://${value}`;
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return address;
  throw new AppError("INVALID_CONFIGURATION", `${variable} does not name a proxy (expected: http://host:port)`);
}
