/**
 * Which artifact came from which, and which is a part of which: edges in the index, and in memory once somebody walks them.
 *
 *   derivedFrom   report ──► source      made from it: what a put says, or `relate`
 *   partOf        chapter ──► book       belongs to it, the child to its parent: `relate`
 *
 * I1. The edges of one kind never form a cycle.
 * I2. Nodes have numbers of their own: an artifact that was purged is still known as the origin of others.
 * I3. The graph in memory holds the edges of all children up to `loadedTo`; later ones it reads when it comes to them.
 */
import type { Catalog } from './catalog.ts'
import { createLineageGraph, type Direction, type Walk, type WalkBounds } from './lineage-graph.ts'
import type { ContentHash, RelationKind } from './protocol.ts'

export interface Relationships {
  link(child: ContentHash, parent: ContentHash, kind: RelationKind): void
  unlink(child: ContentHash, parent: ContentHash, kind: RelationKind): void
  /** Replaces the parents of one kind. */
  setParents(child: ContentHash, kind: RelationKind, parents: readonly ContentHash[]): void
  /** In the order of their hashes. */
  parents(child: ContentHash, kind: RelationKind): readonly ContentHash[]
  children(parent: ContentHash, kind: RelationKind, limit: number): readonly ContentHash[]
  childCount(parent: ContentHash, kind: RelationKind): number
  /** Artifacts outside the trash that were derived from this one. */
  usedByCount(parent: ContentHash): number
  /** Reads some more of the edges into memory; true when all are there. Walks read what is missing at once. */
  load(nodes: number): boolean
  walk(from: ContentHash, kind: RelationKind, direction: Direction, bounds?: WalkBounds): Walk
  hashOf(node: number): ContentHash
  /**
   * Of these parents those that can be recorded. Content addressing makes an artifact of the past equal to one of now: a
   * step whose output equals its input, or the input of a former step, must not make an artifact its own ancestor. Such an
   * edge is left out; what was recorded first stays.
   */
  acyclicParents(child: ContentHash, parents: readonly ContentHash[]): readonly ContentHash[]
  /** The way from `parent` up to `child`, when there is one: an edge from child to parent would close a cycle. */
  cycleBy(child: ContentHash, parent: ContentHash, kind: RelationKind): readonly ContentHash[] | null
}

const KINDS: Readonly<Record<RelationKind, number>> = { derivedFrom: 0, partOf: 1 }

export function createRelationships(catalog: Catalog): Relationships {
  const sql = statements(catalog)
  const graphs = [createLineageGraph(), createLineageGraph()]
  let loadedTo = 0
  let complete = false

  function nodeOf(hash: ContentHash): number | null {
    return (sql.node.get(hash) as { id: number } | undefined)?.id ?? null
  }

  function nodeFor(hash: ContentHash): number {
    return nodeOf(hash) ?? Number(sql.addNode.run(hash).lastInsertRowid)
  }

  function add(child: number, parent: number, kind: number): void {
    const isNew = sql.link.run(child, parent, kind).changes > 0
    if (isNew && (complete || child <= loadedTo)) graphs[kind]!.add(child, parent)
  }

  function drop(child: number, parent: number, kind: number): void {
    sql.unlink.run(child, parent, kind)
    if (complete || child <= loadedTo) graphs[kind]!.remove(child, parent)
    sql.forgetLone.run(parent)
    sql.forgetLone.run(child)
  }

  function load(nodes: number): boolean {
    if (complete) return true
    const last = (sql.lastChild.get() as { id: number }).id
    const to = Math.min(last, loadedTo + nodes)
    while (loadedTo < to) {
      const until = Math.min(to, loadedTo + NODES_PER_READ)
      const edges = sql.edges.all(loadedTo, until) as unknown as readonly Edge[]
      for (const { child, parent, kind } of edges) graphs[kind]!.add(child, parent)
      loadedTo = until
    }
    return (complete = to >= last)
  }

  function walk(from: ContentHash, kind: RelationKind, direction: Direction, bounds: WalkBounds = {}): Walk {
    load(Infinity)
    const node = nodeOf(from)
    return graphs[KINDS[kind]]!.walk(node ?? 0, direction, node === null ? { depthMax: 0 } : bounds)
  }

  function hashOf(node: number): ContentHash {
    return (sql.hash.get(node) as { hash: ContentHash }).hash
  }

  function cycleBy(child: ContentHash, parent: ContentHash, kind: RelationKind): readonly ContentHash[] | null {
    if (child === parent) return [parent]
    const node = nodeOf(child)
    if (node === null || sql.child.get(node, KINDS[kind]) === undefined) return null
    const { nodes, via, count } = walk(parent, kind, 'ancestors', { until: node })
    if (nodes[count - 1] !== node) return null
    const path = [child]
    const from = new Map(Array.from(nodes, (each, index) => [each, via[index]!]))
    for (let at = from.get(node); at !== undefined; at = from.get(at)) path.push(hashOf(at))
    return path.reverse()
  }

  return {
    link: (child, parent, kind) => add(nodeFor(child), nodeFor(parent), KINDS[kind]),
    unlink(child, parent, kind) {
      const [from, to] = [nodeOf(child), nodeOf(parent)]
      if (from !== null && to !== null) drop(from, to, KINDS[kind])
    },
    setParents(child, kind, parents) {
      const node = nodeOf(child)
      if (node === null && parents.length === 0) return
      const wanted = new Set(parents)
      const known = new Set(node === null ? [] : hashes(sql.parents.all(node, KINDS[kind])))
      // Moving an artifact writes its state again: the edges then are as they were.
      for (const parent of wanted.difference(known)) add(nodeFor(child), nodeFor(parent), KINDS[kind])
      for (const parent of known.difference(wanted)) drop(node!, nodeOf(parent)!, KINDS[kind])
    },
    parents(child, kind) {
      const node = nodeOf(child)
      return node === null ? [] : hashes(sql.parents.all(node, KINDS[kind]))
    },
    children(parent, kind, limit) {
      const node = nodeOf(parent)
      return node === null ? [] : hashes(sql.children.all(node, KINDS[kind], limit))
    },
    childCount(parent, kind) {
      const node = nodeOf(parent)
      return node === null ? 0 : (sql.childCount.get(node, KINDS[kind]) as { count: number }).count
    },
    usedByCount(parent) {
      const node = nodeOf(parent)
      return node === null ? 0 : (sql.usedBy.get(node) as { count: number }).count
    },
    load,
    walk,
    hashOf,
    acyclicParents(child, parents) {
      const others = [...new Set(parents)].filter((parent) => parent !== child)
      const node = others.length === 0 ? null : nodeOf(child)
      if (node === null || sql.child.get(node, KINDS.derivedFrom) === undefined) return others
      const descendants = new Set(walk(child, 'derivedFrom', 'descendants').nodes)
      return others.filter((parent) => !descendants.has(nodeOf(parent) ?? -1))
    },
    cycleBy,
  }
}

type Edge = Readonly<Record<'child' | 'parent' | 'kind', number>>

const NODES_PER_READ = 10_000

function hashes(rows: unknown): readonly ContentHash[] {
  return (rows as { hash: ContentHash }[]).map(({ hash }) => hash)
}

function statements(catalog: Catalog) {
  return {
    edges: catalog.prepare('SELECT child, parent, kind FROM edges WHERE child > ? AND child <= ? ORDER BY child'),
    node: catalog.prepare('SELECT id FROM nodes WHERE hash = ?'),
    addNode: catalog.prepare('INSERT INTO nodes (hash) VALUES (?)'),
    hash: catalog.prepare('SELECT hash FROM nodes WHERE id = ?'),
    link: catalog.prepare('INSERT OR IGNORE INTO edges (child, parent, kind) VALUES (?, ?, ?)'),
    unlink: catalog.prepare('DELETE FROM edges WHERE child = ? AND parent = ? AND kind = ?'),
    forgetLone: catalog.prepare(
      `DELETE FROM nodes WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM edges WHERE child = ?1)
         AND NOT EXISTS (SELECT 1 FROM edges WHERE parent = ?1)`,
    ),
    parents: catalog.prepare(
      'SELECT hash FROM edges JOIN nodes ON nodes.id = parent WHERE child = ? AND kind = ? ORDER BY hash',
    ),
    children: catalog.prepare(
      'SELECT hash FROM edges JOIN nodes ON nodes.id = child WHERE parent = ? AND kind = ? ORDER BY child LIMIT ?',
    ),
    childCount: catalog.prepare('SELECT count(*) AS count FROM edges WHERE parent = ? AND kind = ?'),
    child: catalog.prepare('SELECT child FROM edges WHERE parent = ? AND kind = ? LIMIT 1'),
    usedBy: catalog.prepare(
      `SELECT count(*) AS count FROM edges JOIN nodes ON nodes.id = edges.child JOIN artifacts ON artifacts.hash = nodes.hash
       WHERE edges.parent = ? AND edges.kind = 0 AND artifacts.trashPlan IS NULL`,
    ),
    lastChild: catalog.prepare('SELECT coalesce(max(child), 0) AS id FROM edges'),
  }
}
