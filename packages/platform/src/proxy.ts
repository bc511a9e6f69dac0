// Downloads go through the proxies that the environment names, as other programs' do.

import { AppError } from "@attune/shared/errors";

export interface Proxies {
  /** HTTP_PROXY, or in lower case; for `http:` addresses. */
  readonly http: string | undefined;
  /** HTTPS_PROXY; without it that of HTTP_PROXY serves. */
  readonly https: string | undefined;
  /** NO_PROXY: hosts with commas between that are reached directly. */
  readonly except: string | undefined;
}

export type Fetch = typeof globalThis.fetch;

/** This machine's own addresses mean something else to a proxy. */
const loopback = "localhost,127.0.0.1,[::1]";

/** Node's own where no proxy is named. Throws INVALID_CONFIGURATION naming a variable that names no proxy, never its value. */
export async function fetchThrough({ http, https, except }: Proxies): Promise<Fetch> {
  if (http === undefined && https === undefined) return globalThis.fetch;
  const undici = await import("undici");
  const dispatcher = new undici.EnvHttpProxyAgent({
    httpProxy: addressOf("HTTP_PROXY", http),
    httpsProxy: addressOf("HTTPS_PROXY", https),
    noProxy: except === "*" ? except : [except, loopback].filter((hosts) => hosts !== undefined).join(","),
    // What is not encrypted is asked of the proxy itself: many open no tunnel to port 80.
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
