// The words of the inventory. Every command loads this file, so it needs no parser of schemas.

/** A word, or a name and its value: `spare`, `site=berlin`. */
export const deviceTagPattern = /^[a-z][a-z0-9._-]{0,31}(=[a-z0-9][a-z0-9._-]{0,31})?$/;
export const deviceTagForm =
  "is not of the form spare or site=berlin, in lower-case letters, digits, dots, dashes and underscores";

/** `stale`: silent for long. `stuck`: it polls, and has not taken the release that it was offered a day ago. */
export const deviceHealths = ["online", "stale", "stuck"] as const;
export type DeviceHealth = (typeof deviceHealths)[number];
