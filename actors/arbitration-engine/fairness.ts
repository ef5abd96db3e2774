/**
 * Who has had how much: weighted virtual time per tenant.
 *
 * A tenant's virtual time grows by `units × dominant share × milliseconds ÷ weight`. It is charged when a grant goes out,
 * with a moving estimate of how long it will be held, and trued up when units come back with the time they were really
 * held – measured here, so that nobody gains by declaring less. Serving the smallest virtual time first gives weighted
 * max-min fairness of dominant-resource time (DRF; start-time fair queuing, Goyal et al. 1996; VTC, Sheng et al., OSDI 2024).
 *
 * I1: a tenant that comes back after having had nothing waiting starts where the first of the waiting tenants stands, less
 *     what that one was charged for service still to come (or where service stands, when none waits): idling saves up no
 *     credit, and an estimate that was too high costs a newcomer nothing.
 * I2: `virtualNow` never goes back.
 */
import { heapPush, heapRemove, heapUpdate, type HeapOrder } from './heap.ts'

export interface TenantAccount {
  readonly tenant: string
  weight: number
  virtualTime: number
  /** Requests that wait. */
  waiting: number
  /** Units out. */
  grantedUnits: number
  /** Sums over the units out: what was charged for service still to come is `charged − (share × now − started)`. */
  readonly out: { share: number; charged: number; started: number }
  slot: number
}

/** What the accounts need to know of a grant. */
export interface Hold {
  /** Dominant share of one unit. */
  readonly share: number
  readonly grantedAt: number
  /** Charged for each unit. */
  readonly chargedMs: number
}

export interface FairShares {
  readonly accounts: Map<string, TenantAccount>
  /** Tenants with something waiting, smallest virtual time first. */
  readonly backlog: TenantAccount[]
  /** Largest virtual time at which anyone was served so far. */
  virtualNow: number
  /** How long a unit is held, by tenant and kind of work: a moving mean in milliseconds. */
  readonly estimates: Map<string, number>
  /** Number of accounts at which those that say nothing are forgotten. */
  sweepAt: number
}

export const WEIGHT_DEFAULT = 1
/** Charged for the first work of a kind that declares no estimate; the true-up corrects it. */
const ESTIMATE_DEFAULT_MS = 1_000
/** Weight of the newest observation: a change of load shows after about four. */
const LEARNING_RATE = 0.25
const ESTIMATES_MAX = 10_000
const SWEEP_MIN = 10_000

const BACKLOG_ORDER: HeapOrder<TenantAccount> = {
  before: (a, b) => a.virtualTime < b.virtualTime || (a.virtualTime === b.virtualTime && a.tenant < b.tenant),
  slot: (account) => account.slot,
  setSlot: (account, slot) => void (account.slot = slot),
}

export function createShares(): FairShares {
  return { accounts: new Map(), backlog: [], virtualNow: 0, estimates: new Map(), sweepAt: SWEEP_MIN }
}

export function accountOf(shares: FairShares, tenant: string): TenantAccount {
  const known = shares.accounts.get(tenant)
  if (known !== undefined) return known
  if (shares.accounts.size >= shares.sweepAt) forgetIdle(shares)
  const out = { share: 0, charged: 0, started: 0 }
  const account = { tenant, weight: WEIGHT_DEFAULT, virtualTime: 0, waiting: 0, grantedUnits: 0, out, slot: -1 }
  shares.accounts.set(tenant, account)
  return account
}

export function startWaiting(shares: FairShares, account: TenantAccount, now: number): void {
  account.waiting++
  if (account.waiting > 1) return
  account.virtualTime = Math.max(account.virtualTime, floorOf(shares, now))
  heapPush(shares.backlog, account, BACKLOG_ORDER)
}

export function stopWaiting(shares: FairShares, account: TenantAccount): void {
  account.waiting--
  if (account.waiting === 0) heapRemove(shares.backlog, account, BACKLOG_ORDER)
}

/** Charges a dispatch in advance. */
export function charge(shares: FairShares, account: TenantAccount, hold: Hold, units: number): void {
  shares.virtualNow = Math.max(shares.virtualNow, account.virtualTime)
  holdUnits(account, hold, units)
  addTime(shares, account, units * hold.share * hold.chargedMs)
}

/** Takes units back and replaces what was charged for them by the time they were really held. */
export function trueUp(shares: FairShares, account: TenantAccount, hold: Hold, units: number, now: number): void {
  holdUnits(account, hold, -units)
  addTime(shares, account, units * hold.share * (heldMs(hold, now) - hold.chargedMs))
}

/** Counts units as out (or, negative, as returned) without charging them. */
export function holdUnits(account: TenantAccount, hold: Hold, units: number): void {
  const { out } = account
  account.grantedUnits += units
  if (account.grantedUnits === 0) Object.assign(out, { share: 0, charged: 0, started: 0 })
  else {
    out.share += units * hold.share
    out.charged += units * hold.share * hold.chargedMs
    out.started += units * hold.share * hold.grantedAt
  }
}

export function heldMs(hold: Hold, now: number): number {
  return Math.max(0, now - hold.grantedAt)
}

export function estimateMs(shares: FairShares, tenant: string, work: string, declaredMs: number | undefined): number {
  return (
    shares.estimates.get(estimateKey(tenant, work)) ??
    declaredMs ??
    shares.estimates.get(estimateKey('', work)) ??
    ESTIMATE_DEFAULT_MS
  )
}

/** Learns how long a unit of this work is held, for this tenant and for those who have not done it yet. */
export function learn(shares: FairShares, tenant: string, work: string, heldMs: number): void {
  for (const key of [estimateKey(tenant, work), estimateKey('', work)]) {
    const known = shares.estimates.get(key)
    // Set anew, so that the map's order is the order of last use and the first is the one to forget.
    shares.estimates.delete(key)
    shares.estimates.set(key, known === undefined ? heldMs : known + LEARNING_RATE * (heldMs - known))
  }
  while (shares.estimates.size > ESTIMATES_MAX) shares.estimates.delete(shares.estimates.keys().next().value!)
}

function addTime(shares: FairShares, account: TenantAccount, shareMs: number): void {
  account.virtualTime += shareMs / account.weight
  heapUpdate(shares.backlog, account, BACKLOG_ORDER)
}

function estimateKey(tenant: string, work: string): string {
  return `${tenant}\n${work}`
}

/** Where a tenant that comes back starts at least. */
function floorOf(shares: FairShares, now: number): number {
  const first = shares.backlog[0]
  if (first === undefined) return shares.virtualNow
  const { share, charged, started } = first.out
  return first.virtualTime - (charged - (share * now - started)) / first.weight
}

/** Accounts that stand where a new one would start say nothing and may go. The next sweep waits until there are twice as many. */
function forgetIdle(shares: FairShares): void {
  const first = shares.backlog[0]
  const waitingFrom = first === undefined ? Infinity : first.virtualTime - first.out.charged / first.weight
  const lowest = Math.min(shares.virtualNow, waitingFrom)
  for (const account of shares.accounts.values()) {
    const isIdle = account.waiting === 0 && account.grantedUnits === 0
    if (isIdle && account.weight === WEIGHT_DEFAULT && account.virtualTime <= lowest) {
      shares.accounts.delete(account.tenant)
    }
  }
  shares.sweepAt = Math.max(SWEEP_MIN, 2 * shares.accounts.size)
}

/** Puts an account back as it was: in the backlog when something of it waits, and not lifted. */
export function restoreAccount(shares: FairShares, saved: Omit<TenantAccount, 'slot'>): void {
  const account = { ...saved, out: { ...saved.out }, slot: -1 }
  shares.accounts.set(account.tenant, account)
  if (account.waiting > 0) heapPush(shares.backlog, account, BACKLOG_ORDER)
}
