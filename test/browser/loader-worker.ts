// A worker that loads the bundled extractor as the core does, and answers one question after the other.

import { openLoader, type Settings, type Variant } from "./bundled-release.js";

export type Question =
  | { readonly name: "open"; readonly settings: Settings }
  | { readonly name: "prepare"; readonly variant: Variant }
  | { readonly name: "load" }
  | { readonly name: "predict"; readonly text: string }
  | { readonly name: "together"; readonly texts: readonly string[] };

let loader: Awaited<ReturnType<typeof openLoader>>;

async function answer(question: Question): Promise<unknown> {
  switch (question.name) {
    case "open":
      loader = await openLoader(question.settings);
      return loader.build;
    case "prepare":
      return loader.prepare(question.variant);
    case "load":
      return loader.load();
    case "predict":
      return loader.predict(question.text);
    case "together":
      return loader.together(question.texts);
  }
}

self.onmessage = async ({ data }: MessageEvent<Question>) => self.postMessage(await answer(data));
