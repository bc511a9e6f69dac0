// Limits the calls of an address that come to nothing: forged polls, guessed tokens and malformed messages.
// A genuine call gives back what it took, so a fleet of any size behind one address spends nothing.

export interface CallBudget {
  /** False where the address has spent its budget. */
  take(address: string): boolean;
  /** Gives back what a genuine call took. */
  giveBack(address: string): void;
}

interface CallBudgetOptions {
  /** The calls that an address may spend at once. */
  readonly burst: number;
  /** The calls that an address regains each second. */
  readonly perSecond: number;
  readonly now: () => number;
}

/**
 * The burst also limits the calls of one address that are under way at a time. A thousand devices that poll each 30 s
 * make 33 calls a second, all given back. After a power cut they come at once, each with one call. A thousand revoked
 * devices spend 33 calls a second.
 */
export const defaultCallBudget = { burst: 2_000, perSecond: 100 } as const;

/** Each address takes about 100 bytes. A caller with more addresses than this gets the oldest one's budget anew. */
const rememberedAddresses = 50_000;

interface Account {
  readonly spent: number;
  readonly atMs: number;
}

export function createCallBudget({ burst, perSecond, now }: CallBudgetOptions): CallBudget {
  /** The addresses that spent something lately, the latest last. */
  const accounts = new Map<string, Account>();

  function spentBy(network: string): number {
    const account = accounts.get(network);
    if (account === undefined) return 0;
    return Math.max(0, account.spent - (Math.max(0, now() - account.atMs) / 1_000) * perSecond);
  }

  function set(network: string, spent: number): void {
    accounts.delete(network);
    if (spent > 0) accounts.set(network, { spent, atMs: now() });
    const [oldest] = accounts.keys();
    if (accounts.size > rememberedAddresses && oldest !== undefined) accounts.delete(oldest);
  }

  return {
    take(address) {
      const network = networkOf(address);
      const spent = spentBy(network);
      if (spent + 1 > burst) return false;
      set(network, spent + 1);
      return true;
    },
    giveBack(address) {
      const network = networkOf(address);
      set(network, spentBy(network) - 1);
    },
  };
}

/** An IPv4 address, or the /64 of an IPv6 address: a host chooses freely among the addresses of its /64. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("%")[0]?.split("::") ?? [];
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => "0");
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
