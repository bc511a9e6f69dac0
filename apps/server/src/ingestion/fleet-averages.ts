// Averages of a fleet from noisy counts: the share of right answers of the prior and of the answering
// head, by release. Pure.

import { type NoisyMean, noisyMean, noisyMeanDifference } from "@attune/ml/privacy/noisy-mean";

/** One device's latest block for a release: right answers among 50 labels, each with noise. */
export interface Block {
  readonly fleet: string;
  readonly releaseSequence: number;
  readonly rightPrior: number;
  readonly rightAnswering: number;
}

export interface FleetAverage {
  readonly fleet: string;
  readonly releaseSequence: number;
  /** The number of devices with a block. Each counts once, because blocks of one person depend on each other. */
  readonly devices: number;
  /** Null with fewer than `minDevices`. */
  readonly averages: {
    readonly prior: NoisyMean;
    readonly answering: NoisyMean;
    /** The answering head's share less the prior's, from pairs. */
    readonly difference: NoisyMean;
  } | null;
}

/**
 * An average of fewer devices is almost one person's count. It says little of the fleet, too: Student's t is 2.8 at
 * five devices, 4.3 at three and 12.7 at two, so intervals soon span every share.
 */
export const minDevices = 5;

/** `blocks` has at most one block of a device for each release. The answer is in the order of fleets and releases. */
export function averageBlocks(blocks: readonly Block[]): FleetAverage[] {
  const groups = new Map<string, Block[]>();
  for (const block of blocks) {
    const key = JSON.stringify([block.fleet, block.releaseSequence]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [block]);
    else group.push(block);
  }
  return [...groups.values()].map(averageOf).sort(byFleetAndRelease);
}

function averageOf(blocks: readonly Block[]): FleetAverage {
  const { fleet, releaseSequence } = blocks[0]!;
  const [prior, answering] = [blocks.map(({ rightPrior }) => rightPrior), blocks.map((block) => block.rightAnswering)];
  const averages =
    blocks.length < minDevices
      ? null
      : {
          prior: noisyMean(prior)!,
          answering: noisyMean(answering)!,
          difference: noisyMeanDifference(answering, prior)!,
        };
  return { fleet, releaseSequence, devices: blocks.length, averages };
}

function byFleetAndRelease(x: FleetAverage, y: FleetAverage): number {
  if (x.fleet !== y.fleet) return x.fleet < y.fleet ? -1 : 1;
  return x.releaseSequence - y.releaseSequence;
}
