/** The health of the Artifact Store: what is damaged, finding it beside all other work, mending it. */
import {
  artifactStore,
  type ContentHash,
  type ScrubFinding,
  type ScrubRequest,
  type ScrubStep,
  type StoreHealth,
} from '../../actors/artifact-store/protocol.ts'
import { isPitError, type CallOptions } from '../../runtime/index.ts'
import type { Host } from '../host.ts'

export interface VerifyOptions extends ScrubRequest, Pick<CallOptions, 'signal' | 'deadlineMs'> {
  /** Called now and then. `position` is what a verification that is interrupted goes on `after`. */
  readonly onProgress?: (progress: VerifyProgress) => void
}

export interface VerifyProgress {
  readonly checked: number
  readonly checkedBytes: number
  /** What there was when it began. */
  readonly totals: ScrubStep['totals']
  readonly position: string
}

export interface VerifyResult extends VerifyProgress {
  /** Still damaged: there is no good copy. */
  readonly corrupt: readonly ContentHash[]
  readonly repaired: readonly ContentHash[]
  /** Could not be read now; that says nothing of their content. */
  readonly unreadable: readonly ContentHash[]
  /** Copies in the mirror that were missing or damaged, and are made again. */
  readonly copies: readonly ContentHash[]
  /** Damaged stretches of the log; `repair` writes anew what lives around them. */
  readonly log: readonly { readonly from: number; readonly to: number; readonly problem: string }[]
  readonly findings: readonly ScrubFinding[]
}

export interface RepairResult extends VerifyResult {
  /** The log is whole: nothing of it was damaged, or it was written anew. */
  readonly mended: boolean
}

export interface ArtifactCare {
  /**
   * Reads and re-hashes everything, a slice at a time beside all other calls; what is damaged is quarantined, and repaired from
   * the mirror, if there is one. Goes on where it was when the store restarts. @default deadlineMs Infinity
   */
  verify(options?: VerifyOptions): Promise<VerifyResult>
  /** `verify`, of the mirror's copies as well, and then mends the log. Not while artifacts are damaged. */
  repair(options?: Omit<VerifyOptions, 'mirror'>): Promise<RepairResult>
  health(options?: CallOptions): Promise<StoreHealth>
}

/** A store that restarts more often than this is not well. */
const RESTARTS_MAX = 10

export function createArtifactCare(host: Host): ArtifactCare {
  const store = () => host.ref(artifactStore)

  async function verify({ onProgress, signal, deadlineMs, ...request }: VerifyOptions = {}): Promise<VerifyResult> {
    const call = { ...(signal === undefined ? {} : { signal }), ...(deadlineMs === undefined ? {} : { deadlineMs }) }
    const findings: ScrubFinding[] = []
    let progress: VerifyProgress | null = null
    for (let restarts = 0; ;) {
      try {
        const from: ScrubRequest = progress === null ? request : { ...request, after: progress.position }
        for await (const step of store().stream.scrub(from, call)) {
          findings.push(...step.findings)
          progress = advanced(progress, step)
          onProgress?.(progress)
        }
        return resultOf(progress!, findings)
      } catch (error) {
        if (!isPitError(error, 'ACTOR_RESTARTED') || ++restarts > RESTARTS_MAX) throw error
      }
    }
  }

  return {
    verify,
    async repair(options = {}) {
      const found = await verify({ ...options, mirror: true })
      const position = Math.max(0, ...found.log.map(({ to }) => to))
      const mended = position === 0 || (await store().ask.mendLog({ position }, { deadlineMs: Infinity })).mended
      return { ...found, mended }
    },
    health: (options) => store().ask.health({}, options),
  }
}

function advanced(before: VerifyProgress | null, step: ScrubStep): VerifyProgress {
  return {
    checked: (before?.checked ?? 0) + step.checked,
    checkedBytes: (before?.checkedBytes ?? 0) + step.bytes,
    totals: before?.totals ?? step.totals,
    position: step.position,
  }
}

function resultOf(progress: VerifyProgress, findings: readonly ScrubFinding[]): VerifyResult {
  const of = (...kinds: readonly ScrubFinding['kind'][]): ContentHash[] =>
    findings.flatMap((finding) => ('hash' in finding && kinds.includes(finding.kind) ? [finding.hash] : []))
  return {
    ...progress,
    corrupt: of('corrupt'),
    repaired: of('repaired'),
    unreadable: of('unreadable'),
    copies: of('copy-missing', 'copy-damaged'),
    log: findings.flatMap((finding) =>
      'from' in finding ? [{ from: finding.from, to: finding.to, problem: finding.problem }] : [],
    ),
    findings,
  }
}
