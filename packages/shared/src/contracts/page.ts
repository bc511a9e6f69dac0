// How a person opens the page of the daemon on their own device.

import { z } from "zod";

const secretSchema = z.string().regex(/^[0-9a-f]{64}$/, { error: "must be 64 hexadecimal digits" });

export const openLinkInputSchema = z.strictObject({});
/** Opens the page once, within minutes. The secret is in the fragment, which no browser sends. */
export const linkSchema = z.strictObject({ url: z.url() });

export const openSessionInputSchema = z.strictObject({ code: secretSchema });
/** The page's bearer token until the daemon ends. */
export const sessionSchema = z.strictObject({ session: secretSchema });
