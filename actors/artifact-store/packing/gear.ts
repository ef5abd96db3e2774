/**
 * Random words for a rolling hash over the last 32 bytes (Gear, Xia et al. 2014), from xorshift with a fixed seed. What is
 * stored was found by them: they never change.
 */
export const GEAR: Uint32Array = gearTable()

function gearTable(): Uint32Array {
  const table = new Uint32Array(256)
  let word = 0x9e3779b9
  for (let i = 0; i < table.length; i++) {
    word ^= word << 13
    word ^= word >>> 17
    word ^= word << 5
    table[i] = word
  }
  return table
}
