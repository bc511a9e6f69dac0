// The units of time in which limits and lives are stated.

export const dayMs = 86_400_000;
