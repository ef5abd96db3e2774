/** The small pure parts: transitions, lifecycle, health, prewarming, placement, flags. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  failedOnce,
  FAILURES_MAX,
  FRESH,
  healthStatus,
  opened,
  probing,
  retryAfterMs,
  succeeded,
} from '../../actors/pool-manager/health.ts'
import { bornCold, HISTORY_MAX, transition } from '../../actors/pool-manager/lifecycle.ts'
import { parseModelFlag } from '../../actors/pool-manager/model-flag.ts'
import { hostNumber } from '../../actors/pool-manager/placement.ts'
import { choosePrewarms, closeAction, precision, record } from '../../actors/pool-manager/prewarming.ts'
import { builtinModels, ModelState } from '../../actors/pool-manager/index.ts'
import { estimateTokens } from '../../actors/pool-manager/usage.ts'
import { isTransition, TRANSITIONS, TransitionReason } from '../../actors/pool-manager/transitions.ts'
import { seededRandom } from '../../runtime/index.ts'

const cause = { reason: TransitionReason.UserRequest, detail: 'a test' }

describe('transitions', () => {
  test('exactly the ones of the specification', () => {
    const states = Object.values(ModelState)
    const allowed = states.flatMap((from) => states.filter((to) => isTransition(from, to)).map((to) => `${from}→${to}`))
    expect(allowed.sort()).toEqual([
      'cold→warming',
      'cooling→cold',
      'cooling→failed',
      'cooling→hot',
      'failed→cold',
      'hot→cooling',
      'hot→failed',
      'warming→failed',
      'warming→hot',
    ])
  })

  test('the diagram in the README is the table', () => {
    const readme = readFileSync(new URL('../../actors/pool-manager/README.md', import.meta.url), 'utf8')
    const drawn = [...readme.matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(([, from, to]) => `${from}→${to}`)
    const table = Object.entries(TRANSITIONS).flatMap(([from, tos]) => tos.map((to) => `${from}→${to}`))
    expect(drawn.sort()).toEqual(table.sort())
  })

  test('a lifecycle counts, remembers and explains', () => {
    let life = bornCold('m', 1_000)
    expect(() => transition(life, ModelState.Hot, cause, 1_001)).toThrow(
      expect.objectContaining({ code: 'MODEL_TRANSITION_INVALID', message: 'model m cannot go from cold to hot' }),
    )
    const round = [
      ModelState.Warming,
      ModelState.Hot,
      ModelState.Cooling,
      ModelState.Hot,
      ModelState.Failed,
      ModelState.Cold,
    ]
    for (let at = 0; at < 60; at++) life = transition(life, round[at % 6]!, cause, 1_000 + at * 10)
    expect(life).toMatchObject({
      state: 'cold',
      transitions: 60,
      loads: 10,
      failures: 10,
      reason: 'a test (user-request)',
    })
    expect(life.history.length).toBe(HISTORY_MAX)
    expect(life.history.at(-1)).toMatchObject({ from: 'failed', to: 'cold', at: 1_590, durationMs: 10 })
  })
})

describe('health', () => {
  const random = seededRandom(7)

  test('the breaker opens at the last failure of a row, and a success in between starts over', () => {
    let health = FRESH
    for (let i = 1; i < FAILURES_MAX; i++) health = failedOnce(health, 'BACKEND_TIMEOUT', 0, random)
    expect(healthStatus(health, true, 0)).toMatchObject({ status: 'degraded' })
    expect(healthStatus(succeeded(health), true, 0)).toEqual({ status: 'healthy' })
    health = failedOnce(health, 'BACKEND_TIMEOUT', 0, random)
    expect(healthStatus(health, true, 0)).toMatchObject({ status: 'unhealthy', error: 'BACKEND_TIMEOUT' })
  })

  test('the back-off doubles with jitter up to a minute, passes, and a success closes it', () => {
    let health = FRESH
    const waits = Array.from({ length: 12 }, () => {
      health = opened(probing(health), 'down', 0, random)
      return retryAfterMs(health, 0)
    })
    for (const [at, wait] of waits.entries()) {
      const full = Math.min(60_000, 500 * 2 ** at)
      expect(wait).toBeGreaterThanOrEqual(full / 2)
      expect(wait).toBeLessThanOrEqual(full)
    }
    expect(retryAfterMs(health, 60_001)).toBe(0)
    expect(succeeded(health)).toBe(FRESH)
  })
})

describe('prewarming', () => {
  test('takes the soonest that fit into free memory, each once', () => {
    const plan = ['a', 'b', 'a', 'c', 'd'].map((model) => {
      return { model, isCold: model !== 'c', memoryBytes: model === 'b' ? 90 : 40 }
    })
    expect(choosePrewarms(plan, { bytes: 100, places: 9 })).toEqual(['a', 'd'])
    expect(choosePrewarms(plan, { bytes: 1_000, places: 2 })).toEqual(['a', 'b'])
    expect(choosePrewarms(plan, { bytes: 0, places: 9 })).toEqual([])
  })

  test('precision is recomputed from the ledger', () => {
    const row = { runId: 'r', at: 0, outcome: 'open' } as const
    let ledger = record(record([], { ...row, model: 'a' }), { ...row, model: 'b' })
    expect(precision(ledger)).toBeNull()
    ledger = closeAction(closeAction(ledger, 'a', 'useful'), 'b', 'wasted')
    expect(precision(ledger)).toBe(0.5)
    expect(closeAction(ledger, 'a', 'wasted')).toEqual(ledger)
  })
})

test('instruments share hosts, HTTP models one, user modules have their own', () => {
  const http = { kind: 'openai-http', url: 'http://x', model: 'm' } as const
  const own = { kind: 'module', module: '/own.ts' } as const
  expect(builtinModels.map(({ backend }, at) => hostNumber(backend, at, 2))).toEqual([1, 2, 1, 2, 1, 2])
  expect([hostNumber(http, 0, 2), hostNumber(http, 9, 2)]).toEqual([3, 3])
  expect([hostNumber(own, 0, 2), hostNumber(own, 9, 2)]).toEqual([4, 13])
})

test('tokens are estimated from texts, not from vectors', () => {
  expect(estimateTokens('12345678')).toBe(2)
  expect(estimateTokens({ a: ['1234', { b: '1234' }], c: 12345, d: null })).toBe(2)
  expect(estimateTokens({ vector: Array.from({ length: 1_000 }, () => 0.5) })).toBe(0)
})

describe('model flags', () => {
  test.each([
    ['s=openai:http://localhost:11434#llama3', { kind: 'openai-http', url: 'http://localhost:11434', model: 'llama3' }],
    [
      's=openai:https://h/v1#org/m:7b;key=MY_KEY;timeoutMs=5000',
      { url: 'https://h/v1', model: 'org/m:7b', apiKeyEnv: 'MY_KEY', timeoutMs: 5_000 },
    ],
    ['s=module:./models/mine.ts#summarize', { kind: 'module', module: '/base/models/mine.ts', export: 'summarize' }],
    ['s=module:/abs/mine.js', { kind: 'module', module: '/abs/mine.js' }],
    ['s=module:file:///abs/mine.js#m', { module: 'file:///abs/mine.js', export: 'm' }],
  ])('%s', (flag, backend) => {
    expect(parseModelFlag(flag, '/base')).toMatchObject({ id: 's', backend })
  })

  test('settings become the spec', () => {
    expect(parseModelFlag('m=module:/m.ts;slots=3;memoryBytes=1000;version=2;deterministic=true')).toMatchObject({
      slots: 3,
      memoryBytes: 1_000,
      version: '2',
      deterministic: true,
    })
  })

  test.each([
    '',
    'm',
    'm=',
    '=openai:http://x#y',
    'm=openai:http://x',
    'm=openai:http://x#',
    'm=ftp:x#y',
    'm=openai:http://x#y;slots',
  ])('`%s` is refused', (flag) => {
    expect(() => parseModelFlag(flag)).toThrow(expect.objectContaining({ code: 'MODEL_FLAG_INVALID' }))
  })

  test.each(['m=openai:nonsense#y', 'm=openai:http://x#y;slots=many', 'm=openai:http://x#y;slts=2'])(
    '`%s` is no valid model',
    (flag) => {
      expect(() => parseModelFlag(flag)).toThrow(expect.objectContaining({ code: 'MODEL_SPEC_INVALID' }))
    },
  )
})
