/** Payloads that are numbers only: they need no codec. */

export function numbersPayload(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(numbers).buffer)
}

/** The number at that place of a payload that starts there. */
export function readNumber(data: Uint8Array, payloadStart: number, index: number): number {
  return new DataView(data.buffer, data.byteOffset + payloadStart + index * 8, 8).getFloat64(0, true)
}
