/** Each rule and the promises that hold whatever the policies say. */
import { describe, expect, test } from 'vitest'
import { createPolicyEngine } from '../../actors/stale-manager/engine.ts'
import type { RetentionPolicy, RetentionRule } from '../../actors/stale-manager/protocol.ts'
import { DEFAULT_POLICIES } from '../../actors/stale-manager/retention.ts'
import type { ArtifactInfo } from '../../actors/artifact-store/protocol.ts'
import { artifact, hashOf, NOW, world } from './support.ts'

const EXPIRE: RetentionRule = { kind: 'max-age', days: 30 }

function policy(name: string, ...rules: readonly RetentionRule[]): RetentionPolicy {
  return { name, selector: { all: true }, rules }
}

/** Names of the artifacts that would go. */
function deleted(
  policies: readonly RetentionPolicy[],
  named: Readonly<Record<string, ArtifactInfo>>,
  rest: Parameters<typeof world>[1] = {},
): string[] {
  const decisions = createPolicyEngine(policies).evaluate(world(Object.values(named), rest), NOW)
  const gone = new Set(decisions.filter(({ action }) => action === 'delete').map(({ hash }) => hash))
  return Object.keys(named).filter((name) => gone.has(named[name]!.hash))
}

describe('expire rules', () => {
  test('age counts from creation, idleness from the last read', () => {
    const artifacts = {
      young: artifact('young', { ageDays: 10 }),
      used: artifact('used', { ageDays: 100, idleDays: 5 }),
      idle: artifact('idle', { ageDays: 100, idleDays: 50 }),
    }
    expect(deleted([policy('p', EXPIRE)], artifacts)).toEqual(['used', 'idle'])
    expect(deleted([policy('p', { kind: 'max-idle', days: 30 })], artifacts)).toEqual(['idle'])
  })

  test('size takes the least recently, then least often used, then largest, until the rest fits', () => {
    const artifacts = {
      fresh: artifact('fresh', { ageDays: 1 }),
      often: artifact('often', { ageDays: 50, accessCount: 9 }),
      seldom: artifact('seldom', { ageDays: 50, accessCount: 1, sizeBytes: 5 }),
      large: artifact('large', { ageDays: 50, accessCount: 1, sizeBytes: 20 }),
    }
    expect(deleted([policy('p', { kind: 'max-total-size', bytes: 44 })], artifacts)).toEqual(['large'])
    expect(deleted([policy('p', { kind: 'max-total-size', bytes: 20 })], artifacts)).toEqual(['seldom', 'large'])
    expect(deleted([policy('p', { kind: 'max-total-size', bytes: 45 })], artifacts)).toEqual([])
  })

  test('selectors limit what a policy speaks of', () => {
    const artifacts = {
      a: artifact('a', { createdBy: { tenant: 'alice', runId: 'r1' }, tags: ['x', 'y'], sizeBytes: 100 }),
      b: artifact('b', { name: 'notes.md', contentType: 'text/markdown' }),
      c: artifact('c', { versions: ['report@1'] }),
      newest: artifact('newest', { versions: ['report@2'] }),
    }
    const select = (selector: RetentionPolicy['selector']) =>
      deleted([{ name: 'p', selector, rules: [EXPIRE] }], artifacts)
    expect(select({ tenant: 'alice', runId: 'r1' })).toEqual(['a'])
    expect(select({ tags: ['x', 'y'] })).toEqual(['a'])
    expect(select({ tags: ['x', 'z'] })).toEqual([])
    expect(select({ minBytes: 50 })).toEqual(['a'])
    expect(select({ contentType: 'text/markdown' })).toEqual(['b'])
    expect(select({ nameGlob: '*.md' })).toEqual(['b'])
    expect(select({ nameGlob: 'rep*' })).toEqual(['c'])
  })
})

describe('keep rules', () => {
  test('a keep rule of one policy beats an expire rule of any other, whatever the priorities', () => {
    const artifacts = { tagged: artifact('tagged', { tags: ['keep-me'] }), plain: artifact('plain') }
    const keep = { ...policy('keep', { kind: 'keep-tagged', tags: ['keep-*'] }), priority: -100 }
    expect(deleted([{ ...policy('expire', EXPIRE), priority: 100 }, keep], artifacts)).toEqual(['plain'])
    expect(deleted([policy('expire', EXPIRE), { ...keep, enabled: false }], artifacts)).toEqual(['tagged', 'plain'])
  })

  test('keep-last counts versions of a name by number, and outputs of a node by time', () => {
    const output = (name: string, ageDays: number, nodeId: string) =>
      artifact(name, { ageDays, createdBy: { tenant: 't', nodeId } })
    const artifacts = {
      v9: artifact('v9', { versions: ['doc@9'], ageDays: 400 }),
      v10: artifact('v10', { versions: ['doc@10'], ageDays: 300 }),
      v2: artifact('v2', { versions: ['doc@2'], ageDays: 200 }),
      old: output('old', 90, 'n'),
      middle: output('middle', 80, 'n'),
      recent: output('recent', 70, 'n'),
      other: output('other', 95, 'm'),
      nobody: artifact('nobody'),
    }
    expect(deleted([policy('p', EXPIRE, { kind: 'keep-last', count: 2 })], artifacts)).toEqual(['v2', 'old', 'nobody'])
    expect(deleted([policy('p', EXPIRE, { kind: 'keep-versions' })], artifacts)).toEqual([
      'old',
      'middle',
      'recent',
      'other',
      'nobody',
    ])
  })

  test('keep-referenced keeps what something that stays was made from, and lets a whole chain go', () => {
    const chain = (leafAgeDays: number) => ({
      source: artifact('source', { usedByCount: 1 }),
      middle: artifact('middle', { usedByCount: 1 }),
      leaf: artifact('leaf', { ageDays: leafAgeDays }),
    })
    const descendants = new Map([
      [hashOf('source'), [hashOf('middle'), hashOf('leaf')]],
      [hashOf('middle'), [hashOf('leaf')]],
    ])
    const rules = [policy('p', EXPIRE, { kind: 'keep-referenced' })]
    expect(deleted(rules, chain(1), { descendants })).toEqual([])
    expect(deleted(rules, chain(99), { descendants })).toEqual(['source', 'middle', 'leaf'])
    expect(deleted(rules, chain(99)), 'unknown descendants count as needed').toEqual(['leaf'])
    expect(deleted([policy('p', EXPIRE)], chain(1), { descendants })).toEqual(['source', 'middle'])
    const size = [policy('p', { kind: 'max-total-size', bytes: 10 }, { kind: 'keep-referenced' })]
    expect(deleted(size, chain(99), { descendants }), 'leaves go before what they were made from').toEqual([
      'middle',
      'leaf',
    ])
    const trashed = new Map([[hashOf('source'), [hashOf('in the trash')]]])
    expect(deleted(rules, { source: artifact('source', { usedByCount: 1 }) }, { descendants: trashed })).toEqual([
      'source',
    ])
  })
})

describe('whatever the policies say', () => {
  const wipe = [policy('wipe', { kind: 'max-age', days: 0.001 }, { kind: 'max-total-size', bytes: 1 })]

  test('pinned artifacts, those of unfinished runs and the newest version of each name stay', () => {
    const artifacts = {
      pinned: artifact('pinned', { pinnedBy: ['run_1'] }),
      running: artifact('running', { createdBy: { runId: 'run_2' } }),
      ended: artifact('ended', { createdBy: { runId: 'run_3' } }),
      v1: artifact('v1', { versions: ['a@1'], ageDays: 1 }),
      v2: artifact('v2', { versions: ['a@2', 'b@1'], ageDays: 999 }),
    }
    expect(deleted(wipe, artifacts, { activeRuns: new Set(['run_2']) })).toEqual(['ended', 'v1'])
  })

  test('the default lets only the idle, untagged, unversioned and unused go', () => {
    const artifacts = {
      idle: artifact('idle'),
      read: artifact('read', { idleDays: 29 }),
      tagged: artifact('tagged', { tags: ['x'] }),
      v1: artifact('v1', { versions: ['a@1'] }),
      v2: artifact('v2', { versions: ['a@2'] }),
      source: artifact('source', { usedByCount: 1 }),
      report: artifact('report', { idleDays: 1 }),
    }
    const descendants = new Map([[hashOf('source'), [hashOf('report')]]])
    expect(deleted(DEFAULT_POLICIES, artifacts, { descendants })).toEqual(['idle'])
  })

  test('each decision names its rule and says why, without the time of asking', () => {
    const engine = createPolicyEngine([policy('p', EXPIRE)])
    const asked = (now: number) => engine.evaluate(world([artifact('a'), artifact('b', { ageDays: -5 })]), now)
    expect(asked(NOW)).toEqual([
      {
        action: 'delete',
        hash: hashOf('a'),
        sizeBytes: 10,
        rule: 'p/max-age',
        reason: 'created 1972-06-19T00:00:00.000Z, more than 30 days ago',
      },
      { action: 'keep', hash: hashOf('b'), rule: 'none', reason: 'no rule of any policy asks for its deletion' },
    ])
    expect(asked(NOW + 12_345)).toEqual(asked(NOW))
  })
})
