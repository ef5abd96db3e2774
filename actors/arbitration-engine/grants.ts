/**
 * What is out: grants by id, by request and by expiry.
 *
 * I1: `units >= 1`; a grant whose last unit came back is gone.
 * I2: at most one grant per request id.
 */
import type { Claim } from './claim.ts'
import { heapPush, heapRemove, heapUpdate, type HeapOrder } from './heap.ts'
import type { Holder } from './queuing.ts'

export interface Grant {
  readonly id: string
  readonly claim: Claim
  readonly sequence: number
  readonly grantedAt: number
  /** Dominant share of one unit when it was granted. */
  readonly share: number
  readonly decisionId: string
  readonly rationale: string
  holder: Holder
  /** Units still out. */
  units: number
  /** Charged so far for each unit still out. */
  chargedMs: number
  expiresAt: number
  /** Messages that returned units: a redelivered one must not return them twice. */
  readonly releasedBy: Set<string>
  slot: number
}

export interface GrantTable {
  readonly byId: Map<string, Grant>
  readonly byRequest: Map<string, Grant>
  /** Soonest first. */
  readonly byExpiry: Grant[]
}

const EXPIRY_ORDER: HeapOrder<Grant> = {
  before: (a, b) => a.expiresAt < b.expiresAt || (a.expiresAt === b.expiresAt && a.sequence < b.sequence),
  slot: (grant) => grant.slot,
  setSlot: (grant, slot) => void (grant.slot = slot),
}

export function createGrants(): GrantTable {
  return { byId: new Map(), byRequest: new Map(), byExpiry: [] }
}

export function addGrant(grants: GrantTable, grant: Grant): void {
  grants.byId.set(grant.id, grant)
  grants.byRequest.set(grant.claim.id, grant)
  heapPush(grants.byExpiry, grant, EXPIRY_ORDER)
}

export function dropGrant(grants: GrantTable, grant: Grant): void {
  grants.byId.delete(grant.id)
  grants.byRequest.delete(grant.claim.id)
  heapRemove(grants.byExpiry, grant, EXPIRY_ORDER)
}

export function extendGrant(grants: GrantTable, grant: Grant, expiresAt: number): void {
  grant.expiresAt = expiresAt
  heapUpdate(grants.byExpiry, grant, EXPIRY_ORDER)
}
