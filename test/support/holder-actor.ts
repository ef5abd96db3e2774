/** An actor that holds leases, so that a test can kill it. */
import { LEASE_REGION, LeaseClient, poolManager, type Lease } from '../../actors/pool-manager/index.ts'
import { actorKey, defineActor } from '../../runtime/index.ts'

export interface HolderProtocol {
  /** Takes leases and keeps them; answers their slots. */
  hold(arg: { readonly model: string; readonly count: number }): readonly number[]
  letGo(arg: Record<string, never>): void
}

export const holder = actorKey<HolderProtocol>('holder')

export const holderActor = defineActor<HolderProtocol, { readonly client: LeaseClient; readonly leases: Lease[] }>({
  name: 'holder',
  module: import.meta.url,
  peers: ['pool-manager'],
  init: (_, ctx) => ({
    client: new LeaseClient({
      pool: ctx.ref(poolManager),
      region: ctx.shared(LEASE_REGION),
      incarnation: ctx.incarnation,
    }),
    leases: [],
  }),
  handlers: {
    async hold({ client, leases }, { model, count }) {
      for (let i = 0; i < count; i++) leases.push(await client.acquire(model, { tenant: 'holder' }))
      return leases.map(({ grant }) => grant.slot)
    },
    letGo({ leases }) {
      for (const lease of leases.splice(0)) lease.release()
    },
  },
})
