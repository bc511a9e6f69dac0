// Declares the commands that make an extractor. Only their bodies load the package for training.

import { declare } from "@attune/platform/cli/declaration";

const columns = {
  value: "PAIRS",
  meaning: "the names of the columns of your own tables, as in text=Said,label=Mood",
} as const;

const labels = {
  value: "PAIRS",
  meaning: "new names for labels, as in happy=joy,glad=joy; labels with equal new names become one",
} as const;

const quoting =
  "In --columns and --labels, a name that holds a comma or an equals sign stands in double quotes: 'text=\"Well, how was it?\",label=mood'.";

export const pretrain = declare({
  name: "pretrain",
  summary: "Train a feature extractor on a labelled dataset",
  details: [
    "Trains with TensorFlow.js from random weights (--vocabulary) or from a checkpoint (--from), and leaves a run folder.",
    "The folder holds config.json, model.safetensors, tokenizer.json, heads.safetensors, run.json and curves.svg, the loss and the dev F1 by step.",
    "It also holds a checkpoint, written about every minute. Ctrl-C writes one and stops. The same command with --resume resumes the run.",
    quoting,
  ],
  options: {
    data: { value: "PATH", meaning: "the labelled dataset, in one of the forms below", required: true },
    columns,
    labels,
    extra: { value: "PATH", meaning: "another dataset, whose training rows are a second task" },
    vocabulary: {
      value: "FILE",
      meaning: "train from random weights, with the vocab.txt of an uncased BERT pruned to the words of the data",
      path: "file",
    },
    from: {
      value: "CHECKPOINT",
      meaning:
        "fine-tune a checkpoint: a folder in Hugging Face's layout, an imported extractor, or hf:OWNER/NAME[@REVISION]",
    },
    source: {
      value: "NAME",
      meaning:
        "the name of a checkpoint's origin in run.json and the card (default: as imported, else the folder's name)",
    },
    layers: { value: "N", meaning: "keep the checkpoint's first N layers, or train N layers from random weights" },
    recipe: {
      value: "NAME",
      meaning:
        "a recipe below, a recipe's .json file, or a run.json to repeat (default: tiny; with --from fine-tuned-2)",
    },
    set: {
      value: "FIELD=VALUE",
      meaning: "change a number of the recipe, as in epochs=1, learningRate=5e-5 or vocabularySize=none",
      multiple: true,
    },
    teacher: {
      value: "RUN",
      meaning: "distil: the folder of a finished run, whose heads give soft targets beside the labels",
      path: "folder",
    },
    "reference-run": {
      value: "RUN",
      meaning:
        "a finished full run: training ends once the dev F1 reaches the recipe's stopAtFraction of the run's best",
      path: "folder",
    },
    out: { value: "DIR", meaning: "the run folder (default: runs/RECIPE-SEED)", path: "folder" },
    seed: {
      value: "N",
      meaning: "the seed; equal seeds give equal weights on one backend",
      default: "1",
      whole: { from: 0, to: 2 ** 20 - 1 },
    },
    resume: { meaning: "resume from the run folder's checkpoint" },
  },
  sections: [
    {
      title: "Datasets",
      items: [
        [
          "GoEmotions",
          "train.tsv and dev.tsv: text, label ids, id, no header; labels.txt names other labels than the 28",
        ],
        ["IEMOCAP", "the release's folder with Session1 to Session5; six emotions, sessions 1 to 4, session 5 unread"],
        ["MELD", "train_sent_emo.csv and dev_sent_emo.csv"],
        ["EmoryNLP", "emorynlp_train_final.csv and emorynlp_dev_final.csv, or a folder with one .csv of its form"],
        [
          "your own",
          "a folder with train and dev (or validation, valid, val), or one table: .csv, .tsv or .jsonl, columns text and label",
        ],
        [
          "",
          "labels.txt chooses the labels and their order. Without a dev part, a random tenth of the rows is held back.",
        ],
        ["", "From a single table, another tenth is held back as the test part for attune experiment."],
      ],
    },
    {
      title: "Recipes",
      items: [
        ["tiny", "BERT-Tiny's shape from random weights"],
        ["small", "BERT-Mini's width with two layers, from random weights"],
        ["fine-tuned-2", "a checkpoint's first two layers"],
        ["fine-tuned-3", "a checkpoint's first three layers"],
        ["fine-tuned", "a whole checkpoint"],
        ["bundled-teacher", "the teacher of the bundled extractor"],
        ["bundled", "the bundled extractor"],
      ],
    },
  ],
  examples: [
    "attune pretrain --data data/goemotions --vocabulary data/vocab/bert-uncased/vocab.txt --out runs/first",
    "attune pretrain --data data/goemotions --extra data/emorynlp --from checkpoints/minilm --layers 3 --set epochs=1 --out runs/tuned",
    "attune pretrain --data data/goemotions --from hf:google/bert_uncased_L-4_H-512_A-8 --recipe fine-tuned --out runs/teacher",
    "attune pretrain --data IEMOCAP_full_release --from extractors/bert-tiny --recipe fine-tuned --set pooling=cls --out runs/bert-tiny",
    "attune pretrain --data data/calls.csv --columns text=Said,label=Mood --from checkpoints/minilm --out runs/calls",
    "attune pretrain --data data/goemotions --from checkpoints/minilm --teacher runs/teacher --out runs/student --resume",
    "attune pretrain --data data/goemotions --from checkpoints/minilm --reference-run runs/full --set stopAtFraction=0.8 --out runs/part",
  ],
});

export const extractor = declare({
  name: "extractor",
  summary: "Import a checkpoint, or freeze a feature extractor for publishing",
  examples: [
    "attune extractor import hf:google/mobilebert-uncased --out extractors/mobilebert",
    "attune extractor freeze --run runs/tiny-1 --data data/goemotions --out assets/extractor",
  ],
});

const out = { value: "DIR", meaning: "the folder of the frozen extractor", required: true, path: "folder" } as const;

/** The range of a number of parallel computations. Without the flag, the command's body chooses. */
const count = { from: 1 } as const;

export const extractorImport = declare({
  name: "import",
  summary: "Import a published checkpoint as an extractor folder",
  details: [
    "Reads BERT, RoBERTa and MobileBERT in Hugging Face's layout: config.json, weights and tokenizer. Nothing in a checkpoint is executed.",
    "Weights are model.safetensors or pytorch_model.bin, whole or in shards, as float32, float16 or bfloat16.",
    "The tokenizer is tokenizer.json, vocab.txt, or vocab.json with merges.txt, read as tokenizer_config.json says.",
    "Settings under which Transformers would compute other numbers are refused by name.",
    "The result holds config.json, model.safetensors (float32, the encoder alone), tokenizer.json and import.json.",
    "A download is checked against the hub's hashes. The same command resumes a download that was stopped.",
  ],
  arguments: [
    {
      name: "SOURCE",
      meaning: "a folder, or hf:OWNER/NAME[@REVISION] on the hub",
      path: "folder",
    },
  ],
  options: {
    out: {
      value: "DIR",
      meaning: "the extractor folder, which must be empty or not exist",
      required: true,
      path: "folder",
    },
    pooling: {
      value: "P",
      meaning: "how token vectors become features (the paper: cls)",
      default: "cls",
      choices: ["cls", "mean", "mean-max"],
    },
    "max-tokens": {
      value: "N",
      meaning: "the length in tokens to which longer texts are cut (the paper: 32)",
      default: "32",
      whole: { from: 3, to: 512 },
    },
  },
  sections: [
    {
      title: "Environment",
      items: [
        ["HF_ENDPOINT", "another server with the hub's layout"],
        ["HF_TOKEN", "the token for private and gated models"],
        ["HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxies for the download; localhost and 127.0.0.1 are reached directly"],
      ],
    },
  ],
  examples: [
    "attune extractor import hf:google/mobilebert-uncased --out extractors/mobilebert",
    "attune extractor import checkpoints/roberta-base --out extractors/roberta --pooling mean --json",
  ],
});

export const extractorFreeze = declare({
  name: "freeze",
  summary: "Freeze a training run or an imported checkpoint for publishing",
  details: [
    "Writes the folder that attune publish packs and signs: int8 weights, DR (standardisation), prior head, golden vectors, record and card.",
    "The bytes are the same on every machine and on any number of threads.",
    "With GoEmotions a release predicts seven emotions. A label of your own set is 1 to 32 characters of a-z, 0-9 and -.",
    quoting,
  ],
  options: {
    run: {
      value: "DIR",
      meaning: "the run folder, or the folder that attune extractor import wrote",
      required: true,
      path: "folder",
    },
    data: {
      value: "PATH",
      meaning: "GoEmotions or a set of your own, on which DR and prior head are fitted; releases predict its labels",
      required: true,
    },
    columns,
    labels,
    out,
    extra: { value: "DIR", meaning: "EmoryNLP, whose dialogue the prior head learns from as well", path: "folder" },
    meld: { value: "DIR", meaning: "MELD, on whose dev split the features are measured for the card", path: "folder" },
    threads: {
      value: "N",
      meaning: "threads that compute features (default: one a core, at most 4); on a busy machine 1 is faster",
      whole: count,
    },
  },
  examples: [
    "attune extractor freeze --run runs/tiny-1 --data data/goemotions --out assets/extractor",
    "attune extractor freeze --run runs/tiny-1 --data data/goemotions --extra data/emorynlp --out candidate --meld data/meld --json",
    'attune extractor freeze --run runs/tiny-1 --data data/moods.csv --labels "very calm=calm" --out moods',
  ],
});

/**
 * The names in the catalogue of @attune/training, repeated so that a list of commands loads without that package. A
 * test holds both equal.
 */
export const experimentChoices = [
  "table1",
  "table2",
  "table3",
  "table4",
  "table5",
  "table6",
  "table7",
  "figure2",
  "coverage",
  "all",
] as const;

export const experiment = declare({
  name: "experiment",
  summary: "Rerun the paper's tables beside its numbers and our baselines",
  details: [
    "On MELD every number stands beside the paper's.",
    "A cell or table that fails is named at the end with its reason, and the exit code is 1. All other cells are printed and saved.",
    "Every cell is saved under ATTUNE_HOME/cache, so that a stopped run resumes and a rerun takes seconds.",
    "Two runs in one home work beside each other: the second names the first, and each takes over the other's saved cells.",
    quoting,
  ],
  arguments: [{ name: "NAME", meaning: "the experiments", variadic: true, choices: experimentChoices }],
  options: {
    data: { value: "PATH", meaning: "the labelled dataset, in one of the forms below", required: true },
    columns,
    labels,
    extractor: {
      value: "X",
      meaning: "DIR, or NAME=DIR for one of the paper's encoders below (default: the bundled extractor)",
      multiple: true,
    },
    split: {
      value: "SPLIT",
      meaning: "the measured part; settings are chosen on a fifth of train for dev, on dev for test",
      default: "dev",
      choices: ["dev", "test"],
    },
    "with-bp": {
      meaning: "fine-tune encoders end to end (table 4's upper bound) even if that takes more than an hour",
    },
    full: { meaning: "search the paper's whole grids anew for each seed, which takes hours instead of minutes" },
    jobs: {
      value: "N",
      meaning: "cells computed at a time, up to 1 GB of memory each (default: one a core, at most 4)",
      whole: count,
    },
    iemocap: {
      value: "DIR",
      meaning: "your own copy of the IEMOCAP release for table3: the folder with Session1 to Session5",
      path: "folder",
    },
    report: {
      value: "FILE",
      meaning: "the HTML report, which shows sample utterances (default: ATTUNE_HOME/reports/NAME-DATA-SPLIT.html)",
      path: "file",
    },
  },
  sections: [
    {
      title: "Datasets",
      items: [
        ["MELD", "train_sent_emo.csv, dev_sent_emo.csv and, for --split test, test_sent_emo.csv"],
        ["IEMOCAP", "the release's folder with Session1 to Session5"],
        ["GoEmotions", "train.tsv, dev.tsv and test.tsv"],
        ["EmoryNLP", "emorynlp_train_final.csv with its dev and test files"],
        ["your own", "a folder with train, dev (or validation, valid, val) and test, as .csv, .tsv or .jsonl"],
        ["", "A single table serves as well: a random tenth is held back for dev and another tenth for test."],
      ],
    },
    {
      title: "Extractors",
      items: [
        ["DIR", "a frozen extractor, a run of attune pretrain, or an imported checkpoint"],
        ["NAME=DIR", "roberta, mobilebert, bert-medium or bert-tiny, each also with -pretrained"],
      ],
    },
  ],
  examples: [
    "attune experiment table4 --data data/meld",
    "attune experiment all --data data/meld --split dev --json > result.json",
    "attune experiment table4 table7 --data calls.jsonl --columns text=said,label=mood,speaker=who --labels happy=joy,mad=anger",
    "attune experiment table5 --data data/meld --extractor bert-tiny=extractors/tiny --extractor bert-tiny-pretrained=runs/tiny-1",
  ],
});
