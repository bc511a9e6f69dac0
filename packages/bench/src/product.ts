// The apps' compiled parts that a benchmark needs and no package exports: typed by their declarations, loaded by their place beside this
// folder, each when it is asked for.

const apps = new URL("../../../apps/", import.meta.url);
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, apps).href)) as T;

type KernelThreads = typeof import("../../apps/edge-agent/dist/node/kernel-threads.js");
type NativeEngine = typeof import("../../apps/edge-agent/dist/node/native-engine.js");

export type Tf = Awaited<
  ReturnType<typeof import("@attune/training/pretraining/backend/backend")["openBackend"]>
>["tf"];

/** With its WebAssembly backend: the one that is there everywhere. */
export async function openTensorflow(): Promise<Tf> {
  const { openBackend } = await import("@attune/training/pretraining/backend/backend");
  return (await openBackend("tfjs-wasm")).tf;
}

export const nativeEngineUrl = new URL("edge-agent/dist/node/native-engine.js", apps);
export const openNativeEngine = () => load<NativeEngine>(nativeEngineUrl.href);

/** What starts a thread for the kernels in WebAssembly. */
export const openKernelThreads = () => load<KernelThreads>("edge-agent/dist/node/kernel-threads.js");

/** What a device's directory and the release in it are made with, and asked through. */
export async function openAgentParts() {
  const [home, client, level, records, memory, identity, nkey, exporting, check, publishing, signing] =
    await Promise.all([
      load<typeof import("../../apps/edge-agent/dist/node/home.js")>("edge-agent/dist/node/home.js"),
      load<typeof import("../../apps/edge-agent/dist/node/local-client.js")>("edge-agent/dist/node/local-client.js"),
      load<typeof import("../../apps/edge-agent/dist/node/level-store.js")>("edge-agent/dist/node/level-store.js"),
      load<typeof import("../../apps/edge-agent/dist/core/records.js")>("edge-agent/dist/core/records.js"),
      load<typeof import("../../apps/edge-agent/dist/core/memory.js")>("edge-agent/dist/core/memory.js"),
      load<typeof import("../../apps/edge-agent/dist/core/identity.js")>("edge-agent/dist/core/identity.js"),
      load<typeof import("../../apps/edge-agent/dist/node/nkey.js")>("edge-agent/dist/node/nkey.js"),
      import("@attune/training/checkpoints/export"),
      load<typeof import("../../apps/server/dist/catalogue/extractor-check.js")>(
        "server/dist/catalogue/extractor-check.js",
      ),
      load<typeof import("../../apps/server/dist/catalogue/publish.js")>("server/dist/catalogue/publish.js"),
      load<typeof import("../../apps/server/dist/signing/sign.js")>("server/dist/signing/sign.js"),
    ]);
  return {
    homePaths: home.homePaths,
    writeServer: home.writeServer,
    daemonAgent: client.daemonAgent,
    openLevelStore: level.openLevelStore,
    putRecord: records.putRecord,
    keys: memory.keys,
    putEnrolled: identity.putEnrolled,
    createDeviceKey: nkey.createDeviceKey,
    extractorConfigJson: exporting.extractorConfigJson,
    checkExtractor: check.checkExtractor,
    splitFile: publishing.splitFile,
    buildRelease: publishing.buildRelease,
    defaultLifeDays: publishing.defaultLifeDays,
    createReleaseSigner: signing.createReleaseSigner,
  };
}
