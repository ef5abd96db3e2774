/** Contenders by turns, medians of the rounds, and targets as ratios within the run. */

export interface Contender {
  readonly name: string
  readonly close: () => Promise<unknown>
}

/** Figures of one kind, by the contender's name. */
export type Figures = ReadonlyMap<string, number>

/** What is aimed at: a ratio of two figures of one table, or with a unit a figure itself. */
export interface Target {
  readonly what: string
  readonly ratio: number
  /** @default '×' */
  readonly unit?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** Every contender once per round, the order turned by one each round; the median of the rounds. */
export async function interleave<C extends Contender>(
  contenders: readonly C[],
  rounds: number,
  measure: (contender: C) => Promise<number>,
): Promise<Figures> {
  const results = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (const contender of contenders) await measure(contender)
  for (let round = 0; round < rounds; round++) {
    const start = round % contenders.length
    for (const contender of [...contenders.slice(start), ...contenders.slice(0, start)])
      results.get(contender.name)!.push(await measure(contender))
  }
  return new Map([...results].map(([name, values]) => [name, median(values)]))
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

export function print(title: string, figures: Figures, base: string): void {
  console.log(title)
  for (const [name, value] of figures) {
    const figure = Math.round(value * 10) / 10
    console.log(
      `  ${name.padEnd(18)} ${figure.toLocaleString('en').padStart(12)}   ${(value / figures.get(base)!).toFixed(2)}× ${base}`,
    )
  }
}

export function printTargets(targets: readonly Target[]): void {
  console.log('targets')
  for (const { what, ratio, unit = '×', atLeast = 0, atMost = Infinity } of targets) {
    const wanted = atMost < Infinity ? `≤ ${atMost}` : atLeast > 0 ? `≥ ${atLeast}` : ''
    const met = wanted === '' ? '' : ratio >= atLeast && ratio <= atMost ? 'met' : 'MISSED'
    console.log(`  ${what.padEnd(52)} ${`${ratio.toFixed(2)}${unit}`.padStart(12)}   ${wanted.padEnd(6)} ${met}`)
  }
}
