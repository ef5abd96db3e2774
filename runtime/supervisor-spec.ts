/** Checks the supervision tree that a user gives, and takes it apart: the plan to decide by, and the actors to start. */
import { nameOption, resolveSpec, restartOption, significantOption, type ResolvedSpec } from './child-spec.ts'
import { choiceOption, integerOption, invalidOption, own, refuseUnknown } from './common/options.ts'
import type { ChildSpec, SupervisorFlags, SupervisorSpec } from './define-actor.ts'
import { fail } from './errors.ts'
import { ROOT, type PlannedActor, type PlannedSupervisor } from './supervision-tree.ts'
import { HOST } from './wiring.ts'

export const SUPERVISOR_DEFAULTS = Object.freeze({
  strategy: 'one-for-one',
  restartsMax: 5,
  restartPeriodMs: 10_000,
  autoShutdown: 'never',
} as const)

export const FLAG_KEYS = ['strategy', 'restartsMax', 'restartPeriodMs', 'autoShutdown', 'children'] as const
const SUPERVISOR_KEYS = ['supervisor', 'restart', 'significant', ...FLAG_KEYS] as const

export interface ResolvedTree {
  readonly plan: PlannedSupervisor
  /** In the order of their start. */
  readonly actors: readonly ResolvedSpec[]
}

/** The root's flags and children come from the system's options, whose other keys are checked there. */
export function resolveTree(options: SupervisorFlags & Pick<SupervisorSpec, 'children'>): ResolvedTree {
  const actors: ResolvedSpec[] = []
  const names = new Set<string>([ROOT, HOST])
  const claim = (name: string): void => {
    if (names.has(name)) throw fail('ACTOR_EXISTS', { actor: name })
    names.add(name)
  }

  function supervisor(given: SupervisorSpec): PlannedSupervisor {
    refuseUnknown(given, SUPERVISOR_KEYS, 'supervisor.')
    const name = nameOption(given, 'supervisor', 'supervisor.')
    claim(name)
    const restart = restartOption(given)
    const significant = significantOption(given, restart, 'supervisor.')
    return planned(given, { name, restart, significant })
  }

  function actor(given: ChildSpec): PlannedActor {
    const spec = resolveSpec(given)
    claim(spec.name)
    actors.push(spec)
    return { kind: 'actor', name: spec.name, restart: spec.restart, significant: spec.significant }
  }

  function planned(
    given: SupervisorFlags,
    as: Pick<PlannedSupervisor, 'name' | 'restart' | 'significant'>,
  ): PlannedSupervisor {
    const specs = own(given, 'children')
    if (!Array.isArray(specs)) throw invalidOption('children', 'a list of child specs', specs)
    const flags = flagsOf(given)
    const children = (specs as readonly (ChildSpec | SupervisorSpec)[]).map((child) =>
      own(child, 'supervisor') === undefined ? actor(child as ChildSpec) : supervisor(child as SupervisorSpec),
    )
    const significant = children.find((child) => child.significant)
    if (significant !== undefined && flags.autoShutdown === 'never') {
      throw invalidOption('autoShutdown', `other than never, as ${significant.name} is significant`, 'never')
    }
    return { kind: 'supervisor', ...as, ...flags, children }
  }

  const plan = planned(options, { name: ROOT, restart: 'permanent', significant: false })
  return { plan, actors }
}

function flagsOf(given: SupervisorFlags) {
  return {
    strategy: choiceOption(given, 'strategy', SUPERVISOR_DEFAULTS.strategy, [
      'one-for-one',
      'one-for-all',
      'rest-for-one',
    ]),
    restartsMax: integerOption(given, 'restartsMax', SUPERVISOR_DEFAULTS.restartsMax, { min: 0 }),
    restartPeriodMs: integerOption(given, 'restartPeriodMs', SUPERVISOR_DEFAULTS.restartPeriodMs, { min: 1 }),
    autoShutdown: choiceOption(given, 'autoShutdown', SUPERVISOR_DEFAULTS.autoShutdown, [
      'never',
      'any-significant',
      'all-significant',
    ]),
  }
}
