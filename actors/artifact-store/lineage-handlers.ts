/** Relations between artifacts and how one came to be, as the actor's handlers. */
import { canonicalHash, own, sleep, type CallContext } from '../../runtime/index.ts'
import { artifactErrors } from './errors.ts'
import { invalid, resolveHash, resolveHashes, resolveProducer } from './input.ts'
import type { ArtifactRelations, ArtifactStoreProtocol, ContentHash, LineageNode, RelationKind } from './protocol.ts'
import type { Cause } from './records.ts'
import { change, originOf, ready, type State } from './state.ts'
import type { Storage } from './storage.ts'
import { answered, required } from './store.ts'
import type { Tables } from './tables.ts'

type Arg<K extends keyof ArtifactStoreProtocol> = Parameters<ArtifactStoreProtocol[K]>[0]

const LINEAGE_LIMIT = 1000
const LINEAGE_LIMIT_MAX = 10_000
const RELATIVES_MAX = 100
/** Children whose edges are read into memory before others have their turn: some milliseconds. */
const LOAD_NODES = 10_000
/** A path in an error names at most so many artifacts at each end. */
const PATH_ENDS = 5

export const lineageHandlers = {
  lineage: {
    redeliver: true,
    async run(state: State, arg: Arg<'lineage'>, ctx: CallContext): Promise<readonly LineageNode[]> {
      const { direction } = arg
      if (direction !== 'ancestors' && direction !== 'descendants') {
        throw invalid('direction', 'must be ancestors or descendants')
      }
      const hash = resolveHash(arg.hash)
      const kind = resolveKind(arg)
      const bounds = {
        nodesMax: Math.min(LINEAGE_LIMIT_MAX, wholeNumber('limit', arg.limit ?? LINEAGE_LIMIT)),
        depthMax: arg.depthMax === undefined ? Infinity : wholeNumber('depthMax', arg.depthMax),
      }
      const storage = await withLineage(state, ctx)
      return storage.query((tables) => lineageOf(tables, hash, kind, direction, bounds))
    },
  },
  relations: {
    redeliver: true,
    async run(state: State, arg: Arg<'relations'>, ctx: CallContext): Promise<ArtifactRelations> {
      const hash = resolveHash(arg.hash)
      const storage = await withLineage(state, ctx)
      const { id } = required(storage, hash)
      return storage.query((tables) => relationsOf(tables, id, hash))
    },
  },
  relate: {
    redeliver: true,
    run(state: State, arg: Arg<'relate'>, ctx: CallContext) {
      const [child, parent, kind] = [
        resolveHash(arg.child, 'child'),
        resolveHash(arg.parent, 'parent'),
        resolveKind(arg),
      ]
      return change(state, (storage) => {
        for (const hash of [child, parent]) required(storage, hash)
        refuseCycle(storage, child, parent, kind)
        storage.write({ t: 'relate', child, parent, kind, linked: true, at: ctx.clock.now() })
      })
    },
  },
  unrelate: {
    redeliver: true,
    run(state: State, arg: Arg<'unrelate'>, ctx: CallContext) {
      const [child, parent, kind] = [
        resolveHash(arg.child, 'child'),
        resolveHash(arg.parent, 'parent'),
        resolveKind(arg),
      ]
      return change(state, (storage) => {
        const known = storage.query(({ relationships }) => relationships.parents(child, kind).includes(parent))
        if (known) storage.write({ t: 'relate', child, parent, kind, linked: false, at: ctx.clock.now() })
      })
    },
  },
  recordUse: {
    redeliver: true,
    run(state: State, arg: Arg<'recordUse'>, ctx: CallContext) {
      const hashes = resolveHashes(arg.hashes)
      const by = resolveProducer(arg.by, 'by')
      const as = arg.as ?? 'input'
      if (as !== 'input' && as !== 'cache-hit') throw invalid('as', 'must be input or cache-hit')
      return change(state, (storage) => {
        const cause: Cause = { key: ctx.call.id, digest: `use ${canonicalHash({ hashes, by, as })}` }
        if (answered(storage, cause, originOf(ctx)) !== null) return
        for (const hash of hashes) required(storage, hash)
        if (hashes.length > 0) storage.write({ t: 'use', hashes, by, as, at: ctx.clock.now(), cause })
        state.rater.used(hashes)
      })
    },
  },
} as const

/** The storage with all edges in memory, read in short turns. */
async function withLineage(state: State, ctx: CallContext): Promise<Storage> {
  for (;;) {
    const storage = await ready(state)
    if (storage.query(({ relationships }) => relationships.load(LOAD_NODES))) return storage
    await sleep(ctx.clock, 0, ctx.call.signal)
  }
}

export function lineageOf(
  { artifacts, relationships }: Tables,
  hash: ContentHash,
  kind: RelationKind,
  direction: 'ancestors' | 'descendants',
  bounds: { readonly nodesMax: number; readonly depthMax: number },
): readonly LineageNode[] {
  const { nodes, via, ends } = relationships.walk(hash, kind, direction, bounds)
  const known = new Map<number, ContentHash>()
  const found: LineageNode[] = []
  let depth = 1
  for (const [index, node] of nodes.entries()) {
    if (index === ends[depth - 1]) depth++
    const relative = relationships.hashOf(node)
    known.set(node, relative)
    const row = artifacts.find(relative)
    const [producer] = row === null ? [] : artifacts.producers(row.id)
    found.push({
      hash: relative,
      depth,
      via: known.get(via[index]!) ?? hash,
      ...(row === null || row.name === null ? {} : { name: row.name }),
      ...(producer === undefined ? {} : { producer }),
      present: row !== null && row.trashPlan === null,
    })
  }
  return found.sort((a, b) => a.depth - b.depth || (a.hash < b.hash ? -1 : 1))
}

function relationsOf({ artifacts, relationships, uses }: Tables, id: number, hash: ContentHash): ArtifactRelations {
  const derived = relationships.children(hash, 'derivedFrom', RELATIVES_MAX)
  const users = derived.flatMap((artifact) => {
    const row = artifacts.find(artifact)
    const [by] = row === null ? [] : artifacts.producers(row.id)
    return row === null || by === undefined ? [] : [{ by, at: row.createdAt, artifact }]
  })
  return {
    hash,
    producedBy: artifacts.producers(id),
    derivedFrom: relationships.parents(hash, 'derivedFrom'),
    derived,
    derivedCount: relationships.childCount(hash, 'derivedFrom'),
    partOf: relationships.parents(hash, 'partOf'),
    parts: relationships.children(hash, 'partOf', RELATIVES_MAX),
    partCount: relationships.childCount(hash, 'partOf'),
    usedBy: [...uses.of(id), ...users].sort((a, b) => b.at - a.at).slice(0, RELATIVES_MAX),
    ancestorCount: relationships.walk(hash, 'derivedFrom', 'ancestors').count,
    descendantCount: relationships.walk(hash, 'derivedFrom', 'descendants').count,
  }
}

function refuseCycle(storage: Storage, child: ContentHash, parent: ContentHash, kind: RelationKind): void {
  const path = storage.query(({ relationships }) => relationships.cycleBy(child, parent, kind))
  if (path === null) return
  const short = path.map((hash) => hash.slice(0, 12))
  const named = short.length <= 2 * PATH_ENDS ? short : [...short.slice(0, PATH_ENDS), '…', ...short.slice(-PATH_ENDS)]
  throw artifactErrors.fail('RELATION_CYCLE', { kind, child, parent, path: named.join(' → ') })
}

function resolveKind(arg: object): RelationKind {
  const kind = own(arg, 'kind') ?? 'derivedFrom'
  if (kind === 'derivedFrom' || kind === 'partOf') return kind
  throw invalid('kind', 'must be derivedFrom or partOf')
}

function wholeNumber(field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw invalid(field, 'must be a whole number from 1')
}
