/** The store's health as the actor's handlers: what is damaged, finding it, mending it. */
import type { CallContext } from '../../runtime/index.ts'
import { rewriteBefore } from './compaction.ts'
import { artifactErrors } from './errors.ts'
import { positive, text, wholeNumber } from './input.ts'
import type { ContentHash, ScrubRequest, StoreHealth } from './protocol.ts'
import { scrub, type ScrubOptions } from './scrub.ts'
import { ready, type State } from './state.ts'

export const careHandlers = {
  health: {
    redeliver: true,
    async run(state: State): Promise<StoreHealth> {
      const damaged = (await ready(state)).query(({ artifacts }) => artifacts.damagedCount())
      return { damaged, repaired: state.repairs.repaired, mirror: state.mirror?.status() ?? null }
    },
  },
  verify: { redeliver: true, run: (state: State, _: object, ctx: CallContext) => verify(state, ctx) },
  scrub: (state: State, arg: ScrubRequest, ctx: CallContext) => scrub(scrubOptions(state, arg, ctx)),
  mendLog: {
    redeliver: true,
    async run(state: State, arg: { readonly position: number }) {
      const position = wholeNumber('position', arg.position)
      const storage = await ready(state)
      const damaged = storage.query(({ artifacts }) => artifacts.damagedCount())
      if (damaged > 0) return { mended: false, damaged }
      const mended = await state.upkeep.next((pausing) => rewriteBefore(storage, position, pausing))
      return { mended, damaged }
    },
  },
}

function scrubOptions(state: State, arg: ScrubRequest, ctx: CallContext): ScrubOptions {
  return {
    ready: () => ready(state),
    repairs: state.repairs,
    mirror: arg.mirror === true ? state.mirror : null,
    clock: ctx.clock,
    signal: ctx.call.signal,
    after: arg.after === undefined ? undefined : text('after', arg.after),
    bytesPerSecond: arg.bytesPerSecond === undefined ? Infinity : positive('bytesPerSecond', arg.bytesPerSecond),
  }
}

async function verify(
  state: State,
  ctx: CallContext,
): Promise<{ checked: number; corrupt: readonly ContentHash[]; repaired: readonly ContentHash[] }> {
  const found = { corrupt: [] as ContentHash[], repaired: [] as ContentHash[] }
  let checked = 0
  for await (const step of scrub(scrubOptions(state, {}, ctx))) {
    checked += step.checked
    for (const finding of step.findings) {
      if (finding.kind === 'corrupt' || finding.kind === 'repaired') found[finding.kind].push(finding.hash)
      else if (finding.kind === 'unreadable') throw artifactErrors.fail('STORAGE_IO', { dir: state.config.dataDir })
    }
  }
  return { checked, ...found }
}
