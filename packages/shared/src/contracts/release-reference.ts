// The names by which a person asks for a release. Every command loads this file, so it needs no parser of schemas.

export const modelNamePattern = /^[a-z][a-z0-9-]{0,63}$/;
export const modelVersionPattern = /^\d{1,4}\.\d{1,4}\.\d{1,4}$/;
export const aliasPattern = /^[a-z][a-z0-9-]{0,31}$/;
export const maxReleaseSequence = 65_535;

/** A version by its release's number, by its model and version, or by an alias of its model. */
export type ReleaseReference =
  | { readonly sequence: number }
  | { readonly model: string; readonly version: string }
  | { readonly model: string; readonly alias: string };

/** The reference of `3`, `attune-small@1.0.0` or `attune-small@champion`; undefined for any other text. */
export function parseReleaseReference(text: string): ReleaseReference | undefined {
  const sequence = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (sequence >= 1 && sequence <= maxReleaseSequence) return { sequence };
  const [model = "", name = "", ...rest] = text.split("@");
  if (rest.length > 0 || !modelNamePattern.test(model)) return undefined;
  if (modelVersionPattern.test(name)) return { model, version: name };
  return aliasPattern.test(name) ? { model, alias: name } : undefined;
}
