// Sums the bits about the person in a journal's messages, and holds each slot to its contract's budget. Pure.

import { entryCapacityBits, type JournalEntry } from "@attune/shared/contracts/audit";
import type { Contracts } from "@attune/shared/contracts/egress";
import { capacityBits, type PersonRules, personSizes } from "@attune/shared/contracts/egress-declaration";

export interface PersonBits {
  /** The upper bound of what all messages say about the person. */
  readonly ever: number;
  /** The same of the latest slot; null where no message belongs to a slot. */
  readonly lastSlot: { readonly slot: number; readonly bits: number } | null;
}

interface PersonAccount {
  /** Adds the next entry of the journal, and returns its faults. */
  add(entry: JournalEntry): string[];
  bits(): PersonBits;
}

/**
 * A slot is known by its `report.slot`. Any other message about the person left before or after the report of its own
 * slot. So the message counts in the slot that was reported last, or in the next slot where that one has no room. If
 * any sharing out keeps every slot within its budget, this one does.
 */
export function createPersonAccount(contracts: Contracts): PersonAccount {
  let ever = 0;
  let reported = 0;
  let latest = 0;
  const slots = new Map<number, number>();
  const seen = new Set<number>();

  function numberFault(slot: number): string[] {
    const expected = reported + 1;
    reported = slot;
    if (seen.has(slot)) return [`slot ${slot} has a second report.slot`];
    seen.add(slot);
    return slot === expected ? [] : [`its slot is ${slot}, expected ${expected}`];
  }

  function spend(slot: number, bits: number, { budgetBits }: PersonRules): string[] {
    const spent = (slots.get(slot) ?? 0) + bits;
    slots.set(slot, spent);
    latest = Math.max(latest, slot);
    if (spent <= budgetBits) return [];
    return [`slot ${slot} has ${spent.toFixed(2)} bits about the person, more than its budget of ${budgetBits}`];
  }

  return {
    add(entry) {
      const { type, message } = entry;
      const declaration = contracts.declaration(Number(message.contract), type);
      // A message of an unknown version may be about the person as a whole.
      const bits =
        declaration === undefined ? entryCapacityBits(entry) : capacityBits(personSizes(declaration, message));
      ever += bits;
      const rules = contracts.rules(Number(message.contract));
      if (rules === undefined) return [];
      if (type === "report.slot") {
        const slot = Number(message.slot);
        return [...numberFault(slot), ...spend(slot, bits, rules)];
      }
      if (bits === 0) return [];
      const hasRoom = reported > 0 && (slots.get(reported) ?? 0) + bits <= rules.budgetBits;
      return spend(hasRoom ? reported : reported + 1, bits, rules);
    },
    bits: () => ({ ever, lastSlot: latest === 0 ? null : { slot: latest, bits: slots.get(latest) ?? 0 } }),
  };
}
