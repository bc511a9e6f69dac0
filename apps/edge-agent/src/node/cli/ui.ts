// attune-agent ui: a link to the page of this device.

import type { Body } from "@attune/platform/cli/declaration";
import { openPageLink } from "../local-client.js";
import type { AgentContext } from "./context.js";
import type { ui as declaration } from "./declarations.js";

export const ui: Body<typeof declaration, AgentContext> = async (_input, { paths, print }) => {
  const url = await openPageLink(paths);
  print({ url }, `${url}\nOpen this address in a browser on this device. It works once, within five minutes.`);
};
