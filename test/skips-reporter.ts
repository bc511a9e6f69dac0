// Counts the tests that were skipped for something that this machine lacks, and lists them with their reasons at the
// end of the run.

import type { Reporter, TestModule } from "vitest/node";

export default class SkipsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests("skipped")].flatMap((test) => {
        const result = test.result();
        const reason = result.state === "skipped" ? result.note : undefined;
        return reason === undefined ? [] : [`  ${module.relativeModuleId} > ${test.fullName}: ${reason}`];
      }),
    );
    if (skipped.length === 0) return;
    const text = `\n${skipped.length} skipped for what this machine lacks (ATTUNE_REQUIRE_ALL=1 makes this a failure):\n${skipped.join("\n")}\n`;
    process.stdout.write(text);
  }
}
