// Declares the commands about access and the events of changes.

import { declare } from "@attune/platform/cli/declaration";
import { parseDuration } from "@attune/platform/cli/values";
import { roles } from "../../callers/roles.js";
import { changeOptions, serverOptions } from "./fleet.js";

export const access = declare({
  name: "access",
  summary: "Give people and programs access by role, end it, and check the events of all changes",
  details: [
    "The server's admin token is the owner: it has every role, and it alone gives access to others.",
    "A file with an access token takes the admin token's place in --admin-token-file.",
  ],
  sections: [
    {
      title: "Roles",
      items: [
        ["viewer", "lists and shows; each other role may do so too"],
        ["manager", "publishes, rolls out, creates fleets and enrolment tokens, and revokes devices"],
        ["approver", "may do what a viewer may; no command asks for an approval yet"],
        ["auditor", "reads the events of all changes, the access tokens, and a device's reports for its audit"],
      ],
    },
  ],
  examples: ["attune access create --name nora --role manager", "attune access events --json"],
});

export const accessCreate = declare({
  name: "create",
  summary: "Print a token that gives a person or a program access",
  details: [
    "The server keeps only the hash of the token's secret, so that the token cannot be shown again.",
    "Give all tokens of one person the same name, because events and approvals name people by it.",
  ],
  options: {
    name: {
      value: "NAME",
      meaning: "who acts by it: a lower-case letter, then up to 31 letters, digits and dashes",
      required: true,
    },
    role: { value: "ROLE", meaning: "a role; repeat the option for more", choices: roles, multiple: true },
    expires: {
      value: "DURATION",
      meaning: "how long the token is valid: 90s, 15m, 1h or 7d, at most 366d",
      default: "90d",
      parse: parseDuration,
    },
    ...changeOptions,
  },
  examples: [
    "attune access create --name nora --role manager --role approver",
    "attune access create --name ci --role manager --expires 7d --reason nightly --json",
  ],
});

export const accessList = declare({
  name: "list",
  summary: "List the access tokens and the sessions, with their roles and state",
  options: serverOptions,
  examples: ["attune access list"],
});

function parseAccess(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw new SyntaxError("is not an access token's 16 hexadecimal digits, as attune access list shows them");
}

export const accessRevoke = declare({
  name: "revoke",
  summary: "End an access token, and each session that it began",
  arguments: [{ name: "ACCESS", meaning: "the token's 16 hexadecimal digits", parse: parseAccess }],
  options: changeOptions,
  examples: ["attune access revoke 0123456789abcdef"],
});

export const accessEvents = declare({
  name: "events",
  summary: "List the latest changes with actor and reason, and check their chain from the first one",
  details: [
    "Each event holds the hash of the one before it, and the command checks every event itself.",
    "Keep the last hash: a later check whose chain lacks it has lost events at its end. A broken chain exits with 1.",
  ],
  options: {
    limit: { value: "N", meaning: "the most events to list", default: "50", whole: { from: 1, to: 100_000 } },
    ...serverOptions,
  },
  examples: ["attune access events", "attune access events --limit 1000 --json"],
});
