/** Placeholder of the contract; the implementation replaces this file. */
export const LEASE_REGION = 'leases'
export function leaseRegionBytes(_modelsMax: number): number {
  return 0
}
/** Identifies one held slot: what release takes. */
export interface LeaseToken {
  readonly modelIndex: number
  readonly slot: number
  readonly token: number
}
export class LeaseTable {}
