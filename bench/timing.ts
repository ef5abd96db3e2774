/** How long things take, and what most of them take. */

/** In ms. */
export async function timed(fn: () => unknown): Promise<number> {
  const from = performance.now()
  await fn()
  return performance.now() - from
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
