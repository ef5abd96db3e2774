/** Which artifacts a policy speaks of, and which of these a keep-tagged rule names. */
import type { ArtifactInfo } from '../artifact-store/protocol.ts'
import type { Selector } from './protocol.ts'

export function selects(selector: Selector, artifact: ArtifactInfo): boolean {
  const { tags, contentType, tenant, runId, nameGlob, minBytes } = selector
  if (tags !== undefined && !tags.every((tag) => artifact.tags.includes(tag))) return false
  if (contentType !== undefined && artifact.contentType !== contentType) return false
  if (tenant !== undefined && artifact.createdBy?.tenant !== tenant) return false
  if (runId !== undefined && artifact.createdBy?.runId !== runId) return false
  if (minBytes !== undefined && artifact.sizeBytes < minBytes) return false
  return nameGlob === undefined || namesOf(artifact).some((name) => matchesGlob(nameGlob, name))
}

/** The artifact's own name and those it is a version of. */
export function namesOf(artifact: ArtifactInfo): readonly string[] {
  const names = artifact.versions.map((version) => parseVersion(version).name)
  return artifact.name === undefined ? names : [artifact.name, ...names]
}

/** `name@3` → name and number; names may contain `@`. */
export function parseVersion(text: string): { readonly name: string; readonly version: number } {
  const at = text.lastIndexOf('@')
  return { name: text.slice(0, at), version: Number(text.slice(at + 1)) }
}

/** `*` any characters, `?` exactly one. Linear in the text for each `*`, whatever the pattern: no backtracking beyond the last. */
export function matchesGlob(pattern: string, text: string): boolean {
  let [p, t, star, resume] = [0, 0, -1, 0]
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      resume = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
