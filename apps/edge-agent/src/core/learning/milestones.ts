// When the agent reports its scores under version 1 of the egress contract: after every 50 training labels at first,
// later after every quarter more.
// It depends on the number of labels alone, so that a run that was killed and started again passes the same milestones.

const firstStep = 50;
const growth = 1.25;

/** The number of milestones that `train` training labels have passed: at 50, 100, 150, 200, 250, 313, 392, … */
export function milestonesPassed(train: number): number {
  let milestones = 0;
  for (let next = firstStep; next <= train; next = Math.max(next + firstStep, Math.ceil(next * growth))) milestones++;
  return milestones;
}
