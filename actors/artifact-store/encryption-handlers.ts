/** Encryption as the actor's handlers: what state it is in, conversion of a whole store, another key. */
import type { ActorContext } from '../../runtime/index.ts'
import { rewriteBefore } from './compaction.ts'
import { loadEncryption } from './encryption.ts'
import { artifactErrors } from './errors.ts'
import { invalid, resolveHashes, text } from './input.ts'
import type { Pausing } from './packing/examining.ts'
import type { ContentHash, EncryptionStatus } from './protocol.ts'
import { shred } from './shredding.ts'
import { ready, type State } from './state.ts'
import type { Storage } from './storage.ts'

export const encryptionHandlers = {
  encryption: { redeliver: true, run: async (state: State) => statusOf(await ready(state)) },
  convert: {
    redeliver: true,
    async run(state: State) {
      await state.upkeep.next((pausing) => convert(state, pausing))
      return statusOf(await ready(state))
    },
  },
  shred: {
    redeliver: true,
    run(state: State, arg: { readonly hashes?: readonly ContentHash[]; readonly tenant?: string }) {
      const { hashes, tenant } = arg
      if ((hashes === undefined) === (tenant === undefined)) throw invalid('shred', 'takes hashes or a tenant')
      const request = tenant === undefined ? { hashes: resolveHashes(hashes) } : { tenant: text('tenant', tenant) }
      // Beside packing, records would move while they are looked for.
      return state.upkeep.next(async () => {
        const result = await shred(await ready(state), request)
        state.hot.clear()
        return result
      })
    },
  },
  rotateKey: {
    redeliver: true,
    async run(state: State) {
      const { sealing } = state
      const { sealed } = await ready(state)
      if (sealing === null || sealed === null || sealed.state === 'clear') {
        throw artifactErrors.fail('STORE_NOT_ENCRYPTED', { dir: 'this store' })
      }
      const loaded = await loadEncryption(sealing.options)
      const previous = sealed.keyId
      // Until the file is known to be on the disk, opening again may need either.
      const [key] = loaded.keys
      sealing.loaded = { ...loaded, keys: [...sealing.loaded.keys, ...loaded.keys] }
      const { sealed: now } = await ready(state)
      if (now !== null && now.keyId !== key!.id) await now.rewrap(key!)
      sealing.loaded = { ...loaded, keys: [...loaded.keys, ...sealing.loaded.keys] }
      return { ...statusOf(await ready(state)), previous }
    },
  },
}

function statusOf({ sealed }: Storage): EncryptionStatus {
  if (sealed === null || sealed.state === 'clear') return { state: 'clear', unconvertedBytes: 0 }
  const { state, keyId, keys, convertedFrom, start } = sealed
  return { state, keyId, epochs: keys.epochs.length, unconvertedBytes: Math.max(0, convertedFrom - start) }
}

/** Crash-safe as compaction is: what was rewritten is durable before the old records go, and the key file goes last. */
async function convert(state: State, pausing: Pausing): Promise<void> {
  const storage = await ready(state)
  const { sealed } = storage
  if (sealed === null || sealed.state === 'encrypted' || sealed.state === 'clear') return
  const done = await rewriteBefore(storage, sealed.convertedFrom, pausing)
  if (done && sealed.state === 'decrypting') sealed.finishDecryption()
}

/** What a former life of the store began goes on. */
export function convertInBackground(state: State, ctx: ActorContext): void {
  const { sealed } = state.storage
  if (sealed === null || sealed.state === 'encrypted') return
  state.upkeep
    .next((pausing) => convert(state, pausing))
    .catch((error: unknown) => ctx.logger.warn('the store could not be converted', { problem: String(error) }))
}
