/** Scores leave an instrument rounded, so that they read well and the last bits of a sum never matter. */

/** @default 6 decimals. Never returns -0. */
export function round(value: number, decimals = 6): number {
  const scale = 10 ** decimals
  return Math.round(value * scale) / scale + 0
}
