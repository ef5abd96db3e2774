/** What a valid policy is. Every refusal names the policy and the mistake. */
import { describe, expect, test } from 'vitest'
import { DEFAULT_POLICIES, resolvePolicies } from '../../actors/stale-manager/retention.ts'
import { matchesGlob } from '../../actors/stale-manager/selection.ts'

const policy = (rest: object = {}): object => ({
  name: 'p',
  selector: { all: true },
  rules: [{ kind: 'max-age', days: 30 }],
  ...rest,
})
const rules = (...rules: readonly unknown[]): object => policy({ rules })

describe('refused with POLICY_INVALID', () => {
  test.each([
    ['an empty selector', policy({ selector: {} }), 'say `all: true`'],
    ['a selector of all and more', policy({ selector: { all: true, tenant: 'a' } }), 'also tenant'],
    ['all: false alone', policy({ selector: { all: false } }), 'say `all: true`'],
    ['an unknown condition', policy({ selector: { tag: 'x' } }), 'selector has no `tag`'],
    ['an inherited condition', policy({ selector: Object.create({ all: true }) as object }), 'say `all: true`'],
    ['an empty list of tags', policy({ selector: { tags: [] } }), 'selector needs `tags`'],
    ['no rules', rules(), 'no rules'],
    ['an unknown rule', rules({ kind: 'max-days', days: 3 }), 'unknown rule max-days'],
    ['a rule of the prototype', rules({ kind: 'constructor' }), 'unknown rule constructor'],
    [
      'a limit nothing stays within',
      rules({ kind: 'max-age', days: 0 }),
      'max-age needs `days` to be a number above 0',
    ],
    ['a size of nothing', rules({ kind: 'max-total-size', bytes: 0 }), 'above 0'],
    ['days that are no number', rules({ kind: 'max-idle', days: Number.NaN }), 'max-idle needs `days`'],
    ['keeping the last none', rules({ kind: 'keep-last', count: 0 }), '1 or more'],
    ['a missing field', rules({ kind: 'keep-tagged' }), 'keep-tagged needs `tags`'],
    ['a field of another rule', rules({ kind: 'max-age', days: 1, bytes: 1 }), 'max-age has no `bytes`'],
    ['the same rule twice', rules({ kind: 'max-age', days: 1 }, { kind: 'max-age', days: 2 }), 'two max-age rules'],
    [
      'an idle time beyond the age',
      rules({ kind: 'max-age', days: 5 }, { kind: 'max-idle', days: 9 }),
      'never matters',
    ],
    ['an unknown member', policy({ action: 'delete' }), 'policy has no `action`'],
    ['a policy that is none', null, 'must be an object'],
    [
      'keeping all that it selects',
      policy({
        selector: { tags: ['gold-1'] },
        rules: [
          { kind: 'max-age', days: 1 },
          { kind: 'keep-tagged', tags: ['gold*'] },
        ],
      }),
      'nothing of it would ever expire',
    ],
  ])('%s', (_, bad, problem) => {
    expect(() => resolvePolicies([bad])).toThrow(expect.objectContaining({ code: 'POLICY_INVALID' }))
    expect(() => resolvePolicies([bad])).toThrow(problem)
  })

  test('two policies of one name, and something else than a list', () => {
    expect(() => resolvePolicies([policy(), policy()])).toThrow('two policies of this name')
    expect(() => resolvePolicies({})).toThrow('expected a list')
  })
})

test('valid policies come back as equal copies', () => {
  const policies = [policy({ priority: -1, enabled: false }), ...DEFAULT_POLICIES]
  expect(resolvePolicies(policies)).toEqual(policies)
  expect(resolvePolicies(policies)[0]).not.toBe(policies[0])
})

test('globs', () => {
  const matching = [
    ['*', ''],
    ['a*c', 'abbbc'],
    ['a*b*c', 'a-b-b-c'],
    ['?b', 'ab'],
    ['**x', 'x'],
    ['*.md', 'a.b.md'],
  ] as const
  const not = [
    ['', 'a'],
    ['a*c', 'abcd'],
    ['?', ''],
    ['a?', 'a'],
    ['*.md', 'a.mdx'],
    ['A', 'a'],
  ] as const
  for (const [pattern, text] of matching) expect(matchesGlob(pattern, text), `${pattern} ~ ${text}`).toBe(true)
  for (const [pattern, text] of not) expect(matchesGlob(pattern, text), `${pattern} ~ ${text}`).toBe(false)
  expect(matchesGlob(`${'*a'.repeat(30)}b`, 'a'.repeat(10_000))).toBe(false)
})
