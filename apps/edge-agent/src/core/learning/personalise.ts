// The personal head: trained anew on all of the person's rows, starting from the prior head, each time it learns.

import { calibrateHead, headScores } from "@attune/ml/heads/calibrated";
import { type ElmHead, fitElm } from "@attune/ml/heads/elm";
import type { Examples } from "@attune/ml/heads/examples";
import type { Head } from "@attune/ml/heads/head";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import type { ElmRecipe } from "@attune/ml/heads/hidden-layer";
import { fitLinear, type LinearHead } from "@attune/ml/heads/linear";
import { createOselm } from "@attune/ml/heads/oselm";
import { priorStrengthSteps } from "@attune/ml/heads/prior";
import { referenceHeadKernels } from "@attune/ml/heads/reference-head-kernels";
import { fitTemperature } from "@attune/ml/heads/temperature";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { createMatrix, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { HeadChoice } from "@attune/shared/contracts/local-api";
import type { HeadRecipe } from "@attune/shared/contracts/release";

interface Personal {
  /** The head, with a temperature fitted on the rows that cross-validation held out. */
  readonly head: Head;
  /** The pull towards the prior head, per row, that cross-validation chose. */
  readonly l2: number;
  /**
   * The head that should answer: the personal head, unless it does worse than the prior on the
   * person's own training rows.
   */
  readonly choice: HeadChoice;
}

export interface PersonaliseInput extends Examples {
  readonly prior: Head;
  readonly recipe: HeadRecipe;
  /** The kernels that train. Default: plain TypeScript. */
  readonly kernels?: HeadKernels;
}

/**
 * The folds must be the same at each training: a head after forgetting must equal a head that never had the utterance.
 */
const foldSeed = 20_211_122;
const folds = 5;
/**
 * The sharpness of an ELM's least squares, which lie about 0 and 1. On MELD's train rows of six speakers it is 3 to 5.
 */
const usualSharpness = { sharpness: 4, spread: 1 } as const;

/** Called between one fit and the next: training takes seconds, and the agent has other work to do meanwhile. */
type YieldToOthers = () => Promise<void>;

/** features: (N, D), labels: (N), N ≥ 1. Throws what the heads throw on rows that are not finite or of another size. */
export async function personalise(input: PersonaliseInput, yieldToOthers: YieldToOthers): Promise<Personal> {
  if (input.recipe.kind === "linear") return personaliseLinear(input, input.prior as LinearHead, yieldToOthers);
  const { kind, hidden, l2 } = input.recipe;
  const kernels = input.kernels ?? referenceHeadKernels;
  const { activation, seed } = isElm(input.prior) ? input.prior.recipe : ({ activation: "tanh", seed: 1 } as const);
  const recipe: ElmRecipe = { hidden, l2, activation, seed };
  const fit = kind === "elm" ? fitElmOn(recipe, kernels) : fitOselmOn(recipe, input.prior, kernels);
  const { choice, temperature } = await crossValidate({ ...input, kernels }, fit, yieldToOthers);
  return { head: calibrateHead(fit(input), temperature, kernels), l2, choice };
}

async function personaliseLinear(
  { features, labels, identity, kernels = referenceHeadKernels }: PersonaliseInput,
  prior: LinearHead,
  yieldToOthers: YieldToOthers,
): Promise<Personal> {
  const examples = { features, labels, identity, prior, kernels, random: createRandom(foldSeed) };
  const steps = priorStrengthSteps(examples);
  let step = steps.next();
  for (; !step.done; step = steps.next()) await yieldToOthers();
  const { recipe, l2, logLoss, priorLogLoss, temperature } = step.value;
  const head = calibrateHead(fitLinear({ ...examples, recipe }), temperature, kernels);
  return { head, l2, choice: logLoss !== null && logLoss <= priorLogLoss ? "personal" : "prior" };
}

type Fit = (examples: Examples) => Head;

const fitElmOn =
  (recipe: ElmRecipe, kernels: HeadKernels): Fit =>
  ({ features, labels, identity }) =>
    fitElm({ features, labels, identity, recipe, kernels });

const fitOselmOn =
  (recipe: ElmRecipe, prior: Head, kernels: HeadKernels): Fit =>
  ({ features, labels, identity }) => {
    const start = prior.kind === "elm" ? { prior: prior as ElmHead } : {};
    const head = createOselm({ identity, inputSize: features.cols, recipe, kernels, ...start });
    head.update(features, labels);
    return head;
  };

/** Scores by weighted F1: the prior's probabilities may be projections, of which the log-loss says little. */
async function crossValidate(
  { features, labels, identity, prior, kernels }: PersonaliseInput,
  fit: Fit,
  yieldToOthers: YieldToOthers,
): Promise<{ readonly choice: HeadChoice; readonly temperature: number }> {
  if (features.rows < 2 * folds) return { choice: "prior", temperature: 1 / usualSharpness.sharpness };
  const classes = identity.classes.length;
  const order = Int32Array.from(labels, (_, i) => i);
  createRandom(foldSeed).shuffle(order);
  const held = createMatrix(labels.length, classes);
  for (let k = 0; k < folds; k++) {
    await yieldToOthers();
    const inside = order.filter((_, place) => place % folds === k);
    const outside = order.filter((_, place) => place % folds !== k);
    const outsideLabels = outside.map((i) => labels[i]!);
    const head = fit({ features: selectRows(features, outside), labels: outsideLabels, identity });
    const { data } = headScores(head, kernels)(selectRows(features, inside));
    for (const [place, i] of inside.entries()) {
      held.data.set(data.subarray(place * classes, (place + 1) * classes), i * classes);
    }
  }
  const own = weightedF1(labels, predictedLabels(held), classes);
  const priors = weightedF1(labels, predictedLabels(prior.probabilities(features)), classes);
  const temperature = fitTemperature(held, labels, usualSharpness);
  return { choice: own >= priors ? "personal" : "prior", temperature };
}

function isElm(head: Head): head is ElmHead {
  return head.kind === "elm" || head.kind === "oselm";
}
