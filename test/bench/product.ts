// The apps' compiled parts that a benchmark needs and no package exports: typed by their declarations, loaded by their place beside this folder.

const apps = new URL("../../../apps/", import.meta.url);
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, apps).href)) as T;

export const { openBackend } = await load<typeof import("../../apps/server/dist/pretraining/backend.js")>(
  "server/dist/pretraining/backend.js",
);
export const { encoderFeatures } = await load<typeof import("../../apps/server/dist/pretraining/graphs/encoder.js")>(
  "server/dist/pretraining/graphs/encoder.js",
);
export const { wordEmbeddings } = await load<typeof import("../../apps/server/dist/pretraining/graphs/forward.js")>(
  "server/dist/pretraining/graphs/forward.js",
);
export const { createNativeEngine, loadNativeAddon } = await load<
  typeof import("../../apps/edge-agent/dist/node/native-engine.js")
>("edge-agent/dist/node/native-engine.js");
export const { chooseEngine } = await load<typeof import("../../apps/edge-agent/dist/node/engine.js")>(
  "edge-agent/dist/node/engine.js",
);
