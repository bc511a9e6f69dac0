// The agent: observe, plan, execute. The composition of the core over a host's ports.

import type { Agent, AgentOptions } from "./agent-api.js";
import type { Ports } from "./ports.js";

export declare function createAgent(ports: Ports, options: AgentOptions): Agent;
