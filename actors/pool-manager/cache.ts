/**
 * What is in memory, and who has to go when something else must come in. Pure: from the entries to a plan.
 *
 * I1. Nothing leased, pinned or on its way out is a victim.
 * I2. A model stays charged from before its load until its memory is really back; the sum charged never exceeds the budget.
 * I3. The fewest victims that make room; among sets of that size, the least recently used ones.
 */

export interface CachedModel {
  readonly model: string
  /** Charged now. */
  readonly bytes: number
  /** Order of last uses: higher is more recent. */
  readonly lastUse: number
  readonly leased: boolean
  readonly pinned: boolean
  /** Loading or unloading: it takes memory and cannot be evicted (any more). */
  readonly inTransit: boolean
  /** Unloading: its memory will be back without doing anything. */
  readonly leaving: boolean
}

export interface CacheLimits {
  readonly budgetBytes: number
  /** Models in memory at once, at most. */
  readonly loadedMax: number
}

export type RoomPlan =
  /** There is room now. */
  | { readonly kind: 'fits' }
  /** There will be when these have gone. */
  | { readonly kind: 'evict'; readonly victims: readonly string[] }
  /** There will be when those who are leaving have gone, or when leases (or loads) end. */
  | { readonly kind: 'wait'; readonly for: 'leaving' | 'leases' }
  /** There never will be while the pinned stay. */
  | { readonly kind: 'never'; readonly freeableBytes: number }

/** How to make room for one more model of `needBytes`. */
export function planRoom(entries: readonly CachedModel[], needBytes: number, limits: CacheLimits): RoomPlan {
  const freeBytes = limits.budgetBytes - sum(entries)
  const freePlaces = limits.loadedMax - entries.length
  if (needBytes <= freeBytes && freePlaces >= 1) return { kind: 'fits' }
  const pinned = entries.filter((entry) => entry.pinned)
  const freeableBytes = limits.budgetBytes - sum(pinned)
  if (needBytes > freeableBytes || pinned.length >= limits.loadedMax) return { kind: 'never', freeableBytes }
  const leaving = entries.filter((entry) => entry.leaving)
  const lackBytes = needBytes - freeBytes - sum(leaving)
  const lackPlaces = 1 - freePlaces - leaving.length
  if (lackBytes <= 0 && lackPlaces <= 0) return { kind: 'wait', for: 'leaving' }
  const victims = chooseVictims(entries.filter(isEvictable), lackBytes, lackPlaces)
  if (victims === null) return { kind: 'wait', for: 'leases' }
  return { kind: 'evict', victims: victims.map(({ model }) => model) }
}

/** Who would go if leases did not matter: the least recently used, for when waiting has taken too long. */
export function leastRecentlyUsed(entries: readonly CachedModel[]): string | null {
  const [first] = entries.filter((entry) => !entry.pinned && !entry.inTransit).sort(byLastUse)
  return first?.model ?? null
}

function isEvictable(entry: CachedModel): boolean {
  return !entry.leased && !entry.pinned && !entry.inTransit
}

function chooseVictims(
  candidates: readonly CachedModel[],
  lackBytes: number,
  lackPlaces: number,
): readonly CachedModel[] | null {
  const count = fewest(candidates, lackBytes, lackPlaces)
  if (count === null) return null
  const victims: CachedModel[] = []
  let rest = [...candidates].sort(byLastUse)
  let lack = lackBytes
  // The oldest goes if, with it gone, the largest others can still do the rest in the places that are left.
  while (victims.length < count) {
    const place = rest.findIndex((entry) => {
      const others = rest.filter((other) => other !== entry)
      return sum(largest(others, count - victims.length - 1)) >= lack - entry.bytes
    })
    const victim = rest[place]!
    victims.push(victim)
    lack -= victim.bytes
    rest = rest.filter((other) => other !== victim)
  }
  return victims
}

function fewest(candidates: readonly CachedModel[], lackBytes: number, lackPlaces: number): number | null {
  for (let count = Math.max(lackPlaces, lackBytes > 0 ? 1 : 0); count <= candidates.length; count++) {
    if (sum(largest(candidates, count)) >= lackBytes) return count
  }
  return null
}

function largest(entries: readonly CachedModel[], count: number): readonly CachedModel[] {
  return [...entries].sort((a, b) => b.bytes - a.bytes).slice(0, count)
}

function sum(entries: readonly CachedModel[]): number {
  return entries.reduce((total, { bytes }) => total + bytes, 0)
}

function byLastUse(a: CachedModel, b: CachedModel): number {
  return a.lastUse - b.lastUse
}
