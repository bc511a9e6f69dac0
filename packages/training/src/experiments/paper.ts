// The numbers that the paper prints (Pandelea et al., Sensors 2021, 21, 4496): tables 1 to 7, its statements about
// figure 2, and its grids. The three reference lines beside them are the context in which any number here must be read.

export const paperExtractors = ["RoBERTa", "MobileBERT", "BERT-Medium", "BERT-Tiny"] as const;
export type PaperExtractor = (typeof paperExtractors)[number];

type Counts = Readonly<Record<"Train" | "Validation" | "Test", number>>;
const counts = (Train: number, Validation: number, Test: number): Counts => ({ Train, Validation, Test });

/** Table 1: emotions in MELD. */
export const paperTable1 = {
  neutral: counts(4710, 470, 1256),
  joy: counts(1743, 163, 402),
  surprise: counts(1205, 150, 281),
  anger: counts(1109, 153, 345),
  sadness: counts(683, 111, 208),
  disgust: counts(271, 22, 68),
  fear: counts(268, 40, 50),
} as const satisfies Readonly<Record<string, Counts>>;

/** Table 2: the paper's own samples, with the real label and its system's prediction. */
export const paperTable2 = [
  { utterance: "Ohh, that’s a good one.", label: "joy", prediction: "joy" },
  { utterance: "Someone on the subway licked my neck! Licked my neck!!", label: "disgust", prediction: "anger" },
  { utterance: "Bob. Bob! Bob!!! What the hell are you doing?!", label: "surprise", prediction: "anger" },
  { utterance: "Oh my good God.", label: "disgust", prediction: "joy" },
] as const;

/** Table 3: emotions in IEMOCAP, as the paper splits it. */
export const paperTable3 = {
  frustrated: counts(1210, 258, 381),
  neutral: counts(1080, 244, 384),
  angry: counts(749, 184, 170),
  sad: counts(764, 75, 245),
  excited: counts(520, 222, 299),
  happy: counts(376, 128, 144),
} as const satisfies Readonly<Record<string, Counts>>;

export const paperClassifiers = ["BP", "Hidden", "Linear", "ELM", "OSELM"] as const;
export type PaperClassifier = (typeof paperClassifiers)[number];

/** Table 4: weighted F1 on the test split, three runs; in the order of `paperExtractors`. */
export const paperTable4: Readonly<Record<PaperClassifier, readonly number[]>> = {
  BP: [0.615, 0.609, 0.591, 0.574],
  Hidden: [0.587, 0.568, 0.578, 0.519],
  Linear: [0.586, 0.531, 0.566, 0.507],
  ELM: [0.565, 0.537, 0.532, 0.508],
  OSELM: [0.569, 0.54, 0.524, 0.486],
};

/** Table 5: [regular, pre-trained on IEMOCAP] for each of `paperExtractors`. */
export const paperTable5: Readonly<Record<Exclude<PaperClassifier, "BP">, readonly (readonly [number, number])[]>> = {
  Hidden: [
    [0.587, 0.598],
    [0.568, 0.589],
    [0.578, 0.54],
    [0.519, 0.544],
  ],
  Linear: [
    [0.586, 0.598],
    [0.531, 0.584],
    [0.566, 0.524],
    [0.507, 0.523],
  ],
  ELM: [
    [0.565, 0.586],
    [0.537, 0.56],
    [0.532, 0.51],
    [0.508, 0.531],
  ],
  OSELM: [
    [0.569, 0.591],
    [0.54, 0.561],
    [0.524, 0.505],
    [0.486, 0.505],
  ],
};

export interface PaperReduction {
  readonly extractor: PaperExtractor;
  /** The number of features left, and their share of all. */
  readonly size: number;
  readonly share: number;
  readonly f1: Readonly<Record<Exclude<PaperClassifier, "BP">, number>>;
}

const f1 = ([Linear, Hidden, ELM, OSELM]: readonly [number, number, number, number]) => ({
  Linear,
  Hidden,
  ELM,
  OSELM,
});

/** Table 6: weighted F1 after PCA. */
export const paperTable6: readonly PaperReduction[] = [
  { extractor: "BERT-Tiny", size: 128, share: 1, f1: f1([0.507, 0.519, 0.508, 0.486]) },
  { extractor: "BERT-Tiny", size: 64, share: 0.5, f1: f1([0.496, 0.514, 0.509, 0.472]) },
  { extractor: "BERT-Tiny", size: 32, share: 0.25, f1: f1([0.482, 0.511, 0.499, 0.453]) },
  { extractor: "BERT-Medium", size: 512, share: 1, f1: f1([0.566, 0.578, 0.532, 0.524]) },
  { extractor: "BERT-Medium", size: 128, share: 0.25, f1: f1([0.538, 0.567, 0.53, 0.506]) },
  { extractor: "BERT-Medium", size: 64, share: 0.125, f1: f1([0.534, 0.553, 0.526, 0.495]) },
];

/** Table 7: BERT-Tiny pre-trained on IEMOCAP, PCA with 32 components, linear; all of a person's rows, 500, 200. */
export const paperTable7: Readonly<Record<string, readonly [number, number, number]>> = {
  Phoebe: [0.475, 0.479, 0.431],
  Joey: [0.522, 0.525, 0.498],
  Ross: [0.497, 0.477, 0.447],
  Rachel: [0.495, 0.472, 0.418],
  Monica: [0.474, 0.46, 0.437],
  Chandler: [0.474, 0.458, 0.477],
};
export const paperTable7Components = 32;

/** Figure 2 and section 5.1, equation 6: squared errors against FP32, and the loss of F1 by INT8. */
export const paperFigure2 = {
  fp16Below: 1e-5,
  int8Largest: 0.1,
  int8F1Loss: 0.0005,
} as const;

/** Section 4, "Training Setup". */
export const paperSetup = {
  hiddenUnits: [10, 15, 25, 50, 100, 200, 500, 1000],
  l2: [0, 0.001, 0.003, 0.01, 0.03],
  batchSize: 64,
  adamRate: 1e-4,
  sgdRate: 0.01,
  /** "all of the models trained on complete single user data converged in less than 100 epochs" (section 5.2). */
  epochs: 100,
} as const;

/** Weighted F1 on MELD, measured before with other implementations; ours are checked against it. */
export const referenceLines = {
  bagOfWords: { dev: 0.518, test: 0.559 },
  alwaysNeutral: { dev: null, test: 0.313 },
  randomFeatures: { dev: 0.446, test: 0.51 },
} as const;
/** The shape of the random encoders in the last line; the extractor at hand may have another shape and pooling. */
export const randomReferenceShape = "BERT-Tiny's shape, mean-pooled";
