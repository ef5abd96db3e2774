/** Checks child specs. They come from a user or over a lane; only own properties count. */
import { choiceOption, integerOption, invalidOption, own, refuseUnknown, stringOption } from './common/options.ts'
import type { ChildSpec, RestartPolicy } from './define-actor.ts'
import { fail } from './errors.ts'
import { HOST } from './wiring.ts'

export const SHUTDOWN_DEFAULT_MS = 5_000

const SPEC_KEYS = [
  'name',
  'module',
  'actor',
  'config',
  'restart',
  'significant',
  'shutdownMs',
  'reachableFrom',
  'heapMb',
] as const

/** A child spec in which nothing but the heap limit is left open. */
export type ResolvedSpec = ChildSpec &
  Required<Pick<ChildSpec, 'restart' | 'significant' | 'shutdownMs' | 'reachableFrom'>>

export function resolveSpec(given: ChildSpec): ResolvedSpec {
  refuseUnknown(given, SPEC_KEYS, 'child.')
  const name = nameOption(given, 'name', 'child.')
  const restart = restartOption(given)
  const significant = significantOption(given, restart, 'child.')
  const reachableFrom = own(given, 'reachableFrom') ?? []
  if (!Array.isArray(reachableFrom) || !reachableFrom.every((from) => typeof from === 'string')) {
    throw invalidOption('child.reachableFrom', 'a list of actor names', reachableFrom)
  }
  const heapMb = own(given, 'heapMb') === undefined ? {} : { heapMb: integerOption(given, 'heapMb', 0, { min: 8 }) }
  const module = stringOption(given, 'module', '')
  const actor = stringOption(given, 'actor', '')
  if (module === '' || actor === '')
    throw fail('MODULE_INVALID', { module, actor, reason: 'the child spec names none' })
  const shutdownMs = shutdownOption(given)
  return {
    name,
    module,
    actor,
    config: own(given, 'config'),
    restart,
    significant,
    shutdownMs,
    reachableFrom,
    ...heapMb,
  }
}

export function resolveDynamic(given: ChildSpec): ResolvedSpec {
  const spec = resolveSpec(given)
  if (spec.significant) throw invalidOption('child.significant', 'false for a dynamic child', true)
  return spec
}

/** A name: no line breaks (links are kept by pairs of names), and not the host's. */
export function nameOption(given: object, key: string, where: string): string {
  const name = stringOption(given, key, '')
  if (name === '' || name === HOST || /[\n\r]/.test(name)) {
    throw invalidOption(`${where}${key}`, `a non-empty line other than '${HOST}'`, own(given, key))
  }
  return name
}

export function restartOption(given: object): RestartPolicy {
  return choiceOption(given, 'restart', 'permanent', ['permanent', 'transient', 'temporary'])
}

/** The end of a permanent child never counts, as it is restarted: to call it significant is a mistake. */
export function significantOption(given: object, restart: RestartPolicy, where: string): boolean {
  const significant = own(given, 'significant') ?? false
  if (typeof significant !== 'boolean') throw invalidOption(`${where}significant`, 'true or false', significant)
  if (significant && restart === 'permanent') {
    throw invalidOption(`${where}significant`, 'false for a permanent child', significant)
  }
  return significant
}

function shutdownOption(given: ChildSpec): number | 'brutal' | 'infinity' {
  const shutdownMs = own(given, 'shutdownMs')
  return shutdownMs === 'brutal' || shutdownMs === 'infinity'
    ? shutdownMs
    : integerOption(given, 'shutdownMs', SHUTDOWN_DEFAULT_MS, { min: 0 })
}

/** The time a child has for its end. */
export function shutdownMsOf({ shutdownMs = SHUTDOWN_DEFAULT_MS }: ChildSpec): number {
  if (shutdownMs === 'brutal') return 0
  return shutdownMs === 'infinity' ? Infinity : shutdownMs
}
