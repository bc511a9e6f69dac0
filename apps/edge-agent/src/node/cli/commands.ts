// The `attune-agent` program: each command's declaration, and the module of its body, which is loaded only
// when the command runs.

import { withCompletion } from "@attune/platform/cli/completion";
import { command } from "@attune/platform/cli/declaration";
import type { Program } from "@attune/platform/cli/program";
import type { AgentContext } from "./context.js";
import * as declared from "./declarations.js";

const program: Program<AgentContext> = {
  name: "attune-agent",
  summary: "Recognise emotions on this device, learn from corrections here, and report only numbers",
  examples: ["attune-agent run", "attune-agent status"],
  commands: [
    command(declared.enrol, async () => (await import("./enrol.js")).enrol),
    command(declared.run, async () => (await import("./run.js")).run),
    command(declared.predict, async () => (await import("./predict.js")).predict),
    command(declared.label, async () => (await import("./label.js")).label),
    command(declared.learn, async () => (await import("./learn.js")).learn),
    command(declared.status, async () => (await import("./status.js")).showStatus),
    command(declared.agree, async () => (await import("./agree.js")).agree),
    command(declared.letIn, async () => (await import("./let-in.js")).letIn),
    command(declared.ui, async () => (await import("./ui.js")).ui),
    command(declared.forget, async () => (await import("./forget.js")).forget),
    command(declared.exportDiary, async () => (await import("./export.js")).exportDiary),
    command(declared.importDiary, async () => (await import("./export.js")).importDiary),
    command(declared.journal, async () => (await import("./journal.js")).showJournal),
  ],
  shared: {
    home: {
      value: "DIR",
      meaning: "the device's directory (default: ATTUNE_AGENT_HOME, else ~/.attune-agent)",
      path: "folder",
    },
    json: { meaning: "print one JSON object on standard output" },
  },
  quotes: false,
};

export const attuneAgent = withCompletion(program, ({ print }, script) => print({ script }, script));
