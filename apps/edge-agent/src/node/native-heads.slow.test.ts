import { testDrift } from "../../../../test/heads/drift-suite.js";
import { describeUnlessLacking, lackOfAddon } from "../../../../test/requirements.js";
import { createNativeEngine, loadNativeAddon } from "./native-engine.js";

describeUnlessLacking("the native head kernels", lackOfAddon(), () => {
  testDrift("the native kernels", createNativeEngine(loadNativeAddon()).heads);
});
