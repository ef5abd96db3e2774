/**
 * Retention policies as data: what a valid one is, and the default. Policies decide over other people's work, so everything
 * doubtful is refused with the policy's name: unknown keys and rules, a selector that selects all without saying so, rules
 * that contradict each other, limits that nothing could stay within.
 */
import { describe } from '../../runtime/index.ts'
import { retentionErrors } from './errors.ts'
import type { RetentionPolicy, RetentionRule, Selector } from './protocol.ts'
import { matchesGlob } from './selection.ts'

type RuleKind = RetentionRule['kind']
type Check = (value: unknown) => string | null

/** Only what nobody named, tagged, versioned or built upon, and nobody looked at for a month. */
export const DEFAULT_POLICIES: readonly RetentionPolicy[] = [
  {
    name: 'default',
    selector: { all: true },
    rules: [
      { kind: 'max-idle', days: 30 },
      { kind: 'keep-tagged', tags: ['*'] },
      { kind: 'keep-versions' },
      { kind: 'keep-referenced' },
    ],
  },
]

const POLICIES_MAX = 100
const RULES_MAX = 20

const positive: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? null : 'a number above 0'
const count: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1 ? null : 'a whole number, 1 or more'
const text: Check = (value) => (typeof value === 'string' && value !== '' ? null : 'a non-empty string')
const texts: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => text(item) === null) ? null : 'a list of strings'
const flag: Check = (value) => (typeof value === 'boolean' ? null : 'true or false')
const finite: Check = (value) => (typeof value === 'number' && Number.isFinite(value) ? null : 'a number')
const list: Check = (value) => (Array.isArray(value) ? null : 'a list')
const object: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'an object'

/** What each rule needs besides its kind. */
const RULES: Readonly<Record<RuleKind, Readonly<Record<string, Check>>>> = {
  'max-age': { days: positive },
  'max-idle': { days: positive },
  'max-total-size': { bytes: positive },
  'keep-tagged': { tags: texts },
  'keep-last': { count },
  'keep-versions': {},
  'keep-referenced': {},
}
const SELECTOR: Readonly<Record<keyof Selector, Check>> = {
  all: flag,
  tags: texts,
  contentType: text,
  tenant: text,
  runId: text,
  nameGlob: text,
  minBytes: positive,
}
const POLICY: Readonly<Record<keyof RetentionPolicy, Check>> = {
  name: text,
  selector: object,
  rules: list,
  priority: finite,
  enabled: flag,
}

/** Checked copies. @throws POLICY_INVALID naming the policy and what is wrong with it */
export function resolvePolicies(policies: unknown): readonly RetentionPolicy[] {
  if (!Array.isArray(policies)) throw invalid('(all)', 'expected a list of policies')
  if (policies.length > POLICIES_MAX) throw invalid('(all)', `more than ${POLICIES_MAX} policies`)
  const resolved = policies.map((policy: unknown, index) => resolvePolicy(policy, index))
  const names = new Set<string>()
  for (const { name } of resolved) {
    if (names.has(name)) throw invalid(name, 'there are two policies of this name')
    names.add(name)
  }
  return resolved
}

function resolvePolicy(value: unknown, index: number): RetentionPolicy {
  const known = (value as { readonly name?: unknown } | null)?.name
  const name = typeof known === 'string' && known !== '' ? known : `number ${index + 1}`
  const fail = (problem: string): Error => invalid(name, problem)
  checkShape(value, POLICY, ['name', 'selector', 'rules'], 'policy', fail)
  const policy = structuredClone(value) as RetentionPolicy
  checkShape(policy.selector, SELECTOR, [], 'selector', fail)
  checkSelector(policy.selector, fail)
  if (policy.rules.length === 0) throw fail('it has no rules')
  if (policy.rules.length > RULES_MAX) throw fail(`more than ${RULES_MAX} rules`)
  for (const rule of policy.rules as readonly unknown[]) checkRule(rule, fail)
  checkContradictions(policy, fail)
  return policy
}

function checkRule(rule: unknown, fail: (problem: string) => Error): void {
  const kind = (rule as { readonly kind?: unknown } | null)?.kind
  if (typeof kind !== 'string' || !Object.hasOwn(RULES, kind)) {
    throw fail(`unknown rule ${describe(kind ?? rule)}; there are ${Object.keys(RULES).join(', ')}`)
  }
  const fields = RULES[kind as RuleKind]
  checkShape(rule, { kind: text, ...fields }, ['kind', ...Object.keys(fields)], kind, fail)
}

function checkSelector(selector: Selector, fail: (problem: string) => Error): void {
  const conditions = Object.keys(selector).filter((key) => key !== 'all')
  if (selector.all === true && conditions.length > 0) {
    throw fail(`its selector says \`all\` and also ${conditions.join(', ')}`)
  }
  if (selector.all !== true && conditions.length === 0) {
    throw fail('its selector is empty; say `all: true` if it is meant for everything')
  }
}

function checkContradictions({ selector, rules }: RetentionPolicy, fail: (problem: string) => Error): void {
  const find = <K extends RuleKind>(kind: K): (RetentionRule & { readonly kind: K }) | undefined => {
    const found = rules.filter((rule): rule is RetentionRule & { readonly kind: K } => rule.kind === kind)
    if (found.length > 1) throw fail(`two ${kind} rules; one of them would never matter`)
    return found[0]
  }
  for (const kind of Object.keys(RULES)) find(kind as RuleKind)
  const [age, idle, tagged] = [find('max-age'), find('max-idle'), find('keep-tagged')]
  if (age !== undefined && idle !== undefined && idle.days >= age.days) {
    throw fail(`max-idle of ${idle.days} days never matters beside max-age of ${age.days} days`)
  }
  const kept = selector.tags?.find((tag) => tagged?.tags.some((pattern) => matchesGlob(pattern, tag)))
  if (kept !== undefined && rules.some((rule) => isExpireRule(rule))) {
    throw fail(`it selects what is tagged ${kept} and keeps all of that, so nothing of it would ever expire`)
  }
}

export function isExpireRule(rule: RetentionRule): boolean {
  return rule.kind.startsWith('max-')
}

function checkShape(
  value: unknown,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[],
  what: string,
  fail: (problem: string) => Error,
): void {
  if (object(value) !== null) throw fail(`${what} must be an object, not ${describe(value)}`)
  const fields = value as Record<string, unknown>
  for (const key of Object.keys(fields)) {
    if (!Object.hasOwn(checks, key))
      throw fail(`${what} has no \`${key}\`; there are ${Object.keys(checks).join(', ')}`)
  }
  for (const [key, check] of Object.entries(checks)) {
    if (!Object.hasOwn(fields, key) && !required.includes(key)) continue
    const expected = check(Object.hasOwn(fields, key) ? fields[key] : undefined)
    if (expected !== null) throw fail(`${what} needs \`${key}\` to be ${expected}, not ${describe(fields[key])}`)
  }
}

function invalid(policy: string, problem: string): Error {
  return retentionErrors.fail('POLICY_INVALID', { policy, problem })
}
