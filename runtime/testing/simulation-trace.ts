/** What happened in a simulation: canonical JSON (RFC 8785) lines, and one digest over all of them. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../common/canonical-json.ts'

export interface SimulationTrace {
  add(fields: Readonly<Record<string, unknown>>): void
  /** The last lines, oldest first. */
  lines(): readonly string[]
  /** SHA-256 over all lines so far, those dropped included, as hex digits. */
  digest(): string
}

/** Keeps between `linesMax` and twice as many lines. */
export function createTrace(linesMax: number): SimulationTrace {
  const hash = createHash('sha256')
  let kept: string[] = []
  return {
    add(fields) {
      const line = canonicalJson(fields)
      hash.update(line).update('\n')
      kept.push(line)
      if (kept.length > 2 * linesMax) kept = kept.slice(-linesMax)
    },
    lines: () => kept.slice(-linesMax),
    digest: () => hash.copy().digest('hex'),
  }
}
