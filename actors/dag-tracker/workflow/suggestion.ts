/** "Did you mean …": the known name nearest to a misspelt one. */

/** ` – did you mean "x"?`, or an empty string when nothing is near. */
export function suggestion(given: string, known: Iterable<string>): string {
  // Beyond a third of its letters wrong, a guess misleads more than it helps; long names are not worth the time.
  const distanceMax = Math.min(3, Math.floor(given.length / 3))
  if (distanceMax === 0 || given.length > 64) return ''
  let best: string | null = null
  let bestDistance = distanceMax + 1
  let looked = 0
  for (const name of known) {
    if (++looked > 1_000) break
    if (Math.abs(name.length - given.length) >= bestDistance) continue
    const distance = editDistance(given.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best === null ? '' : ` – did you mean "${best}"?`
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replace, last[j]! + 1, row[j - 1]! + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1)
    }
    ;[beforeLast, last] = [last, row]
  }
  return last[b.length]!
}
