/**
 * Warming models before they are asked for, because a plan says so. Only into free memory: prewarming evicts nothing.
 *
 * Each action is one row of a ledger. It was useful if a lease was taken on the residency it made; precision is
 * useful / closed actions, and can be recomputed from the ledger at any time.
 */

export interface PrewarmAction {
  readonly model: string
  readonly runId: string
  /** Wall time. */
  readonly at: number
  readonly outcome: 'open' | 'useful' | 'wasted'
}

export interface PrewarmCandidate {
  readonly model: string
  readonly isCold: boolean
  readonly memoryBytes: number
}

/** Rows remembered. */
const LEDGER_MAX = 1_000

/** Which models of a plan (soonest first) to warm now, given the memory and places nobody uses. */
export function choosePrewarms(
  plan: readonly PrewarmCandidate[],
  free: { readonly bytes: number; readonly places: number },
): readonly string[] {
  let { bytes, places } = free
  const chosen: string[] = []
  for (const { model, isCold, memoryBytes } of plan) {
    if (!isCold || memoryBytes > bytes || places < 1 || chosen.includes(model)) continue
    chosen.push(model)
    bytes -= memoryBytes
    places--
  }
  return chosen
}

export function record(ledger: readonly PrewarmAction[], action: PrewarmAction): readonly PrewarmAction[] {
  return [...ledger, action].slice(-LEDGER_MAX)
}

/** Closes the open action of a model, if there is one. */
export function closeAction(
  ledger: readonly PrewarmAction[],
  model: string,
  outcome: 'useful' | 'wasted',
): readonly PrewarmAction[] {
  return ledger.map((row) => (row.model === model && row.outcome === 'open' ? { ...row, outcome } : row))
}

/** Useful actions of the closed ones; null while none is closed. */
export function precision(ledger: readonly PrewarmAction[]): number | null {
  const closed = ledger.filter(({ outcome }) => outcome !== 'open')
  return closed.length === 0 ? null : closed.filter(({ outcome }) => outcome === 'useful').length / closed.length
}
