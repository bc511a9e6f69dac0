// A process that writes into a home with Node's adapters until it is killed: `node crash-writer.js HOME`.

import { openLevelStore } from "@attune/edge-agent/node/level-store";
import { createNodeFiles } from "@attune/edge-agent/node/node-files";
import { writeUntilKilled } from "@attune/fakes/conformance/crash";

const home = process.argv[2];
const store = await openLevelStore(`${home}/store`);
await writeUntilKilled({ store, files: createNodeFiles(home) }, (round) => process.stdout.write(`${round}\n`));
