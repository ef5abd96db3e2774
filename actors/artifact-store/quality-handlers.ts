/** Scores and feedback, as the actor's handlers. */
import type { CallContext } from '../../runtime/index.ts'
import { invalid, resolveHash, resolveMessage, text } from './input.ts'
import type { ArtifactQuality, ArtifactStoreProtocol, ContentHash, RankedArtifact } from './protocol.ts'
import { judge, scored } from './quality/judging.ts'
import { change, ready, type State } from './state.ts'
import { required, visible } from './store.ts'

type Arg<K extends keyof ArtifactStoreProtocol> = Parameters<ArtifactStoreProtocol[K]>[0]

const RANKED_LIMIT = 20
const RANKED_LIMIT_MAX = 1000

export const qualityHandlers = {
  quality: {
    redeliver: true,
    async run(state: State, arg: Arg<'quality'>): Promise<ArtifactQuality | null> {
      return qualityOf(state, resolveHash(arg.hash))
    },
  },
  feedback: {
    redeliver: true,
    async run(state: State, arg: Arg<'feedback'>, ctx: CallContext): Promise<ArtifactQuality> {
      const hash = resolveHash(arg.hash)
      const by = text('by', arg.by)
      const score = share('score', arg.score)
      const comment = resolveMessage(arg.comment)
      await change(state, (storage) => {
        required(storage, hash)
        const said = comment === undefined ? {} : { comment }
        storage.write({ t: 'feedback', hash, by, score, at: ctx.clock.now(), ...said })
      })
      state.rater.used([hash])
      return (await qualityOf(state, hash))!
    },
  },
  ranked: {
    redeliver: true,
    async run(state: State, arg: Arg<'ranked'>): Promise<readonly RankedArtifact[]> {
      const order = arg.order ?? 'best'
      if (order !== 'best' && order !== 'worst') throw invalid('order', 'must be best or worst')
      const [min, max] = [share('min', arg.min ?? 0), share('max', arg.max ?? 1)]
      const limit = arg.limit ?? RANKED_LIMIT
      if (!Number.isSafeInteger(limit) || limit < 1) throw invalid('limit', 'must be a whole number from 1')
      const storage = await ready(state)
      return storage.query(({ scores, artifacts }) =>
        scores.ranked(order, min, max, Math.min(limit, RANKED_LIMIT_MAX)).map(({ id, score }) => {
          const { hash, name, contentType, sizeBytes } = artifacts.byId(id)!
          return { hash, score, contentType, sizeBytes, ...(name === null ? {} : { name }) }
        }),
      )
    },
  },
} as const

/** What was not judged yet is judged now. */
async function qualityOf(state: State, hash: ContentHash): Promise<ArtifactQuality | null> {
  const storage = await ready(state)
  const row = visible(storage, hash)
  if (row === null) return null
  const found = scored(storage, row, state.accesses) ?? (await judge(storage, hash, state.scorer))
  if (found === null) return null
  state.tending.poke()
  const feedback = storage.query(({ scores }) => scores.feedback(row.id))
  return { hash, ...found, feedback }
}

function share(field: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw invalid(field, 'must be a number from 0 to 1')
}
