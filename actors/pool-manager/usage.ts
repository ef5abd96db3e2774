/** How much was read and written, when the model does not say. */

/** About four characters of text to a token, over all strings in a value; numbers (vectors) are no tokens. */
export function estimateTokens(value: unknown): number {
  return Math.ceil(characters(value, 0) / CHARACTERS_PER_TOKEN)
}

const CHARACTERS_PER_TOKEN = 4
const DEPTH_MAX = 8

function characters(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX || ArrayBuffer.isView(value)) return 0
  // A vector is recognised by its first element: it may have thousands.
  if (Array.isArray(value) && typeof value[0] === 'number') return 0
  let sum = 0
  for (const item of Object.values(value)) sum += characters(item, depth + 1)
  return sum
}
