// The scripts that this page may start. The page's policy makes text into a script's address by this function alone.

type OwnScript = "worker.js" | "service-worker.js";

interface Policy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
const policy = trustedTypes?.createPolicy("attune", { createScriptURL: (url) => url });

/** An address of the page's own folder, as Trusted Types demand it where the browser has them. */
export function ownScript(name: OwnScript): string {
  return policy?.createScriptURL(name) ?? name;
}
