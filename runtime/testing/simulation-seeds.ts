/** Many seeds, one after the other, each of which can be had again. */

/**
 * Simulates seed after seed. A failure names its seed; with `PIT_SEED` set only that one runs, so that it happens again.
 *
 * @example
 * await simulateSeeds(1_000, async (seed) => {
 *   await using simulation = await simulate({ seed, children, faults: { crash: 0.01 } })
 *   // … drive it, check what holds
 * })
 */
export async function simulateSeeds(
  count: number,
  check: (seed: number) => Promise<void>,
  firstSeed: number = 1,
): Promise<void> {
  const only = process.env.PIT_SEED
  const seeds = only === undefined ? Array.from({ length: count }, (_, index) => firstSeed + index) : [Number(only)]
  for (const seed of seeds) {
    try {
      await check(seed)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`seed ${seed} (again with PIT_SEED=${seed}): ${reason}`, { cause })
    }
  }
}
