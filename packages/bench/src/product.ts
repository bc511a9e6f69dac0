// The apps' parts that a benchmark needs, each loaded on request: a cold start must not measure modules that
// another part has loaded.

type Backend = Awaited<ReturnType<typeof import("@attune/training/pretraining/backend/backend")["openBackend"]>>;
export type Tf = Backend["tf"];

/** Opens TensorFlow.js with its WebAssembly backend, which is available everywhere. */
export async function openTensorflow(): Promise<Tf> {
  const { openBackend } = await import("@attune/training/pretraining/backend/backend");
  return (await openBackend("tfjs-wasm")).tf;
}

export const openNativeEngine = () => import("@attune/edge-agent/node/native-engine");

/** Starts the threads of the kernels in WebAssembly. */
export const openKernelThreads = () => import("@attune/edge-agent/node/kernel-threads");

/** The modules that make a device's directory and its release, and that query the daemon. */
export async function openAgentParts() {
  const [home, client, level, records, memory, identity, nkey, exporting, check, publishing, signing] =
    await Promise.all([
      import("@attune/edge-agent/node/home"),
      import("@attune/edge-agent/node/local-client"),
      import("@attune/edge-agent/node/level-store"),
      import("@attune/edge-agent/core/storage/records"),
      import("@attune/edge-agent/core/agent-state"),
      import("@attune/edge-agent/core/trust/identity"),
      import("@attune/edge-agent/node/nkey"),
      import("@attune/training/checkpoints/export"),
      import("@attune/server/catalogue/extractor-check"),
      import("@attune/server/catalogue/publish"),
      import("@attune/server/signing/sign"),
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
    buildReleases: publishing.buildReleases,
    labelsOf: publishing.labelsOf,
    defaultLifeDays: publishing.defaultLifeDays,
    createReleaseSigner: signing.createReleaseSigner,
  };
}
